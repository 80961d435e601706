"""Pages for the bookkeeper: Previous History, one job's records, tax mappings. They only read."""

import re
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.connections.models import Company
from app.console import words
from app.console.session import (
    PageRoute,
    Visitor,
    admit,
    begin,
    end,
    redirect,
    require_own_page,
    visitor,
)
from app.integrations import repository as integrations
from app.integrations.models import Integration
from app.jobs import service as jobs
from app.jobs.models import Job
from app.jobs.service import HistoryFilter, RecordFilter
from app.kit.errors import NotFound, Unauthorized
from app.kit.pages import render
from app.mappings.repository import MappingKind, mappings_of, price_codes_of
from app.mappings.service import tax_map

ROWS = 50
HISTORY = "/console/history"
SAFE_NEXT = re.compile(r"/console/(history|tax-mappings|history/[0-9a-f-]{36})")

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Seen = Annotated[Visitor, Depends(visitor)]
ShortText = Annotated[str, Query(max_length=500)]


def page(request: Request, template: str, values: dict[str, Any], *, code: int = 200) -> Response:
    return render(
        "app.console",
        template,
        values={"words": words, **values},
        public_url=request.app.state.public_url,
        status=code,
    )


@router.get("/")
async def front_page(request: Request) -> Response:
    """Say what this is and where to go."""
    return page(request, "front.html", {})


# ------------------------------------------------------------------------------------- session


@router.get("/console")
async def console(request: Request) -> Response:
    return redirect(request, HISTORY)


@router.get("/console/sign-in")
async def sign_in_page(request: Request, next: ShortText = "") -> Response:
    return page(request, "sign_in.html", {"wanted": next, "refused": False})


@router.post("/console/sign-in")
async def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=500)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=500)] = "",
) -> Response:
    """Start a session; on to the page that was wanted, if it is one of ours."""
    require_own_page(request)
    try:
        await admit(request, key.strip())
    except Unauthorized:
        return page(request, "sign_in.html", {"wanted": wanted, "refused": True}, code=401)
    response = redirect(request, wanted if SAFE_NEXT.fullmatch(wanted) else HISTORY)
    begin(request, response, key.strip())
    return response


@router.post("/console/sign-out")
async def sign_out(request: Request) -> Response:
    require_own_page(request)
    response = redirect(request, "/console/sign-in")
    end(request, response)
    return response


# --------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class Choice:
    """The integration that is looked at, among those there are."""

    every: list[Integration]
    chosen: Integration | None
    zone: ZoneInfo
    company: str


@router.get(HISTORY)
async def history(
    request: Request,
    seen: Seen,
    integration: ShortText = "",
    status: ShortText = "",
    cursor: ShortText = "",
) -> Response:
    """Show Previous History of one integration, newest first."""
    async with seen.db.transaction(seen.organization_id) as session:
        choice = await _choice(session, integration)
        rows: list[dict[str, Any]] = []
        more = None
        if choice.chosen is not None:
            wanted = HistoryFilter(status=status if status in words.JOB_STATUS else None)
            found, more = await jobs.history(
                session, choice.chosen.id, wanted, limit=ROWS, cursor=cursor or None
            )
            for job in found:
                counts, amounts = await jobs.live_counts(session, job)
                rows.append({"job": job, "counts": counts, "amounts": amounts})
    shown = {"seen": seen, "choice": choice, "rows": rows, "more": more, "status": status}
    return page(request, "history.html", shown)


@router.get(HISTORY + "/{job_id}")
async def one_job(
    request: Request, seen: Seen, job_id: UUID, state: ShortText = "", cursor: ShortText = ""
) -> Response:
    """Show one job and what became of its records."""
    async with seen.db.transaction(seen.organization_id) as session:
        job = await session.get(Job, job_id)
        if job is None:
            raise NotFound("There is no such job.")
        choice = await _choice(session, str(job.integration_id))
        counts, amounts = await jobs.live_counts(session, job)
        wanted = RecordFilter(state=state if state in words.RECORD_STATE else None)
        records, more = await jobs.records(
            session, job.id, wanted, limit=ROWS, cursor=cursor or None
        )
    shown = {
        "seen": seen,
        "choice": choice,
        "job": job,
        "counts": counts,
        "amounts": amounts,
        "records": records,
        "more": more,
        "state": state,
        "document_url": getattr(request.app.state, "document_url", None),
    }
    return page(request, "job.html", shown)


@router.get("/console/tax-mappings")
async def tax_mappings(request: Request, seen: Seen, integration: ShortText = "") -> Response:
    """Show which price codes go to which tax code, and which pairing no longer holds."""
    async with seen.db.transaction(seen.organization_id) as session:
        choice = await _choice(session, integration)
        rows: list[dict[str, Any]] = []
        if choice.chosen is not None and choice.chosen.company_id is not None:
            company_id = choice.chosen.company_id
            taxes = await tax_map(session, company_id)
            for row in await mappings_of(session, company_id, MappingKind.TAX):
                codes = price_codes_of(row.key)
                rows.append(
                    {
                        "price_codes": sorted(codes),
                        "row": row,
                        "target": taxes.mapped.get(codes),
                        "broken": taxes.broken.get(codes),
                    }
                )
    return page(request, "tax_mappings.html", {"seen": seen, "choice": choice, "rows": rows})


async def _choice(session: AsyncSession, wanted: str) -> Choice:
    every = await integrations.list_integrations(session, before=None, limit=200)
    chosen = next((one for one in every if str(one.id) == wanted), None)
    if chosen is None and every:
        chosen = every[0]
    company = None
    if chosen is not None and chosen.company_id is not None:
        company = await session.scalar(select(Company).where(Company.id == chosen.company_id))
    profile = (company.profile if company else None) or {}
    return Choice(
        every=every,
        chosen=chosen,
        zone=words.zone_of(profile.get("time_zone")),
        company=str(profile.get("name", "")),
    )
