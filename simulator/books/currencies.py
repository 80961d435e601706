"""Currencies of a company and their rates; a single-currency company has but one."""

from __future__ import annotations

from decimal import Decimal

from simulator.books.faults import Fault
from simulator.books.schemas import COMPANY_CURRENCY, EXCHANGE_RATE
from simulator.books.state import Books
from simulator.books.wire import Wire

CURRENCY_NAMES = {
    "AUD": "Australian Dollar",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "JPY": "Japanese Yen",
    "NZD": "New Zealand Dollar",
    "USD": "United States Dollar",
}


def currency_ref(code: str) -> Wire:
    """A currency as every object shows it."""
    return {"value": code, "name": CURRENCY_NAMES.get(code, code)}


def is_multicurrency(books: Books) -> bool:
    """Whether the company has switched multicurrency on."""
    return books.preference("CurrencyPrefs", "MultiCurrencyEnabled") is True


def ensure_currency(books: Books, sent: Wire | None) -> Wire:
    """
    The currency of a new object; a foreign one is added to the company's list.

    Raises:
        Fault: 2220 for a foreign or unknown currency where there can be none.
    """
    home = books.profile.currency
    code = home if sent is None else sent["value"]
    if code != home:
        if not is_multicurrency(books) or code not in CURRENCY_NAMES:
            raise Fault.bad_currency(code)
        _add(books, code)
    return currency_ref(code)


def home_rate(books: Books, code: str, on: str, sent: Decimal | None = None) -> Decimal:
    """Home units per unit of *code* on a day: the one sent, else the latest known one."""
    if code == books.profile.currency:
        return Decimal(1)
    if sent is not None:
        if sent <= 0:
            raise Fault.bad_number("ExchangeRate", sent)
        return sent
    known = [
        row
        for row in books.store.rows["ExchangeRate"].values()
        if row["SourceCurrencyCode"] == code and row["AsOfDate"] <= on
    ]
    if not known:
        return books.profile.currencies.get(code, Decimal(1))
    rate: Decimal = max(known, key=lambda row: str(row["AsOfDate"]))["Rate"]
    return rate


def transaction_currency(books: Books, draft: Wire, party: Wire | None, on: str) -> Wire:
    """
    Currency and rate of a transaction with *party*, as its row shows them.

    Raises:
        Fault: 2020 where a multicurrency company was sent none, 6000 when it is not the party's.
    """
    if is_multicurrency(books) and "CurrencyRef" not in draft:
        raise Fault.missing("CurrencyRef")
    code = ensure_currency(books, draft.get("CurrencyRef"))["value"]
    if party is not None and party["CurrencyRef"]["value"] != code:
        raise Fault.business("The currency of the transaction is invalid for customer.")
    if not is_multicurrency(books):
        return {"CurrencyRef": currency_ref(code)}
    rate = home_rate(books, code, on, draft.get("ExchangeRate"))
    return {"CurrencyRef": currency_ref(code), "ExchangeRate": rate}


def create_currency(books: Books, body: Wire) -> Wire:
    """Add a currency to the company's list."""
    sent = COMPANY_CURRENCY.read(body)
    if "Code" not in sent:
        raise Fault.missing("Code")
    if not is_multicurrency(books):
        raise Fault.not_supported("Multicurrency is not switched on")
    if sent["Code"] not in CURRENCY_NAMES:
        raise Fault.bad_currency(sent["Code"])
    if _find(books, sent["Code"]) is not None:
        raise Fault.duplicate_name("currency")
    return _add(books, sent["Code"])


def update_currency(books: Books, body: Wire) -> Wire:
    """Make a currency active or inactive; nothing else can be changed."""
    former = books.current("CompanyCurrency", body)
    sent = COMPANY_CURRENCY.read(body)
    return books.touch("CompanyCurrency", former, Active=sent.get("Active", former["Active"]))


def set_exchange_rate(books: Books, body: Wire) -> Wire:
    """Set the rate of a currency for a day; a second one for the day replaces the first."""
    sent = EXCHANGE_RATE.read(body)
    for name in ("SourceCurrencyCode", "Rate"):
        if name not in sent:
            raise Fault.missing(name)
    on = sent.get("AsOfDate", books.today())
    key = f"{sent['SourceCurrencyCode']}/{on}"
    former = books.store.rows["ExchangeRate"].get(key)
    if former is not None and str(body.get("SyncToken")) != former["SyncToken"]:
        raise Fault.stale()
    row = {
        "SyncToken": "0" if former is None else str(int(former["SyncToken"]) + 1),
        "SourceCurrencyCode": sent["SourceCurrencyCode"],
        "TargetCurrencyCode": books.profile.currency,
        "Rate": sent["Rate"],
        "AsOfDate": on,
        "domain": "QBO",
        "sparse": False,
        "MetaData": {"LastUpdatedTime": books.timestamp()},
    }
    books.store.set(books.store.rows["ExchangeRate"], key, row)
    return row


def _find(books: Books, code: str) -> Wire | None:
    rows = books.store.rows["CompanyCurrency"].values()
    return next((row for row in rows if row["Code"] == code), None)


def _add(books: Books, code: str) -> Wire:
    found = _find(books, code)
    if found is not None:
        return found
    row = books.header(books.store.next_id("CompanyCurrency"))
    row |= {"Code": code, "Name": CURRENCY_NAMES[code], "Active": True}
    return books.put("CompanyCurrency", row)
