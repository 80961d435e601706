"""Which rows a statement gives, in which order."""

# ruff: noqa: S608  # No database: the statements are what is tested.

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulator.books.faults import Fault
from simulator.query.execute import Circumstances, Selection, entity_of, project, select
from simulator.query.parser import parse
from simulator.query.table import Table

GIVEN = Circumstances(
    zone=ZoneInfo("America/Vancouver"),
    today=date(2026, 3, 2),
    default_order="recorded",
    sku_filterable=False,
)


def build_customer(number: int, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "Id": str(number),
        "SyncToken": "0",
        "DisplayName": name,
        "FullyQualifiedName": name,
        "Active": True,
        "Balance": Decimal(0),
        "MetaData": {
            "CreateTime": f"2026-03-0{number}T00:00:00-08:00",
            "LastUpdatedTime": f"2026-03-0{number}T00:00:00-08:00",
        },
        **fields,
    }


def build_invoice(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "Id": str(number),
        "TxnDate": f"2026-03-0{number}",
        "CustomerRef": {"value": "58"},
        "TotalAmt": Decimal(number * 100),
        "MetaData": {
            "CreateTime": "2026-03-01T00:00:00-08:00",
            "LastUpdatedTime": f"2026-03-0{number}T00:00:00-08:00",
        },
        **fields,
    }


CUSTOMERS = [
    build_customer(1, "Zoe"),
    build_customer(2, "adam's shop", PrimaryEmailAddr={"Address": "A@Example.com"}),
    build_customer(3, "Mia (deleted)", Active=False, Balance=Decimal("10.50")),
    build_customer(4, "Bob", Balance=Decimal("100.00")),
]


def run(entity: str, rows: list[dict[str, Any]], clause: str, **given: Any) -> Selection:
    statement = parse(f"select * from {entity} {clause}")
    circumstances = Circumstances(
        zone=given.get("zone", GIVEN.zone),
        today=GIVEN.today,
        default_order=given.get("default_order", "recorded"),
        sku_filterable=given.get("sku_filterable", False),
    )
    return select(Table(entity, rows), statement, circumstances)


def ids(entity: str, rows: list[dict[str, Any]], clause: str, **given: Any) -> list[str]:
    return [row["Id"] for row in run(entity, rows, clause, **given).rows]


def refusal(entity: str, clause: str) -> tuple[str, str]:
    with pytest.raises(Fault) as caught:
        run(entity, [], clause)
    return caught.value.errors[0].code, caught.value.errors[0].detail


class TestActive:
    def test_inactive_ones_are_left_out_unless_asked_for(self) -> None:
        assert ids("Customer", CUSTOMERS, "orderby Id") == ["1", "2", "4"]
        assert ids("Customer", CUSTOMERS, "where Active in (true, false) orderby Id") == [
            "1",
            "2",
            "3",
            "4",
        ]
        assert ids("Customer", CUSTOMERS, "where Active = false") == ["3"]

    def test_pseudo_codes_have_no_active_and_drop_out_when_it_is_asked(self) -> None:
        codes = [{"Id": "TAX", "Name": "TAX"}, {"Id": "3", "Name": "Tucson", "Active": True}]

        assert ids("TaxCode", codes, "") == ["TAX", "3"]
        assert ids("TaxCode", codes, "where Active = true") == ["3"]


class TestComparisons:
    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ("DisplayName = 'ADAM\\'S SHOP'", ["2"]),
            ("displayname like '%O%'", ["1", "2", "4"]),
            ("DisplayName LIKE 'Z%e'", ["1"]),
            ("DisplayName like '_oe'", []),
            ("DisplayName > 'bo'", ["1", "4"]),
            ("PrimaryEmailAddr = 'a@example.COM'", ["2"]),
            ("PrimaryEmailAddr = ' '", ["1", "4"]),
            ("Balance >= '100'", ["4"]),
            ("Balance = '0.00'", ["1", "2"]),
            ("Id = '2'", ["2"]),
            ("Id in ('4', '1', '99')", ["1", "4"]),
            ("MetaData.CreateTime >= '2026-03-02T08:00:00Z'", ["2", "4"]),
            ("Metadata.CreateTime > '2026-03-02T00:00:00-08:00'", ["4"]),
            ("MetaData.CreateTime <= '2026-03-02'", ["1", "2"]),
            ("MetaData.CreateTime <= '2026-03-01T23:59:59'", ["1"]),
            ("MetaData.CreateTime < CURRENT_DATE", ["1"]),
        ],
    )
    def test_customers(self, where: str, expected: list[str]) -> None:
        assert ids("Customer", CUSTOMERS, f"where {where} orderby Id") == expected

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ("TxnDate = CURRENT_DATE", ["2"]),
            ("TxnDate >= '2026-03-02' and TxnDate <= '2026-03-03'", ["2", "3"]),
            ("CustomerRef = '58' and TotalAmt > '100.0'", ["2", "3"]),
            ("CustomerRef in ('7')", []),
        ],
    )
    def test_invoices(self, where: str, expected: list[str]) -> None:
        rows = [build_invoice(number) for number in (1, 2, 3)]

        assert ids("Invoice", rows, f"where {where} orderby Id") == expected


