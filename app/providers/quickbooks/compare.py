"""
What a document of the books says about its content: its fingerprint, and whether a write took.

Both look at the content that is the document's own. Tokens, time stamps, balances and links move
by themselves (a payment is applied, a credit links itself) and say nothing about it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from decimal import Decimal

from pydantic import ValidationError

from app.accounting.records import Kind, Verb, Write
from app.providers.quickbooks import wire
from app.providers.quickbooks.journal import journal_lines, same_lines
from app.providers.quickbooks.kinds import NAME_LISTS

VOID_WORD = "voided"

# Fields of a body that are not compared: either they are no content, or QuickBooks is known to
# rewrite them (addresses come back flattened, a sent exchange rate may be ignored).
_NOT_COMPARED = frozenset(
    (
        "Id",
        "SyncToken",
        "sparse",
        "BillAddr",
        "ShipAddr",
        "ExchangeRate",
        "GlobalTaxCalculation",
        "PrivateNote",
        "Notes",
        "Line",
        "TxnTaxDetail",
    )
)


# ---------------------------------------------------------------- fingerprints


def fingerprint_transaction(document: wire.Transaction, *, settles: bool) -> str:
    """
    Return the fingerprint of a transaction.

    *settles* tells that its lines are links to what it pays, which then are its content.
    """
    tax = document.txn_tax_detail
    lines = _settlements(document.line) if settles else _sales_lines(document.line)
    return _digest(
        _value(document.customer_ref),
        document.txn_date,
        document.due_date,
        document.payment_ref_num if settles else document.doc_number,
        _value(document.payment_method_ref),
        document.total_amt,
        (tax.total_tax if tax else None) or Decimal(0),
        _value(document.currency_ref),
        *lines,
    )


def fingerprint_journal_entry(entry: wire.Transaction) -> str:
    """Return the fingerprint of a journal entry; it has no total of its own."""
    return _digest(
        entry.txn_date,
        entry.doc_number,
        _value(entry.currency_ref),
        *(astuple(line) for line in journal_lines(entry.line)),
    )


def fingerprint_customer(customer: wire.Customer) -> str:
    """Return the fingerprint of a customer; its address is left out, for it comes back changed."""
    email, phone = customer.primary_email_addr, customer.primary_phone
    return _digest(
        customer.display_name,
        customer.company_name,
        customer.title,
        customer.given_name,
        customer.middle_name,
        customer.family_name,
        customer.suffix,
        email.address if email else None,
        phone.free_form_number if phone else None,
        _value(customer.currency_ref),
        customer.active is not False,
        customer.taxable,
    )


def fingerprint_item(item: wire.Item) -> str:
    """Return the fingerprint of an item."""
    return _digest(
        item.name,
        item.type,
        item.description,
        item.unit_price,
        _value(item.income_account_ref),
        _value(item.expense_account_ref),
        item.active is not False,
    )


def _sales_lines(lines: Iterable[wire.Line]) -> Iterable[tuple[object, ...]]:
    for line in lines:
        if line.detail_type == "SubTotalLineDetail":
            continue
        detail = line.sales_item_line_detail or wire.SalesItemLineDetail()
        yield (
            line.detail_type,
            line.amount,
            line.description,
            _value(detail.item_ref),
            _value(detail.tax_code_ref),
        )
        if line.group_line_detail:
            yield from _sales_lines(line.group_line_detail.line)


def _settlements(lines: Iterable[wire.Line]) -> Iterable[tuple[object, ...]]:
    return sorted(
        (link.txn_type or "", link.txn_id or "", _plain(line.amount))
        for line in lines
        for link in line.linked_txn
    )


def _digest(*content: object) -> str:
    text = json.dumps([_flat(each) for each in content], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _flat(value: object) -> object:
    return [_plain(each) for each in value] if isinstance(value, tuple) else _plain(value)


def _plain(value: object) -> str:
    """Return a scalar as text; 100, 100.0 and 1E+2 are the same figure."""
    if isinstance(value, Decimal):
        return format(value.normalize() + 0, "f")
    return "" if value is None else str(value)


def _value(ref: wire.Ref | None) -> str | None:
    return ref.value if ref else None


# ---------------------------------------------------------------- did the write take?


def shows(write: Write, source: Mapping[str, object]) -> bool:
    """
    Tell whether the document shows what the write asked for.

    An update takes only if the token has moved on from the one it was sent with.
    """
    asked = json.loads(write.body, parse_float=Decimal)
    if write.target is not None and str(source.get("Id")) != write.target:
        return False
    match write.verb:
        case Verb.VOID:
            return is_voided(source)
        case Verb.DELETE:
            return write.kind in NAME_LISTS and source.get("Active") is False
        case Verb.UPDATE if not _moved_on(asked, source):
            return False
    if write.kind is Kind.JOURNAL_ENTRY:
        return _same_fields(asked, source) and _same_entry(asked, source)
    return _same_fields(asked, source) and _same_lines(asked, source) and _same_tax(asked, source)


def is_voided(source: Mapping[str, object]) -> bool:
    """Tell whether a document is void: nothing left of its total, and its note says so."""
    note = str(source.get("PrivateNote") or "").lower()
    return VOID_WORD in note and _number(source.get("TotalAmt")) == 0


def _moved_on(asked: Mapping[str, object], source: Mapping[str, object]) -> bool:
    before, now = str(asked.get("SyncToken")), str(source.get("SyncToken"))
    if before.isdigit() and now.isdigit():
        return int(now) > int(before)
    return now != before


def _same_fields(asked: Mapping[str, object], source: Mapping[str, object]) -> bool:
    return all(
        _same(value, source.get(key)) for key, value in asked.items() if key not in _NOT_COMPARED
    )


def _same(asked: object, found: object) -> bool:
    """Compare two values of a field; of a nested one, only the members that were asked for."""
    if isinstance(asked, Mapping):
        return isinstance(found, Mapping) and all(
            _same(value, found.get(key)) for key, value in asked.items()
        )
    if isinstance(asked, bool) or isinstance(found, bool):
        return asked is found
    number = _number(asked)
    if number is not None and _number(found) is not None:
        return number == _number(found)
    return _squeezed(asked) == _squeezed(found)


def _same_lines(asked: Mapping[str, object], source: Mapping[str, object]) -> bool:
    if "Line" not in asked:
        return True
    wanted, found = _content_lines(asked["Line"]), _content_lines(source.get("Line"))
    if all("LinkedTxn" in line for line in (*wanted, *found)):
        return sorted(map(_link_key, wanted)) == sorted(map(_link_key, found))
    return len(wanted) == len(found) and all(map(_same_line, wanted, found))


def _same_entry(asked: Mapping[str, object], source: Mapping[str, object]) -> bool:
    """Compare what two journal entries post; one that is unlike any of QuickBooks' is another."""
    try:
        wanted, found = (wire.Transaction.model_validate(each) for each in (asked, source))
    except ValidationError:
        return False
    return same_lines(wanted.line, found.line)


