"""
Deterministic data sets: the same arguments always give the same company.

Names are Canadian, French and awkward on purpose: accents, apostrophes, backslashes, quotes,
names that differ only in case from a vendor's, names that look deleted, sub-customers, inactive
ones. Everything gets a creation time within the given range, ascending like the ids.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from simulator.books.company import Company
from simulator.books.wire import Wire

AWKWARD = (
    "O'Brien & Sons Ltd.",
    "D'Arcy's \"Best\" Bagels",
    "Back\\slash Systems",
    "L'Été Indien Inc.",
    "Émilie Côté-Lévesque",
    "Søren Ødegård",
    "Łukasz Wiśniewski",
    "Nuñez, Ibáñez y Cía",
    "加拿大商事株式会社",
    "100% Organic Foods",
    "A&B <Partners> / West",
    "Old Mill Bakery (deleted)",
    "Zoë's",
    "ẞüßer Imports",
)
"""Customer names that have broken somebody's query or encoding before."""

VENDORS = ("Maple Leaf Supplies", "Northern Hosting Co.", "Café du Port", "Prairie Print Shop")
EMPLOYEES = ("Jordan MacDonald", "Amélie Tremblay", "Ravi Singh")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Olivia Liam Emma Noah Amélie Félix Chloé Étienne Zoé Maxime Léa Thomas Sophie Lucas "
    "Jasmine Ethan Maya Owen Priya Arjun Mei Wei Fatima Omar Isla Hudson Aurèle Gisèle "
    "Benoît Noémie Anaïs Loïc Siobhan Niamh Connor Rhys Aiyana Tanis Nanook Sólveig"
)
_FAMILY = _words(
    "Smith Tremblay Roy Gagnon MacDonald Singh Wong Côté Bouchard Gauthier Morin Lavoie "
    "Fortin Gagné Ouellet Pelletier Bélanger Lévesque Bergeron O'Neill O'Connor D'Angelo "
    "McKenzie MacLeod Nguyen Patel Kaur Chen Campbell Fraser Friesen Giesbrecht Poirier "
    "LeBlanc Cormier Desrosiers Hébert Théberge Dubé Saint-Pierre"
)
_TRADES = _words(
    "Consulting Logistics Roofing Dental Bakery Software Plumbing Landscaping Fisheries "
    "Forestry Mining Studios Electric Flooring Optics Robotics Analytics Textiles Brewing "
    "Outfitters"
)
_FORMS = ("Ltd.", "Inc.", "Ltée", "& Fils", "Corp.", "Co-op")
_TOWNS = (
    ("Vancouver", "BC", "V6B 1A1"),
    ("Victoria", "BC", "V8W 1N8"),
    ("Calgary", "AB", "T2P 1J9"),
    ("Saskatoon", "SK", "S7K 1J5"),
    ("Winnipeg", "MB", "R3C 4T3"),
    ("Toronto", "ON", "M5H 2N2"),
    ("Ottawa", "ON", "K1P 1J1"),
    ("Montréal", "QC", "H2Y 1C6"),
    ("Trois-Rivières", "QC", "G9A 5H7"),
    ("Halifax", "NS", "B3J 3K5"),
    ("St. John's", "NL", "A1C 5M2"),
    ("Iqaluit", "NU", "X0A 0H0"),
)
_STREETS = ("Main St", "rue Saint-Jean", "Elgin St", "Granville St", "Chemin du Lac", "King's Rd")
_PLANS = ("Starter", "Team", "Pro", "Business", "Enterprise", "Insight", "Archive", "Support")
_PERIODS = ("monthly", "yearly", "per seat", "per GB", "set-up")
_CLASSES = ("North America", "EMEA", "Asia Pacific")
_DEPARTMENTS = ("Vancouver", "Toronto", "Montréal")

INACTIVE_EVERY = 40
SUB_EVERY = 15
NO_EMAIL_EVERY = 7


@dataclass
class Seeded:
    """The ids of what was made, in order."""

    customers: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    vendors: list[str] = field(default_factory=list)
    employees: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    departments: list[str] = field(default_factory=list)
    invoices: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)
    credit_memos: list[str] = field(default_factory=list)
    income_account: str = ""
    expense_account: str = ""


def seed(
    company: Company,
    *,
    seed: int,
    customers: int = 0,
    items: int = 0,
    created_from: date,
    created_to: date,
    invoices: int = 0,
    paid_share: float = 0.6,
    credit_memos: int = 0,
    inactive: bool = True,
    sub_customers: bool = True,
    awkward: bool = True,
    taken_names: Sequence[str] = (),
) -> Seeded:
    """
    Fill a freshly founded company.

    *taken_names* become vendors, so that customers of these names meet 6240. Invoices, payments
    and credit memos come after all lists, over the same range of days.
    """
    random, made = Random(seed), Seeded()
    days = (created_from, created_to)
    kinds = _Kinds(inactive=inactive, sub_customers=sub_customers, awkward=awkward)
    with _collector_off():
        with company.at(_moment(created_from)):
            _accounts(company, made)
            _small_lists(company, made)
            _others(company, made, taken_names)
        _items(company, made, random, _moments(*days, items))
        _customers(company, made, random, _moments(*days, customers), kinds)
        _documents(company, made, random, _moments(*days, invoices), paid_share)
        _credits(company, made, random, _moments(*days, credit_memos))
    return made


