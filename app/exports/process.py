"""
One record through the ledger: decide on the link's present state, send at most one write, settle.

Whatever a former worker, job or edit left on the link is taken up first: a link has one open
posting at most, so overlapping jobs meet here and never write twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import (
    AccessExpired,
    OutcomeUnknown,
    PeriodClosed,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
)
from app.accounting.records import Kind
from app.exports.decisions import (
    Decision,
    Send,
    Settle,
    adopted,
    held_or,
    order_of,
    out_of_tries,
    refused,
    refused_before,
)
from app.exports.facts import ExportFacts, NeedsDocument
from app.exports.rounding import rounds
from app.jobs.models import Record
from app.jobs.records import Outcome, attach_posting, follow_posting, pass_on, set_outcome
from app.jobs.work import WorkContext
from app.kit.db import CommitLost
from app.ledger.catchup import claim_stray
from app.ledger.desk import begin_sending, carry_out
from app.ledger.links import AS_FOUND, link_to_document, lock_link, remember
from app.ledger.models import Link, Posting
from app.ledger.outcomes import ACTIONS, DOCUMENT_TYPES, drift_outcome
from app.ledger.postings import Past, move, open_posting, pasts_of
from app.ledger.settle import Intent, Settled, settle_posted
from app.ledger.states import OPEN, REFUSED_FOR_NOW, STANDING, LinkState, PostingState
from app.ledger.together import begin_together

Decide = Callable[[AsyncSession, ExportFacts, Link, Record], Awaitable[Send | Settle]]


class Guard(Protocol):
    """Lets pass what a plan says, and nothing else."""

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

    async def allows(
        self, session: AsyncSession, facts: ExportFacts, record: Record, body: bytes
    ) -> Settle | None:
        """Return the refusal of a write that was begun before, unless it is the plan's."""


MAX_ROUNDS = 5
# So many doubtful answers in a row and the company rests: the books are ill.
MAX_DOUBTS = 5
# What the books say when more is settled than is open (the reference leaves the code open).
OVER_APPLIED = {"6000", "620"}
WAITING = {PostingState.PENDING, PostingState.PARKED}
# What a rounding line may follow.
ROUNDED = {Kind.INVOICE.value, Kind.CREDIT_MEMO.value}


@dataclass(slots=True)
class Lane:
    """What one slice carries from record to record."""

    context: WorkContext
    facts: ExportFacts
    decisions: Mapping[tuple[str, str], Mapping[str, Any]]
    ready: bool = False
    # A batch is admitted, and none has gone out since.
    batch_ready: bool = False
    writing: bool = False
    # A write that was open before is not what billing says now: it is followed by another look.
    took_up: bool = False
    doubts: int = 0
    renewed: bool = False
    # What a plan allows, where the job applies one; and whether a document's token moved meanwhile.
    guard: Guard | None = None
    stale: bool = False
    # What a record shows instead of being written, where preflight stops the export.
    held: Outcome | None = None


class NeedsSlot(Exception):
    """A write is due and no call is admitted yet; the transaction is left without a trace."""


async def process(lane: Lane, record: Record, decide: Decide) -> None:
    """
    Bring one record to its end for now.

    Raises:
        ProviderError: Something outside the record stops the whole company.
    """
    retried = lane.took_up = lane.stale = False
    lane.facts.forget_documents()
    if lane.writing and not lane.ready:
        # The last record was written, so this one probably is, too: no need to decide twice.
        await lane.context.ready()
        lane.ready = True
    for _ in range(MAX_ROUNDS):
        intent = await _intend(lane, record, decide)
        lane.writing = intent is not None
        if intent is None:
            return
        lane.ready = False
        settled = await carry_out(lane.context, intent)
        others = lane.guard is None and settled_by_others(lane.facts, record, settled)
        if not retried and (settled.again or others):
            retried = lane.stale = True
            continue
        _await_rounding(lane, record, intent, settled)
        if await _through(lane, settled) and not _look_again(lane, settled):
            return


