"""
The batch lane of an export: new documents of different customers, decided and sent together.

Decisions are those of the single lane. Whatever is not simply new (an edit, something open on the
link, a person's decision, a stray) is left to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import (
    CompanyUnavailable,
    OutcomeUnknown,
    ReconnectRequired,
    RetryLater,
)
from app.accounting.records import Verb
from app.exports.decisions import Decision, Settle, order_of, out_of_tries, refused_before
from app.exports.facts import NeedsDocument, look_ahead
from app.exports.process import (
    MAX_DOUBTS,
    ROUNDED,
    Decide,
    Lane,
    decision_on,
    settled_by_others,
)
from app.exports.rounding import rounds
from app.jobs.models import Record
from app.jobs.records import Outcome, attach_posting, set_outcomes
from app.kit.clock import monotonic
from app.ledger.batches import carry_out_batch
from app.ledger.catchup import stray_markers
from app.ledger.links import links_of, lock_links
from app.ledger.models import Link
from app.ledger.outcomes import ACTIONS
from app.ledger.postings import Past, pasts_of
from app.ledger.settle import Intent, Settled, in_certain_transaction
from app.ledger.states import OPEN, LinkState, PostingState
from app.ledger.together import Order, begin_together

BATCH_SIZE = 30
# From so many waiting records on, a step is a backlog and goes in batches.
BACKLOG = 30
WAITING = {PostingState.PENDING, PostingState.PARKED}


@dataclass(slots=True)
class _Sorted:
    """What is to be done with the records of a batch."""

    alone: list[Record] = field(default_factory=list)
    outcomes: dict[UUID, Outcome] = field(default_factory=dict)
    refused: list[tuple[Record, Past]] = field(default_factory=list)
    carried: list[Record] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)


async def process_batch(lane: Lane, records: Sequence[Record], decide: Decide) -> list[Record]:
    """
    Bring records of different customers and one kind one step on, their creates in one call.

    Return those that have to go alone: edits, what was open already, and what was not sent.

    Raises:
        ProviderError: Something outside the records stops the whole company.
    """
    lane.facts.forget_documents()
    if not lane.batch_ready:
        await lane.context.ready(batch=True)
        lane.batch_ready = True
    found = _Sorted()
    intents: list[Intent] = []

    async def intend(session: AsyncSession) -> None:
        nonlocal found
        found = await _sort(session, lane, records, decide)
        begun = await begin_together(
            session, lane.context, lane.facts.keeper, found.orders, lane="batch"
        )
        # The clock of "not older than 5 s" runs from the commit that comes now.
        intents[:] = [replace(intent, began_at=monotonic()) for intent in begun]

    try:
        await in_certain_transaction(lane.context, intend)
    finally:
        lane.facts.forget_documents()
    if not intents:
        return found.alone
    lane.batch_ready = False
    settled = await carry_out_batch(lane.context, intents)
    again = [
        record
        for record, each in zip(found.carried, settled, strict=True)
        if each.state in WAITING
        or (lane.guard is None and settled_by_others(lane.facts, record, each))
    ]
    _after_batch(lane, settled)
    return found.alone + again + await _lacking_cents(lane, found.carried, settled)


async def _lacking_cents(
    lane: Lane, carried: Sequence[Record], settled: Sequence[Settled]
) -> list[Record]:
    """Return the documents just written whose totals differ, where a rounding line may follow."""
    if not rounds(lane.facts) or not carried or carried[0].kind not in ROUNDED:
        return []
    posted = [
        record
        for record, each in zip(carried, settled, strict=True)
        if each.state is PostingState.POSTED
    ]
    async with lane.context.transaction() as session:
        ids = [record.billing_id for record in posted]
        links = await links_of(session, lane.facts.company_id, carried[0].kind, ids)
    differing = [record for record in posted if links[record.billing_id].total != record.amount]
    for record in differing:
        record.action = ACTIONS[Verb.CREATE]
    return differing


async def pass_over_unchanged(
    lane: Lane, records: Sequence[Record], decide: Decide
) -> list[Record]:
    """
    Settle those records of one kind that the books have already as billing has them.

    Return the others: each is decided by itself, after those before it were written.
    """
    left: list[Record] = []

    async def settle(session: AsyncSession) -> None:
        outcomes = await _unchanged(session, lane, records, decide)
        left[:] = [record for record in records if record.id not in outcomes]
        await set_outcomes(session, outcomes)

    try:
        await in_certain_transaction(lane.context, settle)
    finally:
        lane.facts.forget_documents()
    return left


async def _unchanged(
    session: AsyncSession, lane: Lane, records: Sequence[Record], decide: Decide
) -> dict[UUID, Outcome]:
    kind, company_id = records[0].kind, lane.facts.company_id
    known = await links_of(session, company_id, kind, [record.billing_id for record in records])
    live = [id_ for id_, link in known.items() if link.state == LinkState.LIVE.value]
    links = await lock_links(session, lane.facts.keeper, kind, live)
    pasts = await pasts_of(session, [link.id for link in links.values()])
    await look_ahead(session, lane.facts, records)
    outcomes = {}
    for record in records:
        link = links.get(record.billing_id)
        if link is None or link.state != LinkState.LIVE.value:
            continue
        if _needs_attention(lane, record, link, pasts[link.id]):
            continue
        try:
            decision = await decision_on(session, lane, record, link, decide)
        except NeedsDocument:
            continue
        if isinstance(decision, Settle) and decision.outcome.state == "unchanged":
            outcomes[record.id] = decision.outcome
    return outcomes


async def _sort(
    session: AsyncSession, lane: Lane, records: Sequence[Record], decide: Decide
) -> _Sorted:
    """Decide about each record; what needs no call is settled here."""
    ids = [record.billing_id for record in records]
    links = await lock_links(session, lane.facts.keeper, records[0].kind, ids)
    pasts = await pasts_of(session, [link.id for link in links.values()])
    strays = await stray_markers(session, list(links.values()))
    await look_ahead(session, lane.facts, records)
    found = _Sorted()
    for record in records:
        link = links[record.billing_id]
        past = pasts[link.id]
        if _needs_attention(lane, record, link, past) or link.marker in strays:
            found.alone.append(record)
            continue
        try:
            decision = await decision_on(session, lane, record, link, decide)
        except NeedsDocument:
            found.alone.append(record)
        else:
            _put(found, record, link, past, decision)
    await set_outcomes(session, found.outcomes)
    for record, last in found.refused:
        await attach_posting(session, record.id, last.id, state=last.state)
    return found


def _needs_attention(lane: Lane, record: Record, link: Link, past: Sequence[Past]) -> bool:
    """Tell whether something is open on the link, or a person wants it looked at."""
    chosen = (record.kind, record.billing_id) in lane.decisions
    drifted = record.force and link.state == LinkState.DRIFTED.value
    return chosen or drifted or any(PostingState(each.state) in OPEN for each in past)


def _put(
    found: _Sorted, record: Record, link: Link, past: Sequence[Past], decision: Decision
) -> None:
    """Put a decided record where it belongs."""
    if isinstance(decision, Settle):
        found.outcomes[record.id] = decision.outcome
    elif decision.write.verb is not Verb.CREATE:
        found.alone.append(record)
    elif refused_before(record, past, decision):
        found.refused.append((record, past[-1]))
    elif (refusal := out_of_tries(past, decision)) is not None:
        found.outcomes[record.id] = refusal.outcome
    else:
        found.carried.append(record)
        found.orders.append(order_of(record, link, past, decision))


def _after_batch(lane: Lane, settled: Sequence[Settled]) -> None:
    """Stop the company where a batch met a cause outside its records."""
    for each in settled:
        if isinstance(each.error, RetryLater | ReconnectRequired | CompanyUnavailable):
            raise each.error
    if any(each.state is not PostingState.UNKNOWN for each in settled):
        lane.doubts = 0
        return
    lane.doubts += 1
    if lane.doubts >= MAX_DOUBTS:
        raise settled[0].error or OutcomeUnknown()
