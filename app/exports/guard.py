"""A job that applies a plan: each record is looked at again in its turn, before any call."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind, Verb
from app.exports.decisions import Decision, Settle, refused
from app.exports.facts import ExportFacts
from app.exports.process import Decide, judged
from app.exports.standins import resolved
from app.jobs.differences import differences
from app.jobs.models import PlanLine, Record
from app.jobs.plans import ACTION_OF, lines_of, payload_of
from app.jobs.work import WorkContext
from app.kit.db import Json
from app.ledger.links import links_of
from app.ledger.models import Link

# What a record may come to in an applied plan without having been refused there.
HARMLESS = {"unchanged", "block"}


class _NotThePlan(Exception):
    """What was decided is not what stands in the plan; its traces are undone."""


@dataclass(slots=True)
class PlanGuard:
    """The plan's lines of the records in hand (implements `app.exports.process.Guard`)."""

    plan_id: UUID
    lines: dict[tuple[str, str, str], PlanLine] = field(default_factory=dict)

    async def load(self, context: WorkContext, step: str, records: Iterable[Record]) -> None:
        """Take the next records in hand."""
        async with context.transaction() as session:
            self.lines = await lines_of(session, self.plan_id, step, records)
            session.expunge_all()

    async def decide(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        record: Record,
        decide: Decide,
        *,
        stale: bool,
    ) -> Decision:
        """Return the decision if it is the plan's; *stale*: a document's token moved by now."""
        line = self.lines[record.kind, record.billing_id, record.operation]
        if record.kind != Kind.CUSTOMER.value:
            decision = await judged(session, facts, link, record, decide)
            return await self._refusal(session, facts, line, decision, stale=stale) or decision
        refusal: Settle | None = None
        try:
            # Deciding may link a customer at once, which is taken back if it is another one.
            async with session.begin_nested():
                decision = await judged(session, facts, link, record, decide)
                refusal = await self._refusal(session, facts, line, decision, stale=stale)
                if refusal is not None:
                    raise _NotThePlan
        except _NotThePlan:
            await session.refresh(link)
        return refusal or decision

    async def allows(
        self, session: AsyncSession, facts: ExportFacts, record: Record, body: bytes
    ) -> Settle | None:
        """Return the refusal of a write that was begun before, unless it is the plan's."""
        line = self.lines[record.kind, record.billing_id, record.operation]
        planned = await _planned(session, facts, line)
        return None if body == planned else _moved("payload", _said(planned, body))

    async def _refusal(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        line: PlanLine,
        decision: Decision,
        *,
        stale: bool,
    ) -> Settle | None:
        if isinstance(decision, Settle):
            return _other_outcome(line, decision)
        if decision.on_variance and decision.on_variance.get("added") is not None:
            # A rounding line follows what was just posted; the settings ask for it.
            return None
        action = decision.write.verb.value
        if action != line.action:
            return _moved("action", [_change("action", line.action, action)])
        planned = await _planned(session, facts, line)
        if not _same(planned, decision.write.body, stale=stale):
            return _moved("payload", _said(planned, decision.write.body))
        if decision.content_hash != line.content_hash and not _covers_ids(line):
            changed = _change("content", line.content_hash, decision.content_hash)
            return _moved("content", [changed])
        return None


async def _planned(session: AsyncSession, facts: ExportFacts, line: PlanLine) -> bytes:
    """Return the planned bytes, with the ids that the documents before it have got by now."""
    wanted: dict[str, list[str]] = {}
    for need in line.needs:
        wanted.setdefault(need["kind"], []).append(need["billing_id"])
    links: dict[Any, Link] = {}
    for kind, ids in wanted.items():
        found = await links_of(session, facts.company_id, kind, ids)
        links |= {(kind, billing_id): link for billing_id, link in found.items()}
    return resolved(line.body or b"", line.needs, links)


def _same(planned: bytes, body: bytes, *, stale: bool) -> bool:
    if planned == body:
        return True
    return stale and _without_token(planned) == _without_token(body)


def _without_token(body: bytes) -> Json:
    payload: Mapping[str, Any] = payload_of(body)
    return {name: value for name, value in payload.items() if name != "SyncToken"}


def _covers_ids(line: PlanLine) -> bool:
    """Tell whether the content's hash may cover ids that the books had not given yet."""
    return line.action == Verb.UPDATE.value and bool(line.needs)


def _other_outcome(line: PlanLine, decision: Settle) -> Settle | None:
    """Return the refusal of an outcome that the plan does not have; nothing is written for it."""
    outcome = decision.outcome
    action = ACTION_OF[outcome.state]
    if action == "link":
        if line.action == "link" and line.content_hash == outcome.document_id:
            return None
        found = _change("external_id", line.shown.get("external_id"), outcome.document_id)
        return _moved("action", [_change("action", line.action, action), found])
    if action in HARMLESS:
        return None
    why = f"{outcome.cause or ''} {outcome.explanation or ''}".strip()
    return _moved("action", [_change("action", line.action, action)], why)


def _said(planned: bytes, body: bytes) -> list[Json]:
    return [
        _change(f"payload.{each['field']}", each["before"], each["after"])
        for each in differences(payload_of(planned), payload_of(body))
    ]


def _change(field_name: str, before: Any, after: Any) -> Json:
    return {"field": field_name, "before": before, "after": after}


def _moved(what: str, changes: list[Json], why: str = "") -> Settle:
    first = f"{changes[0]['field']}: {_text(changes[0]['before'])} → {_text(changes[0]['after'])}"
    return refused(
        "plan_changed",
        "It would go otherwise than the plan says.",
        f"Something moved after the plan was applied ({first if changes else what}). "
        f"Nothing was written for it. {why}".strip(),
        "Make another dry run of these days, and apply that.",
        details={"changes": changes},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
