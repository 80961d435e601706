"""
Reconciling summarized entries: billed, what entries hold, and what stands in the books.

Billing is gone through period by period, then the books' journal entries are read once. What an
entry's document differs by from what was sent counts for the kind of record that it sums up.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.accounting.journal import Side
from app.accounting.records import BooksDocument, Kind
from app.jobs.models import Record
from app.journal import store
from app.journal.deltas import Problem
from app.journal.held import TOTAL, Held, held_between, summed, tax_sign
from app.journal.periods import EntryKind, GroupKey, Period, periods_of, windows
from app.journal.planning import Scope, days_with_something
from app.kit.money import ZERO, as_text
from app.ledger.faultwords import Words
from app.ledger.membership import JournalMember
from app.ledger.states import LinkState
from app.mappings.roles import Role
from app.reconciliation.causes import CAUSES
from app.reconciliation.compare import Known, Mark
from app.reconciliation.ground import Ground
from app.reconciliation.journal_causes import JOURNAL_CAUSES
from app.reconciliation.marking import Finding, mark
from app.reconciliation.report import Difference, Report
from app.reconciliation.repository import known, last_records, links_by_document, links_by_marker
from app.reconciliation.walk import why_absent

REPORTED = {
    "invoice": Kind.INVOICE,
    "credit_note": Kind.CREDIT_MEMO,
    "payment": Kind.PAYMENT,
    "refund": Kind.REFUND,
}
SUMMED_UP = {
    EntryKind.INVOICES: "invoice",
    EntryKind.PAYMENTS: "payment",
    EntryKind.CREDITS: "credit_note",
    EntryKind.REFUNDS: "refund",
}
MOST_ACCOUNTS = 50


@dataclass(slots=True)
class Share:
    """What of one entry belongs to the days: *total* and *taxes* with the sign of billing."""

    standing: store.Standing
    link: Known | None
    total: Decimal = ZERO
    taxes: dict[str, Decimal] = field(default_factory=dict)
    # Which lines hold totals, and which tax.
    total_lines: set[int] = field(default_factory=set)
    tax_lines: set[int] = field(default_factory=set)
    records: set[str] = field(default_factory=set)

    @property
    def stored(self) -> str:
        return SUMMED_UP[EntryKind(self.standing.entry.kind)]

    def add(self, part: JournalMember) -> None:
        component, sign = TOTAL[part.kind]
        line = part.line or 0
        if part.component == component:
            self.total += sign * part.amount
            self.total_lines.add(line)
        if part.role == Role.TAX.value:
            key = part.key or ""
            self.taxes[key] = self.taxes.get(key, ZERO) + tax_sign(part.kind) * part.amount
            self.tax_lines.add(line)
        self.records.add(part.billing_id)

    def sent(self, lines: Iterable[int] | None = None) -> dict[str, Decimal]:
        """Return what was sent by account, debits positive."""
        wanted = None if lines is None else set(lines)
        return summed(
            (row["account_id"], Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0))
            for row in self.standing.entry.lines or ()
            if row["posted"] and (wanted is None or row["line"] in wanted)
        )

    @property
    def debits(self) -> Decimal:
        rows = self.standing.entry.lines or ()
        return sum((Decimal(row["debit"] or 0) for row in rows if row["posted"]), ZERO)


class EntryWalk:
    """One reconciliation of summarized entries; *report* is added to as it goes."""

    def __init__(self, ground: Ground, report: Report, scope: Scope) -> None:
        self._ground, self._report, self._scope = ground, report, scope
        self._shares: dict[UUID, Share] = {}
        self._findings: list[Finding] = []

    async def differences(self, kinds: Iterable[Kind]) -> AsyncIterator[Difference]:
        """Yield every differing record of the kinds, then every differing entry."""
        wanted = set(kinds)
        async for found in self._all(wanted):
            self._report.note(found)
            yield found

    async def _all(self, kinds: set[Kind]) -> AsyncIterator[Difference]:
        ground = self._ground
        async with ground.db.transaction(ground.organization_id) as session:
            days = await days_with_something(
                session, self._scope, ground.first_day, ground.last_day
            )
        periods = periods_of(days, self._scope.length)
        for _, first, last in windows(ground.first_day, ground.last_day, periods):
            for found in await self._billing(first, last, kinds):
                yield found
        async for found in self._books():
            yield found

    # ------------------------------------------------------------------ billing

    async def _billing(self, first: date, last: date, kinds: set[Kind]) -> list[Difference]:
        """Count the records of one period, and what entries hold of them."""
        ground = self._ground
        async with ground.db.transaction(ground.organization_id) as session:
            every, entries = await held_between(session, self._scope, first, last)
            held = [each for each in every if REPORTED[each.row.kind] in kinds]
            touching = await store.entries_touching(session, ground.company_id, first, last)
            drafts = [each.entry for each in touching if not each.sent]
            records = await last_records(
                session,
                ground.company_id,
                Kind.JOURNAL_ENTRY,
                [entry.billing_id for entry in drafts],
            )
            refused = {store.group_key(entry): records.get(entry.billing_id) for entry in drafts}
            session.expunge_all()
        for each in held:
            self._count(each, entries)
        return [
            _of_record(each, words)
            for each in held
            if not each.elsewhere and (words := _why(each, self._scope, refused)) is not None
        ]

    def _count(self, held: Held, entries: dict[UUID, store.Standing]) -> None:
        sums = self._report.of(REPORTED[held.row.kind], held.currency)
        taxes = held.taxes(held.billed)
        total, tax = held.total(held.billed), sum(taxes.values(), ZERO)
        if held.elsewhere:
            if held.billed:
                sums.others.add(total, tax)
            return
        if held.billed:
            sums.billed.add(total, tax)
            for code, amount in taxes.items():
                self._tax(held.row.kind, held.currency, code).billed += amount
        if held.booked:
            sums.posted.add(held.total(held.booked), sum(held.taxes(held.booked).values(), ZERO))
        for part in held.parts:
            share = self._shares.get(part.entry_id)
            if share is None:
                standing = entries[part.entry_id]
                link = known(standing.link) if standing.link is not None else None
                share = self._shares[part.entry_id] = Share(standing, link)
            share.add(part)

    def _tax(self, stored: str, currency: str, code: str) -> Any:
        return self._report.tax(REPORTED[stored], currency, code)

    # ------------------------------------------------------------------ the books

    async def _books(self) -> AsyncIterator[Difference]:
        """Read the books' journal entries of the days on which ours are dated."""
        ground = self._ground
        by_link = {share.link.id: share for share in self._shares.values() if share.link}
        dates = [share.standing.entry.txn_date for share in self._shares.values()]
        days = [day for day in dates if day is not None]
        first, last = min([ground.first_day, *days]), max([ground.last_day, *days])
        seen: set[UUID] = set()
        async for page in ground.provider.documents_between(Kind.JOURNAL_ENTRY, first, last):
            for found in await self._page(page, by_link, seen):
                yield found
        left = {id_: share for id_, share in by_link.items() if id_ not in seen}
        ids = [share.link.external_id for share in left.values() if share.link]
        async for page in ground.provider.documents_with_ids(
            Kind.JOURNAL_ENTRY, [id_ for id_ in ids if id_]
        ):
            for found in await self._page(page, by_link, seen):
                yield found
        for id_, share in left.items():
            if id_ not in seen and (gone := await self._without(share)) is not None:
                yield gone
        async with ground.db.transaction(ground.organization_id) as session:
            await mark(session, self._findings)

    async def _page(
        self, page: list[BooksDocument], by_link: dict[UUID, Share], seen: set[UUID]
    ) -> list[Difference]:
        ground = self._ground
        async with ground.db.transaction(ground.organization_id) as session:
            links = await links_by_document(
                session,
                ground.company_id,
                [Kind.JOURNAL_ENTRY],
                [each.external_id for each in page],
            )
            markers = [each.marker for each in page if each.marker]
            marked = await links_by_marker(session, ground.company_id, markers) if markers else {}
        found: list[Difference | None] = []
        for document in page:
            link = links.get(document.external_id)
            if link is not None:
                if link.id in by_link and link.id not in seen:
                    seen.add(link.id)
                    found.append(self._pair(by_link[link.id], link, document))
            elif document.marker is not None:
                found.append(self._extra(document, marked.get(document.marker), by_link))
        return [each for each in found if each is not None]

    def _pair(self, share: Share, link: Known, document: BooksDocument) -> Difference | None:
        """Compare an entry with its document, account by account."""
        books = self._accounts_of(document)
        sent = share.sent()
        off = summed([*books.items(), *((id_, -amount) for id_, amount in sent.items())])
        self._stands(share, off)
        same = link.fingerprint is None or document.fingerprint == link.fingerprint
        if not off and same:
            if link.state in {LinkState.DRIFTED.value, LinkState.MISSING.value}:
                self._findings.append(Finding(link=link, mark=Mark.RESTORED, document=document))
            return None
        if not same and link.state != LinkState.DRIFTED.value:
            self._findings.append(Finding(link=link, mark=Mark.DRIFTED, document=document))
        code = "journal_lines_differ" if off else "journal_entry_edited"
        return _of_entry(
            share, JOURNAL_CAUSES[code], document, details=_accounts(share, books, off)
        )

    def _accounts_of(self, document: BooksDocument) -> dict[str, Decimal]:
        """Return what an entry of the books moves each account by, debits positive."""
        return summed(
            (line.account_id, line.amount if line.side is Side.DEBIT else -line.amount)
            for line in self._ground.provider.parts(document).journal
        )

    def _stands(self, share: Share, off: dict[str, Decimal], *, twice: bool = False) -> None:
        """Count what stands in the books: what was sent (unless *twice*), and what is off."""
        stored, currency = share.stored, share.standing.entry.currency
        sign, turned = TOTAL[stored][1], tax_sign(stored)
        totals, taxed = set(share.sent(share.total_lines)), set(share.sent(share.tax_lines))
        more = sign * sum((amount for id_, amount in off.items() if id_ in totals), ZERO)
        taxes = {} if twice else dict(share.taxes)
        more_tax = turned * sum((off[id_] for id_ in taxed - totals if id_ in off), ZERO)
        if more_tax:
            code = next(iter(share.taxes), "")
            taxes[code] = taxes.get(code, ZERO) + more_tax
        total = more if twice else share.total + more
        sums = self._report.of(REPORTED[stored], currency).in_books
        sums.add(total, sum(taxes.values(), ZERO), documents=len(share.records))
        for code, amount in taxes.items():
            self._tax(stored, currency, code).in_books += amount

    def _extra(
        self, document: BooksDocument, holder: Known | None, by_link: dict[UUID, Share]
    ) -> Difference | None:
        """Return the difference of an entry that carries our mark, and that no link knows."""
        covered = self._ground.covers(document.txn_date)
        share = by_link.get(holder.id) if holder is not None else None
        if holder is None:
            words = CAUSES["unknown_marked_document"]
        elif holder.external_id is None:
            words = CAUSES["not_settled"]
        else:
            words = JOURNAL_CAUSES["second_journal_entry"]
        if not covered and share is None:
            return None
        if share is not None:
            self._stands(share, self._accounts_of(document), twice=True)
        return Difference(
            kind=Kind.JOURNAL_ENTRY,
            words=words,
            billing_id=holder.billing_id if holder else None,
            number=document.number,
            day=document.txn_date,
            currency=document.currency or self._ground.facts.profile.home_currency,
            in_books=document.total or ZERO,
            document_id=document.external_id,
            document_number=document.number,
            details={"first_document": holder.external_id} if holder else {},
        )

    async def _without(self, share: Share) -> Difference | None:
        """Return what is known of an entry that the books did not show."""
        link = share.link
        if link is None or link.external_id is None:
            return None  # Its records say that they are not settled.
        document = await self._ground.provider.read(Kind.JOURNAL_ENTRY, link.external_id)
        if document is not None:
            return self._pair(share, link, document)
        if link.state != LinkState.MISSING.value:
            self._findings.append(Finding(link=link, mark=Mark.NONE, document=None))
        return _of_entry(share, JOURNAL_CAUSES["journal_entry_missing"], None)


