"""
What is done about one entry: refuse it before any call, leave it as it stands, or send it.

A sent entry is never edited. One that QuickBooks refused keeps its members; its accounts are looked
up anew when it is tried again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.journal import JournalEntryDraft
from app.accounting.records import LookHints, TaxModel
from app.exports.decisions import (
    Decision,
    Refusal,
    Settle,
    linked,
    money,
    refused,
    skipped,
    unchanged,
)
from app.exports.facts import ExportFacts
from app.exports.writes import Composer
from app.integrations.masters import MasterCustomer, MasterProblem
from app.jobs.models import Record
from app.jobs.records import Outcome
from app.journal import store
from app.journal.deltas import Member, words_of
from app.journal.lines import Line, Places, Summary, Unplaced, receivables, summarize
from app.journal.periods import GroupKey
from app.kit.db import Json
from app.kit.money import as_text
from app.ledger.links import AS_FOUND
from app.ledger.membership import JournalEntry, JournalMember
from app.ledger.models import Link
from app.ledger.outcomes import drifted_outcome, missing_outcome
from app.ledger.states import LinkState
from app.mappings.roles import Role

MOST_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """An entry as it would stand in the books."""

    key: GroupKey
    sequence: int
    number: str
    txn_date: date
    memo: str
    summary: Summary
    customer: MasterCustomer | None
    draft: JournalEntryDraft

    def rows(self) -> list[Json]:
        """Return the lines as they are kept and shown."""
        return [line_row(line, self) for line in self.summary.lines]


def line_row(line: Line, entry: Composed) -> Json:
    """Return one line as a bookkeeper reads it."""
    differences = dict(entry.summary.differences)
    amount = as_text(abs(line.amount))
    customer = entry.customer if line.place.receivable else None
    return {
        "line": line.number,
        "account_id": line.place.account_id,
        "account_name": line.place.name,
        "debit": amount if line.amount > 0 else None,
        "credit": amount if line.amount < 0 else None,
        "description": line.description,
        "customer_id": customer.customer_id if customer else None,
        "customer_name": customer.name if customer else None,
        "class_id": line.place.class_id,
        "department_id": line.place.department_id,
        "members": line.members,
        "posted": line.posted,
        "exchange_correction": line.correction,
        "home_difference": as_text(differences[line.number].quantize(Decimal("0.01")))
        if line.number in differences
        else None,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRules:
    """What an entry is composed with, beside its members."""

    facts: ExportFacts
    places: Places
    today: date
    # By currency; looked up in the books when the work began.
    masters: Mapping[str, MasterCustomer | MasterProblem]
    # Whether the books were found to take tax on plain lines, where they compute it by codes.
    plain_tax_lines: bool | None = None

    @property
    def refuses_rounding(self) -> bool:
        return self.facts.settings.journal.rounding == "refuse"


def compose(
    rules: EntryRules,
    key: GroupKey,
    sequence: int,
    members: Sequence[Member],
    *,
    number: str,
    dated: date | None = None,
) -> Composed:
    """
    Return the entry that the members make; *dated* is the day it was composed with before.

    Raises:
        Refusal: The books would not take it, or not as they should.
    """
    _check_taxes(rules, members)
    try:
        summary = summarize(members, rules.places, currency=key.currency)
    except Unplaced as unplaced:
        raise Refusal(_unplaced(unplaced, key)) from unplaced
    if any(line.correction for line in summary.lines) and rules.refuses_rounding:
        raise Refusal(_rounding_refused(summary, key))
    if not summary.posted:
        raise Refusal(skipped("nothing_to_post", "What it sums up comes to zero on every account."))
    _check_lines(rules, summary, key)
    customer = _customer_of(rules, summary, key)
    day, remark = _day(rules, key, sequence, members, dated)
    facts = rules.facts
    prefix = facts.settings.documents.memo_prefix
    words = words_of(key.kind, members, sequence=sequence, period=key.period)
    memo = f"{prefix + ' ' if prefix else ''}{words}{remark}"
    foreign = facts.profile.multicurrency and key.currency != facts.profile.home_currency
    draft = JournalEntryDraft(
        number=number,
        txn_date=day,
        lines=tuple(
            line.draft(customer.customer_id if customer else None) for line in summary.posted
        ),
        currency=facts.document_currency(key.currency),
        exchange_rate=summary.rate if foreign else None,
        note=memo,
    )
    return Composed(
        key=key,
        sequence=sequence,
        number=number,
        txn_date=day,
        memo=memo,
        summary=summary,
        customer=customer,
        draft=draft,
    )


class EntryDecider:
    """Decides about one entry (implements `app.exports.process.Decide`)."""

    def __init__(self, composer: Composer, rules: EntryRules) -> None:
        self._composer, self._rules = composer, rules

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        entry = await store.entry_named(session, facts.company_id, record.billing_id, lock=True)
        if entry is None:
            return skipped("nothing_to_post", "Nothing is left that it would sum up.")
        if (settled := _by_state(link)) is not None:
            return settled
        rows = await store.members_in(session, entry)
        key = store.group_key(entry)
        members = [store.member_of(row, key) for row in rows]
        try:
            composed = compose(
                self._rules,
                key,
                entry.sequence,
                members,
                number=entry.number,
                dated=entry.txn_date,
            )
        except Refusal as refusal:
            return refusal.decision
        content = content_of(rows)
        await _keep(session, entry, rows, composed, record)
        if link.state == LinkState.LIVE.value:
            return _found(link, composed, content)
        return self._composer.create(
            link,
            composed.draft,
            content_hash=content,
            hints=LookHints(number=composed.number, txn_date=composed.txn_date),
            currency=entry.currency,
        )


def content_of(rows: Sequence[JournalMember]) -> str:
    """Return the hash of what an entry holds."""
    parts = sorted(
        f"{row.kind}\x1f{row.billing_id}\x1f{row.revision}\x1f{row.component}\x1f{row.sign}"
        for row in rows
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _by_state(link: Link) -> Settle | None:
    """Return what the link's state alone decides, or None when there is something to compose."""
    if link.state == LinkState.DRIFTED.value:
        return Settle(outcome=drifted_outcome(link))
    if link.state == LinkState.MISSING.value and link.content_hash is not None:
        return Settle(outcome=missing_outcome())
    if link.state == LinkState.LIVE.value and link.content_hash not in {None, AS_FOUND}:
        return unchanged(link)
    return None


