"""
What QuickBooks may answer, fail to answer, or answer falsely: each fault once, and once more with
request ids ignored. Whatever it is, the documents stand in the books once, to the cent.
"""

import asyncio
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.faults.landscape import Landscape, Seller, World
from tests.faults.truth import differences, note_of, writes
from tests.journeys.world import working

# Small enough to be quick, and still a multiple of what a look takes.
SCALE = 0.005
FAULT = {"code": "10000", "message": "System Failure Error", "status": 500, "type": "SystemFault"}
FAULTS: dict[str, dict[str, Any]] = {
    "500_before_the_write": {"fault": FAULT},
    "500_after_the_write": {"fault": FAULT, "when": "after"},
    "503_page_before_the_write": {"html": True, "status": 503},
    "503_page_after_the_write": {"html": True, "status": 503, "when": "after"},
    "torn_json_with_200": {"torn": True, "when": "after"},
    "fault_under_200_before_the_write": {"fault": FAULT | {"status": 200}},
    "fault_under_200_after_the_write": {"fault": FAULT | {"status": 200}, "when": "after"},
    "cut_before_the_answer": {"cut": "before_answer", "when": "after"},
    "cut_in_the_answer": {"cut": "mid_answer", "when": "after"},
    "applied_later": {"apply_later": 120 * SCALE},
}


async def push_two(seller: Seller) -> None:
    await seller.invoice("target", "149.99", invoice_date="2026-03-01")
    await seller.invoice("next", "20.01", invoice_date="2026-03-02")


def first_create(action: dict[str, Any]) -> dict[str, Any]:
    return {"match": {"operation": "create", "entity": "invoice", "nth": 1}, "action": action}


async def exported(seller: Seller) -> dict[str, Any]:
    return await seller.settled(await seller.exported("invoices", date_from="2026-03-01"))


@pytest.mark.parametrize("mode", ["honoured", "ignored"])
@pytest.mark.parametrize("name", FAULTS)
async def test_a_doubtful_answer(landscape: Landscape, name: str, mode: str) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        world.faults(
            seller,
            first_create(FAULTS[name] | {"requestid": mode}),
            {"action": {"requestid": mode}},
        )

        job = await exported(seller)

        assert job["status"] in {"succeeded", "succeeded_with_findings"}
        assert job["counts"]["created"] == 2, await seller.records(job)
        assert differences(seller) == []
        postings = await world.rows(
            "SELECT generation, deaths FROM postings WHERE company_id = $1", seller.company_id
        )
        assert {(row["generation"], row["deaths"]) for row in postings} == {(0, 0)}


async def test_applied_and_shown_as_late_as_promised(landscape: Landscape) -> None:
    """Applied after the first look could have seen it, shown before the second: one look is few."""
    scale = 0.02
    async with landscape.world(wait_scale=scale) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        world.faults(
            seller,
            first_create({"apply_later": 110 * scale, "requestid": "ignored"}),
            {"match": {"operation": "query"}, "action": {"query_lag": 150 * scale}},
            {"action": {"requestid": "ignored"}},
        )

        job = await exported(seller)

        assert job["counts"]["created"] == 2, await seller.records(job)
        assert differences(seller) == []


