"""Reconciling summarized entries: what is billed, what they hold, what stands in the books."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, shop
from tests.journeys.test_journal import TAX, export, use_journal


@pytest.fixture(scope="module")
async def us(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await made.taxes(Tucson="9.1")
        await use_journal(made)
        yield made


async def reconciled(made: Shop, day: str, **options: Any) -> dict[str, Any]:
    days = {"date_from": day, "date_to": day} | options
    return dict(await made.merchant.call("GET", "/reconciliation", params=days))


async def only(made: Shop, day: str) -> dict[str, Any]:
    """The one difference of the day."""
    found = await reconciled(made, day)
    assert found["in_step"] is False
    assert found["differences_total"] == 1, found["differences"]
    difference = dict(found["differences"][0])
    assert difference["cause"]
    assert difference["fixes"]
    return difference


def figures(found: dict[str, Any], kind: str) -> tuple[str, str, str, str]:
    [row] = [row for row in found["kinds"] if row["kind"] == kind]
    return (
        row["billed"]["total"],
        row["posted"]["total"],
        row["in_books"]["total"],
        row["difference"],
    )


async def booked(made: Shop, day: str, id_: str) -> dict[str, Any]:
    """Bill and export an invoice of 100.00 and 9.10 tax; return its entry in the books."""
    await made.invoice(id_, [("plan", "100.00", TAX)], "109.10", "9.10", invoice_date=day)
    job = await export(made, day)
    [record] = await made.merchant.records(job)
    assert record["state"] == "posted", record
    rows = made.simulator.documents("JournalEntry", made.realm_id)
    [entry] = [row for row in rows if row["Id"] == record["document"]["id"]]
    return dict(entry)


def plain(body: dict[str, Any]) -> Any:
    """What a person's client would send: numbers as JSON has them."""
    return json.loads(json.dumps(body, default=float))


def edit(made: Shop, operation: str, entry: dict[str, Any], **fields: Any) -> None:
    body = plain(entry | fields)
    made.simulator.edit(operation, "JournalEntry", body, made.realm_id)


async def test_day_that_is_booked_differs_by_nothing(us: Shop) -> None:
    day = "2026-07-01"
    await us.payment("n2", "60.00", {}, payment_date=day)
    await us.credit("n3", [("plan", "20.00", TAX)], "21.82", "1.82", date=day)
    common = {"customer": "c1", "date": day, "currency": "USD", "method": "card"}
    await us.merchant.put("refunds", "n4", amount="21.82", credit_note="n3", **common)
    await us.invoice("n1", [("plan", "100.00", TAX)], "109.10", "9.10", invoice_date=day)
    await export(us, day)

    found = await reconciled(us, day)

    assert found["in_step"] is True, found["differences"]
    assert figures(found, "invoice") == ("109.10", "109.10", "109.10", "0.00")
    assert figures(found, "payment") == ("60.00", "60.00", "60.00", "0.00")
    assert figures(found, "credit_memo") == ("21.82", "21.82", "21.82", "0.00")
    assert figures(found, "refund") == ("21.82", "21.82", "21.82", "0.00")
    taxes = {(row["kind"], row["rate_id"]): row["in_books"] for row in found["taxes"]}
    assert taxes == {("invoice", "Tucson"): "9.10", ("credit_memo", "Tucson"): "1.82"}
    assert sum(found["quickbooks_calls"].values()) <= 2, found["quickbooks_calls"]


async def test_record_that_no_entry_holds_is_named(us: Shop) -> None:
    day = "2026-07-02"
    await us.invoice("n5", [("plan", "5.00", {})], "5.00", "0.00", invoice_date=day)

    difference = await only(us, day)

    assert (difference["code"], difference["billing_id"]) == ("not_exported", "n5")
    assert difference["difference"] == "-5.00"