@dataclass(frozen=True)
class _Kinds:
    """Which unusual customers there shall be."""

    inactive: bool
    sub_customers: bool
    awkward: bool


@contextmanager
def _collector_off() -> Iterator[None]:
    """Millions of objects that all stay: looking for garbage among them takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(9), UTC)


def _moments(first: date, last: date, count: int) -> list[datetime]:
    """*count* moments spread evenly from the first day to the last, at office hours."""
    start = _moment(first)
    seconds = max((last - first).days * 86_400 + 8 * 3600, 0)
    return [start + timedelta(seconds=seconds * place // count) for place in range(count)]


def _accounts(company: Company, made: Seeded) -> None:
    numbered = (
        ("Subscription income", "Income", "ServiceFeeIncome", "4000"),
        ("Usage income", "Income", "ServiceFeeIncome", "4010"),
        ("Hosting costs", "Cost of Goods Sold", "CostOfSales", "5000"),
        ("Payment gateway clearing", "Bank", "CashOnHand", "1090"),
        ("Refund clearing", "Other Current Asset", "OtherCurrentAssets", "1095"),
    )
    ids = []
    for name, kind, sub_type, number in numbered:
        body = {
            "Name": name,
            "AccountType": kind,
            "AccountSubType": sub_type,
            "AcctNum": number,
        }
        ids.append(company.create("Account", body)["Id"])
    made.income_account, made.expense_account = ids[0], ids[2]


def _small_lists(company: Company, made: Seeded) -> None:
    made.classes = [company.create("Class", {"Name": name})["Id"] for name in _CLASSES]
    made.departments = [company.create("Department", {"Name": name})["Id"] for name in _DEPARTMENTS]


def _others(company: Company, made: Seeded, taken_names: Sequence[str]) -> None:
    for name in (*VENDORS, *taken_names):
        made.vendors.append(company.create("Vendor", {"DisplayName": name})["Id"])
    for name in EMPLOYEES:
        made.employees.append(company.create("Employee", {"DisplayName": name})["Id"])


def _items(company: Company, made: Seeded, random: Random, moments: list[datetime]) -> None:
    bodies = _item_bodies(random, made, len(moments))
    for moment, body in zip(moments, bodies, strict=True):
        with company.at(moment):
            made.items.append(company.create("Item", body)["Id"])


def _item_bodies(random: Random, made: Seeded, count: int) -> Iterator[Wire]:
    for place in range(count):
        plan = _PLANS[place % len(_PLANS)]
        period = _PERIODS[place // len(_PLANS) % len(_PERIODS)]
        edition = place // (len(_PLANS) * len(_PERIODS))
        name = f"{plan} {period}" + (f" {edition + 1}" if edition else "")
        yield {
            "Name": name,
            "Type": "Service" if place % 5 else "NonInventory",
            "Sku": f"SKU-{place + 1:05d}",
            "Description": f"{name}, billed in advance",
            "UnitPrice": Decimal(random.randint(100, 99_900)) / 100,
            "IncomeAccountRef": {"value": made.income_account},
            "ExpenseAccountRef": {"value": made.expense_account},
        }


def _customers(
    company: Company,
    made: Seeded,
    random: Random,
    moments: list[datetime],
    kinds: _Kinds,
) -> None:
    names = _names(random, AWKWARD if kinds.awkward else ())
    tops: list[str] = []
    for place, moment in enumerate(moments):
        body = _customer_body(random, next(names), place)
        is_sub = kinds.sub_customers and tops and place % SUB_EVERY == SUB_EVERY - 1
        if is_sub:
            body |= {"Job": True, "ParentRef": {"value": random.choice(tops)}}
        with company.at(moment):
            row = company.create("Customer", body)
            if kinds.inactive and place % INACTIVE_EVERY == INACTIVE_EVERY - 1:
                change = {"Id": row["Id"], "SyncToken": "0", "sparse": True, "Active": False}
                company.update("Customer", change)
            elif not is_sub and len(tops) < 1000:
                tops.append(row["Id"])
        made.customers.append(row["Id"])


def _names(random: Random, first: Sequence[str]) -> Iterator[str]:
    """Names that never repeat, not even in another case."""
    used = {name.casefold() for name in (*first, *VENDORS, *EMPLOYEES)}
    yield from first
    while True:
        given, family = random.choice(_GIVEN), random.choice(_FAMILY)
        name = f"{given} {family}"
        if random.random() < 0.6:
            name = f"{family} {random.choice(_TRADES)} {random.choice(_FORMS)}"
        base, count = name, 1
        while name.casefold() in used:
            count += random.randint(1, 50)
            name = f"{base} {count}"
        used.add(name.casefold())
        yield name


def _customer_body(random: Random, name: str, place: int) -> Wire:
    town, region, postal = random.choice(_TOWNS)
    body: Wire = {
        "DisplayName": name,
        "CompanyName": name[:100],
        "GivenName": random.choice(_GIVEN),
        "FamilyName": random.choice(_FAMILY),
        "PrimaryPhone": {"FreeFormNumber": f"(604) 555-{random.randint(0, 9999):04d}"},
        "BillAddr": {
            "Line1": f"{random.randint(1, 9999)} {random.choice(_STREETS)}",
            "City": town,
            "CountrySubDivisionCode": region,
            "PostalCode": postal,
            "Country": "Canada",
        },
    }
    if place % NO_EMAIL_EVERY:
        body["PrimaryEmailAddr"] = {"Address": f"client{place + 1}@example.com"}
    if place % 5 == 0:
        body["SalesTermRef"] = {"value": "3"}
    return body


def _documents(
    company: Company,
    made: Seeded,
    random: Random,
    moments: list[datetime],
    paid_share: float,
) -> None:
    """Invoices with one to three lines, a share of them paid, some only in part."""
    buyers = _buyers(company, made) if moments else []
    codes = _codes(company)
    for moment in moments:
        customer = random.choice(buyers)
        body = _in_home_currency(company, _sale_body(random, made, codes, customer, moment))
        with company.at(moment):
            invoice = company.create("Invoice", body)
            made.invoices.append(invoice["Id"])
            if random.random() < paid_share and invoice["Balance"] > 0:
                made.payments.append(_pay(company, random, invoice, moment))


def _credits(company: Company, made: Seeded, random: Random, moments: list[datetime]) -> None:
    buyers = _buyers(company, made) if moments else []
    codes = _codes(company)
    for moment in moments:
        body = _sale_body(random, made, codes, random.choice(buyers), moment)
        body = _in_home_currency(company, body)
        with company.at(moment):
            made.credit_memos.append(company.create("CreditMemo", body)["Id"])


def _buyers(company: Company, made: Seeded) -> list[str]:
    if not made.items:
        raise ValueError("documents need items")
    active = [id for id in made.customers if company.get("Customer", id)["Active"]]
    if not active:
        raise ValueError("documents need customers")
    return active


def _codes(company: Company) -> list[str]:
    """The codes a line may carry here: active, visible, with sales rates; or TAX and NON."""
    rows = company.rows("TaxCode")
    if company.profile.is_us:
        return ["TAX", "NON"]
    return [
        row["Id"]
        for row in rows
        if row["Active"] and not row["Hidden"] and row["SalesTaxRateList"]["TaxRateDetail"]
    ]


def _sale_body(
    random: Random, made: Seeded, codes: list[str], customer: str, moment: datetime
) -> Wire:
    lines = []
    for _ in range(random.randint(1, 3)):
        quantity, price = random.randint(1, 9), Decimal(random.randint(100, 50_000)) / 100
        detail: Wire = {
            "ItemRef": {"value": random.choice(made.items)},
            "Qty": quantity,
            "UnitPrice": price,
            "TaxCodeRef": {"value": random.choice(codes)},
        }
        lines.append(
            {
                "Amount": quantity * price,
                "Description": "Subscription",
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": detail,
            }
        )
    day = moment.date().isoformat()
    return {"CustomerRef": {"value": customer}, "TxnDate": day, "Line": lines}


def _pay(company: Company, random: Random, invoice: Wire, moment: datetime) -> str:
    balance: Decimal = invoice["Balance"]
    amount = balance if random.random() < 0.8 else (balance / 2).quantize(Decimal("0.01"))
    body = {
        "CustomerRef": {"value": invoice["CustomerRef"]["value"]},
        "TotalAmt": amount,
        "TxnDate": moment.date().isoformat(),
        "PaymentMethodRef": {"value": "3"},
        "PaymentRefNum": f"ch_{random.randrange(16**12):012x}",
        "Line": [
            {
                "Amount": amount,
                "LinkedTxn": [{"TxnId": invoice["Id"], "TxnType": "Invoice"}],
            }
        ],
    }
    return str(company.create("Payment", _in_home_currency(company, body))["Id"])


def _in_home_currency(company: Company, body: Wire) -> Wire:
    """A multicurrency company wants the currency named on every transaction."""
    if not company.profile.multicurrency:
        return body
    return {**body, "CurrencyRef": {"value": company.profile.currency}}
