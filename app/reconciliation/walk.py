"""
Goes once through the books' documents of a range, then through what billing has left over.

First the books, page by page: each document finds its link, its billing record, and what differs.
Then billing: records that no document of the range belongs to were never exported, or theirs was
deleted or dated elsewhere, which the books are asked about. Only ids are kept in memory.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind
from app.billing import repository as billing_rows
from app.billing.models import BillingRecord
from app.jobs.models import Record
from app.kit.money import ZERO
from app.ledger.faultwords import Words
from app.ledger.identity import refund_application_id
from app.ledger.links import applications_known
from app.ledger.states import LinkState
from app.reconciliation.causes import CAUSES
from app.reconciliation.compare import Billed, Known, Mark, Verdict, compare
from app.reconciliation.ground import TAKEN_BACK, Ground, kind_of, link_id_of
from app.reconciliation.lookup import Lookup, Page
from app.reconciliation.marking import Finding, has_moved, mark, note_foreign_payments, refresh
from app.reconciliation.report import Difference, Report
from app.reconciliation.repository import last_records, links_by_record
from app.reconciliation.tally import Tally

log = structlog.get_logger(__name__)

# So many deletions are looked at one by one; beyond that the query's answer is believed.
READ_AGAIN = 50
# Where billing keeps what is a document of the kind, and whether only negative ones are.
LEFT_OVER: Mapping[Kind, Sequence[tuple[str, bool]]] = {
    Kind.INVOICE: (("invoice", False),),
    Kind.CREDIT_MEMO: (("credit_note", False), ("invoice", True)),
    Kind.PAYMENT: (("payment", False),),
    Kind.REFUND: (("refund", False),),
}
REFUSED = ("rejected", "blocked", "conflict", "skipped")
UNSETTLED = ("waiting", "pending", "sending", "unknown", "parked")


class Walk:
    """One reconciliation; *report* is added to as it goes."""

    def __init__(self, ground: Ground, report: Report) -> None:
        self._ground = ground
        self._report = report
        self._seen: set[UUID] = set()
        self._findings: list[Finding] = []
        self._moved: list[tuple[Known, BooksDocument]] = []
        self._reads_left = READ_AGAIN
        self._lookup = Lookup(ground)
        self._tally = Tally(ground, report)

    async def differences(self, kinds: Iterable[Kind]) -> AsyncIterator[Difference]:
        """Yield every differing document; all others are only counted."""
        for kind in kinds:
            if kind is Kind.REFUND and not self._ground.facts.any_refunds:
                continue
            async for difference in self._books(kind):
                self._report.note(difference)
                yield difference
            for stored, negative in LEFT_OVER[kind]:
                async for difference in self._billing(kind, stored, negative=negative):
                    self._report.note(difference)
                    yield difference
            if kind is Kind.PAYMENT:
                async for difference in self._applications():
                    self._report.note(difference)
                    yield difference

    # ------------------------------------------------------------------ the books

    async def _books(self, kind: Kind) -> AsyncIterator[Difference]:
        ground = self._ground
        pages = ground.provider.documents_between(kind, ground.first_day, ground.last_day)
        async for documents in pages:
            async with ground.db.transaction(ground.organization_id) as session:
                page = await self._lookup.look_up(session, kind, documents)
            found, others = [], []
            for document in documents:
                difference, ours = self._judge(kind, document, page)
                if difference is not None:
                    found.append(difference)
                if not ours:
                    others.append(document)
            await self._note(kind, others)
            for difference in found:
                yield difference

    def _judge(
        self, kind: Kind, document: BooksDocument, page: Page
    ) -> tuple[Difference | None, bool]:
        """Return what differs at one document of the books, and whether it is one of ours."""
        link = page.links.get(document.external_id)
        if link is None:
            return self._unlinked(kind, document, page)
        self._seen.add(link.id)
        if link.kind is Kind.APPLICATION:
            return self._application(link, document), True
        row = page.rows.get(link.billing_id)
        if row is None:
            return None, False
        if not self._ground.covers(row.record_date):
            return None, True  # It belongs to the range of its billing date.
        return self._pair(row, link, document), True

    def _unlinked(
        self, kind: Kind, document: BooksDocument, page: Page
    ) -> tuple[Difference | None, bool]:
        double = page.doubles.get(document.external_id)
        if document.marker is None and double is None:
            return None, False
        holder = double or page.marked.get(document.marker or "")
        under_another_kind = holder is not None and holder.external_id == document.external_id
        if document.voided or under_another_kind:
            return None, True
        if holder is None:
            return self._extra(kind, document, "unknown_marked_document", None), True
        if holder.external_id is not None:
            return self._extra(kind, document, "second_document_in_books", holder), True
        return self._not_known_yet(kind, document, holder, page), True

    def _not_known_yet(
        self, kind: Kind, document: BooksDocument, holder: Known, page: Page
    ) -> Difference | None:
        """Return the difference of a document that arrived, which the ledger does not know yet."""
        self._seen.add(holder.id)
        row = page.rows.get(holder.billing_id)
        if row is None or not self._ground.covers(row.record_date):
            return None
        billed = self._tally.count_billed(row)
        self._tally.count_books(kind, document, billed.currency)
        return self._difference(billed, CAUSES["not_settled"], holder, document)

    def _extra(
        self, kind: Kind, document: BooksDocument, code: str, holder: Known | None
    ) -> Difference:
        """Return the difference of a document that stands in the books beside the right one."""
        currency = document.currency or self._ground.facts.profile.home_currency
        self._tally.count_books(kind, document, currency)
        return Difference(
            kind=kind,
            words=CAUSES[code],
            billing_id=holder.billing_id if holder else None,
            number=document.number,
            day=document.txn_date,
            currency=currency,
            in_books=document.total or ZERO,
            document_id=document.external_id,
            document_number=document.number,
            document_type=document.type_name,
            details={"first_document": holder.external_id} if holder else {},
        )

    def _pair(self, row: BillingRecord, link: Known, document: BooksDocument) -> Difference | None:
        """Compare a record with its document, and count both."""
        ground = self._ground
        billed = self._tally.count_billed(row, document)
        parts = ground.provider.parts(document)
        self._tally.count_posted(billed, link)
        self._tally.count_books(billed.kind, document, document.currency or billed.currency, parts)
        verdict = compare(billed, link, document, lambda: parts)
        if verdict.mark is not Mark.NONE:
            self._findings.append(Finding(link=link, mark=verdict.mark, document=document))
        elif has_moved(link, document):
            self._moved.append((link, document))
        if verdict.code is None:
            return None
        words = CAUSES[verdict.code]
        found = self._difference(billed, words, link, document)
        return replace(found, details=dict(verdict.details))

    def _application(self, link: Known, document: BooksDocument) -> Difference | None:
        """Compare an application of a credit with what the ledger wrote; it moves no money."""
        if link.state == LinkState.VOIDED.value and document.voided:
            return None
        edited = link.fingerprint is not None and document.fingerprint != link.fingerprint
        if document.voided:
            verdict = Verdict(code="void_in_books", mark=Mark.VOIDED)
        elif edited:
            drifted = link.state == LinkState.DRIFTED.value
            verdict = Verdict(code="edited_in_books", mark=Mark.NONE if drifted else Mark.DRIFTED)
        else:
            return None
        if verdict.mark is not Mark.NONE:
            self._findings.append(Finding(link=link, mark=verdict.mark, document=document))
        return Difference(
            kind=Kind.APPLICATION,
            words=CAUSES[verdict.code or ""],
            billing_id=link.billing_id,
            day=document.txn_date,
            currency=document.currency or self._ground.facts.profile.home_currency,
            document_id=document.external_id,
        )

    # ------------------------------------------------------------------ what billing has left

    async def _billing(
        self, kind: Kind, stored: str, *, negative: bool
    ) -> AsyncIterator[Difference]:
        ground, after = self._ground, None
        while True:
            async with ground.db.transaction(ground.organization_id) as session:
                rows = await billing_rows.page_in_range(
                    session,
                    ground.integration_id,
                    stored,
                    ground.first_day,
                    ground.last_day,
                    after=after,
                    negative=negative,
                )
                ours = {link_id_of(row): row for row in rows if kind_of(row) is kind}
                links = await links_by_record(session, ground.company_id, kind, ours)
                left = {id_: row for id_, row in ours.items() if not self._was_seen(links.get(id_))}
                records = await last_records(session, ground.company_id, kind, list(left))
            for difference in await self._left_over(kind, left, links, records):
                yield difference
            if not rows or len(rows) < billing_rows.CHUNK:
                return
            after = (rows[-1].record_date or date.min, rows[-1].id)

    def _was_seen(self, link: Known | None) -> bool:
        return link is not None and link.id in self._seen

    async def _left_over(
        self,
        kind: Kind,
        rows: Mapping[str, BillingRecord],
        links: dict[str, Known],
        records: dict[str, Record],
    ) -> list[Difference]:
        """Return what differs at records without a document of the range."""
        asked = [
            link
            for id_, row in rows.items()
            if (link := links.get(id_)) is not None and _should_stand(row, link)
        ]
        documents = await self._elsewhere(kind, asked)
        found: list[Difference] = []
        for id_, row in rows.items():
            link = links.get(id_)
            document = documents.get((link.external_id if link else None) or "")
            if link is not None and document is not None:
                difference = self._pair(row, link, document)
            else:
                difference = await self._without(row, link, records.get(id_))
            if difference is not None:
                found.append(difference)
        await self._note(kind, ())
        return found

    async def _elsewhere(self, kind: Kind, links: Sequence[Known]) -> dict[str, BooksDocument]:
        """Return those documents that the books have, on a day outside the range."""
        ids = [link.external_id or "" for link in links]
        if not ids:
            return {}
        found: dict[str, BooksDocument] = {}
        async for page in self._ground.provider.documents_with_ids(kind, ids):
            found |= {each.external_id: each for each in page}
        return found

    async def _without(
        self, row: BillingRecord, link: Known | None, record: Record | None
    ) -> Difference | None:
        """Return what differs at a record whose document was not found in the books."""
        billed = self._tally.count_billed(row)
        if not billed.stands:
            return None
        if link is not None and link.external_id is not None:
            self._tally.count_posted(billed, link)
            document = await self._read_again(billed.kind, link)
            if document is not None:
                self._tally.count_books(billed.kind, document, document.currency or billed.currency)
                return self._difference(billed, CAUSES["not_settled"], link, document)
            if link.state != LinkState.MISSING.value:
                self._findings.append(Finding(link=link, mark=Mark.NONE, document=None))
            return self._difference(billed, CAUSES["missing_in_books"], link, None)
        if billed.amount == ZERO:
            return None
        return self._difference(billed, why_absent(record), link, None)

    async def _read_again(self, kind: Kind, link: Known) -> BooksDocument | None:
        """Read a document that a query did not show: queries may lag behind."""
        if link.state == LinkState.MISSING.value or self._reads_left <= 0:
            return None
        self._reads_left -= 1
        return await self._ground.provider.read(kind, link.external_id or "")

    # ------------------------------------------------------------------ applications of credits

    async def _applications(self) -> AsyncIterator[Difference]:
        """Find applications that the ledger wrote and that the books do not have any more."""
        ground = self._ground
        async with ground.db.transaction(ground.organization_id) as session:
            wanted = await self._applied_credits(session)
            links = await links_by_record(session, ground.company_id, Kind.APPLICATION, wanted)
        live = [
            link
            for link in links.values()
            if link.id not in self._seen and link.state == LinkState.LIVE.value
        ]
        documents = await self._elsewhere(Kind.APPLICATION, live)
        for link in live:
            document = documents.get(link.external_id or "")
            if document is not None:
                difference = self._application(link, document)
            else:
                self._findings.append(Finding(link=link, mark=Mark.NONE, document=None))
                difference = Difference(
                    kind=Kind.APPLICATION,
                    words=CAUSES["missing_in_books"],
                    billing_id=link.billing_id,
                    currency=ground.facts.profile.home_currency,
                    document_id=link.external_id,
                )
            if difference is not None:
                yield difference
        await self._note(Kind.APPLICATION, ())

    async def _applied_credits(self, session: AsyncSession) -> list[str]:
        ground = self._ground
        pages = billing_rows.in_range(
            session, ground.integration_id, "credit_note", ground.first_day, ground.last_day
        )
        wanted = {
            (row.billing_id, part["invoice"])
            async for page in pages
            for row in page
            if row.status not in TAKEN_BACK
            for part in row.body.get("applications") or ()
        }
        credit_ids = sorted({credit_id for credit_id, _ in wanted})
        known = await applications_known(session, ground.company_id, credit_ids)
        refunds = billing_rows.in_range(
            session, ground.integration_id, "refund", ground.first_day, ground.last_day
        )
        linked = [
            refund_application_id(row.billing_id, row.body["credit_note"])
            async for page in refunds
            for row in page
            if row.body.get("credit_note")
        ]
        return [*linked, *(id_ for pair in sorted(wanted) for id_ in known.get(pair, ()))]

    # ------------------------------------------------------------------ counting and noting

    def _difference(
        self, billed: Billed, words: Words, link: Known | None, document: BooksDocument | None
    ) -> Difference:
        in_books = document.total if document is not None and not document.voided else None
        return Difference(
            kind=billed.kind,
            words=words,
            billing_id=billed.billing_id,
            number=billed.number,
            customer=billed.customer,
            day=billed.day,
            currency=billed.currency,
            billed=billed.amount if billed.stands else ZERO,
            posted=link.posted if link is not None else ZERO,
            in_books=in_books or ZERO,
            document_id=link.external_id if link is not None else None,
            document_number=document.number if document is not None else None,
            document_type=document.type_name if document is not None else None,
        )

    async def _note(self, kind: Kind, others: Sequence[BooksDocument]) -> None:
        """Count what is nobody's, and note on links what was found of their documents."""
        for document in others if kind is not Kind.REFUND else ():
            # Expenses are as good as refunds in the books: those of others are no matter of ours.
            currency = document.currency or self._ground.facts.profile.home_currency
            if not document.voided and document.total:
                self._report.of(kind, currency).others.add(document.total, document.tax or ZERO)
        findings, self._findings = self._findings, []
        moved, self._moved = self._moved, []
        foreign = [each for each in others if kind is Kind.PAYMENT and not each.voided]
        if not (findings or foreign or moved):
            return
        async with self._ground.db.transaction(self._ground.organization_id) as session:
            noted = await mark(session, findings)
            if moved:
                await refresh(session, moved)
            company = self._ground.company_id
            self._report.foreign_payments += await note_foreign_payments(session, company, foreign)
        if findings:
            log.info("links_marked", count=noted, found=len(findings))


def _should_stand(row: BillingRecord, link: Known) -> bool:
    """Tell whether the books should have the record's document, on whatever day."""
    gone = {LinkState.ABSENT.value, LinkState.MISSING.value}
    if link.external_id is None or link.state in gone:
        return False
    return row.status not in TAKEN_BACK or link.state != LinkState.VOIDED.value


def why_absent(record: Record | None) -> Words:
    """Return why a record is not in the books: what its last job said of it."""
    if record is None:
        return CAUSES["not_exported"]
    if record.state in UNSETTLED:
        return CAUSES["not_settled"]
    if record.state in REFUSED and record.code:
        return Words(
            code=record.code,
            cause=record.cause or "The record was refused.",
            explanation=record.explanation or "",
            fixes=tuple(record.fixes),
        )
    return CAUSES["not_exported"]