async def test_change_that_was_not_exported_is_shown_until_it_is(us: Shop) -> None:
    day = "2026-07-03"
    await booked(us, day, "n6")
    await us.invoice("n6", [("plan", "90.00", {})], "90.00", "0.00", invoice_date=day)

    difference = await only(us, day)

    assert difference["code"] == "record_booked_otherwise"
    assert (difference["billed"], difference["posted"]) == ("90.00", "109.10")
    await export(us, day)
    found = await reconciled(us, day)
    assert found["in_step"] is True, found["differences"]
    assert figures(found, "invoice") == ("90.00", "90.00", "90.00", "0.00")


async def test_changed_line_is_shown_account_by_account(us: Shop) -> None:
    day = "2026-07-04"
    entry = await booked(us, day, "n7")
    lines = [dict(line) for line in entry["Line"]]
    for line in lines[:2]:
        line["Amount"] = line["Amount"] + 1
    edit(us, "update", entry, Line=lines)

    difference = await only(us, day)

    assert (difference["code"], difference["kind"]) == ("journal_lines_differ", "journal_entry")
    assert difference["difference"] == "1.00"
    shown = {row["account_name"]: row["in_books"] for row in difference["details"]["accounts"]}
    assert shown == {"Accounts Receivable (A/R)": "110.10", "Services": "-101.00"}
    found = await reconciled(us, day)
    assert figures(found, "invoice") == ("109.10", "109.10", "110.10", "1.00")


async def test_line_on_another_account_is_shown_although_the_sums_agree(us: Shop) -> None:
    day = "2026-07-05"
    entry = await booked(us, day, "n8")
    lines = [dict(line) for line in entry["Line"]]
    other = {"value": await us.book_id("accounts", "Checking")}
    lines[1]["JournalEntryLineDetail"] = lines[1]["JournalEntryLineDetail"] | {"AccountRef": other}
    edit(us, "update", entry, Line=lines)

    difference = await only(us, day)

    assert (difference["code"], difference["difference"]) == ("journal_lines_differ", "0.00")
    assert len(difference["details"]["accounts"]) == 2


async def test_edit_that_moves_no_account_is_named(us: Shop) -> None:
    day = "2026-07-06"
    entry = await booked(us, day, "n9")
    edit(us, "update", entry, TxnDate="2026-07-16")

    difference = await only(us, day)

    assert (difference["code"], difference["difference"]) == ("journal_entry_edited", "0.00")


async def test_deleted_entry_is_named_with_what_is_missing(us: Shop) -> None:
    day = "2026-07-07"
    entry = await booked(us, day, "n10")
    edit(us, "delete", {"Id": entry["Id"], "SyncToken": entry["SyncToken"]})

    difference = await only(us, day)

    assert (difference["code"], difference["difference"]) == ("journal_entry_missing", "-109.10")
    found = await reconciled(us, day)
    assert figures(found, "invoice") == ("109.10", "109.10", "0.00", "-109.10")


async def test_second_entry_with_our_mark_is_counted_and_named(us: Shop) -> None:
    day = "2026-07-08"
    entry = await booked(us, day, "n11")
    kept = ("TxnDate", "Line", "PrivateNote", "DocNumber")
    copy = plain({name: entry[name] for name in kept})
    us.simulator.edit("create", "JournalEntry", copy, us.realm_id)

    difference = await only(us, day)

    assert (difference["code"], difference["in_books"]) == ("second_journal_entry", "109.10")
    assert difference["document"]["id"] != entry["Id"]
    found = await reconciled(us, day)
    assert figures(found, "invoice") == ("109.10", "109.10", "218.20", "109.10")


async def test_differences_are_downloaded_as_in_full_mode(us: Shop) -> None:
    day = "2026-07-09"
    await us.payment("n12", "7.00", {}, payment_date=day)

    path = f"/v1/integrations/{us.merchant.integration_id}/reconciliation.csv"
    sheet = await us.merchant.http.get(path, params={"date_from": day, "date_to": day})

    [_, row] = sheet.text.splitlines()
    assert row.startswith("payment,n12,")
    assert "not_exported" in row