def _look_again(lane: Lane, settled: Settled) -> bool:
    """Tell whether what was written was drafted earlier, and may be behind billing by now."""
    return lane.took_up and settled.state is PostingState.POSTED


def _await_rounding(lane: Lane, record: Record, intent: Intent, settled: Settled) -> None:
    """Have a document that was just written looked at once more: it may lack a few cents."""
    if rounds(lane.facts) and settled.state is PostingState.POSTED and record.kind in ROUNDED:
        lane.took_up, record.action = True, record.action or ACTIONS[intent.write.verb]


def settled_by_others(facts: ExportFacts, record: Record, settled: Settled) -> bool:
    """
    Tell whether a payment was refused because QuickBooks settled its invoices by itself.

    The payment is then planned anew on what is still open of them, once.
    """
    automatic = facts.profile.auto_apply_credits or facts.profile.auto_apply_payments
    refused = settled.state is PostingState.REJECTED and settled.error is not None
    if not (automatic and refused and record.kind == Kind.PAYMENT.value):
        return False
    if settled.error is None or settled.error.fault.code not in OVER_APPLIED:
        return False
    facts.recheck_open.add(record.billing_id)
    return True


async def _through(lane: Lane, settled: Settled) -> bool:
    """Return whether the record is through; stop the company where the cause is outside it."""
    error = settled.error
    if settled.state is PostingState.UNKNOWN:
        lane.doubts += 1
        if lane.doubts >= MAX_DOUBTS:
            raise error or OutcomeUnknown()
        return True
    lane.doubts = 0
    if isinstance(error, AccessExpired) and not lane.renewed:
        lane.renewed = True
        await lane.context.provider.renew_access()
        return False
    lane.renewed = False
    if settled.state in {PostingState.PENDING, PostingState.PARKED}:
        return _stopped(error)
    return True


def _stopped(error: ProviderError | None) -> bool:
    if error is None or isinstance(error, PeriodClosed):
        return True
    if isinstance(error, AccessExpired):
        raise ReconnectRequired(error.fault, "QuickBooks refuses the token, and its renewal too")
    raise error


async def _intend(lane: Lane, record: Record, decide: Decide) -> Intent | None:
    """Decide and, if a write is due, commit the intention to send it."""
    while True:
        intent: Intent | None = None
        try:
            async with lane.context.certain_transaction() as session:
                intent = await _decide(session, lane, record, decide)
        except NeedsSlot:
            await lane.context.ready()
            lane.ready = True
        except NeedsDocument as wanted:
            document = await lane.context.provider.read(wanted.kind, wanted.external_id)
            lane.facts.found[wanted.kind, wanted.external_id] = document
        except CommitLost:
            continue
        else:
            return intent


async def _decide(
    session: AsyncSession,
    lane: Lane,
    record: Record,
    decide: Decide,
) -> Intent | None:
    link = await lock_link(session, lane.facts.keeper, record.kind, record.billing_id)
    chosen = lane.decisions.get((record.kind, record.billing_id), {})
    past = (await pasts_of(session, [link.id]))[link.id]
    unsettled = any(PostingState(each.state) in OPEN for each in past)
    posting = await open_posting(session, link.id) if unsettled else None
    if chosen.get("decision") == "adopt":
        external_id, actor = str(chosen["external_id"]), f"person:{chosen.get('by')}"
        outcome = await _adopt(session, lane, record, link, posting, external_id, actor)
        if outcome.action == "linked":
            # From now on the document has what billing says now; later edits go out.
            await decision_on(session, lane, record, link, decide)
        await set_outcome(session, record.id, outcome)
        return None
    if chosen.get("decision"):
        posting = await _apply_decision(session, lane, link, posting, chosen)
    given_up = await _give_up_refused(session, lane, posting)
    if posting is not None and given_up is None:
        return await _take_up(session, lane, record, posting)
    await meet_stray(session, lane.facts, link)
    if record.force and link.state == LinkState.DRIFTED.value:
        _look_at_drift(lane, link)
    decision = await decision_on(session, lane, record, link, decide)
    if isinstance(decision, Settle):
        if not (lane.took_up and decision.outcome.state == "unchanged"):
            await set_outcome(session, record.id, decision.outcome)
        if given_up is not None:
            await follow_posting(session, given_up, decision.outcome)
        return None
    lane.took_up = False
    intent = await _send(session, lane, record, link, past, decision)
    if given_up is not None and intent is not None:
        await pass_on(session, given_up, intent.posting_id)
    return intent


