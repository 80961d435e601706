"""
A job's findings, by cause: how many records each cause holds back, and would release.

A record that is blocked waits for another one; it belongs to the cause at the end of that chain.
Grouping is pure; the records come as a stream, and only their keys are kept.
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.jobs.counting import DIFFERING, FINDINGS
from app.jobs.models import Record
from app.kit.money import ZERO
from app.ledger.identity import SEPARATOR

IMPORT_FINDING = "finding"
EXAMPLES = 5
# What tells two causes of one code apart.
APART = ("price_codes", "field", "holders", "settled_by")

# What a blocked record's details name, the nearest cause first.
NEEDED = {
    "customer": Kind.CUSTOMER,
    "invoices": Kind.INVOICE,
    "refund": Kind.REFUND,
    "payment": Kind.PAYMENT,
    "credit_note": Kind.CREDIT_MEMO,
}

Subject = tuple[str, str]  # kind, billing id
Key = tuple[str, str]  # code, and what tells it apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One record with a finding."""

    id: UUID
    kind: str
    billing_id: str
    number: str | None
    state: str
    code: str
    cause: str | None
    explanation: str | None
    fixes: tuple[str, ...]
    details: Mapping[str, Any]
    amount: Decimal | None
    currency: str | None

    @property
    def key(self) -> Key:
        apart = {name: self.details[name] for name in APART if name in self.details}
        return self.code, json.dumps(apart, sort_keys=True)

    @property
    def needs(self) -> list[Subject]:
        """What a blocked record waits for."""
        if self.state != "blocked":
            return []
        for name, kind in NEEDED.items():
            if needed := self.details.get(name):
                ids = needed if isinstance(needed, list) else [needed]
                return [(kind.value, billing_id) for billing_id in ids]
        if self.kind == Kind.APPLICATION.value:
            return [(Kind.CREDIT_MEMO.value, self.billing_id.partition(SEPARATOR)[0])]
        return []


@dataclass(slots=True)
class Cause:
    """Records that one fix releases; *first* speaks for them all."""

    first: Found
    records: int = 0
    releases: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)
    examples: list[Found] = field(default_factory=list)
    waits_for: set[str] = field(default_factory=set)


class Causes:
    """Collects findings; `listed` groups them."""

    def __init__(self) -> None:
        self._causes: dict[Key, Cause] = {}
        self._of: dict[Subject, Key] = {}
        self._needs: dict[Subject, list[Subject]] = {}
        self._blocked: list[tuple[Subject, Key]] = []

    def add(self, found: Found) -> None:
        cause = self._causes.setdefault(found.key, Cause(first=found))
        cause.records += 1
        if found.amount is not None and found.currency:
            before = cause.amounts.get(found.currency, ZERO)
            cause.amounts[found.currency] = before + found.amount
        if len(cause.examples) < EXAMPLES:
            cause.examples.append(found)
        subject = (found.kind, found.billing_id)
        self._of[subject] = found.key
        if needs := found.needs:
            self._needs[subject] = needs
            self._blocked.append((subject, found.key))
        else:
            cause.releases += 1

    def listed(self) -> list[Cause]:
        """Return the causes, what releases most first."""
        for subject, key in self._blocked:
            roots = set(self._roots(subject, set())) - {key}
            if not roots:
                self._causes[key].releases += 1
                continue
            self._causes[key].waits_for |= {code for code, _ in roots}
            if len(roots) == 1:
                self._causes[roots.pop()].releases += 1
        return sorted(
            self._causes.values(),
            key=lambda cause: (-cause.releases, -cause.records, cause.first.key),
        )

    def _roots(self, subject: Subject, passed: set[Subject]) -> Iterator[Key]:
        """Return the causes at the end of what a record waits for."""
        if subject in passed:
            return
        passed.add(subject)
        needs = [need for need in self._needs.get(subject, ()) if need in self._of]
        if not needs and subject in self._of:
            yield self._of[subject]
        for need in needs:
            yield from self._roots(need, passed)


def causes_of(found: Iterable[Found]) -> list[Cause]:
    """Group findings by cause, what releases most first."""
    causes = Causes()
    for each in found:
        causes.add(each)
    return causes.listed()


async def findings_of(session: AsyncSession, job_id: UUID) -> list[Cause]:
    """Return a job's findings by cause."""
    causes = Causes()
    async for found in _stream(session, job_id):
        causes.add(found)
    return causes.listed()


async def _stream(session: AsyncSession, job_id: UUID) -> AsyncIterator[Found]:
    differing = and_(Record.state == "posted", Record.code.in_(DIFFERING))
    rows = await session.stream(
        select(
            Record.id,
            Record.kind,
            Record.billing_id,
            Record.billing_number,
            Record.state,
            Record.code,
            Record.cause,
            Record.explanation,
            Record.fixes,
            Record.details,
            Record.amount,
            Record.currency,
        )
        .where(
            Record.job_id == job_id,
            or_(Record.state.in_((*FINDINGS, IMPORT_FINDING)), differing),
        )
        .order_by(Record.id)
        .execution_options(yield_per=1000)
    )
    async for row in rows:
        yield Found(
            id=row.id,
            kind=row.kind,
            billing_id=row.billing_id,
            number=row.billing_number,
            state=row.state,
            code=row.code or row.state,
            cause=row.cause,
            explanation=row.explanation,
            fixes=tuple(row.fixes or ()),
            details=row.details or {},
            amount=row.amount,
            currency=row.currency,
        )
