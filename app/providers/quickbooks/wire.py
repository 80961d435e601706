"""
QuickBooks' JSON, as models; its CamelCase lives and ends here.

Whatever was ever seen to be absent is optional, unknown fields are ignored, numbers are Decimals
(the JSON is parsed with `parse_float=Decimal` before it comes here).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_pascal

T = TypeVar("T")

_INSTANT = TypeAdapter(datetime)
_DAY_LENGTH = len("2026-01-31")


def _as_list(value: object) -> object:
    """Take a single object for a list of one; QuickBooks' converters from XML leave such."""
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _as_instant(value: object) -> object:
    """Return an aware instant, or None for what is none: a time stamp is never worth a failure."""
    if not isinstance(value, str) or not value:
        return value if isinstance(value, datetime) else None
    try:
        moment = _INSTANT.validate_python(value)
    except ValidationError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_day(value: object) -> object:
    """Cut the offset or time that some dates carry."""
    return value[:_DAY_LENGTH] if isinstance(value, str) else value


def _empty_is_none(value: object) -> object:
    return None if value in ("", {}) else value


Many = Annotated[tuple[T, ...], BeforeValidator(_as_list)]
Instant = Annotated[datetime | None, BeforeValidator(_as_instant)]
Day = Annotated[date | None, BeforeValidator(_as_day)]


