from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench


class TestCreate:
    def test_answer_has_what_quickbooks_adds(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName=" Zoë's ", GivenName="Zoë")

        assert row["DisplayName"] == row["FullyQualifiedName"] == "Zoë's"
        assert row["PrintOnCheckName"] == "Zoë"
        assert row["SyncToken"] == "0"
        assert row["Balance"] == row["BalanceWithJobs"] == Decimal("0.00")
        assert row["CurrencyRef"] == {"value": "CAD", "name": "Canadian Dollar"}
        assert row["MetaData"]["CreateTime"] == "2026-03-02T09:00:00-08:00"

    def test_name_is_made_of_its_parts(self, bench: Bench) -> None:
        row = bench.new("Customer", GivenName="Ann", FamilyName="Lee")

        assert row["DisplayName"] == "Ann Lee"

    @pytest.mark.parametrize(
        ("body", "code", "element"),
        [
            ({}, "6080", ""),
            ({"DisplayName": "x" * 501}, "2050", "DisplayName"),
            ({"DisplayName": "a:b"}, "2040", "DisplayName"),
            ({"DisplayName": "a", "Notes": "n" * 2001}, "2050", "Notes"),
            ({"DisplayName": "a", "Nickname": "b"}, "2010", None),
            ({"DisplayName": "a", "PrimaryEmailAddr": {"Address": "no"}}, "2210", None),
            ({"DisplayName": "a", "WebAddr": {"URI": "x.com"}}, "2200", None),
            ({"DisplayName": "a", "Active": "maybe"}, "2060", "Active"),
            ({"DisplayName": "a", "SalesTermRef": {"value": "77"}}, "2500", ""),
            ({"DisplayName": "a", "CurrencyRef": {"value": "EUR"}}, "2220", "CurrencyRef"),
            ({"DisplayName": "a", "Job": True}, "2020", "ParentRef"),
            ({"DisplayName": "a", "PreferredDeliveryMethod": "Pigeon"}, "2170", None),
            ({"DisplayName": "rocket 🚀"}, "500", None),
            ({"DisplayName": "a", "Notes": "bell\x07"}, "500", None),
        ],
    )
    def test_refusals(
        self, bench: Bench, body: dict[str, Any], code: str, element: str | None
    ) -> None:
        with pytest.raises(Fault) as refused:
            bench.company.create("Customer", body)

        assert refused.value.code == code
        if element is not None:
            assert refused.value.errors[0].element == element

    def test_read_only_attributes_are_silently_ignored(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="a", Balance=Decimal(99), FullyQualifiedName="z")

        assert row["Balance"] == Decimal("0.00")
        assert row["FullyQualifiedName"] == "a"

    def test_emoji_is_a_switch(self, bench: Bench) -> None:
        bench.company.rules.refuse_four_byte = False

        assert bench.new("Customer", DisplayName="🚀")["DisplayName"] == "🚀"


