"""HTTP: summarized entries, their lines, and who is in them."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from app.books.service import books_of
from app.integrations.service import get_integration
from app.jobs.endpoints import disarmed
from app.jobs.schemas import PostedDocument
from app.journal import examples, reading, store
from app.journal.periods import EntryKind
from app.journal.preview import Previewed, preview
from app.journal.reading import EntryFilter, EntryNotFound
from app.journal.schemas import EntryDetail, EntryLine, EntryRow, EntryWord, MemberRow, PreviewEntry
from app.journal.work import today_in_zone
from app.kit.answers import before_id, example
from app.kit.fields import CurrencyCode, Day, Text
from app.kit.money import as_text
from app.kit.web import Cursor, Limit, Page, Route, decode_cursor, encode_cursor, refusals
from app.ledger.membership import JournalEntry, JournalMember
from app.organizations.access import Reader

router = APIRouter(
    prefix="/v1/integrations/{integration_id}/journal-entries",
    tags=["Journal entries"],
    route_class=Route,
    responses=refusals(401, 403, 404, 422),
)
KINDS: Mapping[EntryKind, EntryWord] = {
    EntryKind.INVOICES: "invoices",
    EntryKind.PAYMENTS: "payments",
    EntryKind.CREDITS: "credits",
    EntryKind.REFUNDS: "refunds",
}
KIND_OF = {word: kind for kind, word in KINDS.items()}
CSV_PAGE = 1000
EntryName = Annotated[Text, Path(max_length=60, examples=["2026-03-01-INV-CAD-01"])]
LineNumber = Annotated[int, Path(ge=1, le=100_000)]


@router.get(
    "",
    operation_id="list_journal_entries",
    summary="List summarized entries",
    responses=example({"data": [examples.ENTRY], "next_cursor": None}),
)
async def list_journal_entries(
    integration_id: UUID,
    request: Request,
    who: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    date_from: Annotated[Day | None, Query(description="The day of billing, included")] = None,
    date_to: Annotated[Day | None, Query(description="The day of billing, included")] = None,
    kind: EntryWord | None = None,
    currency: CurrencyCode | None = None,
) -> Page[EntryRow]:
    """The integration's summarized entries, those that were formed last first."""
    integration = await get_integration(who.session, integration_id)
    wanted = EntryFilter(
        date_from=date_from,
        date_to=date_to,
        kind=KIND_OF[kind] if kind else None,
        currency=currency,
    )
    found = await reading.list_entries(
        who.session, integration, wanted, before=before_id(cursor), limit=limit + 1
    )
    more = encode_cursor(str(found[limit - 1].entry.id)) if len(found) > limit else None
    return Page(data=[_row(request, each) for each in found[:limit]], next_cursor=more)


@router.get(
    "/preview",
    operation_id="preview_journal_entries",
    summary="What an export would make now",
    responses=refusals(409) | example({"data": [examples.PREVIEW], "next_cursor": None}),
)
async def preview_journal_entries(
    integration_id: UUID,
    who: Reader,
    date_from: Annotated[Day, Query(description="The day of billing, included")],
    date_to: Annotated[Day, Query(description="The day of billing, included")],
) -> Page[PreviewEntry]:
    """The entries that an export of these days would make; nothing is kept, nothing is sent."""
    books = await books_of(who.session, integration_id)
    zone = books.profile.time_zone if books.profile else "UTC"
    found = await preview(who.session, books, date_from, date_to, today=today_in_zone(zone))
    return Page(data=[_preview_row(each) for each in found])


@router.get(
    "/{entry}",
    operation_id="get_journal_entry",
    summary="A summarized entry with its lines",
    responses=example(examples.DETAIL),
)
async def get_journal_entry(
    integration_id: UUID, entry: EntryName, request: Request, who: Reader
) -> EntryDetail:
    """One entry as a bookkeeper reads it: account, debit, credit and memo."""
    integration = await get_integration(who.session, integration_id)
    found = await reading.get_entry(who.session, integration, entry)
    lines = [EntryLine.model_validate(line) for line in found.entry.lines or ()]
    return EntryDetail(**_row(request, found).model_dump(), lines=lines)


@router.get(
    "/{entry}/lines/{line}/members",
    operation_id="list_journal_line_members",
    summary="Who is in a line",
    responses=example({"data": [examples.MEMBER], "next_cursor": None}),
)
async def list_journal_line_members(
    integration_id: UUID,
    entry: EntryName,
    line: LineNumber,
    who: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MemberRow]:
    """The parts of billing records that a line sums up; together they are its amount."""
    integration = await get_integration(who.session, integration_id)
    found = (await reading.get_entry(who.session, integration, entry)).entry
    _must_have(found, line)
    after = decode_cursor(cursor, UUID)
    rows = await reading.line_members(
        who.session, found, line, after=after[0] if after else None, limit=limit + 1
    )
    more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    return Page(data=[member_row(found, row) for row in rows[:limit]], next_cursor=more)


