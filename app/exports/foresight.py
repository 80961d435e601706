"""
What an export would do, decided without doing it: the same decisions, the same bytes, no call.

Each page of records is decided in a transaction that is rolled back, on links as they would stand
by then (`standins`). The books are read only where a decision needs it, and for what is edited.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.ports import AccountingProvider
from app.accounting.records import BooksDocument, Kind, Verb
from app.billing.models import BillingRecord
from app.exports.currencies import customer_and_currency
from app.exports.decisions import Decision, Send, Settle, held_or, refused_before
from app.exports.facts import ExportFacts, NeedsDocument, look_ahead
from app.exports.process import Decide, judged, meet_stray
from app.exports.reads import as_read, kept_read
from app.exports.showing import edited, shown_of, would
from app.exports.standins import (
    Needs,
    document_of,
    effect_of,
    effect_of_link,
    is_placeholder,
    needed_by,
    stand_in,
)
from app.jobs.models import PlanLine, Record
from app.jobs.plans import ACTION_OF, Foreseen
from app.jobs.records import Outcome, earlier_outcome
from app.kit.db import Json
from app.ledger.catchup import stray_markers
from app.ledger.identity import applied_pair, refund_and_credit, stored_as
from app.ledger.links import link_to_document, lock_links
from app.ledger.models import Link, Posting
from app.ledger.outcomes import drift_outcome, missing_outcome
from app.ledger.postings import Past, pasts_of
from app.ledger.states import OPEN, Parked, PostingState

MAX_ROUNDS = 5
WAITING = {PostingState.PENDING.value, PostingState.PARKED.value}
Open = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Read = Callable[[Kind, str], Awaitable[BooksDocument | None]]


class _Undone(Exception):
    """Leaves a transaction without a trace."""


@dataclass(slots=True, kw_only=True)
class Foresight:
    """
    Decides pages of a plan's records.

    *job_id* is the plan whose lines stand for what is not in the books yet. *read* reads one
    document; it is left out when a plan is made again, which takes what was read then (*kept*).
    """

    facts: ExportFacts
    job_id: UUID
    open: Open
    provider: AccountingProvider
    read: bool = True
    kept: Mapping[UUID, PlanLine] = field(default_factory=dict)
    # What a record shows instead of being written, where preflight stops the export.
    held: Outcome | None = None

    async def page(self, step: str, records: Sequence[Record], decide: Decide) -> list[Foreseen]:
        """Return one line for each record, in their order; nothing is written anywhere."""
        lines: dict[UUID, Foreseen] = {}
        for kind in dict.fromkeys(record.kind for record in records):
            of_kind = [record for record in records if record.kind == kind]
            page = _Page(sight=self, step=step, decide=decide, first=records[0].position)
            lines |= await page.lines(of_kind)
        return [lines[record.id] for record in records]


@dataclass(slots=True, kw_only=True)
class _Page:
    """One page's records of one kind, through as many rounds as reading for them takes."""

    sight: Foresight
    step: str
    decide: Decide
    first: int
    done: dict[UUID, Foreseen] = field(default_factory=dict)
    wanted: dict[UUID, NeedsDocument] = field(default_factory=dict)
    reads: dict[UUID, list[Json]] = field(default_factory=dict)
    known: Needs = field(default_factory=dict)
    revisions: dict[str, Any] = field(default_factory=dict)
    links: dict[UUID, Link] = field(default_factory=dict)

    async def lines(self, records: Sequence[Record]) -> dict[UUID, Foreseen]:
        facts = self.sight.facts
        facts.forget_documents()
        left = list(records)
        for _ in range(MAX_ROUNDS):
            await self._round(left)
            left = [record for record in left if record.id in self.wanted]
            if not left:
                break
            await self._read_wanted()
        for record in left:
            self.done[record.id] = self._away(record)
        await self._compare_edited()
        facts.forget_documents()
        return self.done

    async def _round(self, records: Sequence[Record]) -> None:
        facts = self.sight.facts
        self.wanted.clear()
        with suppress(_Undone):
            async with self.sight.open() as session:
                await look_ahead(session, facts, records)
                self.known = await stand_in(
                    session, facts, self.sight.job_id, records, before=self.first
                )
                await look_ahead(session, facts, records)
                self.revisions = await _revisions(session, facts, records)
                await self._decide_all(session, records)
                # What was decided on stays readable; the rest never happened.
                session.expunge_all()
                raise _Undone

    async def _decide_all(self, session: AsyncSession, records: Sequence[Record]) -> None:
        facts = self.sight.facts
        ids = [record.billing_id for record in records]
        links = await lock_links(session, facts.keeper, records[0].kind, ids)
        pasts = await pasts_of(session, [link.id for link in links.values()])
        strays = await stray_markers(session, list(links.values()))
        for record in records:
            link = links[record.billing_id]
            self.links[record.id], before = link, _link_state(link)
            try:
                if link.marker in strays:
                    await meet_stray(session, facts, link)
                self.done[record.id] = await self._one(
                    session, record, link, pasts[link.id], before
                )
            except NeedsDocument as wanted:
                self.wanted[record.id] = wanted
                if is_placeholder(wanted.external_id):
                    await self._stands_in(session, wanted)

    async def _stands_in(self, session: AsyncSession, wanted: NeedsDocument) -> None:
        """Take for read what is not in the books yet, as the plan knows it."""
        company_id, kind = self.sight.facts.company_id, wanted.kind.value
        link = await link_to_document(session, company_id, kind, wanted.external_id)
        document = document_of(link) if link is not None else None
        self.sight.facts.found[wanted.kind, wanted.external_id] = document

    async def _read_wanted(self) -> None:
        facts = self.sight.facts
        for record_id, wanted in self.wanted.items():
            key = (wanted.kind, wanted.external_id)
            if key not in facts.found:
                facts.found[key] = await self._document(record_id, *key)
            if not is_placeholder(wanted.external_id):
                kept = kept_read(*key, facts.found[key])
                self.reads.setdefault(record_id, []).append(kept)

    async def _document(
        self, record_id: UUID, kind: Kind, external_id: str
    ) -> BooksDocument | None:
        if self.sight.read:
            return await self.sight.provider.read(kind, external_id)
        line = self.sight.kept.get(record_id)
        return as_read(line.reads if line else (), kind, external_id)

    # ------------------------------------------------------------------------------ one record

    async def _one(
        self,
        session: AsyncSession,
        record: Record,
        link: Link,
        past: Sequence[Past],
        before: Json,
    ) -> Foreseen:
        if (standing := _standing(past)) is not None:
            posting = await session.get_one(Posting, standing.id)
            if not _given_up(posting) and self.sight.held is None:
                return await self._under_way(session, record, posting, before)
        decision = await judged(session, self.sight.facts, link, record, self.decide)
        decision = held_or(decision, self.sight.held)
        if isinstance(decision, Send) and refused_before(record, past, decision):
            outcome = await earlier_outcome(session, past[-1].id, past[-1].state)
            decision = Settle(outcome=outcome)
        return self._line(record, link, before, decision)

    def _line(self, record: Record, link: Link, before: Json, decision: Decision) -> Foreseen:
        facts, row = self.sight.facts, self._row(record)
        rests_on = self._rests_on(record, before)
        if isinstance(decision, Settle):
            action = ACTION_OF[decision.outcome.state]
            linked = action == "link"
            return Foreseen(
                record=record,
                step=self.step,
                action=action,
                outcome=would(action, decision.outcome) if linked else decision.outcome,
                rests_on=rests_on,
                content_hash=link.external_id if linked else decision.outcome.code,
                document_type=decision.outcome.document_type,
                effect=effect_of_link(link) if linked else None,
                reads=self.reads.get(record.id, []),
                read_calls=len(self.reads.get(record.id, [])),
                total=record.amount,
                tax=record.tax,
                shown={"external_id": decision.outcome.document_id},
            )
        write, action = decision.write, decision.write.verb.value
        shown = shown_of(facts, record, row, decision)
        return Foreseen(
            record=record,
            step=self.step,
            action=action,
            outcome=would(action, Outcome(state="planned")),
            rests_on=rests_on,
            body=write.body,
            content_hash=decision.content_hash,
            document_type=shown.pop("document_type"),
            needs=needed_by(write.body, self.known),
            reads=self.reads.get(record.id, []),
            read_calls=len(self.reads.get(record.id, [])),
            effect=effect_of(link, record, decision, row),
            shown=shown | {"external_id": write.target},
            total=_either(write.expected_total, record.amount)
            if record.kind != Kind.APPLICATION.value
            else record.amount,
            tax=_either(write.expected_tax, record.tax),
            lane="single",
        )

    async def _under_way(
        self, session: AsyncSession, record: Record, posting: Posting, before: Json
    ) -> Foreseen:
        """Return the line of a record whose link has a write that an export would go on with."""
        outcome = await earlier_outcome(session, posting.id, posting.state)
        waiting = posting.state in WAITING
        action = posting.verb if waiting else ACTION_OF[_shown_state(posting.state)]
        return Foreseen(
            record=record,
            step=self.step,
            action=action,
            outcome=would(action, Outcome(state="planned")) if waiting else outcome,
            rests_on=self._rests_on(record, before),
            body=posting.body if waiting else None,
            content_hash=posting.content_hash,
            shown={"external_id": posting.target, "begun_before": True},
            total=_either(posting.expected_total, record.amount),
            tax=_either(posting.expected_tax, record.tax),
            lane="single" if waiting else None,
        )

    def _away(self, record: Record) -> Foreseen:
        """Return the line of a record whose documents could not be read in so many rounds."""
        wanted = self.wanted[record.id]
        outcome = Outcome(
            state="blocked",
            code="books_unavailable",
            cause="QuickBooks could not be read for this record.",
            explanation=f"The document {wanted.external_id} was asked for again and again.",
            fixes=("Make another dry run.",),
        )
        return Foreseen(
            record=record,
            step=self.step,
            action="block",
            outcome=outcome,
            rests_on=self._rests_on(record, {}),
        )

    def _rests_on(self, record: Record, before: Json) -> Json:
        return {"billing": {"revision": self.revisions.get(record.billing_id)}, "link": before}

    def _row(self, record: Record) -> BillingRecord | None:
        return self.sight.facts.ahead.rows.get((record.kind, record.billing_id))

    # ------------------------------------------------------------------------ what is edited

    async def _compare_edited(self) -> None:
        """Read what updates and removals would meet in the books: differences, and drift."""
        touched = [
            line
            for line in self.done.values()
            if line.body is not None
            and line.action == Verb.UPDATE.value
            and not is_placeholder(str(line.shown["external_id"]))
        ]
        if not touched:
            return
        found = await self._as_it_stands(touched)
        for line in touched:
            external_id = str(line.shown["external_id"])
            document = found.get(external_id)
            kept = kept_read(Kind(line.record.kind), external_id, document)
            refusal = _refusal(self.links[line.record.id], document)
            self.done[line.record.id] = edited(line, document, kept, refusal)

    async def _as_it_stands(self, lines: Sequence[Foreseen]) -> dict[str, BooksDocument]:
        kind = Kind(lines[0].record.kind)
        ids = [str(line.shown["external_id"]) for line in lines]
        found: dict[str, BooksDocument] = {}
        if not self.sight.read:
            for line, external_id in zip(lines, ids, strict=True):
                kept = self.sight.kept.get(line.record.id)
                document = as_read(kept.reads if kept else (), kind, external_id)
                if document is not None:
                    found[external_id] = document
            return found
        async for page in self.sight.provider.documents_with_ids(kind, ids):
            found |= {document.external_id: document for document in page}
        return found