async def _give_up_refused(
    session: AsyncSession, lane: Lane, posting: Posting | None
) -> UUID | None:
    """
    Give up a write that closed books or an ended subscription refused, to write it anew.

    It was refused for certain, and QuickBooks may repeat a refusal under the same request id.
    """
    if posting is None or posting.state != PostingState.PARKED.value:
        return None
    if posting.reason not in REFUSED_FOR_NOW:
        return None
    for state in (PostingState.PENDING, PostingState.CANCELLED):
        await move(
            session,
            posting,
            state,
            cause="written_anew",
            actor=lane.context.worker,
            fence=lane.context.fence,
        )
    return posting.id


async def decision_on(
    session: AsyncSession, lane: Lane, record: Record, link: Link, decide: Decide
) -> Decision:
    """Decide; a job that applies a plan does what stands there, and one that is stopped nothing."""
    if lane.guard is None:
        decision = await judged(session, lane.facts, link, record, decide)
    else:
        decision = await lane.guard.decide(
            session, lane.facts, link, record, decide, stale=lane.stale
        )
    return held_or(decision, lane.held)


async def judged(
    session: AsyncSession, facts: ExportFacts, link: Link, record: Record, decide: Decide
) -> Decision:
    """Decide; what cannot be written down as the books take it is refused before any call."""
    try:
        return await decide(session, facts, link, record)
    except RecordRejected as refusal:
        return refused(
            "too_long",
            "A field is longer than QuickBooks takes.",
            refusal.explanation,
            "Shorten it in the billing system and push the record again.",
            details={"field": refusal.fault.element},
        )


async def _may_not_go(session: AsyncSession, lane: Lane, record: Record, posting: Posting) -> bool:
    """Tell whether a write that waits may not go out in this job; its record then says why."""
    if PostingState(posting.state) not in WAITING:
        return False
    outcome = lane.held
    if outcome is None and lane.guard is not None:
        refusal = await lane.guard.allows(session, lane.facts, record, posting.body)
        outcome = refusal.outcome if refusal is not None else None
    if outcome is not None:
        await set_outcome(session, record.id, outcome)
    return outcome is not None


async def _take_up(
    session: AsyncSession, lane: Lane, record: Record, posting: Posting
) -> Intent | None:
    """Go on with what is open on the link; the record shows that posting from now on."""
    if await _may_not_go(session, lane, record, posting):
        return None
    await attach_posting(session, record.id, posting.id, state=posting.state)
    state = PostingState(posting.state)
    if state in {PostingState.PENDING, PostingState.PARKED}:
        if not lane.ready:
            raise NeedsSlot
        if state is PostingState.PARKED:
            await move(
                session,
                posting,
                PostingState.PENDING,
                cause="taken_up",
                actor=lane.context.worker,
                fence=lane.context.fence,
            )
        lane.took_up = True
        return await begin_sending(session, lane.context, posting)
    return None


async def _send(
    session: AsyncSession,
    lane: Lane,
    record: Record,
    link: Link,
    past: Sequence[Past],
    decision: Send,
) -> Intent | None:
    if refused_before(record, past, decision):
        last = past[-1]
        await attach_posting(session, record.id, last.id, state=last.state)
        return None
    if (refusal := out_of_tries(past, decision)) is not None:
        await set_outcome(session, record.id, refusal.outcome)
        return None
    if not lane.ready:
        raise NeedsSlot
    order = order_of(record, link, past, decision)
    begun = await begin_together(session, lane.context, lane.facts.keeper, [order], lane="single")
    return begun[0]