def _content_lines(lines: object) -> list[Mapping[str, object]]:
    listed = lines if isinstance(lines, list | tuple) else []
    return [
        line
        for line in listed
        if isinstance(line, Mapping) and line.get("DetailType") != "SubTotalLineDetail"
    ]


def _same_line(wanted: Mapping[str, object], found: Mapping[str, object]) -> bool:
    """Compare two lines by what they sell, for how much, under which code, in which words."""
    wanted_detail, found_detail = (
        line.get("SalesItemLineDetail") or {} for line in (wanted, found)
    )
    if not isinstance(wanted_detail, Mapping) or not isinstance(found_detail, Mapping):
        return False
    return (
        _same(wanted.get("Amount"), found.get("Amount"))
        and _squeezed(wanted.get("Description")) == _squeezed(found.get("Description"))
        and all(
            _same(wanted_detail[key], found_detail.get(key))
            for key in ("ItemRef", "TaxCodeRef")
            if key in wanted_detail
        )
    )


def _link_key(line: Mapping[str, object]) -> tuple[str, ...]:
    links = line.get("LinkedTxn")
    listed = links if isinstance(links, list) else []
    targets = [
        f"{link.get('TxnType')}:{link.get('TxnId')}" for link in listed if isinstance(link, Mapping)
    ]
    return (*targets, _plain(_number(line.get("Amount"))))


def _same_tax(asked: Mapping[str, object], source: Mapping[str, object]) -> bool:
    wanted = asked.get("TxnTaxDetail")
    if not isinstance(wanted, Mapping) or "TotalTax" not in wanted:
        return True
    found = source.get("TxnTaxDetail")
    shown = found.get("TotalTax") if isinstance(found, Mapping) else None
    return _number(wanted["TotalTax"]) == (_number(shown) or Decimal(0))


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))


def _squeezed(value: object) -> str:
    """Return a text without the differences in white space that QuickBooks makes."""
    return "" if value is None else " ".join(str(value).split())