@router.get(
    "/{entry}/lines/{line}/members.csv",
    operation_id="download_journal_line_members",
    summary="Who is in a line, as CSV",
    response_class=Response,
    responses={
        200: {
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "description": "One line per part of a billing record",
        },
    },
)
async def download_journal_line_members(
    integration_id: UUID, entry: EntryName, line: LineNumber, who: Reader
) -> Response:
    """Download all parts of a line; cells that a spreadsheet would run are disarmed."""
    integration = await get_integration(who.session, integration_id)
    found = (await reading.get_entry(who.session, integration, entry)).entry
    _must_have(found, line)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    columns = list(MemberRow.model_fields)
    writer.writerow(columns)
    after: UUID | None = None
    while True:
        rows = await reading.line_members(who.session, found, line, after=after, limit=CSV_PAGE)
        for row in rows:
            values = member_row(found, row).model_dump()
            writer.writerow([disarmed(values[name]) for name in columns])
        if len(rows) < CSV_PAGE:
            break
        after = rows[-1].id
    headers = {"Content-Disposition": f'attachment; filename="{found.number}-{line}.csv"'}
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


# ------------------------------------------------------------------------------------- as shown


def _must_have(entry: JournalEntry, line: int) -> None:
    if line not in {each["line"] for each in entry.lines or ()}:
        raise EntryNotFound("This journal entry has no such line.")


def _row(request: Request, found: store.Standing) -> EntryRow:
    entry, link = found.entry, found.link
    document = None
    if link is not None and link.external_id:
        document = PostedDocument(
            type="JournalEntry",
            id=link.external_id,
            number=link.number,
            url=request.app.state.document_url("JournalEntry", link.external_id),
        )
    return EntryRow(
        entry=entry.billing_id,
        number=entry.number,
        kind=KINDS[EntryKind(entry.kind)],
        period=entry.period,
        period_from=entry.period_from,
        period_to=entry.period_to,
        currency=entry.currency,
        sequence=entry.sequence,
        state=found.state,
        txn_date=entry.txn_date,
        memo=entry.memo,
        exchange_rate=_plain(entry.exchange_rate),
        debits=_debits(entry.lines),
        document=document,
        created_at=entry.created_at,
    )


def _preview_row(found: Previewed) -> PreviewEntry:
    key, composed, outcome = found.group.key, found.composed, found.outcome
    lines = composed.rows() if composed else []
    records = {member.record for member in found.group.members}
    records |= {problem.record for problem in found.group.problems}
    return PreviewEntry(
        entry=key.entry_key(found.sequence),
        number=found.number,
        kind=KINDS[key.kind],
        period=key.period.key,
        currency=key.currency,
        sequence=found.sequence,
        txn_date=composed.txn_date if composed else None,
        memo=composed.memo if composed else None,
        exchange_rate=_plain(composed.draft.exchange_rate) if composed else None,
        debits=_debits(lines) if composed else None,
        lines=[EntryLine.model_validate(line) for line in lines],
        records=len(records),
        state=outcome.state if outcome else "would_post",
        code=outcome.code if outcome else None,
        cause=outcome.cause if outcome else None,
        explanation=outcome.explanation if outcome else None,
        fixes=list(outcome.fixes) if outcome else [],
    )


def _debits(lines: list[dict[str, Any]] | None) -> str | None:
    if lines is None:
        return None
    return as_text(sum((Decimal(line["debit"] or 0) for line in lines), Decimal(0)))


def _plain(rate: Decimal | None) -> str | None:
    return None if rate is None else f"{rate.normalize():f}"


def member_row(entry: JournalEntry, row: JournalMember) -> MemberRow:
    amount = as_text(abs(row.amount))
    return MemberRow(
        kind=row.kind,
        billing_id=row.billing_id,
        number=row.number,
        customer=row.customer,
        date=row.day,
        revision=row.revision,
        effect="billed" if row.sign > 0 else "taken_back",
        component=row.component,
        role=row.role,
        key=row.key,
        debit=amount if row.amount > 0 else None,
        credit=amount if row.amount < 0 else None,
        currency=entry.currency,
        exchange_rate=_plain(row.rate),
    )
