"""
Drafts → the exact bytes that QuickBooks will be sent; pure.

Only whitelisted fields are written, in a fixed order, so the same draft always makes the same
bytes. Amounts are JSON numbers with the digits of their Decimals; no float is involved. Texts
lose their control characters. Only descriptions and notes are cut at their limits, which loses
nothing that identifies or counts; a name or number that is too long is refused.
"""

import json
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from json.encoder import encode_basestring

from app.accounting.journal import JournalEntryDraft
from app.accounting.records import (
    Address,
    ApplicationDraft,
    Applied,
    CustomerDraft,
    Draft,
    DraftLine,
    ItemDraft,
    Kind,
    PaymentDraft,
    PurchaseDraft,
    SalesDraft,
    TaxPart,
    TaxTreatment,
    Verb,
    Write,
)
from app.providers.quickbooks.journal import journal_body
from app.providers.quickbooks.kinds import (
    ENTITIES,
    NAME_LISTS,
    PAYMENTS,
    PURCHASE,
    TRANSACTION_TYPES,
    address_of,
)
from app.providers.quickbooks.parts import (
    NOTE_LENGTH,
    Body,
    description,
    limited,
    ref,
    without_none,
    wrapped,
)
from app.providers.quickbooks.text import find_marker, with_marker

CENT = Decimal("0.01")
CUSTOMER_NOTES_LENGTH = 2000

_TREATMENTS: Mapping[TaxTreatment, str] = {
    TaxTreatment.EXCLUDED: "TaxExcluded",
    TaxTreatment.INCLUSIVE: "TaxInclusive",
    TaxTreatment.NONE: "NotApplicable",
}


def compose_create(draft: Draft, *, marker: str) -> Write:
    """
    Return the write that creates the draft.

    Raises:
        RecordRejected: A name or number is longer than QuickBooks takes, or a journal entry does
            not balance.
    """
    return _write(draft, Verb.CREATE, {}, marker)


def compose_update(draft: Draft, *, external_id: str, sync_token: str, marker: str) -> Write:
    """
    Return the write that makes the document what the draft says.

    It is sparse: what is not in the draft stays as it is in the books; all lines are replaced.
    The note is never sent: it holds our marker already, and whatever people have added to it.

    Raises:
        RecordRejected: A name or number is longer than QuickBooks takes.
    """
    head = {"Id": external_id, "SyncToken": sync_token, "sparse": True}
    return _write(draft, Verb.UPDATE, head, marker)


def compose_removal(kind: Kind, verb: Verb, *, external_id: str, sync_token: str) -> Write:
    """
    Return the write that voids or deletes a document; lists are made inactive instead.

    Raises:
        ValueError: QuickBooks cannot do that to such a document.
    """
    if verb not in (Verb.VOID, Verb.DELETE):
        raise ValueError(f"{verb} removes nothing")
    address_of(kind, verb)
    body: dict[str, object] = {"Id": external_id, "SyncToken": sync_token}
    if kind in NAME_LISTS:
        body |= {"sparse": True, "Active": False}
    elif verb is Verb.VOID and kind in PAYMENTS:
        body["sparse"] = True
    return Write(kind=kind, verb=verb, body=encode(body), target=external_id)


def marker_in(write: Write) -> str | None:
    """Return the marker that the write carries; items and removals carry none."""
    body = json.loads(write.body)
    return find_marker(body.get("PrivateNote", body.get("Notes")))


def entity_in(write: Write) -> str:
    """Return the entity that the write is about; a refund is a purchase if it says how it pays."""
    if write.kind is Kind.REFUND and "PaymentType" in json.loads(write.body):
        return PURCHASE
    return ENTITIES[write.kind]


def encode(value: object) -> bytes:
    """
    Return the value as UTF-8 JSON; Decimals keep their digits.

    Raises:
        TypeError, ValueError: It has no JSON form.
    """
    parts: list[str] = []
    _append(parts, value)
    return "".join(parts).encode()


# ---------------------------------------------------------------- one body per kind


def _write(draft: Draft, verb: Verb, head: Body, marker: str) -> Write:
    kind, total, tax = _figures(draft)
    match draft:
        case CustomerDraft():
            body = _customer(draft, marker, new=verb is Verb.CREATE)
        case ItemDraft():
            body = _item(draft)
        case SalesDraft():
            body = _sales(draft, marker)
        case PaymentDraft():
            body = _payment(draft, marker)
        case ApplicationDraft():
            body = _application(draft, marker)
        case PurchaseDraft():
            body = _purchase(draft, marker)
        case JournalEntryDraft():
            body = journal_body(draft, marker)
    if verb is Verb.UPDATE:
        body = {name: value for name, value in body.items() if name != "PrivateNote"}
    target = head.get("Id")
    return Write(
        kind=kind,
        verb=verb,
        body=encode(without_none({**head, **body})),
        target=str(target) if target is not None else None,
        expected_total=total,
        expected_tax=tax,
    )


