"""Looks up master customers in the books when they are set."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import ProviderError
from app.books import repository
from app.books.service import books_of
from app.integrations.masters import (
    MasterCustomer,
    MasterProblem,
    SeenCustomer,
    judge_master,
    masters_of,
    verify_master_customers,
)
from app.integrations.models import Integration
from app.kit.db import Json
from app.kit.errors import Conflict, FieldProblem
from app.reconciliation.opening import BooksOpener

log = structlog.get_logger(__name__)

# A request does not wait longer for the books; what was imported is asked then.
PATIENCE_SECONDS = 10.0


class WrongMasterCustomer(Conflict):
    """A master customer is not in the books as it was named."""

    code = "master_customer_unknown"
    title = "The master customer cannot be used"


async def check_masters(
    opener: BooksOpener, session: AsyncSession, integration: Integration, kept: list[Json]
) -> None:
    """
    Refuse master customers that are not in the books by id and name, active, in their currency.

    They are read from the books if those can be read right now, else from what was imported; one
    that was not imported is accepted then, and checked before the first export that names it.

    Raises:
        WrongMasterCustomer: One of them cannot be used; the code says why.
    """
    books = await books_of(session, integration.id)
    if books.profile is None:
        return
    home = books.profile.home_currency
    _refuse_two_for_home(kept, home)
    masters = list(masters_of(kept, home).values())
    problems = await _read_problems(opener, integration, masters, home)
    if problems is None:
        problems = await _imported_problems(session, books.company.id, masters, home)
    if problems:
        raise _refusal(problems)


def _refuse_two_for_home(kept: Sequence[Json], home: str) -> None:
    if len({entry.get("currency") or home for entry in kept}) < len(kept):
        detail = f"The home currency {home} has two master customers."
        raise WrongMasterCustomer(
            detail,
            code="master_customer_twice",
            errors=[FieldProblem("/master_customers", detail)],
            fixes=["Name one master customer for each currency."],
        )


async def _read_problems(
    opener: BooksOpener, integration: Integration, masters: Sequence[MasterCustomer], home: str
) -> list[MasterProblem] | None:
    """Return what the books say of the master customers, or None when they cannot be read."""
    assert integration.company_id is not None  # noqa: S101 - it has books
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            opened = await opener.open(integration.organization_id, integration.company_id)
            found = await verify_master_customers(opened.provider, masters, home_currency=home)
    except (ProviderError, TimeoutError) as error:
        log.info("master_customers_not_read", error=type(error).__name__)
        return None
    return list(found.values())


async def _imported_problems(
    session: AsyncSession, company_id: UUID, masters: Sequence[MasterCustomer], home: str
) -> list[MasterProblem]:
    problems = []
    for master in masters:
        customer = await repository.customer(session, company_id, master.customer_id)
        if customer is None:
            continue
        seen = SeenCustomer(
            name=customer.display_name, active=customer.active, currency=customer.currency
        )
        if (problem := judge_master(master, seen, home_currency=home)) is not None:
            problems.append(problem)
    return problems


def _refusal(problems: Sequence[MasterProblem]) -> WrongMasterCustomer:
    fixes = dict.fromkeys(fix for problem in problems for fix in problem.fixes)
    return WrongMasterCustomer(
        " ".join(problem.reason for problem in problems),
        code=problems[0].code,
        errors=[
            FieldProblem("/master_customers", problem.reason, problem.code) for problem in problems
        ],
        fixes=list(fixes),
    )
