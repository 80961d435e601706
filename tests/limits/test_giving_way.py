"""A call that waits for its turn keeps neither a lane from others nor a worker from stopping."""

import asyncio
import time
from typing import Any, cast
from uuid import uuid4

import pytest

from app.accounting.errors import ReconnectRequired
from app.jobs.waits import Waits
from app.jobs.work import GaveWay, WorkContext


class Queueing:
    """A provider whose turn comes after a while, or never."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.given_up = False

    async def ready(self, *, batch: bool = False) -> None:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if self.error is not None:
            raise self.error


def context_over(provider: Queueing, *, over: bool) -> WorkContext:
    unused = cast(Any, None)
    return WorkContext(
        db=unused,
        organization_id=uuid4(),
        company_id=uuid4(),
        fence=1,
        worker="w",
        provider=cast(Any, provider),
        profile=unused,
        waits=Waits(),
        give_way=lambda: over,
    )


async def test_the_slice_ends_while_the_quota_is_used_up() -> None:
    provider = Queueing(60)
    begun = time.monotonic()

    with pytest.raises(GaveWay):
        await context_over(provider, over=True).ready(batch=True)

    assert time.monotonic() - begun < 5
    assert provider.given_up


async def test_a_turn_that_comes_at_once_is_taken_although_the_slice_is_over() -> None:
    """
    Else a company whose slices are short would never write anything.
    """
    await context_over(Queueing(0), over=True).ready()


async def test_within_the_slice_the_turn_is_waited_for() -> None:
    provider = Queueing(0.7)

    await context_over(provider, over=False).ready()

    assert not provider.given_up


async def test_what_the_provider_says_comes_through() -> None:
    provider = Queueing(0, ReconnectRequired(explanation="revoked"))

    with pytest.raises(ReconnectRequired):
        await context_over(provider, over=False).ready()


async def test_a_cancelled_caller_leaves_nothing_behind() -> None:
    provider = Queueing(60)
    caller = asyncio.ensure_future(context_over(provider, over=False).ready())
    await asyncio.sleep(0.05)

    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert provider.given_up
