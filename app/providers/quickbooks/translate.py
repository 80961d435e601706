"""QuickBooks' entities → accounting records; pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypedDict, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from app.accounting.errors import OutcomeUnknown
from app.accounting.journal import Side, total_of
from app.accounting.records import (
    Account,
    Address,
    Applied,
    BooksDocument,
    BooksLine,
    BooksTax,
    CompanyProfile,
    Customer,
    DocumentParts,
    EffectiveRate,
    Item,
    Kind,
    NamedEntry,
    NameHolder,
    PersonName,
    TaxAgency,
    TaxCode,
    TaxCodeRate,
    TaxModel,
    TaxRate,
)
from app.providers.quickbooks import compare, wire
from app.providers.quickbooks.journal import journal_lines
from app.providers.quickbooks.kinds import PAYMENTS, PURCHASE
from app.providers.quickbooks.text import find_marker

Row = Mapping[str, object]
W = TypeVar("W", bound=wire.Wire)

_COUNTRIES = {"UK": "GB", "GBR": "GB", "USA": "US", "CAN": "CA", "AUS": "AU", "IND": "IN"}
_CURRENCIES = {
    "US": "USD",
    "CA": "CAD",
    "GB": "GBP",
    "AU": "AUD",
    "IN": "INR",
    "NZ": "NZD",
    "SG": "SGD",
    "ZA": "ZAR",
}
# Where most of a country's companies keep their clocks; only used when QuickBooks tells no zone.
_ZONES = {
    "US": "America/Los_Angeles",
    "CA": "America/Toronto",
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "FR": "Europe/Paris",
    "DE": "Europe/Berlin",
    "AU": "Australia/Sydney",
    "NZ": "Pacific/Auckland",
    "IN": "Asia/Kolkata",
    "SG": "Asia/Singapore",
    "ZA": "Africa/Johannesburg",
}
_EURO = frozenset(("IE", "FR", "DE", "ES", "IT", "NL", "BE", "AT", "PT", "FI", "LU"))
# Companies there keep a purchase side on every item.
_EXPENSE_ACCOUNT_COUNTRIES = frozenset(("CA", "GB"))
_BASES = {
    "TaxOnAmount": "on_net",
    "TaxOnAmountPlusTax": "on_net_plus_tax",
    "TaxOnTax": "on_tax",
}
_LINKED_KINDS = {
    "Invoice": Kind.INVOICE,
    "CreditMemo": Kind.CREDIT_MEMO,
    "JournalEntry": Kind.JOURNAL_ENTRY,
    "Expense": Kind.REFUND,
}


# ---------------------------------------------------------------- lists


def to_customer(row: Row) -> Customer:
    """Return the customer in a row."""
    parsed = _parse(wire.Customer, row)
    email, phone = parsed.primary_email_addr, parsed.primary_phone
    return Customer(
        **_entry(parsed),
        display_name=parsed.display_name or "",
        company_name=parsed.company_name,
        person=PersonName(
            title=parsed.title,
            given=parsed.given_name,
            middle=parsed.middle_name,
            family=parsed.family_name,
            suffix=parsed.suffix,
        ),
        email=email.address if email else None,
        phone=phone.free_form_number if phone else None,
        address=_address(parsed.bill_addr),
        currency=_id(parsed.currency_ref),
        parent_id=_id(parsed.parent_ref),
        taxable=parsed.taxable,
        notes=parsed.notes,
    )


def to_item(row: Row) -> Item:
    """Return the item in a row."""
    parsed = _parse(wire.Item, row)
    name = parsed.name or ""
    return Item(
        **_entry(parsed),
        name=name,
        full_name=parsed.fully_qualified_name or name,
        type=parsed.type or "",
        sku=parsed.sku,
        description=parsed.description,
        unit_price=parsed.unit_price,
        income_account_id=_id(parsed.income_account_ref),
        expense_account_id=_id(parsed.expense_account_ref),
        taxable=parsed.taxable,
    )


def to_account(row: Row) -> Account:
    """Return the account in a row."""
    parsed = _parse(wire.Account, row)
    name = parsed.name or ""
    return Account(
        **_entry(parsed),
        name=name,
        full_name=parsed.fully_qualified_name or name,
        number=parsed.acct_num,
        type=parsed.account_type or "",
        sub_type=parsed.account_sub_type,
        classification=parsed.classification,
        currency=_id(parsed.currency_ref),
        parent_id=_id(parsed.parent_ref),
    )


def to_tax_code(row: Row) -> TaxCode:
    """
    Return the tax code in a row.

    A code is a group only if it sells at more than one rate, whatever its flag says; the pseudo
    codes (TAX, NON) have no rates at all, and a code for purchases only is of kind `none`.
    """
    parsed = _parse(wire.TaxCode, row)
    details = parsed.sales_tax_rate_list.tax_rate_detail if parsed.sales_tax_rate_list else ()
    rates = tuple(_code_rate(each) for each in details if _id(each.tax_rate_ref))
    return TaxCode(
        **_entry(parsed),
        name=parsed.name or "",
        description=parsed.description,
        kind=_code_kind(parsed, len(rates)),
        hidden=bool(parsed.hidden),
        taxable=parsed.taxable is not False,
        rates=rates,
    )


def to_tax_rate(row: Row) -> TaxRate:
    """Return the tax rate in a row, with the history of its percentage, oldest first."""
    parsed = _parse(wire.TaxRate, row)
    history = _history(parsed.effective_tax_rate)
    present = parsed.rate_value
    if present is None and history:
        present = history[-1].percent
    return TaxRate(
        **_entry(parsed),
        name=parsed.name or "",
        percent=present,
        agency_id=_id(parsed.agency_ref),
        history=history,
        mappable=parsed.special_tax_type != "ADJUSTMENT_RATE"
        and parsed.display_type != "HideInAll",
    )


def to_tax_agency(row: Row) -> TaxAgency:
    """Return the tax agency in a row."""
    parsed = _parse(wire.TaxAgency, row)
    return TaxAgency(**_entry(parsed), name=parsed.display_name or "")


def to_named(row: Row) -> NamedEntry:
    """Return the payment method, term, class or department in a row."""
    parsed = _parse(wire.Listed, row)
    return NamedEntry(
        **_entry(parsed),
        name=parsed.name or "",
        full_name=parsed.fully_qualified_name,
        type=parsed.type,
        due_days=parsed.due_days,
    )


def to_holder(holder: str, row: Row) -> NameHolder:
    """Return who holds a name; *holder* says of which kind."""
    parsed = _parse(wire.NameHolder, row)
    return NameHolder(
        holder=holder,
        external_id=parsed.id or "",
        name=parsed.display_name or "",
        active=parsed.active is not False,
    )


# ---------------------------------------------------------------- the company


def to_profile(company: Row, preferences: Row) -> CompanyProfile:
    """Return what decides how the company's books may be written."""
    info, prefs = _parse(wire.CompanyInfo, company), _parse(wire.Preferences, preferences)
    sales, named = prefs.sales_forms_prefs, {each.name: each.value for each in info.name_value}
    tracked = prefs.accounting_info_prefs
    currency = _id(prefs.currency_prefs.home_currency)
    country = _country(info, currency)
    return CompanyProfile(
        name=info.company_name or info.legal_name or "",
        country=country,
        home_currency=currency or _home_currency(country),
        time_zone=_zone(info.default_time_zone, country),
        tax_model=tax_model(country, prefs.tax_prefs),
        multicurrency=bool(prefs.currency_prefs.multi_currency_enabled),
        custom_numbers=bool(sales.custom_txn_numbers),
        auto_apply_credits=bool(sales.auto_apply_credit),
        auto_apply_payments=bool(sales.auto_apply_payments),
        books_closed_until=tracked.book_close_date,
        classes_on_documents=bool(tracked.class_tracking_per_txn),
        classes_on_lines=bool(tracked.class_tracking_per_txn_line),
        locations=bool(tracked.track_departments),
        plan=named.get("OfferingSku"),
        subscription=named.get("SubscriptionStatus"),
        needs_expense_account=country in _EXPENSE_ACCOUNT_COUNTRIES,
    )