def _figures(draft: Draft) -> tuple[Kind, Decimal | None, Decimal | None]:
    """Return the draft's kind, and the total and tax its answer must show."""
    figures: tuple[Kind, Decimal | None, Decimal | None]
    match draft:
        case CustomerDraft():
            figures = Kind.CUSTOMER, None, None
        case ItemDraft():
            figures = Kind.ITEM, None, None
        case SalesDraft():
            figures = draft.kind, draft.total, draft.tax_total
        case PaymentDraft():
            figures = Kind.PAYMENT, draft.amount, None
        case ApplicationDraft():
            figures = Kind.APPLICATION, Decimal(0), None
        case PurchaseDraft():
            figures = Kind.REFUND, draft.amount, None
        case JournalEntryDraft():
            figures = Kind.JOURNAL_ENTRY, draft.total, None
    return figures


def _customer(draft: CustomerDraft, marker: str, *, new: bool) -> Body:
    person = draft.person
    return {
        "DisplayName": limited(draft.display_name, 500, "DisplayName"),
        "CompanyName": limited(draft.company_name, 100, "CompanyName"),
        "Title": limited(person.title, 16, "Title"),
        "GivenName": limited(person.given, 100, "GivenName"),
        "MiddleName": limited(person.middle, 100, "MiddleName"),
        "FamilyName": limited(person.family, 100, "FamilyName"),
        "Suffix": limited(person.suffix, 16, "Suffix"),
        "PrimaryEmailAddr": wrapped("Address", limited(draft.email, 100, "PrimaryEmailAddr")),
        "PrimaryPhone": wrapped("FreeFormNumber", limited(draft.phone, 30, "PrimaryPhone")),
        "BillAddr": _address(draft.address),
        # Fixed for ever once the customer stands.
        "CurrencyRef": ref(draft.currency) if new else None,
        "Taxable": None if draft.tax_exempt is None else not draft.tax_exempt,
        # What stands there later is the merchant's own; an update leaves it alone.
        "Notes": with_marker(draft.notes, marker, limit=CUSTOMER_NOTES_LENGTH) if new else None,
    }


def _address(address: Address | None) -> Body | None:
    if address is None:
        return None
    return without_none(
        {
            "Line1": limited(address.line1, 500, "Line1"),
            "Line2": limited(address.line2, 500, "Line2"),
            "Line3": limited(address.line3, 500, "Line3"),
            "City": limited(address.city, 255, "City"),
            "CountrySubDivisionCode": limited(address.region, 255, "CountrySubDivisionCode"),
            "PostalCode": limited(address.postal_code, 30, "PostalCode"),
            "Country": limited(address.country, 255, "Country"),
        }
    )


def _item(draft: ItemDraft) -> Body:
    return {
        "Name": limited(draft.name, 100, "Name"),
        "Type": "Service",
        "Description": description(draft.description),
        "IncomeAccountRef": ref(draft.income_account_id),
        "ExpenseAccountRef": ref(draft.expense_account_id),
    }


def _sales(draft: SalesDraft, marker: str) -> Body:
    return {
        "CustomerRef": ref(draft.customer_id),
        "DocNumber": limited(draft.number, 21, "DocNumber"),
        "TxnDate": draft.txn_date,
        "DueDate": draft.due_date if draft.kind is Kind.INVOICE else None,
        "CurrencyRef": ref(draft.currency),
        "ExchangeRate": draft.exchange_rate,
        "ShipAddr": _address(draft.ship_to),
        "DepositToAccountRef": ref(draft.paid_from_id),
        "PaymentMethodRef": ref(draft.method_id),
        "GlobalTaxCalculation": _TREATMENTS.get(draft.treatment),
        "ClassRef": ref(draft.tracking.class_id),
        "DepartmentRef": ref(draft.tracking.location_id),
        "PrivateNote": with_marker(draft.note, marker, limit=NOTE_LENGTH),
        "Line": [_line(line, draft.tracking.line_class_id) for line in draft.lines],
        "TxnTaxDetail": _tax_detail(draft),
    }


def _line(line: DraftLine, class_id: str | None) -> Body:
    counted = _multiplies(line)
    detail = {
        "ItemRef": ref(line.item_id),
        "Qty": line.quantity if counted else None,
        "UnitPrice": line.unit_price if counted else None,
        "TaxCodeRef": ref(line.tax_code_id),
        "ClassRef": ref(class_id),
        "ServiceDate": line.service_date,
        "TaxInclusiveAmt": line.gross,
    }
    return without_none(
        {
            "Description": description(line.description),
            "Amount": line.amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": without_none(detail),
        }
    )