def _found(link: Link, composed: Composed, content: str) -> Settle:
    """Return what becomes of an entry that stands in the books already and was never sent."""
    if link.total != composed.draft.total:
        return refused(
            "entry_differs",
            "An entry stands in QuickBooks that sums up something else.",
            f"It carries the mark of {composed.number} and comes to "
            f"{money(link.total or Decimal(0))}; billed is {money(composed.draft.total)}.",
            "Look at the entry in QuickBooks; if it is wrong, delete it there and retry with the "
            "decision `post_again`.",
        )
    link.content_hash = content
    return linked(
        "JournalEntry",
        link.external_id or "",
        link.number,
        explanation="The entry was in QuickBooks already, with what is billed.",
    )


async def _keep(
    session: AsyncSession,
    entry: JournalEntry,
    rows: Sequence[JournalMember],
    composed: Composed,
    record: Record,
) -> None:
    """Write down the lines that are about to be sent, and which member is in which."""
    entry.txn_date, entry.memo = composed.txn_date, composed.memo
    entry.exchange_rate, entry.lines = composed.draft.exchange_rate, composed.rows()
    await store.assign_lines(session, rows, composed.summary.line_of)
    await session.execute(
        update(Record)
        .where(Record.id == record.id)
        .values(amount=composed.draft.total, record_date=composed.txn_date)
    )
    await session.flush()


# ---------------------------------------------------------------------------------- refusals


def _check_taxes(rules: EntryRules, members: Sequence[Member]) -> None:
    """
    Let pass what the books are known to take.

    Raises:
        Refusal: Tax would stand on a line without a code where every tax has one; whether
            QuickBooks takes that, and what it does to the tax return, is not known.
    """
    if rules.facts.profile.tax_model is not TaxModel.GLOBAL or rules.plain_tax_lines:
        return
    taxes = sorted({member.key or "" for member in members if member.role is Role.TAX})
    if not taxes:
        return
    asked = "was asked and refuses it" if rules.plain_tax_lines is False else "was not asked yet"
    raise Refusal(
        Settle(
            outcome=Outcome(
                state="blocked",
                code="journal_tax_unconfirmed",
                cause="This company's QuickBooks is not known to take tax in a journal entry.",
                explanation=f"The entry holds {', '.join(taxes[:MOST_LISTED])}. In companies with "
                "GST, HST or VAT every tax is computed by codes; tax on a plain line may be "
                f"refused, or be missing from the tax return. This company {asked}.",
                fixes=(
                    "Run `ledgerwire probe` with this integration: it writes such an entry, looks "
                    "at it and deletes it. If QuickBooks takes it, export again.",
                    "Or use the mode full_synchronization.",
                ),
                details={"price_codes": taxes[:MOST_LISTED]},
            )
        )
    )