def _refusal(link: Link, document: BooksDocument | None) -> Outcome | None:
    """Return why an edit would be refused: its document is gone, or was edited in the books."""
    if document is None:
        return missing_outcome()
    moved = document.sync_token != link.sync_token
    if moved and (document.fingerprint != link.fingerprint or document.voided):
        return drift_outcome(link, document)
    return None


def _either(first: Any, second: Any) -> Any:
    return second if first is None else first


def _link_state(link: Link) -> Json:
    return {
        "state": link.state,
        "external_id": link.external_id,
        "sync_token": link.sync_token,
        "content_hash": link.content_hash,
    }


def _standing(past: Sequence[Past]) -> Past | None:
    standing = [each for each in past if PostingState(each.state) in OPEN]
    return standing[-1] if standing else None


def _given_up(posting: Posting) -> bool:
    """Tell whether an export would draft this write anew (see `process`)."""
    parked = posting.state == PostingState.PARKED.value
    return parked and posting.reason == Parked.CLOSED_BOOKS.value


def _shown_state(state: str) -> str:
    return "conflict" if state == PostingState.CONFLICT.value else "unknown"


async def _revisions(
    session: AsyncSession, facts: ExportFacts, records: Sequence[Record]
) -> dict[str, Any]:
    """Return the revision of the billing record behind each record, by the ledger's id."""
    sources = {record.billing_id: _source(record) for record in records}
    kinds = {kind for kind, _ in sources.values()}
    found: dict[tuple[str, str], int] = {}
    for kind in kinds:
        ids = {billing_id for of_kind, billing_id in sources.values() if of_kind == kind}
        key = BillingRecord.number if kind == "charge" else BillingRecord.billing_id
        rows = await session.execute(
            select(key, BillingRecord.revision).where(
                BillingRecord.integration_id == facts.integration.id,
                BillingRecord.kind == kind,
                key.in_(ids),
            )
        )
        found |= {(kind, str(name)): revision for name, revision in rows}
    return {billing_id: found.get(source) for billing_id, source in sources.items()}


def _source(record: Record) -> tuple[str, str]:
    """Return kind and id of the billing record that a record of the ledger comes from."""
    if record.kind == Kind.ITEM.value:
        return "charge", record.billing_id
    if record.kind == Kind.APPLICATION.value:
        refund = refund_and_credit(record.billing_id)
        if refund is not None:
            return Kind.REFUND.value, refund[0]
        credit_id, _ = applied_pair(record.billing_id)
        return "credit_note", credit_id
    if record.kind == Kind.CUSTOMER.value:
        return record.kind, customer_and_currency(record.billing_id)[0]
    return stored_as(record.kind, record.billing_id)
