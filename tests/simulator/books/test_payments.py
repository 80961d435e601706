from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

D = Decimal


class TestApply:
    def test_payment_settles_an_invoice(self, bench: Bench) -> None:
        invoice = bench.sale()

        payment = bench.pay("130.00", (invoice, "100.00"))

        paid = bench.see("Invoice", invoice)
        assert payment["UnappliedAmt"] == D("30.00")
        assert payment["DepositToAccountRef"] == {"value": bench.accounts["Undeposited Funds"]}
        assert "LinkedTxn" not in payment
        assert payment["Line"][0]["LinkedTxn"] == [{"TxnId": invoice["Id"], "TxnType": "Invoice"}]
        assert paid["Balance"] == 0
        assert paid["SyncToken"] == "1"
        assert paid["LinkedTxn"] == [{"TxnId": payment["Id"], "TxnType": "Payment"}]
        assert bench.company.get("Customer", bench.customer)["Balance"] == D("-30.00")

    def test_unapplied_payment_has_no_lines(self, bench: Bench) -> None:
        payment = bench.pay("100.00")

        assert payment["Line"] == []
        assert payment["UnappliedAmt"] == D("100.00")

    def test_line_noise(self, bench: Bench) -> None:
        invoice = bench.sale()

        noise = bench.pay("60.00", (invoice, "60.00"))["Line"][0]["LineEx"]["any"]

        assert [entry["value"] for entry in noise] == [
            {"Name": "txnId", "Value": invoice["Id"]},
            {"Name": "txnOpenBalance", "Value": "100.00"},
            {"Name": "txnReferenceNumber", "Value": "1001"},
        ]

    def test_credit_without_money(self, bench: Bench) -> None:
        invoice = bench.sale()
        credit = bench.sale(bench.line("40.00"), entity="CreditMemo")

        payment = bench.pay("0", (invoice, "40.00"), (credit, "40.00"))

        assert payment["TotalAmt"] == payment["UnappliedAmt"] == 0
        assert "DepositToAccountRef" not in payment
        assert bench.see("Invoice", invoice)["Balance"] == D("60.00")
        assert bench.see("CreditMemo", credit)["RemainingCredit"] == 0
        assert "LinkedTxn" not in bench.see("CreditMemo", credit)

    @pytest.mark.parametrize("rule", ["6000", "620"])
    def test_more_than_is_open(self, bench: Bench, rule: Any) -> None:
        bench.company.rules.over_application_code = rule
        invoice = bench.sale()

        with pytest.raises(Fault) as refused:
            bench.pay("200.00", (invoice, "100.01"))

        assert refused.value.code == rule
        assert bench.see("Invoice", invoice)["SyncToken"] == "0"

    def test_more_than_the_money(self, bench: Bench) -> None:
        invoice = bench.sale()

        with pytest.raises(Fault) as refused:
            bench.pay("50.00", (invoice, "60.00"))
        assert refused.value.code == "6000"

    def test_other_customers_invoice(self, bench: Bench) -> None:
        other = bench.new("Customer", DisplayName="Other")
        invoice = bench.sale(CustomerRef={"value": other["Id"]})

        with pytest.raises(Fault) as refused:
            bench.pay("100.00", (invoice, "100.00"))
        assert refused.value.code == "620"

    def test_parent_pays_for_its_sub_customer(self, bench: Bench) -> None:
        below = bench.new(
            "Customer", DisplayName="J", Job=True, ParentRef={"value": bench.customer}
        )
        invoice = bench.sale(CustomerRef={"value": below["Id"]})

        bench.pay("100.00", (invoice, "100.00"))

        assert bench.see("Customer", below)["Balance"] == 0
        assert bench.company.get("Customer", bench.customer)["BalanceWithJobs"] == 0

    @pytest.mark.parametrize(
        ("linked", "code"),
        [
            ({"TxnId": "404", "TxnType": "Invoice"}, "610"),
            ({"TxnId": "1", "TxnType": "Check"}, "620"),
            ({"TxnId": "1"}, "2020"),
        ],
    )
    def test_what_cannot_be_linked(self, bench: Bench, linked: dict[str, str], code: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.pay("1.00", Line=[{"Amount": D("1.00"), "LinkedTxn": [linked]}])
        assert refused.value.code == code

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"TotalAmt": D("-1")}, "2290"),
            ({"TotalAmt": D("0")}, "6000"),
            ({"PaymentRefNum": "x" * 22}, "2050"),
            ({"PaymentMethodRef": {"value": "404"}}, "2500"),
            ({"TotalAmt": None}, "2020"),
        ],
    )
    def test_refusals(self, bench: Bench, more: dict[str, Any], code: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.pay("1.00", **more)
        assert refused.value.code == code

    def test_deposit_account_must_hold_money(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.pay("1.00", DepositToAccountRef={"value": bench.accounts["Services"]})
        assert refused.value.code == "6430"


class TestChange:
    def test_sent_lines_replace_the_links(self, bench: Bench) -> None:
        first, second = bench.sale(), bench.sale()
        payment = bench.pay("100.00", (first, "100.00"))

        bench.change("Payment", payment, Line=[bench.link(second, "70.00")])

        assert bench.see("Invoice", first)["Balance"] == D("100.00")
        assert bench.see("Invoice", first)["LinkedTxn"] == []
        assert bench.see("Invoice", second)["Balance"] == D("30.00")
        assert bench.see("Payment", payment)["UnappliedAmt"] == D("30.00")

    def test_note_leaves_the_links(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"))

        bench.change("Payment", payment, PrivateNote="n")

        assert bench.see("Invoice", invoice)["SyncToken"] == "1"
        assert bench.see("Payment", payment)["Line"][0]["Amount"] == D("100.00")

    def test_full_update_without_lines_takes_them_off(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"))

        body = {
            **bench.at("Payment", payment),
            "CustomerRef": {"value": bench.customer},
            "TotalAmt": D("100.00"),
        }
        bench.company.update("Payment", body)

        assert bench.see("Invoice", invoice)["Balance"] == D("100.00")

    def test_void(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"), PrivateNote="[lw:x]")

        row = bench.company.void("Payment", bench.at("Payment", payment))

        assert (row["TotalAmt"], row["UnappliedAmt"], row["Line"]) == (D("0.00"), D("0.00"), [])
        assert row["PrivateNote"] == "Voided - [lw:x]"
        assert bench.see("Invoice", invoice)["Balance"] == D("100.00")
        assert bench.see("Invoice", invoice)["SyncToken"] == "2"

    def test_delete_opens_the_invoice_again(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"))

        bench.company.delete("Payment", bench.at("Payment", payment))

        assert bench.see("Invoice", invoice)["Balance"] == D("100.00")
        assert bench.see("Invoice", invoice)["LinkedTxn"] == []


class TestOtherSide:
    def test_void_of_an_invoice_frees_the_payment(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"))

        row = bench.company.void("Invoice", bench.at("Invoice", invoice))

        freed = bench.see("Payment", payment)
        assert row["LinkedTxn"] == []
        assert (freed["UnappliedAmt"], freed["Line"]) == (D("100.00"), [])
        assert freed["SyncToken"] == "1"

    def test_delete_of_a_paid_invoice_is_refused(self, bench: Bench) -> None:
        invoice = bench.sale()
        bench.pay("100.00", (invoice, "100.00"))

        with pytest.raises(Fault) as refused:
            bench.company.delete("Invoice", bench.at("Invoice", invoice))
        assert refused.value.code == "800"

        bench.company.rules.delete_linked = "unlink"
        bench.company.delete("Invoice", bench.at("Invoice", invoice))

    def test_smaller_invoice_frees_what_is_too_much(self, bench: Bench) -> None:
        invoice = bench.sale()
        payment = bench.pay("100.00", (invoice, "100.00"))

        row = bench.change("Invoice", invoice, Line=[bench.line("80.00")])

        assert row["Balance"] == 0
        assert bench.see("Payment", payment)["UnappliedAmt"] == D("20.00")

    def test_smaller_credit_gives_way_on_both_sides(self, bench: Bench) -> None:
        invoice = bench.sale()
        credit = bench.sale(bench.line("40.00"), entity="CreditMemo")
        payment = bench.pay("0", (invoice, "40.00"), (credit, "40.00"))

        bench.change("CreditMemo", credit, Line=[bench.line("30.00")])

        lines = bench.see("Payment", payment)["Line"]
        assert [line["Amount"] for line in lines] == [D("30.00"), D("30.00")]
        assert bench.see("Invoice", invoice)["Balance"] == D("70.00")

    def test_customer_of_a_paid_invoice_is_fixed(self, bench: Bench) -> None:
        other = bench.new("Customer", DisplayName="Other")
        invoice = bench.sale()
        bench.pay("100.00", (invoice, "100.00"))

        with pytest.raises(Fault) as refused:
            bench.change("Invoice", invoice, CustomerRef={"value": other["Id"]})
        assert refused.value.code == "6000"


class TestAutoApply:
    def test_new_invoice_takes_open_credits(self, pushy: Bench) -> None:
        credit = pushy.sale(pushy.line("30.00"), entity="CreditMemo")

        invoice = pushy.sale()

        link = pushy.company.rows("Payment")[0]
        assert invoice["Balance"] == D("70.00")
        assert invoice["SyncToken"] == "1"
        assert pushy.see("CreditMemo", credit)["RemainingCredit"] == 0
        assert link["TotalAmt"] == link["UnappliedAmt"] == 0
        assert "DepositToAccountRef" not in link
        assert link["PrivateNote"] == "Created by QB Online to link credits to charges."
        assert [line["LinkedTxn"][0]["TxnType"] for line in link["Line"]] == [
            "Invoice",
            "CreditMemo",
        ]

    def test_new_invoice_grows_unapplied_payments(self, pushy: Bench) -> None:
        payment = pushy.pay("150.00")

        invoice = pushy.sale()

        assert invoice["Balance"] == 0
        assert pushy.see("Payment", payment)["UnappliedAmt"] == D("50.00")
        assert pushy.see("Payment", payment)["SyncToken"] == "1"

    def test_new_credit_goes_to_the_oldest_invoice(self, pushy: Bench) -> None:
        younger = pushy.sale(TxnDate="2026-03-01")
        older = pushy.sale(TxnDate="2026-02-01")

        credit = pushy.sale(pushy.line("120.00"), entity="CreditMemo")

        assert credit["RemainingCredit"] == 0
        assert pushy.see("Invoice", older)["Balance"] == 0
        assert pushy.see("Invoice", younger)["Balance"] == D("80.00")

    def test_answer_may_be_from_before(self, pushy: Bench) -> None:
        pushy.company.rules.auto_apply_in_answer = False
        pushy.pay("150.00")

        answer = pushy.sale()

        assert (answer["SyncToken"], answer["Balance"]) == ("0", D("100.00"))
        assert pushy.see("Invoice", answer)["SyncToken"] == "1"

    def test_own_link_vanishes_with_the_invoice(self, pushy: Bench) -> None:
        credit = pushy.sale(pushy.line("30.00"), entity="CreditMemo")
        invoice = pushy.sale()

        pushy.company.void("Invoice", pushy.at("Invoice", invoice))

        assert pushy.company.rows("Payment") == []
        assert pushy.see("CreditMemo", credit)["RemainingCredit"] == D("30.00")

    def test_new_payment_without_lines_stays_unapplied(self, pushy: Bench) -> None:
        pushy.sale()

        assert pushy.pay("100.00")["UnappliedAmt"] == D("100.00")