class Wire(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(
        alias_generator=to_pascal, extra="ignore", frozen=True, coerce_numbers_to_str=True
    )


class Ref(Wire):
    """A reference: an id, and sometimes the name behind it."""

    value: str | None = Field(default=None, alias="value")
    name: str | None = Field(default=None, alias="name")


OptionalRef = Annotated[Ref | None, BeforeValidator(_empty_is_none)]


class MetaData(Wire):
    create_time: Instant = None
    last_updated_time: Instant = None


class Entity(Wire):
    """What nearly every entity has. A deletion is answered by a stub with a *status*."""

    id: str | None = None
    sync_token: str | None = None
    active: bool | None = None
    meta_data: MetaData = MetaData()
    status: str | None = Field(default=None, alias="status")


# ---------------------------------------------------------------- lists


class PostalAddress(Wire):
    line1: str | None = None
    line2: str | None = None
    line3: str | None = None
    city: str | None = None
    country_sub_division_code: str | None = None
    postal_code: str | None = None
    country: str | None = None


class EmailAddress(Wire):
    address: str | None = None


class Telephone(Wire):
    free_form_number: str | None = None


class Customer(Entity):
    display_name: str | None = None
    company_name: str | None = None
    title: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    family_name: str | None = None
    suffix: str | None = None
    primary_email_addr: EmailAddress | None = None
    primary_phone: Telephone | None = None
    bill_addr: PostalAddress | None = None
    currency_ref: OptionalRef = None
    parent_ref: OptionalRef = None
    taxable: bool | None = None
    notes: str | None = None


class NameHolder(Entity):
    """A customer, vendor or employee, seen only as the holder of a name."""

    display_name: str | None = None


class Item(Entity):
    name: str | None = None
    fully_qualified_name: str | None = None
    type: str | None = None
    sku: str | None = None
    description: str | None = None
    unit_price: Decimal | None = None
    income_account_ref: OptionalRef = None
    expense_account_ref: OptionalRef = None
    taxable: bool | None = None


class Account(Entity):
    name: str | None = None
    fully_qualified_name: str | None = None
    acct_num: str | None = None
    account_type: str | None = None
    account_sub_type: str | None = None
    classification: str | None = None
    currency_ref: OptionalRef = None
    parent_ref: OptionalRef = None


class TaxRateDetail(Wire):
    tax_rate_ref: OptionalRef = None
    tax_type_applicable: str | None = None
    tax_order: int | None = None
    tax_on_tax_order: int | None = None


class TaxRateList(Wire):
    tax_rate_detail: Many[TaxRateDetail] = ()


class TaxCode(Entity):
    name: str | None = None
    description: str | None = None
    hidden: bool | None = None
    taxable: bool | None = None
    tax_group: bool | None = None
    sales_tax_rate_list: TaxRateList | None = None


class EffectiveTaxRate(Wire):
    rate_value: Decimal | None = None
    effective_date: Instant = None
    end_date: Instant = None


class TaxRate(Entity):
    name: str | None = None
    description: str | None = None
    rate_value: Decimal | None = None
    agency_ref: OptionalRef = None
    effective_tax_rate: Many[EffectiveTaxRate] = ()
    special_tax_type: str | None = None
    display_type: str | None = None


class TaxAgency(Entity):
    display_name: str | None = None


class Listed(Entity):
    """A payment method, term, class or department."""

    name: str | None = None
    fully_qualified_name: str | None = None
    type: str | None = None
    due_days: int | None = None


# ---------------------------------------------------------------- the company


class NameValue(Wire):
    name: str | None = None
    value: str | None = None


class CompanyInfo(Entity):
    company_name: str | None = None
    legal_name: str | None = None
    country: str | None = None
    company_addr: PostalAddress | None = None
    default_time_zone: str | None = None
    name_value: Many[NameValue] = ()


class AccountingInfoPrefs(Wire):
    book_close_date: Day = None
    class_tracking_per_txn: bool | None = None
    class_tracking_per_txn_line: bool | None = None
    track_departments: bool | None = None


class SalesFormsPrefs(Wire):
    custom_txn_numbers: bool | None = None
    auto_apply_credit: bool | None = None
    auto_apply_payments: bool | None = None


class TaxPrefs(Wire):
    using_sales_tax: bool | None = None
    partner_tax_enabled: bool | None = None


class CurrencyPrefs(Wire):
    multi_currency_enabled: bool | None = None
    home_currency: OptionalRef = None


class Preferences(Entity):
    accounting_info_prefs: AccountingInfoPrefs = AccountingInfoPrefs()
    sales_forms_prefs: SalesFormsPrefs = SalesFormsPrefs()
    tax_prefs: TaxPrefs = TaxPrefs()
    currency_prefs: CurrencyPrefs = CurrencyPrefs()


# ---------------------------------------------------------------- transactions


class LinkedTxn(Wire):
    txn_id: str | None = None
    txn_type: str | None = None


class SalesItemLineDetail(Wire):
    item_ref: OptionalRef = None
    qty: Decimal | None = None
    unit_price: Decimal | None = None
    tax_code_ref: OptionalRef = None
    service_date: Day = None
    tax_inclusive_amt: Decimal | None = None


class GroupLineDetail(Wire):
    line: Many["Line"] = ()


class JournalEntity(Wire):
    type: str | None = None
    entity_ref: OptionalRef = None


class JournalEntryLineDetail(Wire):
    posting_type: str | None = None
    account_ref: OptionalRef = None
    entity: JournalEntity | None = None
    class_ref: OptionalRef = None
    department_ref: OptionalRef = None


class Line(Wire):
    id: str | None = None
    amount: Decimal | None = None
    description: str | None = None
    detail_type: str | None = None
    linked_txn: Many[LinkedTxn] = ()
    sales_item_line_detail: SalesItemLineDetail | None = None
    group_line_detail: GroupLineDetail | None = None
    journal_entry_line_detail: JournalEntryLineDetail | None = None


class TaxLineDetail(Wire):
    tax_rate_ref: OptionalRef = None
    percent_based: bool | None = None
    tax_percent: Decimal | None = None
    net_amount_taxable: Decimal | None = None


class TaxLine(Wire):
    amount: Decimal | None = None
    tax_line_detail: TaxLineDetail | None = None


class TxnTaxDetail(Wire):
    txn_tax_code_ref: OptionalRef = None
    total_tax: Decimal | None = None
    tax_line: Many[TaxLine] = ()


class Transaction(Entity):
    """
    An invoice, credit memo, refund receipt, purchase, payment or journal entry.

    One model for all: each leaves out what it does not have.
    """

    doc_number: str | None = None
    txn_date: Day = None
    due_date: Day = None
    customer_ref: OptionalRef = None
    entity_ref: OptionalRef = None
    payment_type: str | None = None
    currency_ref: OptionalRef = None
    exchange_rate: Decimal | None = None
    private_note: str | None = None
    line: Many[Line] = ()
    linked_txn: Many[LinkedTxn] = ()
    txn_tax_detail: TxnTaxDetail | None = None
    total_amt: Decimal | None = None
    balance: Decimal | None = None
    remaining_credit: Decimal | None = None
    unapplied_amt: Decimal | None = None
    payment_ref_num: str | None = None
    payment_method_ref: OptionalRef = None
    deposit_to_account_ref: OptionalRef = None


# ---------------------------------------------------------------- envelopes


def entity_of(payload: Mapping[str, Any], name: str) -> Mapping[str, object] | None:
    """Return the one entity that an answer holds, or None when it holds none of that name."""
    entity = payload.get(name)
    return entity if isinstance(entity, dict) else None


def rows_of(payload: Mapping[str, Any], name: str) -> list[Mapping[str, object]] | None:
    """
    Return the rows of a query's answer; none for an empty set, whose answer has no entity key.

    None tells that the answer is not one of a query.
    """
    answer = payload.get("QueryResponse")
    if not isinstance(answer, dict):
        return None
    rows = answer.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows
