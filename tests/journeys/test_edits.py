"""Edits, voids and re-posts on the wire: which request ids go out, how often, with which bytes."""

from decimal import Decimal

import pytest

from tests.journeys.cases import Case, key_of, refs_of
from tests.journeys.world import Refused


def ids(writes: list[dict]) -> list[str]:
    return [write["requestid"] for write in writes]


# ------------------------------------------------------------------ an invoice edited


async def test_each_edit_has_a_request_id_of_its_own_and_arrives_once(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    for amount in ("200.00", "300.00", "100.00"):
        await case.invoice("i1", amount)
        job = await case.export("invoices")
        assert (await case.record(job, "i1"))["action"] == "updated"

    writes = case.writes("Invoice")
    assert [write["operation"] for write in writes] == ["create", "update", "update", "update"]
    assert len(set(ids(writes))) == 4
    assert all(id_.endswith("g00") and len(id_) == 30 for id_ in ids(writes)), ids(writes)
    assert [write["sent"].get("SyncToken") for write in writes] == [None, "0", "1", "2"]
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("112.00")


async def test_an_edit_exported_twice_is_sent_once(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    await case.invoice("i1", "150.00")
    await case.export("invoices")
    case.mark()

    job = await case.export("invoices")

    assert (await case.record(job, "i1"))["state"] == "unchanged"
    assert case.writes() == []


async def test_an_edit_after_a_payment_is_tried_again_on_the_new_token_once(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.payment("p1", "50.00", {"i1": "50.00"})
    await case.export()
    case.mark()
    await case.invoice("i1", "200.00")

    job = await case.export("invoices")

    first, second = case.writes("Invoice")
    assert (first["status"], first["code"], first["sent"]["SyncToken"]) == (400, "5010", "0")
    assert (second["status"], second["sent"]["SyncToken"]) == (200, "1")
    assert first["requestid"] != second["requestid"]
    assert second["requestid"].endswith("g00")
    assert {**first["sent"], "SyncToken": ""} == {**second["sent"], "SyncToken": ""}
    assert (await case.record(job, "i1"))["action"] == "updated"
    invoice = case.document("Invoice", "i1")
    assert (invoice["TotalAmt"], invoice["Balance"]) == (Decimal("224.00"), Decimal("174.00"))


async def test_an_edit_of_what_is_settled_is_refused_with_choices(case: Case) -> None:
    edits = {"i1": ("50.00", "40.00"), "i2": ("112.00", "200.00"), "i3": ("112.00", "40.00")}
    for short, (paid, _) in edits.items():
        await case.invoice(short, "100.00")
        await case.payment(f"p{short}", paid, {short: paid})
    await case.export()
    case.mark()
    for short, (_, edited) in edits.items():
        await case.invoice(short, edited)

    job = await case.export("invoices")

    for short, (paid, _) in edits.items():
        record = await case.record(job, short)
        assert (record["state"], record["code"]) == ("rejected", "invoice_settled")
        assert record["details"]["settled_by"] == {case.id(f"p{short}"): paid}
        assert len(record["fixes"]) >= 2
        assert case.document("Invoice", short)["TotalAmt"] == Decimal("112.00")
    assert case.writes() == []


async def test_an_edit_held_up_by_a_payment_goes_out_once_that_is_cancelled(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.payment("p1", "112.00", {"i1": "112.00"})
    await case.export()
    await case.invoice("i1", "40.00")
    await case.export("invoices")
    await case.payment("p1", "112.00", {"i1": "112.00"}, status="cancelled")

    job = await case.export()

    assert (await case.record(job, "p1"))["action"] == "voided"
    assert (await case.record(job, "i1"))["action"] == "updated"
    invoice = case.document("Invoice", "i1")
    assert invoice["TotalAmt"] == invoice["Balance"] == Decimal("44.80")


# ------------------------------------------------------------------ voids


async def test_a_void_goes_out_once_and_keeps_the_marker(case: Case) -> None:
    await case.invoice("i1")
    await case.export("invoices")
    case.mark()
    await case.invoice("i1", status="void")

    job = await case.export("invoices")
    again = await case.export("invoices")

    (void,) = case.writes()
    assert (void["operation"], void["sent"]["SyncToken"]) == ("void", "0")
    assert (await case.record(job, "i1"))["action"] == "voided"
    assert (await case.record(again, "i1"))["state"] == "unchanged"
    invoice = case.document("Invoice", "i1")
    assert invoice["TotalAmt"] == 0
    assert "[lw:" in invoice["PrivateNote"]


async def test_a_void_under_payments_is_refused_with_the_cascade(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.payment("p1", "50.00", {"i1": "50.00"})
    await case.credit("n1", "10.00", {"i1": "10.00"})
    await case.export()
    case.mark()
    await case.invoice("i1", status="void")

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("rejected", "settled_by_others")
    settled = [f"{case.id('n1')} → {case.id('i1')}", case.id("p1")]
    assert record["details"]["settled_by"] == settled
    assert record["fixes"]
    assert case.writes() == []


async def test_voiding_everything_that_hangs_together_arrives_in_one_export(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.payment("p1", "50.00", {"i1": "50.00"})
    await case.credit("n1", "10.00", {"i1": "10.00"})
    await case.export()
    await case.payment("p1", "50.00", {"i1": "50.00"}, status="cancelled")
    await case.credit("n1", "10.00", {}, status="void")
    await case.invoice("i1", status="void")

    job = await case.export()

    assert job["counts"]["voided"] == 4, await case.merchant.records(job)
    assert case.document("Invoice", "i1")["TotalAmt"] == 0
    assert case.document("Payment", "p1")["TotalAmt"] == 0


async def test_a_void_invoice_that_was_never_posted_is_skipped(case: Case) -> None:
    await case.invoice("i1", status="void")

    job = await case.export("invoices")

    record = await case.record(job, "i1")
    assert (record["state"], record["code"]) == ("skipped", "never_posted")
    assert case.writes() == []


async def test_an_invoice_open_again_after_its_void_is_refused(case: Case) -> None:
    await case.invoice("i1")
    await case.export("invoices")
    await case.invoice("i1", status="void")
    await case.export("invoices")
    case.mark()
    await case.invoice("i1", status="open")

    job = await case.export("invoices")

    assert (await case.record(job, "i1"))["code"] == "voided_in_books"
    assert case.writes() == []


# ------------------------------------------------------------------ payments


async def test_a_cancelled_payment_is_voided_and_frees_its_invoice(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.payment("p1", "50.00", {"i1": "50.00"})
    await case.export()
    case.mark()
    await case.payment("p1", "50.00", {"i1": "50.00"}, status="cancelled")

    job = await case.export("payments")
    await case.export("payments")

    (void,) = case.writes()
    assert (void["entity"], void["operation"]) == ("Payment", "void")
    assert (await case.record(job, "p1"))["action"] == "voided"
    assert case.document("Payment", "p1")["TotalAmt"] == 0
    assert case.document("Invoice", "i1")["Balance"] == Decimal("112.00")


async def test_a_deposited_payment_is_not_voided(case: Case) -> None:
    await case.payment("p1", "50.00", {})
    await case.export("payments")
    paid = case.document("Payment", "p1")
    simulator, realm = case.merchant.simulator, case.merchant.realm_id
    bank = next(
        row for row in simulator.documents("Account", realm) if row["AccountType"] == "Bank"
    )
    linked = {"TxnId": paid["Id"], "TxnType": "Payment", "TxnLineId": "0"}
    line = {"Amount": 50, "LinkedTxn": [linked]}
    case.edit("create", "Deposit", {"DepositToAccountRef": {"value": bank["Id"]}, "Line": [line]})
    await case.payment("p1", "50.00", {}, status="cancelled")

    job = await case.export("payments")

    record = await case.record(job, "p1")
    assert (record["state"], record["code"]) == ("rejected", "deposited"), record
    assert any("deposit" in fix for fix in record["fixes"])


async def test_changed_allocations_of_a_posted_payment_update_it(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "100.00")
    await case.payment("p1", "100.00", {"i1": "80.00"})
    await case.export()
    case.mark()
    await case.payment("p1", "100.00", {"i1": "30.00", "i2": "70.00"})

    job = await case.export("payments")

    (update,) = case.writes()
    assert (update["entity"], update["operation"]) == ("Payment", "update")
    assert (await case.record(job, "p1"))["action"] == "updated"
    invoices = [case.document("Invoice", short) for short in ("i1", "i2")]
    assert refs_of(case.document("Payment", "p1")) == sorted(
        ("Invoice", invoice["Id"], amount)
        for invoice, amount in zip(invoices, (Decimal(30), Decimal(70)), strict=True)
    )
    assert [row["Balance"] for row in invoices] == [Decimal("82.00"), Decimal("42.00")]


async def test_a_payment_over_several_invoices_keeps_its_rest_unapplied(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "50.00")
    await case.payment("p1", "200.00", {"i1": "112.00", "i2": "56.00"})

    job = await case.export()

    assert job["status"] == "succeeded"
    payment = case.document("Payment", "p1")
    assert (payment["TotalAmt"], payment["UnappliedAmt"]) == (Decimal(200), Decimal(32))
    assert [case.document("Invoice", short)["Balance"] for short in ("i1", "i2")] == [0, 0]
    assert (await case.billed("payments", "p1"))["link"]["open"] == "32.00"


# ------------------------------------------------------------------ credits


async def test_a_credit_applied_to_two_invoices(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "100.00")
    await case.credit("n1", "60.00", {"i1": "20.00", "i2": "30.00"})

    job = await case.export()
    again = await case.export()

    assert job["status"] == "succeeded", await case.merchant.records(job)
    assert again["counts"]["unchanged"] == again["counts"]["total"]
    assert len(case.writes("CreditMemo")) == 1
    assert len(case.writes("Payment")) == 2
    assert case.document("CreditMemo", "n1")["Balance"] == Decimal("10.00")
    assert case.document("Invoice", "i1")["Balance"] == Decimal("92.00")
    assert case.document("Invoice", "i2")["Balance"] == Decimal("82.00")


async def test_a_credit_applied_further_later_is_not_edited(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "100.00")
    await case.credit("n1", "60.00", {"i1": "20.00"})
    await case.export()
    case.mark()
    await case.credit("n1", "60.00", {"i1": "20.00", "i2": "30.00"})

    job = await case.export("credits")

    assert job["status"] == "succeeded", await case.merchant.records(job)
    assert [(call["entity"], call["operation"]) for call in case.writes()] == [
        ("Payment", "create")
    ]
    assert case.document("CreditMemo", "n1")["Balance"] == Decimal("10.00")


async def test_an_application_taken_back_is_voided(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.credit("n1", "60.00", {"i1": "20.00"})
    await case.export()
    case.mark()
    await case.credit("n1", "60.00", {})

    job = await case.export("credits")
    again = await case.export("credits")

    assert job["status"] == "succeeded", await case.merchant.records(job)
    assert again["counts"]["unchanged"] == again["counts"]["total"]
    assert [(call["entity"], call["operation"]) for call in case.writes()] == [("Payment", "void")]
    assert case.document("CreditMemo", "n1")["Balance"] == Decimal("60.00")
    assert case.document("Invoice", "i1")["Balance"] == Decimal("112.00")


async def test_an_unapplied_credit_is_edited_and_then_deleted(case: Case) -> None:
    await case.credit("n1", "60.00", {})
    await case.export("credits")
    await case.credit("n1", "70.00", {})
    edited = await case.export("credits")
    assert case.document("CreditMemo", "n1")["TotalAmt"] == Decimal("70.00")
    await case.credit("n1", "70.00", {}, status="void")

    job = await case.export("credits")
    again = await case.export("credits")

    assert (await case.record(edited, "n1"))["action"] == "updated"
    assert (await case.record(job, "n1"))["action"] == "voided"
    assert (await case.record(again, "n1"))["state"] == "unchanged"
    assert [write["operation"] for write in case.writes("CreditMemo")] == [
        "create",
        "update",
        "delete",
    ]


async def test_an_applied_credit_is_neither_edited_nor_deleted(case: Case) -> None:
    await case.invoice("i1", "100.00")
    for short in ("n1", "n2"):
        await case.credit(short, "60.00", {"i1": "20.00"})
    await case.export()
    case.mark()
    await case.credit("n1", "60.00", {"i1": "20.00"}, status="void")
    await case.credit("n2", "70.00", {"i1": "20.00"})

    job = await case.export("credits")

    for short, code in (("n1", "settled_by_others"), ("n2", "credit_applied")):
        record = await case.record(job, short)
        assert (record["state"], record["code"]) == ("rejected", code)
        assert case.id("i1") in str(record["details"])
        assert record["fixes"]
    assert case.writes() == []


async def test_an_application_of_another_amount_updates_it(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.credit("n1", "60.00", {"i1": "20.00"})
    await case.export()
    case.mark()
    await case.credit("n1", "60.00", {"i1": "30.00"})

    job = await case.export("credits")
    again = await case.export("credits")

    (record,) = await case.merchant.records(job, kind="application")
    assert (record["state"], record["action"]) == ("posted", "updated"), record
    assert again["counts"]["unchanged"] == again["counts"]["total"]
    assert [write["operation"] for write in case.writes()] == ["update"]
    assert case.document("CreditMemo", "n1")["Balance"] == Decimal("30.00")
    assert case.document("Invoice", "i1")["Balance"] == Decimal("82.00")


async def test_a_credit_moved_between_its_invoices_is_freed_before_it_is_used(case: Case) -> None:
    for short in ("i1", "i2"):
        await case.invoice(short, "100.00")
    await case.credit("n1", "60.00", {"i1": "10.00", "i2": "50.00"})
    await case.export()
    case.mark()
    await case.credit("n1", "60.00", {"i1": "40.00", "i2": "20.00"})

    job = await case.export("credits")

    assert job["status"] == "succeeded", await case.merchant.records(job)
    assert [write["operation"] for write in case.writes()] == ["update", "update"]
    balances = [case.document("Invoice", short)["Balance"] for short in ("i1", "i2")]
    assert balances == [Decimal("72.00"), Decimal("92.00")]


async def test_an_application_taken_back_and_billed_again_is_another_one(case: Case) -> None:
    await case.invoice("i1", "100.00")
    applications: dict[str, str] = {}
    for applications in ({"i1": "20.00"}, {}, {"i1": "25.00"}, {}, {"i1": "30.00"}):
        await case.credit("n1", "60.00", applications)
        job = await case.export()
        assert job["status"] == "succeeded", await case.merchant.records(job)

    again = await case.export()

    assert again["counts"]["unchanged"] == again["counts"]["total"]
    writes = case.writes("Payment")
    assert [write["operation"] for write in writes] == ["create", "void"] * 2 + ["create"]
    assert len(set(ids(writes))) == 5
    assert case.document("CreditMemo", "n1")["Balance"] == Decimal("30.00")
    assert case.document("Invoice", "i1")["Balance"] == Decimal("82.00")


# ------------------------------------------------------------------ what people write in the books


async def test_a_note_written_in_the_books_survives_our_edit(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    invoice = case.document("Invoice", "i1")
    note = f"Ask Jane first. {invoice['PrivateNote']}"
    case.edit("update", "Invoice", {**key_of(invoice), "sparse": True, "PrivateNote": note})
    await case.invoice("i1", "150.00")

    job = await case.export("invoices")

    assert (await case.record(job, "i1"))["action"] == "updated"
    assert case.document("Invoice", "i1")["PrivateNote"] == note
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("168.00")


# ------------------------------------------------------------------ what somebody did in the books


async def test_a_document_deleted_in_the_books_comes_back_only_by_a_decision(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    (create,) = case.writes("Invoice")
    case.edit("delete", "Invoice", key_of(case.document("Invoice", "i1")))
    await case.invoice("i1", "150.00")

    refused = await case.record(await case.export("invoices"), "i1")
    assert (refused["state"], refused["code"]) == ("rejected", "document_missing")
    case.mark()
    still = await case.record(await case.export("invoices"), "i1")
    assert (still["code"], case.writes()) == ("document_missing", [])

    job = await case.retry(refused, decision="post_again")

    (again,) = case.writes("Invoice")
    assert again["operation"] == "create"
    assert again["requestid"] == create["requestid"][:-2] + "01"
    assert (await case.record(job, "i1"))["action"] == "created"
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("168.00")

    await case.retry(refused, decision="post_again")
    assert len(case.writes("Invoice")) == 1


async def test_post_again_does_nothing_while_the_document_stands(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "100.00", number=f"INV-{case.id('i1')}")
    job = await case.export("invoices")
    case.mark()

    again = await case.retry(await case.record(job, "i2"), decision="post_again")

    assert (await case.record(again, "i2"))["code"] == "duplicate_number"
    assert len(case.writes()) == 1


async def test_a_document_edited_in_the_books_is_shown_and_not_overwritten(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    edit_line(case, "i1", Decimal("99.00"))
    case.mark()
    await case.invoice("i1", "150.00")

    job = await case.export("invoices")
    again = await case.export("invoices")

    for record in (await case.record(job, "i1"), await case.record(again, "i1")):
        assert (record["state"], record["code"]) == ("rejected", "drifted")
        assert record["details"]["ours"]["total"] == "112.00"
        assert Decimal(record["details"]["in_the_books"]["total"]) == Decimal("110.88")
        assert any("overwrite" in fix for fix in record["fixes"])
    assert [write["code"] for write in case.writes("Invoice")] == ["5010"]
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("110.88")


async def test_overwriting_an_edited_document_is_a_decision(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    edit_line(case, "i1", Decimal("99.00"))
    await case.invoice("i1", "150.00")
    refused = await case.record(await case.export("invoices"), "i1")
    case.mark()

    job = await case.retry(refused, decision="overwrite")

    (update,) = case.writes("Invoice")
    assert (update["operation"], update["sent"]["SyncToken"]) == ("update", "1")
    assert (await case.record(job, "i1"))["action"] == "updated"
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("168.00")


async def test_an_edit_undone_in_the_books_lets_ours_through(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    edit_line(case, "i1", Decimal("99.00"))
    await case.invoice("i1", "150.00")
    refused = await case.record(await case.export("invoices"), "i1")
    edit_line(case, "i1", Decimal("100.00"))

    job = await case.retry(refused)

    assert (await case.record(job, "i1"))["action"] == "updated", await case.record(job, "i1")
    assert case.document("Invoice", "i1")["TotalAmt"] == Decimal("168.00")


def edit_line(case: Case, short: str, amount: Decimal) -> None:
    """Change the invoice's one line as a person does, taxes recomputed."""
    invoice = case.document("Invoice", short)
    line = next(row for row in invoice["Line"] if row["DetailType"] == "SalesItemLineDetail")
    detail = line["SalesItemLineDetail"]
    changed = {
        "Id": line["Id"],
        "DetailType": line["DetailType"],
        "Description": line.get("Description"),
        "Amount": str(amount),
        "SalesItemLineDetail": {key: detail[key] for key in ("ItemRef", "TaxCodeRef")},
    }
    body = {**key_of(invoice), "sparse": True, "Line": [changed]}
    case.edit("update", "Invoice", body)


# ------------------------------------------------------------------ refusals mended


async def test_a_refused_document_goes_out_in_the_next_generation_once_mended(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "50.00", number=f"INV-{case.id('i1')}")
    first = await case.export("invoices")
    refused = await case.record(first, "i2")
    assert (refused["state"], refused["code"]) == ("rejected", "duplicate_number")
    assert refused["details"]["holders"][0]["number"] == f"INV-{case.id('i1')}"
    create = case.writes("Invoice")[-1]
    case.mark()

    await case.export("invoices")
    assert case.writes() == []
    await case.invoice("i2", "50.00")
    job = await case.retry(refused)

    (again,) = case.writes("Invoice")
    assert create["requestid"].endswith("g00")
    assert again["requestid"] == create["requestid"][:-2] + "01"
    assert (await case.record(job, "i2"))["action"] == "created"
    assert job["retry_of"] == first["id"]
    assert job["trigger"] == "retry"


async def test_a_refusal_retried_unmended_is_asked_again(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.invoice("i2", "50.00", number=f"INV-{case.id('i1')}")
    refused = await case.record(await case.export("invoices"), "i2")
    case.mark()

    job = await case.retry(refused)

    (again,) = case.writes("Invoice")
    assert again["requestid"].endswith("g01")
    assert (await case.record(job, "i2"))["code"] == "duplicate_number"


async def test_a_plain_retry_of_a_posted_record_is_refused(case: Case) -> None:
    await case.invoice("i1", "100.00")
    posted = await case.record(await case.export("invoices"), "i1")

    with pytest.raises(Refused) as refused:
        await case.retry(posted)

    assert (refused.value.status, refused.value.problem["code"]) == (409, "record_not_retryable")


async def test_a_number_taken_by_hand_may_be_adopted(case: Case) -> None:
    await case.invoice("i1", "100.00")
    await case.export("invoices")
    theirs = case.document("Invoice", "i1")
    await case.invoice("i2", "100.00", number="BY-HAND-1")
    line = {
        "Amount": 112,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {
            key: theirs["Line"][0]["SalesItemLineDetail"][key] for key in ("ItemRef",)
        }
        | {
            "TaxCodeRef": {"value": theirs["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"]["value"]}
        },
    }
    made = case.edit(
        "create",
        "Invoice",
        {"DocNumber": "BY-HAND-1", "CustomerRef": theirs["CustomerRef"], "Line": [line]},
    )
    refused = await case.record(await case.export("invoices"), "i2")
    assert refused["code"] == "duplicate_number"
    case.mark()

    job = await case.retry(refused, decision="adopt", external_id=str(made["Id"]))
    later = await case.export("invoices")

    record = await case.record(job, "i2")
    assert (record["state"], record["action"]) == ("posted", "linked"), record
    assert record["document"]["id"] == made["Id"]
    assert case.writes() == []
    assert (await case.record(later, "i2"))["state"] == "unchanged"
