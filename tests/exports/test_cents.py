"""
Hand-made invoices with the expected cents written down, through the builder and into the books.

A line is an amount and its taxes by price code (a rate, or a rate and an amount), or an amount,
the price code of a charge of tax, and the lines it taxes.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.accounting.records import Kind, TaxModel
from app.billing.arithmetic import read_document
from app.billing.schemas import Invoice
from app.exports.drafts import SalesHeader, sales_draft
from app.exports.tax import PriceCodes, RateTarget, TaxTarget, lay_out
from app.exports.us import us_layout
from app.providers.quickbooks.compose import compose_create
from simulator.books.company import Company
from simulator.profiles import PROFILES, Code, Rate

DATA = Path(__file__).parent / "data"
TAX_LINE = "tax-line"
DAY = date(2026, 3, 1)
COMPOUND = Rate("QST old", Decimal("9.5"), "Revenu Québec", "1991-01-01", "QST on top of GST")
COMPOUND_CODE = Code(
    "GST/QST old",
    "GST, and QST on both",
    ("GST", "QST old"),
    kinds=("TaxOnAmount", "TaxOnAmountPlusTax"),
)
AZ = {"Line1": "1 Canyon Rd", "City": "Tucson", "CountrySubDivisionCode": "AZ"}
MODELS = {"us_ast": TaxModel.US_AST, "us_manual": TaxModel.US_MANUAL}
# Per company: the tax code and the rate of each price code, by set.
MAPPINGS: dict[str, dict[str, dict[str, str]]] = {
    "ca": {
        "GST": {"GST": "GST"},
        "GST|": {TAX_LINE: "GST"},
        "GST/PST BC": {"GST": "GST", "PST BC": "PST BC"},
        "GST/QST QC - 9.975": {"GST": "GST", "QST": "QST 9.975"},
        "GST/QST old": {"GST": "GST", "QST old": "QST old"},
        "HST ON": {"HST": "HST ON"},
        "HST NS": {"HST NS": "HST NS"},
        "Exempt": {"Exempt": "GST ES"},
        "Zero-rated": {"Zero": "GST ZS"},
        "Out of Scope": {},
    },
    "uk": {
        "20.0% S": {"VAT": "20.0% S"},
        "5.0% R": {"Reduced": "5.0% R"},
        "0.0% Z": {"Zero": "0.0% Z"},
        "Exempt": {"Exempt": "Exempt"},
        "No VAT": {},
    },
    "au": {
        "GST": {"GST": "GST (sales)"},
        "GST free": {"Free": "GST-free (sales)"},
        "BAS Excluded": {},
    },
    "us_ast": {},
    "us_manual": {
        "Tucson": {"State": "AZ State tax", "City": "Tucson City"},
        "California": {"California": "California"},
        "California|": {TAX_LINE: "California"},
    },
}


class Books:
    """A company of the simulator with a customer, an item and mapped taxes."""

    def __init__(self, name: str) -> None:
        profile = replace(PROFILES[name], custom_txn_numbers=True, auto_apply=False)
        if name == "ca":
            profile = replace(
                profile,
                rates=(*profile.rates, COMPOUND),
                codes=(*profile.codes, COMPOUND_CODE),
            )
        self.name, self.currency = name, profile.currency
        moment = datetime(2026, 3, 2, 17, tzinfo=UTC)
        self.company = Company(realm_id="9130", profile=profile, clock=lambda: moment)
        self.rates = {row["Name"]: row["Id"] for row in self.company.rows("TaxRate")}
        accounts = {row["Name"]: {"value": row["Id"]} for row in self.company.rows("Account")}
        item = {
            "Name": "Pro plan",
            "Type": "Service",
            "IncomeAccountRef": accounts["Services"],
            "ExpenseAccountRef": accounts["Cost of Goods Sold"],
        }
        self.item = self.company.create("Item", item)["Id"]
        customer = {"DisplayName": "Acme Rockets", "BillAddr": AZ}
        self.customer = self.company.create("Customer", customer)["Id"]
        self.targets = dict(self._target(*pair) for pair in MAPPINGS[name].items())

    def _target(self, code: str, pairs: Mapping[str, str]) -> tuple[PriceCodes, TaxTarget]:
        [row] = [
            row for row in self.company.rows("TaxCode") if row["Name"] == code.removesuffix("|")
        ]
        price_code_of = {self.rates[rate]: price_code for price_code, rate in pairs.items()}
        rate_ids = [
            each["TaxRateRef"]["value"] for each in row["SalesTaxRateList"]["TaxRateDetail"]
        ]
        percents = {row["Id"]: row.get("RateValue") for row in self.company.rows("TaxRate")}
        rates = tuple(
            RateTarget(
                rate_id=rate_id,
                percent=percents[rate_id] or Decimal(0),
                price_code=price_code_of.get(rate_id),
            )
            for rate_id in rate_ids
        )
        return frozenset(pairs), TaxTarget(tax_code_id=row["Id"], rates=rates)

    def post(self, given: Mapping[str, Any], number: str) -> dict[str, Any]:
        """Send an invoice as an export would; return it as it stands then."""
        document = billed(given, number, self.currency)
        sums = read_document(document, {TAX_LINE})
        if self.name in MODELS:
            layout = us_layout(MODELS[self.name], sums, self.targets, any_code="1")
        else:
            layout = lay_out(sums, self.targets, inclusive=document.prices_include_tax)
        header = SalesHeader(
            kind=Kind.INVOICE, number=number, customer_id=self.customer, txn_date=DAY
        )
        draft = sales_draft(header, sums, layout, {"plan": self.item})
        write = compose_create(draft, marker="[lw:abcdefghijklmnopqrstuvwxyz]")
        return self.company.create("Invoice", json.loads(write.body, parse_float=Decimal))

    def by_rate(self, document: Mapping[str, Any]) -> dict[str, Decimal]:
        names = {id_: name for name, id_ in self.rates.items()}
        lines = document.get("TxnTaxDetail", {}).get("TaxLine", ())
        return {
            names[line["TaxLineDetail"]["TaxRateRef"]["value"]]: line["Amount"]
            for line in lines
            if line["Amount"]
        }


def billed(given: Mapping[str, Any], number: str, currency: str) -> Invoice:
    lines = []
    for place, (amount, taxes, *members) in enumerate(given["lines"], start=1):
        line: dict[str, Any] = {"line_id": str(place), "price_code": "plan", "amount": amount}
        if isinstance(taxes, str):
            line |= {"price_code": taxes} | ({"applies_to": members[0]} if members else {})
        else:
            line["taxes"] = taxes_of(taxes)
        lines.append(line)
    return Invoice.model_validate(
        {
            "billing_id": number,
            "updated_at": "2026-03-01T00:00:00Z",
            "number": number,
            "customer": "c1",
            "invoice_date": DAY.isoformat(),
            "currency": currency,
            "prices_include_tax": given.get("inclusive", False),
            "lines": lines,
            "taxes": taxes_of(given.get("taxes", {})),
            "tax_total": given["tax"],
            "total": given["total"],
        }
    )


def taxes_of(given: Mapping[str, str | list[str]]) -> list[dict[str, str]]:
    return [
        {"price_code": code, "rate": said}
        if isinstance(said, str)
        else {"price_code": code, "rate": said[0], "amount": said[1]}
        for code, said in given.items()
    ]


def cases(model: str) -> list[Any]:
    invoices = json.loads((DATA / f"taxes_{model}.json").read_text())
    return [
        pytest.param(given.get("company", model), given, f"N-{place}", id=f"{model}-{place}")
        for place, given in enumerate(invoices, start=1)
    ]


@pytest.fixture(scope="module")
def opened() -> dict[str, Books]:
    return {name: Books(name) for name in MAPPINGS}


@pytest.mark.parametrize(
    ("company", "given", "number"), [*cases("global"), *cases("us_ast"), *cases("us_manual")]
)
def test_cents_stand_as_billed(
    opened: dict[str, Books], company: str, given: Mapping[str, Any], number: str
) -> None:
    books = opened[company]

    document = books.post(given, number)

    assert document["TotalAmt"] == Decimal(given["total"]), given["name"]
    assert document["TxnTaxDetail"]["TotalTax"] == Decimal(given["tax"]), given["name"]
    if "by_rate" in given:
        expected = {name: Decimal(amount) for name, amount in given["by_rate"].items()}
        assert books.by_rate(document) == expected, given["name"]


def test_the_books_balance(opened: dict[str, Books]) -> None:
    for books in opened.values():
        assert sum(books.company.trial_balance().values()) == 0
