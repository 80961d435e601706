"""Whatever a client sends, the books answer or refuse; they never fall over."""

from __future__ import annotations

import copy
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.books.faults import Fault
from tests.simulator.books.builders import Bench

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**13),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.text(max_size=8),
    st.sampled_from(["1", "404", "", "TAX", "2026-02-30", "Invoice", "CreditMemo"]),
    st.just([]),
    st.just({}),
    st.just({"value": None}),
    st.just({"value": ["x"]}),
    st.just({"value": "1"}),
    st.just([{"value": "1"}]),
    st.just([[]]),
    st.just([None]),
    st.just("x" * 5000),
)


def bodies(bench: Bench) -> dict[str, dict[str, Any]]:
    """A full, valid body for each entity."""
    customer = {"value": bench.customer}
    checking = {"value": bench.accounts["Checking"]}
    address = {"Line1": "1 Road", "City": "Hope", "PostalCode": "V0X"}
    department = bench.new("Department", Name="West")["Id"]
    parent = bench.new("Class", Name="Top")["Id"]
    invoice, credit = bench.sale(), bench.sale(entity="CreditMemo")
    discount = {
        "DetailType": "DiscountLineDetail",
        "Amount": Decimal(1),
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 5},
    }
    group = {
        "DetailType": "GroupLineDetail",
        "GroupLineDetail": {"Quantity": 1, "Line": [bench.line()]},
    }
    sale = {
        "CustomerRef": customer,
        "TxnDate": "2026-03-01",
        "Line": [bench.line("50.00", "GST", Qty=1, UnitPrice=50), discount, group],
        "BillAddr": address,
        "BillEmail": {"Address": "a@b.c"},
        "SalesTermRef": {"value": "3"},
        "CustomerMemo": {"value": "m"},
        "CustomField": [{"DefinitionId": "1", "StringValue": "x", "Type": "StringType"}],
        "DepositToAccountRef": checking,
        "DepartmentRef": {"value": department},
        "TxnTaxDetail": {
            "TotalTax": Decimal("2.50"),
            "TaxLine": [
                {
                    "Amount": Decimal("2.50"),
                    "DetailType": "TaxLineDetail",
                    "TaxLineDetail": {"TaxRateRef": {"value": bench.rates["GST"]}},
                }
            ],
        },
    }
    entry = {"PostingType": "Debit", "AccountRef": checking, "TaxApplicableOn": "Sales"}
    entry |= {"TaxCodeRef": {"value": bench.codes["GST"]}, "TaxAmount": Decimal("5.00")}
    other = {"PostingType": "Credit", "AccountRef": checking}
    kind = "JournalEntryLineDetail"
    expense = "AccountBasedExpenseLineDetail"
    return {
        "Customer": {
            "DisplayName": "Fuzz",
            "BillAddr": address,
            "PrimaryEmailAddr": {"Address": "a@b.c"},
            "PrimaryPhone": {"FreeFormNumber": "1"},
            "WebAddr": {"URI": "http://x.y"},
            "Job": True,
            "ParentRef": customer,
            "SalesTermRef": {"value": "3"},
        },
        "Item": bench.item_body("Fuzz", UnitPrice=Decimal(5), Sku="s"),
        "Account": {"Name": "Fuzz", "AccountType": "Bank", "AcctNum": "1"},
        "Term": {"Name": "Fuzz", "DueDays": 5, "DiscountPercent": 2},
        "Class": {"Name": "Fuzz", "ParentRef": {"value": parent}},
        "PaymentMethod": {"Name": "Fuzz", "Type": "CREDIT_CARD"},
        "TaxAgency": {"DisplayName": "Fuzz"},
        "ExchangeRate": {"SourceCurrencyCode": "EUR", "Rate": Decimal(1), "AsOfDate": "2026-01-01"},
        "Invoice": {**sale, "DueDate": "2026-04-01", "Deposit": Decimal(1)},
        "CreditMemo": sale,
        "RefundReceipt": sale,
        "SalesReceipt": sale,
        "Payment": {
            "CustomerRef": customer,
            "TotalAmt": Decimal("10.00"),
            "DepositToAccountRef": checking,
            "Line": [bench.link(invoice, "8.00"), bench.link(credit, "3.00")],
        },
        "JournalEntry": {
            "Line": [
                {"Amount": Decimal(100), "DetailType": kind, kind: entry},
                {"Amount": Decimal(105), "DetailType": kind, kind: other},
            ]
        },
        "Purchase": {
            "PaymentType": "Check",
            "AccountRef": checking,
            "EntityRef": {"value": bench.customer, "type": "Customer"},
            "Line": [
                {
                    "Amount": Decimal(5),
                    "DetailType": expense,
                    expense: {"AccountRef": checking, "TaxCodeRef": {"value": "1"}},
                }
            ],
        },
        "Deposit": {
            "DepositToAccountRef": checking,
            "CashBack": {"AccountRef": checking, "Amount": Decimal(1)},
            "Line": [
                {
                    "Amount": Decimal(5),
                    "DetailType": "DepositLineDetail",
                    "DepositLineDetail": {"AccountRef": checking, "Entity": customer},
                },
                {"Amount": Decimal(1), "LinkedTxn": [{"TxnId": "1", "TxnType": "Payment"}]},
            ],
        },
        "Preferences": {"SalesFormsPrefs": {"CustomTxnNumbers": True}},
        "CompanyInfo": {"CompanyName": "x", "CompanyAddr": address},
    }


BENCH = Bench()
BODIES = bodies(BENCH)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place within a body that could hold something else."""
    found = [path] if path else []
    if isinstance(node, dict):
        children: Any = node.items()
    else:
        children = enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        found += places(child, (*path, key))
    return found


@pytest.mark.parametrize(
    "entity", ["Class", "Customer", "Invoice", "JournalEntry", "Payment", "Purchase"]
)
def test_bodies_are_valid_to_begin_with(entity: str) -> None:
    bench = Bench()

    assert bench.company.create(entity, bodies(bench)[entity])["Id"]


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), ODD), min_size=1, max_size=3),
    entity=st.sampled_from(sorted(BODIES)),
    verb=st.integers(0, 3),
    pick=st.integers(0, 10**6),
)
def test_nothing_but_faults_comes_out(
    changes: list[tuple[int, Any]], entity: str, verb: int, pick: int
) -> None:
    body = copy.deepcopy(BODIES[entity])
    for place, odd in changes:
        ways = places(body)
        *way, last = ways[place % len(ways)]
        node = body
        for key in way:
            node = node[key]
        node[last] = copy.deepcopy(odd)
    rows = BENCH.company.rows(entity)
    if verb and rows and "Id" in rows[-1]:
        row = rows[pick % len(rows)]
        body |= {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": verb == 1}

    with suppress(Fault):
        if verb:
            BENCH.company.update(entity, body)
        else:
            BENCH.company.create(entity, body)

    assert BENCH.out_of_balance() == 0


@settings(max_examples=50, deadline=None)
@given(body=st.recursive(ODD, lambda inner: st.dictionaries(st.text(max_size=5), inner)))
def test_any_body_at_all(body: Any) -> None:
    for entity in BODIES:
        for method in ("create", "update", "void", "delete"):
            with suppress(Fault):
                getattr(BENCH.company, method)(entity, body)
    with suppress(Fault):
        BENCH.company.tax_service(body)