# ---------------------------------------------------------------- strays and persons' decisions


async def meet_stray(session: AsyncSession, facts: ExportFacts, link: Link) -> None:
    """Adopt a document that was found in the books before its record was known (again)."""
    stray = await claim_stray(session, link)
    if stray is None:
        return
    document = facts.document(Kind(stray.kind), stray.external_id)
    if document is not None:
        remember(link, document)
        await session.flush()


async def _apply_decision(
    session: AsyncSession,
    lane: Lane,
    link: Link,
    posting: Posting | None,
    chosen: Mapping[str, Any],
) -> Posting | None:
    """Carry out what a person decided for this record; return the posting still open, if any."""
    actor, decision = f"person:{chosen.get('by')}", chosen["decision"]
    if decision == "post_again":
        if posting is not None and posting.state == PostingState.CONFLICT.value:
            await move(session, posting, PostingState.CANCELLED, cause="post_again", actor=actor)
            posting = None
        if posting is None and link.state in {LinkState.MISSING.value, LinkState.LIVE.value}:
            await _only_if_gone(session, lane, link)
        return posting
    if decision == "overwrite" and link.state == LinkState.DRIFTED.value:
        document = lane.facts.document(Kind(link.kind), link.external_id or "")
        if document is None:
            link.state = LinkState.MISSING.value
        else:
            remember(link, document)
            link.content_hash = None
    await session.flush()
    return posting


def _look_at_drift(lane: Lane, link: Link) -> None:
    """See on a retry whether the edit in the books was undone: then ours may go out again."""
    document = lane.facts.document(Kind(link.kind), link.external_id or "")
    if document is None:
        link.state = LinkState.MISSING.value
    elif document.fingerprint == link.fingerprint and not document.voided:
        remember(link, document)
    else:
        drift_outcome(link, document)


async def _only_if_gone(session: AsyncSession, lane: Lane, link: Link) -> None:
    """Forget the document of a link, provided the books have it no more."""
    document = lane.facts.document(Kind(link.kind), link.external_id or "")
    if document is None:
        link.state, link.content_hash = LinkState.MISSING.value, None
    else:
        remember(link, document)
    await session.flush()


async def _adopt(
    session: AsyncSession,
    lane: Lane,
    record: Record,
    link: Link,
    posting: Posting | None,
    external_id: str,
    actor: str,
) -> Outcome:
    """Tie the record to a document that a person chose; it is not written to."""
    document = lane.facts.document(Kind(link.kind), external_id)
    if document is None or document.voided:
        return _not_adopted(
            "no_such_document",
            "There is no such document in QuickBooks.",
            f"QuickBooks has no {DOCUMENT_TYPES[link.kind]} with the id {external_id} that stands.",
        )
    holder = await link_to_document(session, link.company_id, link.kind, external_id)
    if holder is not None and holder.id != link.id:
        return _not_adopted(
            "document_of_another",
            "The document in QuickBooks belongs to another billing record.",
            f"It belongs to {holder.billing_id}.",
        )
    if posting is not None and posting.state == PostingState.CONFLICT.value:
        await settle_posted(session, lane.context, posting, link, document, cause=f"adopt:{actor}")
    elif posting is not None or link.state in STANDING:
        return _not_adopted(
            "has_its_document",
            "The record has a document already, or one is on its way.",
            f"It is linked to {link.external_id}." if link.external_id else "Wait for its end.",
        )
    else:
        remember(link, document, content_hash=AS_FOUND)
    await session.flush()
    return adopted(DOCUMENT_TYPES[link.kind], document, billed=record.amount)


def _not_adopted(code: str, cause: str, explanation: str) -> Outcome:
    return refused(code, cause, explanation, "Choose another document.").outcome
