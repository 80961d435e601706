"""
The batch lane: the same three steps for many creates in one call.

QuickBooks' key inside a batch is another one than an item's own, so a batch is never sent again.
What it gives no trustworthy answer for becomes unknown item by item, and goes alone from then on.
"""

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import NotSent, ProviderError, RecordRejected
from app.accounting.records import Answer
from app.jobs.work import WorkContext
from app.kit.clock import monotonic
from app.ledger.desk import is_refusal, permission, settle_outcome, settle_within, shielded, since
from app.ledger.settle import Intent, Settled, in_certain_transaction
from app.ledger.together import settle_together

Outcome = Answer | ProviderError


async def carry_out_batch(context: WorkContext, intents: Sequence[Intent]) -> list[Settled]:
    """
    Make one call for all intents and settle each, also while being cancelled.

    Raises:
        LeaseLost: The company belongs to another worker now.
    """
    return await shielded(_call_and_settle(context, intents))


async def _call_and_settle(context: WorkContext, intents: Sequence[Intent]) -> list[Settled]:
    started = monotonic()
    oldest = min(intents, key=lambda intent: intent.began_at)
    try:
        outcomes: Sequence[Outcome] = await context.provider.send_batch(
            [intent.write for intent in intents],
            batch_id=uuid4().hex,
            permit=permission(context, oldest),
        )
    except ProviderError as error:
        outcomes = [_of_each(error)] * len(intents)
    return await _settle(context, intents, outcomes, since(started))


def _of_each(error: ProviderError) -> ProviderError:
    """
    Return what a failure of the whole call means for each item.

    A batch that was refused as such was not carried out at all: its items were not sent.
    """
    if isinstance(error, RecordRejected):
        return NotSent(error.fault, "QuickBooks refused the batch as a whole")
    return error


async def _settle(
    context: WorkContext,
    intents: Sequence[Intent],
    outcomes: Sequence[Outcome],
    milliseconds: int,
) -> list[Settled]:
    """Settle answers and waits together; a refusal looks at the books and is settled by itself."""
    settled: dict[int, Settled] = {}

    async def settle(session: AsyncSession) -> None:
        answered = {
            number: (intent, outcome)
            for number, (intent, outcome) in enumerate(zip(intents, outcomes, strict=True))
            if isinstance(outcome, Answer)
        }
        settled.clear()
        settled.update(await settle_together(session, context, answered, milliseconds))
        for number, (intent, outcome) in enumerate(zip(intents, outcomes, strict=True)):
            if number not in settled and not is_refusal(outcome):
                settled[number] = await settle_within(
                    session, context, intent, outcome, milliseconds
                )

    await in_certain_transaction(context, settle)
    for number, (intent, outcome) in enumerate(zip(intents, outcomes, strict=True)):
        if is_refusal(outcome):
            settled[number] = await settle_outcome(context, intent, outcome, milliseconds)
    return [settled[number] for number in range(len(intents))]