async def test_what_queries_never_show_is_repeated_under_the_same_id(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await seller.payment("target", "50.01", {"base": "50.01"}, payment_date="2026-03-01")
        world.faults(
            seller,
            {
                "match": {"operation": "create", "entity": "payment", "nth": 1},
                "action": {"cut": "before_answer", "when": "after"},
            },
            {"match": {"operation": "query"}, "action": {"query_lag": 1_000_000}},
        )

        job = await seller.settled(await seller.exported("payments", date_from="2026-03-01"))

        assert job["counts"]["created"] == 1, await seller.records(job)
        assert differences(seller) == []
        sent = writes(seller, carried_out=False)
        assert len(sent) == 2
        assert len({entry["requestid"] for entry in sent}) == 1
        assert len({entry["body_sha256"] for entry in sent}) == 1


async def test_a_forgotten_request_id(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        world.simulator.switches(requestid_forget_seconds=0)
        try:
            world.faults(seller, first_create({"torn": True, "when": "after"}))
            job = await exported(seller)
        finally:
            world.simulator.switches(requestid_forget_seconds=None)

        assert job["counts"]["created"] == 2, await seller.records(job)
        assert differences(seller) == []


async def test_a_429_rests_the_company_and_goes_on(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=0.02) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        world.faults(seller, first_create({"throttled": True}))

        job = await exported(seller)

        assert job["status"] == "succeeded", await seller.records(job)
        assert differences(seller) == []
        calls = world.simulator.requests(realm_id=seller.realm_id)
        refused = next(number for number, call in enumerate(calls) if call["status"] == 429)
        rest = calls[refused + 1]["at"], calls[refused]["at"]
        assert _seconds_between(*rest) >= 60 * 0.02
        assert len(writes(seller)) == 2


def _seconds_between(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


async def test_one_401_renews_the_token(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        world.faults(seller, first_create({"unauthorized": True}))

        job = await exported(seller)

        assert job["status"] == "succeeded", await seller.records(job)
        assert len(writes(seller)) == 2
        assert differences(seller) == []


LOST = {
    "401_for_ever": {"unauthorized": True},
    "revoked_in_mid_job": {"revoke": True},
    "403_3100": {"fault": {"code": "3100", "status": 403, "type": "SERVICE"}},
}


@pytest.mark.parametrize("name", LOST)
async def test_a_lost_connection_waits_for_the_merchant(landscape: Landscape, name: str) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        match = {"operation": "create", "entity": "invoice", "body": "INV-next"}
        [rule] = world.faults(seller, {"match": match, "action": LOST[name]})
        order = {"direction": "export", "resources": ["invoices"], "date_from": "2026-03-01"}
        asked = await seller.call("POST", "/sync-jobs", order | {"date_to": "2026-03-31"})

        paused = await _paused(seller, asked["id"])
        standing = len(writes(seller))
        world.simulator.control.delete(f"/faults/{rule}").raise_for_status()
        told = await seller.connect()
        job = await seller.settled(await seller.ended(asked["id"]))

        assert paused["paused"]["reason"] == "connection"
        assert told["status"] == "connected"
        assert standing == 1
        assert job["status"] == "succeeded", await seller.records(job)
        assert len(writes(seller)) == 2
        assert differences(seller) == []


async def _paused(seller: Seller, job_id: str) -> dict[str, Any]:
    """Wait for the pause that only the merchant ends."""
    for _ in range(400):
        job = await seller.call("GET", f"/sync-jobs/{job_id}")
        shown = await seller.call("GET", "")
        if job["status"] == "paused" and "reauthorization_required" in str(shown):
            return dict(job)
        await asyncio.sleep(0.05)
    raise AssertionError(f"not paused: {job}, {shown}")


async def test_a_stored_refusal_is_passed_by_a_new_generation(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=SCALE) as world, working(world.collaborators):
        [seller] = world.sellers
        await push_two(seller)
        stranger = _copy_of_base(seller) | {"DocNumber": "INV-target"}
        made = world.simulator.edit("create", "Invoice", stranger, seller.realm_id)
        refused = await exported(seller)
        await _renumber(world, seller, made)
        [record] = await seller.records(refused, state="rejected")

        again = await seller.call("POST", f"/sync-jobs/{refused['id']}/retry", {})
        job = await seller.settled(await seller.ended(again["id"]))

        assert refused["counts"]["rejected"] == 1
        assert record["billing_id"] == "target"
        assert job["counts"]["created"] == 1, await seller.records(job)
        ids = [entry["requestid"] for entry in writes(seller, carried_out=False)]
        assert len(set(ids)) == 3
        left = differences(seller)
        assert [line for line in left if "is nobody's" not in line] == []
        assert len(left) == 1  # The stranger's.


def _copy_of_base(seller: Seller) -> dict[str, Any]:
    [base] = [
        row
        for row in seller.simulator.documents("Invoice", seller.realm_id)
        if row["DocNumber"] == "INV-base"
    ]
    kept = ("CustomerRef", "TxnDate", "GlobalTaxCalculation")
    body = {name: base[name] for name in kept if name in base}
    lines = [line for line in base["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    return _plain(body | {"Line": lines, "PrivateNote": "by hand"})


def _plain(value: Any) -> Any:
    """Make a document of Decimals writable as JSON."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | bool | int) or value is None else float(value)


async def _renumber(world: World, seller: Seller, made: dict[str, Any]) -> None:
    body = {"Id": made["Id"], "SyncToken": made["SyncToken"], "DocNumber": "X-1", "sparse": True}
    world.simulator.edit("update", "Invoice", body, seller.realm_id)


async def test_a_second_document_with_our_mark_is_for_a_person(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=0.02) as world, working(world.collaborators):
        [seller] = world.sellers
        await seller.payment("target", "50.01", {}, payment_date="2026-03-01")
        world.faults(
            seller,
            {
                "match": {"operation": "create", "entity": "payment", "nth": 1},
                "action": {"cut": "before_answer", "when": "after"},
            },
        )
        job = await seller.exported("payments", date_from="2026-03-01")
        [sent] = writes(seller, carried_out=False)
        world.simulator.edit("create", "Payment", json.loads(sent["body"]), seller.realm_id)

        job = await seller.settled(job)
        [record] = await seller.records(job, state="conflict")

        assert job["counts"]["conflict"] == 1
        assert record["code"] == "two_documents"
        payments = seller.documents("Payment")
        assert len(payments) == 2
        assert len({note_of(row) for row in payments}) == 1
        operations = {entry["operation"] for entry in writes(seller, carried_out=False)}
        assert operations == {"create"}


async def test_a_document_that_an_old_backup_forgot_is_adopted(landscape: Landscape) -> None:
    async with landscape.world(wait_scale=SCALE) as world:
        [seller] = world.sellers
        await push_two(seller)
        await seller.payment("p1", "20.00", {"target": "20.00"}, payment_date="2026-03-10")
        async with working(world.collaborators):
            await seller.exported("invoices", "payments", date_from="2026-03-01")
        before = _creates(seller)
        await _forget(world, seller, "target", "p1")

        async with working(world.collaborators, "after the restore"):
            job = await seller.exported("invoices", "payments", date_from="2026-03-01")

        assert job["status"] == "succeeded", await seller.records(job)
        assert _creates(seller) == before
        assert differences(seller) == []
        links = await world.rows(
            "SELECT billing_id, state FROM links WHERE billing_id IN ('target', 'p1')"
        )
        assert {row["state"] for row in links} == {"live"}
        assert len(links) == 2


def _creates(seller: Seller) -> int:
    """Count creates only: what was adopted may be brought up to date, its content is not known."""
    return len([entry for entry in writes(seller) if entry["operation"] == "create"])


async def _forget(world: World, seller: Seller, *billing_ids: str) -> None:
    """Take rows away as the restore of an older backup does."""
    links = [
        row["id"]
        for row in await world.rows(
            "SELECT id FROM links WHERE company_id = $1 AND billing_id = ANY($2)",
            seller.company_id,
            list(billing_ids),
        )
    ]
    assert len(links) == len(billing_ids)
    postings = await world.rows("SELECT id FROM postings WHERE link_id = ANY($1)", links)
    ids: list[UUID] = [row["id"] for row in postings]
    await world.execute("UPDATE job_records SET posting_id = NULL WHERE posting_id = ANY($1)", ids)
    for table in ("attempts", "posting_events"):
        await world.execute(f"DELETE FROM {table} WHERE posting_id = ANY($1)", ids)  # noqa: S608
    await world.execute("DELETE FROM postings WHERE id = ANY($1)", ids)
    await world.execute("DELETE FROM links WHERE id = ANY($1)", links)
    await world.execute(
        "UPDATE lanes SET watermark_at = watermark_at - interval '1 hour' WHERE company_id = $1",
        seller.company_id,
    )