def tax_model(country: str, prefs: wire.TaxPrefs) -> TaxModel:
    """Return how the company computes sales tax (the order of the tests matters)."""
    if country != "US":
        return TaxModel.GLOBAL
    if prefs.partner_tax_enabled is True:
        return TaxModel.US_AST
    if prefs.partner_tax_enabled is False:
        return TaxModel.US_AST_UNSET
    return TaxModel.US_MANUAL if prefs.using_sales_tax else TaxModel.US_NONE


def _country(info: wire.CompanyInfo, currency: str | None) -> str:
    """Return the company's country in two letters; a silent dollar company is American."""
    said = info.country or (info.company_addr.country if info.company_addr else None) or ""
    code = said.strip().upper()
    if not code:
        return "US" if currency in (None, "USD") else ""
    return _COUNTRIES.get(code, code)


def _home_currency(country: str) -> str:
    return "EUR" if country in _EURO else _CURRENCIES.get(country, "USD")


def _zone(said: str | None, country: str) -> str:
    try:
        return ZoneInfo(said or "").key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _ZONES.get(country, "UTC")


# ---------------------------------------------------------------- documents


def to_document(kind: Kind, row: Row) -> BooksDocument:
    """
    Return the document, customer or item in a row, as it stands in the books.

    Raises:
        OutcomeUnknown: The row has no id, or is otherwise none of QuickBooks'.
    """
    match kind:
        case Kind.CUSTOMER:
            return _customer_document(row)
        case Kind.ITEM:
            return _item_document(row)
        case Kind.JOURNAL_ENTRY:
            return _journal_document(row)
        case _:
            return _transaction_document(kind, row)