class TestUniqueNames:
    @pytest.mark.parametrize("entity", ["Customer", "Vendor", "Employee"])
    def test_one_name_space_for_people(self, bench: Bench, entity: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.new(entity, DisplayName="  ACME rockets ")

        assert refused.value.code == "6240"
        assert "customer, vendor or employee" in refused.value.errors[0].detail

    def test_refused_write_leaves_no_trace(self, bench: Bench) -> None:
        before = bench.company.rows("Customer")

        with pytest.raises(Fault):
            bench.new("Customer", DisplayName="Acme Rockets")
        with pytest.raises(Fault):
            bench.new("Customer", DisplayName="New", Job=True, ParentRef={"value": "404"})

        assert bench.company.rows("Customer") == before
        assert bench.new("Customer", DisplayName="New")["DisplayName"] == "New"

    def test_item_names_are_their_own(self, bench: Bench) -> None:
        bench.company.create("Item", bench.item_body("Acme Rockets"))

        with pytest.raises(Fault) as refused:
            bench.company.create("Item", bench.item_body("acme rockets"))
        assert refused.value.code == "6240"

    def test_class_names_are_unique_within_the_parent(self, bench: Bench) -> None:
        top = bench.new("Class", Name="EMEA")
        below = bench.new("Class", Name="EMEA", ParentRef={"value": top["Id"]})

        assert below["FullyQualifiedName"] == "EMEA:EMEA"
        assert len(top["Id"]) == 19
        with pytest.raises(Fault):
            bench.new("Class", Name="emea")


class TestActive:
    def test_inactive_gets_a_suffix_and_comes_back(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="Gone")

        gone = bench.change("Customer", row, Active=False)
        back = bench.change("Customer", row, Active=True)

        assert gone["DisplayName"] == gone["FullyQualifiedName"] == "Gone (deleted)"
        assert back["DisplayName"] == "Gone"

    def test_inactive_blocks_its_name_by_rule(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="Gone")
        bench.change("Customer", row, Active=False)

        with pytest.raises(Fault):
            bench.new("Customer", DisplayName="Gone")

        bench.company.rules.inactive_blocks_name = False
        bench.new("Customer", DisplayName="Gone")
        assert bench.change("Customer", row, Active=True)["DisplayName"] == "Gone (deleted)"

    def test_balance_keeps_active(self, bench: Bench) -> None:
        bench.sale()

        with pytest.raises(Fault) as refused:
            bench.change("Customer", {"Id": bench.customer}, Active=False)
        assert refused.value.code == "6220"

    def test_inactive_cannot_be_referred_to(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="Gone")
        bench.change("Customer", row, Active=False)

        with pytest.raises(Fault) as refused:
            bench.sale(CustomerRef={"value": row["Id"]})
        assert refused.value.code == "610"

    def test_classes_write_the_suffix_with_a_capital(self, bench: Bench) -> None:
        row = bench.new("Class", Name="EMEA")

        assert bench.change("Class", row, Active=False)["Name"] == "EMEA (Deleted)"

    def test_system_account_stays(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.change("Account", {"Id": bench.accounts["Undeposited Funds"]}, Active=False)
        assert refused.value.code == "6000"


class TestUpdate:
    def test_sparse_keeps_and_full_clears(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="a", Notes="n", CompanyName="c")

        sparse = bench.change("Customer", row, CompanyName="d")
        body = {**bench.at("Customer", row), "DisplayName": "a"}
        full = bench.company.update("Customer", body)

        assert (sparse["Notes"], sparse["CompanyName"]) == ("n", "d")
        assert "Notes" not in full
        assert full["SyncToken"] == "2"

    def test_stale_token(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="a")
        bench.change("Customer", row, Notes="n")

        with pytest.raises(Fault) as refused:
            bench.company.update("Customer", {"Id": row["Id"], "SyncToken": "0", "sparse": True})
        assert refused.value.code == "5010"
        assert "You and API API" in refused.value.errors[0].detail

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"Id": "404", "SyncToken": "0"}, "610"),
            ({"Id": "1.5", "SyncToken": "0"}, "2030"),
            ({"Id": "1"}, "2020"),
        ],
    )
    def test_unknown_object(self, bench: Bench, body: dict[str, Any], code: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.company.update("Customer", body)
        assert refused.value.code == code

    def test_changing_nothing_is_no_change(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="a")

        assert bench.change("Customer", row, DisplayName="a")["SyncToken"] == "0"

    def test_handed_out_rows_are_snapshots(self, bench: Bench) -> None:
        row = bench.new("Customer", DisplayName="a")

        bench.change("Customer", row, DisplayName="b")

        assert row["DisplayName"] == "a"


class TestHierarchy:
    def test_sub_customer(self, bench: Bench) -> None:
        row = bench.new(
            "Customer", DisplayName="Job", Job=True, ParentRef={"value": bench.customer}
        )
        bench.change("Customer", {"Id": bench.customer}, DisplayName="Renamed")

        assert row["FullyQualifiedName"] == "Acme Rockets:Job"
        assert row["Level"] == 1
        assert bench.see("Customer", row)["FullyQualifiedName"] == "Renamed:Job"

    def test_balance_rolls_up(self, bench: Bench) -> None:
        row = bench.new(
            "Customer", DisplayName="Job", Job=True, ParentRef={"value": bench.customer}
        )

        bench.sale(CustomerRef={"value": row["Id"]})

        top = bench.company.get("Customer", bench.customer)
        assert (top["Balance"], top["BalanceWithJobs"]) == (Decimal("0.00"), Decimal("100.00"))

    def test_five_levels_at_most(self, bench: Bench) -> None:
        above = bench.customer
        for depth in range(4):
            below = bench.new(
                "Customer", DisplayName=f"L{depth}", Job=True, ParentRef={"value": above}
            )
            above = below["Id"]

        with pytest.raises(Fault) as refused:
            bench.new("Customer", DisplayName="L5", Job=True, ParentRef={"value": above})
        assert refused.value.code == "6180"

    def test_no_circles(self, bench: Bench) -> None:
        below = bench.new(
            "Customer", DisplayName="J", Job=True, ParentRef={"value": bench.customer}
        )

        with pytest.raises(Fault) as refused:
            bench.change(
                "Customer", {"Id": bench.customer}, Job=True, ParentRef={"value": below["Id"]}
            )
        assert refused.value.code == "700"


class TestItemsAndAccounts:
    @pytest.mark.parametrize("lacking", ["IncomeAccountRef", "ExpenseAccountRef", "Name"])
    def test_canadian_items_need_both_accounts(self, bench: Bench, lacking: str) -> None:
        body = bench.item_body("x")
        del body[lacking]

        with pytest.raises(Fault) as refused:
            bench.company.create("Item", body)
        assert refused.value.code == "2020"
        assert refused.value.errors[0].element == lacking

    def test_income_account_must_be_income(self, bench: Bench) -> None:
        wrong = {"value": bench.accounts["Checking"]}

        with pytest.raises(Fault) as refused:
            bench.company.create("Item", bench.item_body("x", IncomeAccountRef=wrong))
        assert refused.value.code == "6430"

    def test_account_type_implies_sub_type(self, bench: Bench) -> None:
        row = bench.new("Account", Name="Till", AccountType="Bank")

        assert row["AccountSubType"] == "CashOnHand"
        assert row["Classification"] == "Asset"
        assert row["CurrentBalance"] == Decimal("0.00")
        assert "LastUpdatedTime" not in row["MetaData"]
        assert int(row["Id"]) > 1_000_000

    def test_account_without_type(self, bench: Bench) -> None:
        with pytest.raises(Fault) as refused:
            bench.new("Account", Name="Till")
        assert refused.value.code == "6010"

    def test_balance_sheet_accounts_show_their_balance(self, bench: Bench) -> None:
        bench.sale(bench.line("100.00", "GST"))

        shown = {row["Name"]: row["CurrentBalance"] for row in bench.company.rows("Account")}

        assert shown["Accounts Receivable (A/R)"] == Decimal("105.00")
        assert shown["GST/HST Payable"] == Decimal("-5.00")
        assert shown["Services"] == Decimal("0.00")


class TestTaxService:
    def test_code_over_a_new_and_an_old_rate(self, bench: Bench) -> None:
        agency = bench.company.rows("TaxAgency")[0]["Id"]

        answer = bench.company.tax_service(
            {
                "TaxCode": "mapped",
                "TaxRateDetails": [
                    {
                        "TaxRateName": "GST mapped",
                        "RateValue": "5",
                        "TaxAgencyId": agency,
                        "TaxApplicableOn": "Sales",
                    },
                    {"TaxRateId": bench.rates["PST BC"], "TaxApplicableOn": "Sales"},
                ],
            }
        )

        code = bench.company.get("TaxCode", answer["TaxCodeId"])
        assert [detail["RateValue"] for detail in answer["TaxRateDetails"]] == ["5", "7"]
        assert len(code["SalesTaxRateList"]["TaxRateDetail"]) == 2

    def test_taken_rate_name_leaves_no_trace(self, bench: Bench) -> None:
        detail = {"TaxRateName": "GST", "RateValue": 5, "TaxAgencyId": "1"}

        with pytest.raises(Fault) as refused:
            bench.company.tax_service({"TaxCode": "mapped", "TaxRateDetails": [detail]})

        assert refused.value.code == "6240"
        assert "mapped" not in {row["Name"] for row in bench.company.rows("TaxCode")}


class TestSettings:
    def test_preference_by_path(self, bench: Bench) -> None:
        bench.company.set_preference("SalesFormsPrefs.CustomTxnNumbers", True)

        row = bench.company.get("Preferences", "")
        assert row["SalesFormsPrefs"]["CustomTxnNumbers"] is True
        assert row["SyncToken"] != "0"

    def test_preferences_by_update(self, bench: Bench) -> None:
        row = bench.change("Preferences", {"Id": "1"}, SalesFormsPrefs={"CustomTxnNumbers": True})

        assert row["SalesFormsPrefs"]["CustomTxnNumbers"] is True
        assert row["SalesFormsPrefs"]["AllowDiscount"] is True

    def test_company_info(self, bench: Bench) -> None:
        row = bench.company.get("CompanyInfo", "9130")

        assert (row["Id"], row["Country"], row["DefaultTimeZone"]) == (
            "1",
            "CA",
            "America/Vancouver",
        )

    @pytest.mark.parametrize("entity", ["TaxCode", "TaxRate"])
    def test_taxes_cannot_be_updated(self, bench: Bench, entity: str) -> None:
        with pytest.raises(Fault) as refused:
            bench.change(entity, {"Id": "1"}, Name="x")
        assert refused.value.code == "500"