def _unplaced(unplaced: Unplaced, key: GroupKey) -> Settle:
    missing = unplaced.missing[:MOST_LISTED]
    reasons = list(dict.fromkeys(each.why.reason for each in missing))
    more = len(unplaced.missing) - len(missing)
    return refused(
        missing[0].why.code,
        "An account is missing or cannot be used.",
        f"{' '.join(reasons)}{f' And {more} more.' if more else ''} Half a day in the books is "
        "worse than a day late, so nothing of this entry is posted.",
        *dict.fromkeys(fix for each in missing for fix in each.why.fixes),
        details={
            "currency": key.currency,
            "missing": [
                {
                    "role": each.role.value,
                    "key": each.key,
                    "amount": as_text(each.amount),
                    "code": each.why.code,
                    "reason": each.why.reason,
                }
                for each in missing
            ],
        },
    )


def _rounding_refused(summary: Summary, key: GroupKey) -> Settle:
    return refused(
        "rounding_refused",
        "The documents of the entry have several exchange rates.",
        f"QuickBooks takes one for the whole entry ({summary.rate.normalize():f}), and what "
        "accounts in home currency would be off by may not be corrected on a rounding account.",
        "Set journal.rounding to `account`, and map the role rounding.",
        "Or bill one rate a day for each currency.",
        details={"currency": key.currency},
    )


def _check_lines(rules: EntryRules, summary: Summary, key: GroupKey) -> None:
    """
    Let pass lines that the books take together.

    Raises:
        Refusal: Several receivable accounts, or an account of another currency.
    """
    named = receivables(summary)
    if len(named) > 1:
        raise Refusal(
            refused(
                "two_receivables",
                "The entry would touch several receivable accounts.",
                "QuickBooks takes one line on accounts receivable in an entry; these would be "
                f"{', '.join(line.place.name for line in named)}.",
                "Map only the role receivable to an account of that type.",
            )
        )
    wrong = [
        line.place.name
        for line in summary.posted
        if not line.place.home or line.place.receivable
        if line.place.currency not in {None, key.currency}
    ]
    if wrong:
        raise Refusal(
            refused(
                "account_currency",
                "An account is kept in another currency than the entry.",
                f"The entry is in {key.currency}; {', '.join(sorted(set(wrong)))} is not.",
                f"Map an account in {key.currency} for this currency, and export again.",
                details={"currency": key.currency, "accounts": sorted(set(wrong))},
            )
        )


def _customer_of(rules: EntryRules, summary: Summary, key: GroupKey) -> MasterCustomer | None:
    """
    Return the master customer, if a line is on accounts receivable.

    Raises:
        Refusal: There is none for the currency, or the books have it otherwise.
    """
    if not receivables(summary):
        return None
    master = rules.masters.get(key.currency)
    if master is None:
        raise Refusal(
            refused(
                "master_customer_missing",
                "There is no master customer for this currency.",
                "The entry has a line on accounts receivable, and QuickBooks wants a customer on "
                f"it; none is set for {key.currency}.",
                f"Set a master customer for {key.currency} in the integration (master_customers).",
                "Or map receivable to a clearing account of type Other Current Asset or Bank.",
                details={"currency": key.currency},
            )
        )
    if isinstance(master, MasterProblem):
        raise Refusal(
            refused(
                master.code,
                "The master customer cannot be used.",
                master.reason,
                *master.fixes,
                details={"currency": key.currency, "customer_id": master.customer_id},
            )
        )
    return master


def _day(
    rules: EntryRules,
    key: GroupKey,
    sequence: int,
    members: Sequence[Member],
    dated: date | None,
) -> tuple[date, str]:
    """
    Return the entry's date, and what the memo says about it.

    The first entry of a period has the period's last day; a later one is dated today, or on the
    first open day.

    Raises:
        Refusal: The books are closed for the period, and the policy is to refuse.
    """
    facts, first_open = rules.facts, rules.facts.first_open_day
    if sequence == 1:
        latest = max((member.day for member in members), default=key.period.last)
        wanted = min(key.period.last, max(latest, rules.today))
        if not facts.closed(wanted):
            return wanted, ""
        if facts.settings.closed_books == "first_open_day" and first_open is not None:
            return first_open, f" (dated {wanted.isoformat()}, period closed)"
        raise Refusal(
            refused(
                "closed_books",
                "The books are closed for this date.",
                f"QuickBooks is closed up to {facts.profile.books_closed_until}; this entry is "
                f"dated {wanted}.",
                "Move the closing date in QuickBooks, or set the policy first_open_day.",
            )
        )
    remark = f" (original period {key.period.key})"
    if dated is not None and not facts.closed(dated):
        return dated, remark
    day = max(rules.today, key.period.last)
    if facts.closed(day) and first_open is not None:
        day = first_open
    return day, remark