def _transaction_document(kind: Kind, row: Row) -> BooksDocument:
    parsed = _parse(wire.Transaction, row)
    settles = kind in PAYMENTS
    tax = parsed.txn_tax_detail.total_tax if parsed.txn_tax_detail else None
    unapplied = parsed.unapplied_amt if settles else parsed.remaining_credit
    return BooksDocument(
        kind=kind,
        external_id=_required_id(parsed),
        sync_token=parsed.sync_token or "",
        number=parsed.payment_ref_num if settles else parsed.doc_number,
        total=parsed.total_amt,
        tax=None if settles else tax or Decimal(0),
        balance=parsed.balance,
        unapplied=parsed.balance if kind is Kind.CREDIT_MEMO and unapplied is None else unapplied,
        currency=_id(parsed.currency_ref),
        customer_id=_id(parsed.customer_ref) or _id(parsed.entity_ref),
        txn_date=parsed.txn_date,
        marker=find_marker(parsed.private_note),
        voided=compare.is_voided(row),
        created_at=parsed.meta_data.create_time,
        applied=_applied(parsed) if settles else (),
        fingerprint=compare.fingerprint_transaction(parsed, settles=settles),
        type_name=PURCHASE if kind is Kind.REFUND and parsed.payment_type else None,
        source=row,
    )


def _journal_document(row: Row) -> BooksDocument:
    """Return an entry; its debits stand for the total that QuickBooks does not keep."""
    parsed = _parse(wire.Transaction, row)
    return BooksDocument(
        kind=Kind.JOURNAL_ENTRY,
        external_id=_required_id(parsed),
        sync_token=parsed.sync_token or "",
        number=parsed.doc_number,
        total=total_of(tuple(journal_lines(parsed.line)), Side.DEBIT),
        currency=_id(parsed.currency_ref),
        txn_date=parsed.txn_date,
        marker=find_marker(parsed.private_note),
        created_at=parsed.meta_data.create_time,
        fingerprint=compare.fingerprint_journal_entry(parsed),
        source=row,
    )


def to_parts(row: Row) -> DocumentParts:
    """Return the lines and the tax lines of a transaction, in its order."""
    parsed = _parse(wire.Transaction, row)
    detail = parsed.txn_tax_detail
    return DocumentParts(
        lines=tuple(_lines(parsed.line)),
        taxes=tuple(_tax_of(line) for line in (detail.tax_line if detail else ())),
        journal=tuple(journal_lines(parsed.line)),
    )


def _lines(lines: Iterable[wire.Line]) -> Iterator[BooksLine]:
    for line in lines:
        if line.detail_type == "SubTotalLineDetail" or line.journal_entry_line_detail:
            continue
        if line.group_line_detail:
            yield from _lines(line.group_line_detail.line)
            continue
        sold = line.sales_item_line_detail or wire.SalesItemLineDetail()
        # A discount line states what it takes off.
        sign = -1 if line.detail_type == "DiscountLineDetail" else 1
        yield BooksLine(
            amount=sign * (line.amount or Decimal(0)),
            item_id=_id(sold.item_ref),
            description=line.description,
            tax_code_id=_id(sold.tax_code_ref),
        )


def _tax_of(line: wire.TaxLine) -> BooksTax:
    detail = line.tax_line_detail or wire.TaxLineDetail()
    return BooksTax(
        rate_id=_id(detail.tax_rate_ref),
        amount=line.amount or Decimal(0),
        percent=detail.tax_percent,
    )


