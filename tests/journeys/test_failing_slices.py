"""What breaks before a job is even looked at is counted on it, and not repeated for ever."""

from app.jobs.runner import Runner
from app.jobs.work import WorkContext
from tests.journeys.world import Merchant


async def test_a_slice_that_cannot_begin_fails_the_job_whose_turn_it_is(
    merchant: Merchant, worker: Runner
) -> None:
    await merchant.set_up()
    tries = 0

    async def broken(_: WorkContext) -> None:
        nonlocal tries
        tries += 1
        raise KeyError("something nobody thought of")

    sound, worker.begin = worker.begin, broken
    job = await merchant.exported("customers")
    worker.begin = sound
    again = await merchant.exported("customers")

    assert (job["status"], job["failure"]["code"]) == ("failed", "internal_error")
    assert tries == 3
    assert again["status"] == "succeeded"