# ------------------------------------------------------------------------------------- words


def _why(held: Held, scope: Scope, refused: Mapping[GroupKey, Record | None]) -> Words | None:
    """Return why entries do not hold a record as it is billed; None when they do."""
    if not held.settled:
        return CAUSES["not_settled"]
    if isinstance(held.wanted, Problem):
        error = held.wanted.error
        return Words(error.code, error.cause, error.explanation, (error.fix,))
    if held.billed == held.booked:
        return None
    wanted = held.wanted
    draft = refused.get(
        GroupKey(Period.of(wanted.day, scope.length), wanted.entry, wanted.currency)
    )
    if draft is None and held.parts:
        return JOURNAL_CAUSES["record_booked_otherwise"]
    return why_absent(draft)


def _of_record(held: Held, words: Words) -> Difference:
    booked = held.total(held.booked)
    return Difference(
        kind=REPORTED[held.row.kind],
        words=words,
        billing_id=held.row.billing_id,
        number=held.row.number,
        customer=held.row.customer_billing_id,
        day=held.row.record_date,
        currency=held.currency,
        billed=held.total(held.billed),
        posted=booked,
        in_books=booked,
        details=_components(held),
    )


def _components(held: Held) -> dict[str, Any]:
    names = sorted({*held.billed, *held.booked})
    off = [name for name in names if held.billed.get(name) != held.booked.get(name)]
    return {
        "components": [
            {
                "component": name,
                "billed": as_text(held.billed.get(name, ZERO)),
                "in_entries": as_text(held.booked.get(name, ZERO)),
            }
            for name in off[:MOST_ACCOUNTS]
        ]
    }


def _accounts(share: Share, books: dict[str, Decimal], off: dict[str, Decimal]) -> dict[str, Any]:
    names = {row["account_id"]: row["account_name"] for row in share.standing.entry.lines or ()}
    sent = share.sent()
    return {
        "accounts": [
            {
                "account_id": id_,
                "account_name": names.get(id_),
                "sent": as_text(sent.get(id_, ZERO)),
                "in_books": as_text(books.get(id_, ZERO)),
            }
            for id_ in sorted(off)[:MOST_ACCOUNTS]
        ]
    }


def _of_entry(
    share: Share,
    words: Words,
    document: BooksDocument | None,
    *,
    details: dict[str, Any] | None = None,
) -> Difference:
    entry, link = share.standing.entry, share.link
    return Difference(
        kind=Kind.JOURNAL_ENTRY,
        words=words,
        billing_id=entry.billing_id,
        number=entry.number,
        day=entry.txn_date,
        currency=entry.currency,
        billed=share.debits,
        posted=share.debits,
        in_books=(document.total or ZERO) if document is not None else ZERO,
        document_id=link.external_id if link else None,
        document_number=document.number if document is not None else None,
        details=details or {},
    )