def _customer_document(row: Row) -> BooksDocument:
    parsed = _parse(wire.Customer, row)
    return BooksDocument(
        kind=Kind.CUSTOMER,
        external_id=_required_id(parsed),
        sync_token=parsed.sync_token or "",
        name=parsed.display_name,
        currency=_id(parsed.currency_ref),
        marker=find_marker(parsed.notes),
        active=parsed.active is not False,
        created_at=parsed.meta_data.create_time,
        fingerprint=compare.fingerprint_customer(parsed),
        source=row,
    )


def _item_document(row: Row) -> BooksDocument:
    parsed = _parse(wire.Item, row)
    return BooksDocument(
        kind=Kind.ITEM,
        external_id=_required_id(parsed),
        sync_token=parsed.sync_token or "",
        name=parsed.name,
        active=parsed.active is not False,
        created_at=parsed.meta_data.create_time,
        fingerprint=compare.fingerprint_item(parsed),
        source=row,
    )


def _applied(payment: wire.Transaction) -> tuple[Applied, ...]:
    """Return what the payment settles; links to deposits and cheques are none of our kinds."""
    return tuple(
        Applied(
            kind=_LINKED_KINDS[link.txn_type or ""],
            external_id=link.txn_id,
            amount=line.amount or Decimal(0),
        )
        for line in payment.line
        for link in line.linked_txn
        if link.txn_id and link.txn_type in _LINKED_KINDS
    )


# ---------------------------------------------------------------- small parts


def _parse(model: type[W], row: Row) -> W:
    """
    Return the row as a model.

    Raises:
        OutcomeUnknown: A field has a value of a kind that QuickBooks never sends.
    """
    try:
        return model.model_validate(row)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:3])
        raise OutcomeUnknown(
            explanation=f"QuickBooks sent a {model.__name__} that cannot be read ({places})."
        ) from None


def _required_id(entity: wire.Entity) -> str:
    if not entity.id:
        raise OutcomeUnknown(explanation="QuickBooks sent an entity without its id.")
    return entity.id


class _EntryFields(TypedDict):
    external_id: str
    sync_token: str | None
    active: bool
    created_at: datetime | None
    updated_at: datetime | None


def _entry(entity: wire.Entity) -> _EntryFields:
    return {
        "external_id": _required_id(entity),
        "sync_token": entity.sync_token,
        "active": entity.active is not False,
        "created_at": entity.meta_data.create_time,
        "updated_at": entity.meta_data.last_updated_time,
    }


def _id(ref: wire.Ref | None) -> str | None:
    return ref.value if ref else None


def _address(address: wire.PostalAddress | None) -> Address | None:
    if address is None:
        return None
    return Address(
        line1=address.line1,
        line2=address.line2,
        line3=address.line3,
        city=address.city,
        region=address.country_sub_division_code,
        postal_code=address.postal_code,
        country=address.country,
    )


def _code_rate(detail: wire.TaxRateDetail) -> TaxCodeRate:
    ref = detail.tax_rate_ref
    return TaxCodeRate(
        rate_id=_id(ref) or "",
        name=ref.name if ref else None,
        basis=_BASES.get(detail.tax_type_applicable or "", "on_net"),
        order=detail.tax_order or 0,
        on_order=detail.tax_on_tax_order,
    )


def _history(rates: Iterable[wire.EffectiveTaxRate]) -> tuple[EffectiveRate, ...]:
    """Return the percentages in order; one without an end ends when the next begins."""
    dated = sorted(
        (
            (each.effective_date.date(), each.end_date and each.end_date.date(), each.rate_value)
            for each in rates
            if each.rate_value is not None and each.effective_date
        ),
        key=lambda entry: entry[0],
    )
    last_days = [starts - timedelta(days=1) for starts, _, _ in dated[1:]]
    return tuple(
        EffectiveRate(percent=percent, starts_on=starts, ends_on=ends or last_day)
        for (starts, ends, percent), last_day in zip(dated, [*last_days, None], strict=False)
    )


def _code_kind(code: wire.TaxCode, sales_rates: int) -> str:
    if sales_rates > 1:
        return "group"
    if sales_rates == 1:
        return "single"
    # Only TAX, NON and CustomSalesTax have words for ids.
    return "none" if (code.id or "").isdigit() else "pseudo"
