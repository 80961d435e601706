"""Call limits on the simulator's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.simulator.harness import Harness, code_of, running

STATEMENT = "select count(*) from Customer"


@pytest.fixture
async def limited() -> AsyncIterator[Harness]:
    async with running(throttle=True, throttle_counts_refused=False) as started:
        yield started


async def statuses(harness: Harness, count: int, pause: float = 0.0) -> list[int]:
    found = []
    for _ in range(count):
        answer = await harness.get("query", query=STATEMENT)
        found.append(answer.status_code)
        harness.world.clock.advance(pause)
    return found


async def batch(harness: Harness) -> int:
    body = {"BatchItemRequest": [{"bId": "1", "Query": STATEMENT}]}
    return (await harness.post("batch", body)).status_code


async def test_ten_a_second(limited: Harness) -> None:
    first = await statuses(limited, 11)
    limited.world.clock.advance(1)

    assert first == [200] * 10 + [429]
    assert await statuses(limited, 1) == [200]


async def test_five_hundred_a_minute(limited: Harness) -> None:
    found = await statuses(limited, 501, pause=0.11)

    assert found == [200] * 500 + [429]


async def test_the_window_slides(limited: Harness) -> None:
    await statuses(limited, 500, pause=0.11)
    limited.world.clock.advance(60 - 500 * 0.11)

    found = await statuses(limited, 2)

    assert found == [200, 429]


async def test_forty_batches_a_minute(limited: Harness) -> None:
    found = []
    for _ in range(41):
        found.append(await batch(limited))
        limited.world.clock.advance(0.2)

    assert found == [200] * 40 + [429]


async def test_another_app_eats_of_the_companys_quota(limited: Harness) -> None:
    limited.world.switches.other_app_requests_per_minute = 400

    found = await statuses(limited, 101, pause=0.11)

    assert found == [200] * 100 + [429]


async def test_refused_calls_count_by_default(harness: Harness) -> None:
    harness.world.switches.throttle = True
    await statuses(harness, 10)
    harness.world.clock.advance(0.9)
    hammering = await statuses(harness, 1)
    harness.world.clock.advance(0.5)

    assert hammering == [429]
    assert await statuses(harness, 10) == [200] * 9 + [429]


class TestTheRefusal:
    async def test_xml_as_recorded(self, limited: Harness) -> None:
        await statuses(limited, 10)

        answer = await limited.get("query", query=STATEMENT)

        assert answer.headers["content-type"] == "text/xml"
        assert "retry-after" not in answer.headers
        assert '<Fault type="SERVICE">' in answer.text
        assert "message=ThrottleExceeded; errorCode=003001; statusCode=429" in answer.text

    async def test_json_with_retry_after_by_switch(self, limited: Harness) -> None:
        limited.world.switches.change({"throttle_format": "json", "throttle_retry_after": 30})
        await statuses(limited, 10)

        answer = await limited.get("query", query=STATEMENT)

        assert (answer.status_code, code_of(answer)) == (429, "3001")
        assert answer.headers["retry-after"] == "30"

    async def test_the_403_of_old(self, limited: Harness) -> None:
        limited.world.switches.throttle_status = 403
        await statuses(limited, 10)

        answer = await limited.get("query", query=STATEMENT)

        assert answer.status_code == 403
        assert "statusCode=403" in answer.text


async def test_peaks_count_refused_calls_too(limited: Harness) -> None:
    await statuses(limited, 15)
    await batch(limited)

    realm = next(iter(limited.world.realms.values()))
    assert realm.rates.to_json() == {
        "per_second": 16,
        "requests_per_minute": 15,
        "batches_per_minute": 1,
        "all_per_minute": 16,
    }
    assert realm.counters.throttled == 6