class TestOrder:
    def test_lists_come_by_name_and_transactions_by_last_change(self) -> None:
        invoices = [build_invoice(number) for number in (1, 2, 3)]

        assert ids("Customer", CUSTOMERS, "") == ["2", "4", "1"]
        assert ids("Invoice", invoices, "") == ["3", "2", "1"]

    def test_by_id_through_the_switch(self) -> None:
        assert ids("Customer", CUSTOMERS, "", default_order="id") == ["1", "2", "4"]

    def test_by_several_keys(self) -> None:
        assert ids("Customer", CUSTOMERS, "orderby Balance desc, DisplayName") == ["4", "2", "1"]

    def test_ids_are_ordered_as_numbers(self) -> None:
        rows = [{"Id": str(number), "Name": "x", "Active": True} for number in (2, 9, 10, 100)]

        assert ids("Term", rows, "orderby Id desc") == ["100", "10", "9", "2"]

    def test_tax_agencies_do_not_follow(self) -> None:
        rows = [{"Id": "1", "DisplayName": "A"}, {"Id": "2", "DisplayName": "B"}]

        assert ids("TaxAgency", rows, "orderby DisplayName desc") == ["1", "2"]


class TestPages:
    def test_pages_follow_each_other(self) -> None:
        table = Table("Customer", CUSTOMERS)
        pages = [
            select(
                table,
                parse(f"select * from Customer orderby Id startposition {at} maxresults 2"),
                GIVEN,
            )
            for at in (1, 3, 5)
        ]

        assert [[row["Id"] for row in page.rows] for page in pages] == [["1", "2"], ["4"], []]
        assert {page.total for page in pages} == {3}

    def test_a_replaced_row_is_seen(self) -> None:
        """Columns are carried over to the next table only for rows that stayed the same."""
        first = Table("Customer", CUSTOMERS)
        statement = parse("select * from Customer where DisplayName = 'Yan'")
        select(first, statement, GIVEN)
        renamed = [*CUSTOMERS[:1], {**CUSTOMERS[1], "DisplayName": "Yan"}, *CUSTOMERS[2:]]

        found = select(Table("Customer", renamed, first), statement, GIVEN)

        assert [row["Id"] for row in found.rows] == ["2"]


class TestProjection:
    def test_named_fields_only_and_no_lists(self) -> None:
        row = {
            "Id": "3",
            "Name": "Tucson",
            "Active": True,
            "SalesTaxRateList": {"TaxRateDetail": [{"TaxRateRef": {"value": "1"}}]},
            "MetaData": {"CreateTime": "2026-03-01T00:00:00-08:00"},
        }
        statement = parse("select Id, SalesTaxRateList, MetaData.CreateTime from TaxCode")
        selection = select(Table("TaxCode", [row]), statement, GIVEN)

        assert project(row, selection.columns) == {
            "Id": "3",
            "MetaData": {"CreateTime": "2026-03-01T00:00:00-08:00"},
        }


class TestRefusals:
    @pytest.mark.parametrize(
        ("entity", "clause", "code", "detail"),
        [
            ("Customer", "where Email = 'a'", "4001",
             "QueryValidationError: Property Email not found for Entity Customer"),
            ("Invoice", "where PrivateNote = 'a'", "4001",
             "QueryValidationError: property 'PrivateNote' is not queryable"),
            ("Invoice", "where DepartmentRef = '1'", "4001",
             "QueryValidationError: property 'DepartmentRef' is not queryable"),
            ("Item", "where Sku = 'a'", "4001",
             "QueryValidationError: property 'Sku' is not queryable"),
            ("Vendor", "where Id = ''", "2030",
             "Id should be a valid number. Supplied value:"),
            ("Customer", "where Id = '1.5'", "2030",
             "Id should be a valid number. Supplied value:1.5"),
        ],
    )  # fmt: skip
    def test_recorded_texts(self, entity: str, clause: str, code: str, detail: str) -> None:
        assert refusal(entity, clause) == (code, detail)

    @pytest.mark.parametrize(
        "clause",
        [
            "where Id > '1'",
            "where Id like '1%'",
            "where CustomerRef > '1'",
            "where TotalAmt like '1%'",
            "where TotalAmt = 'much'",
            "where TxnDate > 'yesterday'",
            "where MetaData.CreateTime > 'now'",
            "where MetaData.CreateTime > '2026-01-01T00:00:00 08:00'",
            "orderby PrivateNote",
            "orderby Nothing",
        ],
    )
    def test_what_does_not_suit_the_field_gets_4001(self, clause: str) -> None:
        assert refusal("Invoice", clause)[0] == "4001"

    def test_an_unknown_entity(self) -> None:
        with pytest.raises(Fault) as caught:
            entity_of(parse("SELECT * FROM Custmoer"), frozenset({"Customer"}))

        assert caught.value.errors[0].detail == (
            "QueryValidationError: invalid context declaration: Custmoer"
        )

    def test_entities_in_any_case(self) -> None:
        statement = parse("select * from cUSTOMER")

        assert entity_of(statement, frozenset({"Customer"})) == "Customer"

    def test_sku_by_switch(self) -> None:
        rows = [{"Id": "1", "Name": "Pro", "Sku": "pro-1", "Active": True}]

        assert ids("Item", rows, "where Sku = 'PRO-1'", sku_filterable=True) == ["1"]
