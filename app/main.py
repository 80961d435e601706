"""The API: routers, error rendering, lifespan. No logic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from app import explorer
from app.billing import endpoints as billing
from app.books import endpoints as books
from app.bootstrap import Collaborators
from app.connections import browser
from app.connections import endpoints as connections
from app.console import endpoints as console
from app.health import install_health
from app.imports import endpoints as imports
from app.integrations import endpoints as integrations
from app.jobs import endpoints as jobs
from app.jobs import plan_endpoints as plans
from app.journal import endpoints as journal
from app.kit import pages
from app.kit.headers import GuardedAPI
from app.kit.limits import BodyLimit
from app.kit.web import install_problem_handlers
from app.mappings import account_endpoints as account_mappings
from app.mappings import endpoints as mappings
from app.mappings import word_endpoints as word_mappings
from app.openapi import install_openapi, operation_id
from app.organizations import endpoints as organizations
from app.reconciliation import endpoints as reconciliation
from app.reconciliation import error_endpoints as errors
from app.schema import heads

VERSION = "0.1.0"


def routers() -> list[APIRouter]:
    """Return every room's router, in the order in which the documentation shows them."""
    return [
        organizations.router,
        integrations.router,
        billing.router,
        connections.router,
        books.router,
        mappings.router,
        word_mappings.router,
        account_mappings.router,
        imports.router,
        jobs.router,
        journal.router,
        plans.router,
        reconciliation.router,
        errors.router,
        browser.router,
        console.router,
        pages.router,
        explorer.router,
    ]


def create_app(collaborators: Collaborators) -> FastAPI:
    """Return the API over the given collaborators; it closes them when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await collaborators.close()

    app = GuardedAPI(
        title="Ledgerwire",
        version=VERSION,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # Such a redirect would repeat whatever host the request named.
        redirect_slashes=False,
        # FastAPI's own pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    collaborators.attach(app.state)
    install_problem_handlers(app)
    app.add_middleware(BodyLimit)
    for router in routers():
        app.include_router(router)
    install_health(app, schema_heads=heads())
    install_openapi(app)
    return app
