"""Tax agencies, rates and codes: how they come into being, and what a code means on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import Literal

from simulator.books.accounts import create_account
from simulator.books.faults import Fault
from simulator.books.money import HUNDRED
from simulator.books.naming import holder_of, settle_name
from simulator.books.readers import boolean, enum, many, name_text, number, record, text
from simulator.books.schemas import TAX_AGENCY
from simulator.books.state import Books
from simulator.books.wire import Wire, ref
from simulator.profiles import Agency, Code, Rate

Side = Literal["Sales", "Purchase"]

PSEUDO_CODES = ("TAX", "NON")
"""US companies know these two line codes; they are no real objects."""


@dataclass(frozen=True, slots=True)
class Component:
    """One rate of a code, on a day."""

    rate_id: str
    percent: Decimal
    agency_id: str
    kind: str
    order: int
    on_tax_order: int


def components(books: Books, code: Wire, on: str, side: Side = "Sales") -> list[Component]:
    """The rates of a code on one side with the percentages of the day *on*, by tax order."""
    details = code.get(f"{side}TaxRateList", {}).get("TaxRateDetail", [])
    found = []
    for detail in details:
        rate = books.store.rows["TaxRate"][detail["TaxRateRef"]["value"]]
        found.append(
            Component(
                rate["Id"],
                percent_on(rate, on),
                rate["AgencyRef"]["value"],
                detail["TaxTypeApplicable"],
                detail["TaxOrder"],
                detail.get("TaxOnTaxOrder", 0),
            )
        )
    return sorted(found, key=lambda component: component.order)


def percent_on(rate: Wire, on: str) -> Decimal:
    """The percentage of a rate on a day: from its history, else the present one."""
    for effective in rate.get("EffectiveTaxRate", []):
        ended = effective.get("EndDate", "9999-12-31")[:10]
        if effective["EffectiveDate"][:10] <= on <= ended:
            percent: Decimal = effective["RateValue"]
            return percent
    return Decimal(rate.get("RateValue", 0))


def create_agency(
    books: Books, body: Wire, *, account: str | None = None, system: bool = False
) -> Wire:
    """Create a tax agency together with its liability account."""
    sent = TAX_AGENCY.read(body)
    if not sent.get("DisplayName"):
        raise Fault.missing("DisplayName")
    id = books.store.next_id("TaxAgency")
    name = settle_name(books, "TaxAgency", id, "TaxAgency", sent, None)
    liability = create_account(
        books,
        {
            "Name": account or f"{name} Payable",
            "AccountType": "Other Current Liability",
            "AccountSubType": "GlobalTaxPayable",
        },
    )
    books.store.set(books.roles, f"tax/{id}", liability["Id"])
    row = {
        **books.header(id),
        **sent,
        "TaxTrackedOnSales": boolean(body.get("TaxTrackedOnSales", True), "TaxTrackedOnSales"),
        "TaxTrackedOnPurchases": boolean(
            body.get("TaxTrackedOnPurchases", False), "TaxTrackedOnPurchases"
        ),
        "TaxAgencyConfig": "SYSTEM_GENERATED" if system else "USER_DEFINED",
    }
    return books.put("TaxAgency", row)


def found_agency(books: Books, agency: Agency) -> Wire:
    """An agency which the company is born with."""
    body = {"DisplayName": agency.name, "TaxTrackedOnPurchases": agency.on_purchases}
    return create_agency(books, body, account=agency.account, system=True)


def found_rate(books: Books, rate: Rate) -> Wire:
    """A rate of an existing agency."""
    agency = holder_of(books, "TaxAgency", rate.agency)
    if agency is None:
        raise LookupError(rate.agency)
    id = books.store.next_id("TaxRate")
    name = settle_name(books, "TaxRate", id, "TaxRate", {"Name": rate.name}, None)
    row = {
        **books.header(id),
        "Name": name,
        "Description": rate.description or rate.name,
        "Active": rate.active,
        "AgencyRef": ref(agency[1]),
        "SpecialTaxType": rate.special,
    }
    if rate.history or not books.profile.is_us:
        row["EffectiveTaxRate"] = _history(books, rate)
    if not rate.history:
        row["RateValue"] = rate.percent
    if rate.display is not None:
        row["DisplayType"] = rate.display
    return books.put("TaxRate", row)


def _history(books: Books, rate: Rate) -> list[Wire]:
    periods = rate.history or ((rate.percent, rate.since, None),)
    written = []
    for percent, since, until in periods:
        period = {"RateValue": percent, "EffectiveDate": _midnight(books, since)}
        if until is not None:
            period["EndDate"] = _midnight(books, until)
        written.append(period)
    return written


def _midnight(books: Books, day: str) -> str:
    local = datetime.fromisoformat(day).replace(tzinfo=books.zone)
    return local.isoformat(timespec="seconds")


def found_code(books: Books, code: Code) -> Wire:
    """A code over existing rates."""
    id = books.store.next_id("TaxCode")
    name = settle_name(books, "TaxCode", id, "TaxCode", {"Name": code.name}, None)
    row = {
        **books.header(id),
        "Name": name,
        "Description": code.description,
        "Active": code.active,
        "Hidden": code.hidden,
        "Taxable": True,
        "TaxGroup": True,
        "SalesTaxRateList": _rate_list(books, code.sales, code.kinds),
        "PurchaseTaxRateList": _rate_list(books, code.purchases),
        "TaxCodeConfigType": "USER_DEFINED" if code.user_defined else "SYSTEM_GENERATED",
    }
    if code.adjustments:
        row["AdjustmentTaxRateList"] = _rate_list(books, code.adjustments)
    return books.put("TaxCode", row)


def _rate_list(books: Books, names: tuple[str, ...], kinds: tuple[str, ...] = ()) -> Wire:
    """A rate list; a compound rate comes after those it stands on."""
    details: list[Wire] = []
    for place, name in enumerate(names):
        holder = holder_of(books, "TaxRate", name)
        if holder is None:
            raise LookupError(name)
        rate = books.store.rows["TaxRate"][holder[1]]
        kind = kinds[place] if place < len(kinds) else "TaxOnAmount"
        detail: Wire = {
            "TaxRateRef": ref(rate["Id"], rate["Name"]),
            "TaxTypeApplicable": kind,
            "TaxOrder": place if any(k != "TaxOnAmount" for k in kinds) else 0,
        }
        if kind == "TaxOnTax":
            detail["TaxOnTaxOrder"] = place - 1
        details.append(detail)
    return {"TaxRateDetail": details}


def found_pseudo_codes(books: Books) -> None:
    """TAX and NON as US companies list them: text ids, no SyncToken, no Active."""
    for name in PSEUDO_CODES:
        row = {"Id": name, "Name": name, "Description": name}
        books.put("TaxCode", {**row, "Taxable": name == "TAX", "TaxGroup": False})


_SERVICE = record(
    "TaxService",
    {
        "TaxCode": name_text(100, forbidden=""),
        "TaxRateDetails": many(
            record(
                "TaxRateDetails",
                {
                    "TaxRateName": name_text(100, forbidden=""),
                    "RateValue": number,
                    "TaxAgencyId": text(20),
                    "TaxRateId": text(20),
                    "TaxApplicableOn": enum("Sales", "Purchase", "Other"),
                },
            )
        ),
    },
    frozenset({"TaxCodeId"}),
)


def create_by_service(books: Books, body: Wire) -> Wire:
    """
    ``POST /taxservice/taxcode``: a code over new or existing rates.

    The answer has no wrapper object.
    """
    sent = _SERVICE(body, "TaxService")
    if not sent.get("TaxCode"):
        raise Fault.missing("TaxCode")
    if not sent.get("TaxRateDetails"):
        raise Fault.missing("TaxRateDetails")
    details = [_service_rate(books, detail) for detail in sent["TaxRateDetails"]]
    ids = [detail["TaxRateId"] for detail in details]
    if len(set(ids)) != len(ids):
        raise Fault.business("The same tax rate cannot be used twice in a tax code.")
    names = {"Sales": [], "Purchase": [], "Other": []}  # type: dict[str, list[str]]
    for detail in details:
        names[detail["TaxApplicableOn"]].append(detail["TaxRateName"])
    code = found_code(
        books,
        Code(
            sent["TaxCode"],
            sent["TaxCode"],
            tuple(names["Sales"]),
            tuple(names["Purchase"]),
            user_defined=True,
        ),
    )
    return {"TaxCode": code["Name"], "TaxCodeId": code["Id"], "TaxRateDetails": details}


def _service_rate(books: Books, detail: Wire) -> Wire:
    applicable = detail.get("TaxApplicableOn", "Sales")
    if "TaxRateId" in detail:
        rate = books.referred("TaxRate", ref(detail["TaxRateId"]))
    else:
        rate = _new_rate(books, detail)
    value = rate.get("RateValue", percent_on(rate, books.today()))
    return {
        "TaxRateName": rate["Name"],
        "TaxRateId": rate["Id"],
        "RateValue": format(value, "f"),
        "TaxAgencyId": rate["AgencyRef"]["value"],
        "TaxApplicableOn": applicable,
    }


def _new_rate(books: Books, detail: Wire) -> Wire:
    for name in ("TaxRateName", "RateValue", "TaxAgencyId"):
        if not detail.get(name) and detail.get(name) != 0:
            raise Fault.missing(name)
    if not 0 <= detail["RateValue"] <= HUNDRED:
        raise Fault.bad_number("RateValue", detail["RateValue"])
    agency = books.referred("TaxAgency", ref(detail["TaxAgencyId"]))
    return found_rate(
        books, Rate(detail["TaxRateName"], detail["RateValue"], agency["DisplayName"])
    )


def combined_percent(parts: list[Component]) -> Decimal:
    """What a code comes to in all: plain rates, compound ones, and taxes on taxes."""
    by_order: dict[int, Decimal] = {}

    def add(total: Decimal, part: Component) -> Decimal:
        effective = part.percent
        if part.kind == "TaxOnAmountPlusTax":
            effective = part.percent * (HUNDRED + total) / HUNDRED
        elif part.kind == "TaxOnTax":
            effective = part.percent * by_order.get(part.on_tax_order, Decimal(0)) / HUNDRED
        by_order[part.order] = effective
        return total + effective

    return reduce(add, parts, Decimal(0))