def _multiplies(line: DraftLine) -> bool:
    """Tell whether quantity × price is the amount; QuickBooks refuses any other pair (6070)."""
    if line.quantity is None or line.unit_price is None:
        return False
    product = (line.quantity * line.unit_price).quantize(CENT, ROUND_HALF_UP)
    return product == line.amount


def _tax_detail(draft: SalesDraft) -> Body | None:
    """
    Return the tax as billed, to be kept instead of QuickBooks' own figure.

    Without parts a company outside the US computes by itself, from the codes of the lines; and a
    document without tax must not carry any (6170), nor one of a company without sales tax, whose
    lines have no codes.
    """
    coded = any(line.tax_code_id for line in draft.lines)
    american = draft.treatment is TaxTreatment.UNSTATED and coded
    if draft.treatment is TaxTreatment.NONE or not (draft.tax_parts or american):
        return None
    return without_none(
        {
            "TxnTaxCodeRef": ref(draft.tax_code_id),
            "TotalTax": draft.tax_total,
            "TaxLine": [_tax_line(part) for part in draft.tax_parts] or None,
        }
    )


def _tax_line(part: TaxPart) -> Body:
    return {
        "Amount": part.amount,
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {
            "TaxRateRef": ref(part.rate_id),
            "PercentBased": True,
            "TaxPercent": part.percent,
            "NetAmountTaxable": part.net,
        },
    }


def _payment(draft: PaymentDraft, marker: str) -> Body:
    return {
        "CustomerRef": ref(draft.customer_id),
        "TotalAmt": draft.amount,
        "TxnDate": draft.txn_date,
        "PaymentRefNum": limited(draft.reference, 21, "PaymentRefNum"),
        "PaymentMethodRef": ref(draft.method_id),
        "DepositToAccountRef": ref(draft.deposit_account_id),
        "CurrencyRef": ref(draft.currency),
        "ExchangeRate": draft.exchange_rate,
        "PrivateNote": with_marker(draft.note, marker, limit=NOTE_LENGTH),
        "Line": [_settlement(each) for each in draft.allocations],
    }


def _application(draft: ApplicationDraft, marker: str) -> Body:
    """Return a payment of nothing, whose two lines cancel out: the credit pays the invoice."""
    sides = (
        Applied(kind=draft.charge_kind, external_id=draft.invoice_id, amount=draft.amount),
        Applied(kind=Kind.CREDIT_MEMO, external_id=draft.credit_memo_id, amount=draft.amount),
    )
    return {
        "CustomerRef": ref(draft.customer_id),
        "TotalAmt": Decimal(0),
        "TxnDate": draft.txn_date,
        "CurrencyRef": ref(draft.currency),
        "ExchangeRate": draft.exchange_rate,
        "PrivateNote": with_marker(draft.note, marker, limit=NOTE_LENGTH),
        "Line": [_settlement(each) for each in sides],
    }


def _purchase(draft: PurchaseDraft, marker: str) -> Body:
    """Return an expense in cash: of all purchases only these can be linked to a credit."""
    line = {
        "Description": description(draft.description),
        "Amount": draft.amount,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": ref(draft.receivable_id)},
    }
    return {
        "PaymentType": "Cash",
        "AccountRef": ref(draft.paid_from_id),
        "EntityRef": {"value": draft.customer_id, "type": "Customer"},
        "TxnDate": draft.txn_date,
        "PaymentMethodRef": ref(draft.method_id),
        "CurrencyRef": ref(draft.currency),
        "ExchangeRate": draft.exchange_rate,
        "GlobalTaxCalculation": "NotApplicable" if draft.taxes_apply else None,
        "PrivateNote": with_marker(draft.note, marker, limit=NOTE_LENGTH),
        "Line": [without_none(line)],
    }


def _settlement(applied: Applied) -> Body:
    linked = {"TxnId": applied.external_id, "TxnType": TRANSACTION_TYPES[applied.kind]}
    return {"Amount": applied.amount, "LinkedTxn": [linked]}


# ---------------------------------------------------------------- small parts


def _append(parts: list[str], value: object) -> None:
    """Append the value's JSON to the parts; one list for all of them, for there are many."""
    if isinstance(value, str):
        parts.append(_string(value))
    elif isinstance(value, Mapping):
        before = "{"
        for key, member in value.items():
            parts += (before, _string(key), ":")
            _append(parts, member)
            before = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, list | tuple):
        before = "["
        for member in value:
            parts.append(before)
            _append(parts, member)
            before = ","
        parts.append("]" if value else "[]")
    else:
        parts.append(_scalar(value))


def _scalar(value: object) -> str:
    match value:
        case None | bool() | int():
            return json.dumps(value)
        case date():
            return _string(value.isoformat())
        case Decimal() if value.is_finite():
            return format(value, "f")
    raise ValueError(f"no JSON for {value!r}")


def _string(text: str) -> str:
    return encode_basestring(text)
