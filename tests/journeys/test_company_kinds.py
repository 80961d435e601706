"""Sales tax as each kind of company takes it, through HTTP and to the cent."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, codes_of, shop

TUCSON = {"addresses": {"billing": {"line1": "1 Canyon Rd", "city": "Tucson", "region": "AZ"}}}
AZ = {"State": ("7.1", "10.44"), "City": ("2", "2.94")}


@pytest.fixture(scope="module")
async def automated(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_ast", "USD", **TUCSON) as made:
        yield made


@pytest.fixture(scope="module")
async def manual(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD", **TUCSON) as made:
        await made.taxes(State="7.1", City="2", California="8")
        await made.map(
            ["State", "City"], "Tucson", {"State": "AZ State tax", "City": "Tucson City"}
        )
        yield made


@pytest.fixture(scope="module")
async def untaxing(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_none", "USD") as made:
        yield made


@pytest.fixture(scope="module")
async def british(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "uk", "GBP") as made:
        await made.taxes(VAT="20", Zero="0")
        for price_codes, code in ((["VAT"], "20.0% S"), (["Zero"], "0.0% Z"), ([], "No VAT")):
            pairs = {price_codes[0]: code} if price_codes else None
            await made.map(price_codes, code, pairs)
        yield made


@pytest.fixture(scope="module")
async def australian(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "au", "AUD") as made:
        await made.taxes(GST="10", Free="0")
        charge = {"price_code": "gst-line", "name": "GST", "kind": "tax"}
        await made.merchant.put("charges", "gst-line", **charge)
        await made.map(["GST"], "GST", {"GST": "GST (sales)"})
        await made.map(["gst-line"], "GST", {"gst-line": "GST (sales)"})
        await made.map(["Free"], "GST free", {"Free": "GST-free (sales)"})
        await made.map([], "BAS Excluded")
        yield made


class TestAutomated:
    async def test_billed_total_overrides_and_lines_are_taxed_or_not(self, automated: Shop) -> None:
        lines = [("plan", "147.00", AZ), ("book", "100.00", {})]
        await automated.invoice("a1", lines, "260.38", "13.38")

        job = await automated.export()

        assert job["status"] == "succeeded", await automated.merchant.records(job)
        sent = automated.sent("a1")
        assert codes_of(sent) == ["TAX", "NON"]
        assert sent["ShipAddr"]["CountrySubDivisionCode"] == "AZ"
        assert set(sent["TxnTaxDetail"]) == {"TxnTaxCodeRef", "TotalTax"}
        assert "GlobalTaxCalculation" not in sent
        document = automated.document("a1")
        assert document["TotalAmt"] == Decimal("260.38")
        assert document["TxnTaxDetail"]["TotalTax"] == Decimal("13.38")
        assert automated.balanced()

    async def test_billed_tax_stands_even_where_quickbooks_computes_another(
        self, automated: Shop
    ) -> None:
        await automated.invoice(
            "a2", [("plan", "147.00", {"S": ("9", "13.23")})], "160.23", "13.23"
        )

        job = await automated.export()

        assert (await automated.record(job, "a2"))["code"] is None
        assert automated.document("a2")["TotalAmt"] == Decimal("160.23")

    async def test_no_mapping_is_asked_for(self, automated: Shop) -> None:
        table = await automated.merchant.call("GET", "/tax-mappings")

        assert (table["model"], table["required"]) == ("US-AST", False)

    async def test_untaxed_document_has_non_lines_and_a_tax_of_zero(self, automated: Shop) -> None:
        await automated.invoice("a3", [("plan", "50.00", {})], "50.00", "0.00")

        await automated.export()

        sent = automated.sent("a3")
        assert (codes_of(sent), sent["TxnTaxDetail"]) == (["NON"], {"TotalTax": Decimal("0.00")})
        assert automated.document("a3")["TotalAmt"] == Decimal("50.00")

    async def test_ignored_override_is_shown_as_variance(self, automated: Shop) -> None:
        automated.simulator.rules(automated.realm_id, ast_override=False)
        await automated.invoice(
            "a4", [("plan", "147.00", {"S": ("9", "13.23")})], "160.23", "13.23"
        )
        try:
            job = await automated.export()
        finally:
            automated.simulator.rules(automated.realm_id, ast_override=True)

        record = await automated.record(job, "a4")
        assert (record["state"], record["code"]) == ("posted", "variance")
        assert "13.23" in record["explanation"]
        assert "13.38" in record["explanation"]

    async def test_credit_note_goes_the_same_way(self, automated: Shop) -> None:
        await automated.credit("a5", [("plan", "147.00", AZ)], "160.38", "13.38")

        job = await automated.export()

        assert (await automated.record(job, "a5", "credit_memo"))["state"] == "posted"
        assert automated.document("a5", "CreditMemo")["TotalAmt"] == Decimal("160.38")


class TestManual:
    async def test_one_code_and_a_line_per_rate(self, manual: Shop) -> None:
        await manual.invoice(
            "m1", [("plan", "147.00", AZ), ("book", "100.00", {})], "260.38", "13.38"
        )

        job = await manual.export()

        assert (await manual.record(job, "m1"))["code"] is None
        sent = manual.sent("m1")
        assert codes_of(sent) == ["TAX", "NON"]
        assert sent["TxnTaxDetail"]["TxnTaxCodeRef"]["value"] == await manual.book_id(
            "tax-codes", "Tucson"
        )
        document = manual.document("m1")
        amounts = [line["Amount"] for line in document["TxnTaxDetail"]["TaxLine"]]
        assert amounts == [Decimal("10.44"), Decimal("2.94")]
        assert document["TotalAmt"] == Decimal("260.38")

    async def test_two_sets_of_taxes_are_refused_with_choices(self, manual: Shop) -> None:
        lines = [("plan", "147.00", AZ), ("book", "100.00", {"California": ("8", "8.00")})]
        await manual.invoice("m2", lines, "268.38", "21.38")

        job = await manual.export()

        record = await manual.record(job, "m2")
        assert (record["state"], record["code"]) == ("rejected", "two_tax_sets")
        assert record["details"]["price_codes"] == [["California"], ["City", "State"]]
        assert len(record["fixes"]) == 3

    async def test_lines_of_different_taxes_go_under_a_combined_code(self, manual: Shop) -> None:
        lines = [("plan", "147.00", AZ), ("book", "100.00", {"State": ("7.1", "7.10")})]
        await manual.invoice("m5", lines, "267.48", "20.48")

        job = await manual.export()

        assert (await manual.record(job, "m5"))["state"] == "posted"
        stored = manual.document("m5")
        assert stored["TotalAmt"] == Decimal("267.48")
        amounts = [line["Amount"] for line in stored["TxnTaxDetail"]["TaxLine"]]
        assert amounts == [Decimal("17.54"), Decimal("2.94")]
        sent = [line["TaxLineDetail"] for line in manual.sent("m5")["TxnTaxDetail"]["TaxLine"]]
        assert [part["NetAmountTaxable"] for part in sent] == [247, 147]

    async def test_unmapped_set_is_refused_and_released_by_mapping(self, manual: Shop) -> None:
        line = ("plan", "33.33", {"California": ("8", "2.67")})
        await manual.invoice("m3", [line], "36.00", "2.67")
        first = await manual.record(await manual.export(), "m3")

        await manual.map(["California"], "California", {"California": "California"})
        second = await manual.record(await manual.export(), "m3")

        assert (first["code"], second["state"]) == ("unmapped_tax", "posted")

    async def test_untaxed_needs_no_mapping(self, manual: Shop) -> None:
        await manual.invoice("m4", [("plan", "20.00", {})], "20.00", "0.00")

        job = await manual.export()

        assert (await manual.record(job, "m4"))["state"] == "posted"
        assert codes_of(manual.sent("m4")) == ["NON"]


class TestWithoutSalesTax:
    async def test_taxed_document_is_refused_with_the_fix(self, untaxing: Shop) -> None:
        await untaxing.invoice("n1", [("plan", "147.00", AZ)], "160.38", "13.38")

        record = await untaxing.record(await untaxing.export(), "n1")

        assert (record["state"], record["code"]) == ("rejected", "sales_tax_not_set_up")
        assert "Turn on sales tax" in record["fixes"][0]

    async def test_untaxed_document_goes_without_any_tax(self, untaxing: Shop) -> None:
        await untaxing.invoice("n2", [("plan", "147.00", {})], "147.00", "0.00")

        record = await untaxing.record(await untaxing.export(), "n2")

        assert record["state"] == "posted"
        assert "TxnTaxDetail" not in untaxing.sent("n2")


class TestBritish:
    async def test_prices_that_include_vat(self, british: Shop) -> None:
        lines = [
            ("plan", "240.00", {"VAT": ("20", "40.00")}),
            ("book", "50.00", {"Zero": ("0", "0.00")}),
        ]
        await british.invoice("b1", lines, "290.00", "40.00", prices_include_tax=True)

        record = await british.record(await british.export(), "b1")

        assert (record["state"], record["code"]) == ("posted", None), record
        sent = british.sent("b1")
        assert sent["GlobalTaxCalculation"] == "TaxInclusive"
        detail = sent["Line"][0]["SalesItemLineDetail"]
        assert (sent["Line"][0]["Amount"], detail["TaxInclusiveAmt"]) == (200, 240)
        assert british.document("b1")["TotalAmt"] == Decimal("290.00")
        assert british.balanced()

    async def test_one_line_per_rate_and_untaxed_lines_have_their_code(self, british: Shop) -> None:
        lines = [
            ("plan", "200.00", {"VAT": ("20", "40.00")}),
            ("book", "50.00", {"Zero": ("0", "0.00")}),
            ("book", "10.00", {}),
        ]
        await british.invoice("b2", lines, "300.00", "40.00")

        record = await british.record(await british.export(), "b2")

        assert (record["state"], record["code"]) == ("posted", None)
        tax_lines = british.document("b2")["TxnTaxDetail"]["TaxLine"]
        assert [line["Amount"] for line in tax_lines] == [40, 0, 0]

    async def test_tax_of_the_whole_invoice_is_shared_to_its_lines(self, british: Shop) -> None:
        lines = [("plan", "33.33", {}), ("plan", "33.33", {}), ("plan", "33.33", {})]
        taxes = [{"price_code": "VAT", "rate": "20", "amount": "20.00"}]
        await british.invoice("b3", lines, "119.99", "20.00", taxes=taxes)

        record = await british.record(await british.export(), "b3")

        assert (record["state"], record["code"]) == ("posted", None)
        assert british.document("b3")["TxnTaxDetail"]["TotalTax"] == Decimal("20.00")

    async def test_edit_sends_fresh_tax(self, british: Shop) -> None:
        await british.invoice(
            "b4", [("plan", "100.00", {"VAT": ("20", "20.00")})], "120.00", "20.00"
        )
        await british.export()

        await british.invoice("b4", [("plan", "55.55", {"VAT": ("20", "11.11")})], "66.66", "11.11")
        await british.export()

        document = british.document("b4")
        assert document["SyncToken"] == "1"
        assert document["TotalAmt"] == Decimal("66.66")
        assert document["TxnTaxDetail"]["TotalTax"] == Decimal("11.11")


class TestAustralian:
    async def test_taxes_that_arrive_as_charges(self, australian: Shop) -> None:
        lines = [("plan", "99.95", {}), ("gst-line", "10.00", {})]
        await australian.invoice("u1", lines, "109.95", "10.00")

        record = await australian.record(await australian.export(), "u1")

        assert (record["state"], record["code"]) == ("posted", None), record
        document = australian.document("u1")
        assert len(codes_of(document)) == 1
        assert document["TotalAmt"] == Decimal("109.95")

    async def test_discount_lowers_the_tax(self, australian: Shop) -> None:
        lines = [
            ("plan", "100.00", {"GST": ("10", "10.00")}),
            ("book", "-20.00", {"GST": ("10", "-2.00")}),
            ("book", "15.00", {"Free": ("0", "0.00")}),
        ]
        await australian.invoice("u2", lines, "103.00", "8.00")

        record = await australian.record(await australian.export(), "u2")

        assert (record["state"], record["code"]) == ("posted", None)
        assert australian.document("u2")["TotalAmt"] == Decimal("103.00")

    async def test_prices_that_include_gst_and_a_computed_rate(self, australian: Shop) -> None:
        await australian.invoice(
            "u3",
            [("plan", "33.00", {"GST": ("10", None)})],
            "33.00",
            "3.00",
            prices_include_tax=True,
        )

        record = await australian.record(await australian.export(), "u3")

        assert (record["state"], record["code"]) == ("posted", None)
        assert australian.document("u3")["TxnTaxDetail"]["TotalTax"] == Decimal("3.00")
        assert australian.balanced()
