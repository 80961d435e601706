"""What a record must satisfy beyond its shape; it comes back in canonical form."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, combinations
from typing import TypeVar

from app.billing.arithmetic import UnreadableDocument, read_document
from app.billing.schemas import (
    Allocation,
    AnyRecord,
    CreditLine,
    CreditNote,
    Invoice,
    LineTax,
    Payment,
    Refund,
    SalesDocument,
)
from app.kit.errors import FieldProblem, Invalid
from app.kit.fields import plain
from app.kit.money import ZERO, exponent

L = TypeVar("L", bound=CreditLine)
# Above so many unknown price codes not every combination of them is tried as tax.
MANY_UNKNOWN = 6
# The decimals of amounts whose currency is told elsewhere.
MOST_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class KnownCodes:
    """Price codes: those that are taxes, and those of charges that are not."""

    taxes: frozenset[str] = frozenset()
    charges: frozenset[str] = frozenset()

    def __contains__(self, price_code: str) -> bool:
        return price_code in self.taxes or price_code in self.charges


def checked(record: AnyRecord, known: KnownCodes) -> AnyRecord:
    """
    Return the record with its amounts in the currency's decimals.

    Raises:
        Invalid: Something in it contradicts something else; the message names the difference.
    """
    if isinstance(record, Invoice | CreditNote):
        record = _settled_document(record, record.currency)
        must_add_up(record, known)
        if isinstance(record, CreditNote):
            _within(record.applications, "applications", record.total)
        return record
    if isinstance(record, Payment):
        return _checked_payment(record)
    if isinstance(record, Refund):
        return _checked_refund(record, known)
    return record


def price_codes_in(record: AnyRecord) -> set[str]:
    """Return the price codes on the record's lines."""
    if not isinstance(record, Invoice | CreditNote | Refund):
        return set()
    return {line.price_code for line in record.lines if line.price_code is not None}


def must_add_up(document: SalesDocument, known: KnownCodes) -> None:
    """
    Accept a document that adds up exactly.

    A price code that is not known yet may turn out to be a tax. The document is accepted if it
    adds up under one of these readings; it is read again, with all charges known, when it is
    exported.
    """
    try:
        read_document(document, known.taxes)
    except UnreadableDocument as reason:
        unknown = {code for code in price_codes_in(document) if code not in known}
        if not any(_adds_up(document, known.taxes | more) for more in _readings(document, unknown)):
            raise _refusal(reason) from reason


def _adds_up(document: SalesDocument, taxes: AbstractSet[str]) -> bool:
    try:
        read_document(document, taxes)
    except UnreadableDocument:
        return False
    return True


def _readings(document: SalesDocument, unknown: set[str]) -> Iterable[set[str]]:
    """Yield sets of unknown price codes that may be taxes, the likeliest first."""
    if not unknown:
        return
    marked = {line.price_code for line in document.lines if line.applies_to is not None}
    if hinted := {code for code in unknown if code in marked}:
        yield hinted
    codes = sorted(unknown)
    sizes = range(1, len(codes) + 1) if len(codes) <= MANY_UNKNOWN else range(1, 2)
    for chosen in chain.from_iterable(combinations(codes, size) for size in sizes):
        yield set(chosen)


def _refusal(reason: UnreadableDocument) -> Invalid:
    extra: dict[str, object] = {}
    if reason.expected is not None and reason.given is not None:
        extra = {
            "expected": plain(reason.expected),
            "given": plain(reason.given),
            "difference": plain(reason.given - reason.expected),
        }
    return _invalid(reason.code, reason.pointer, reason.detail, extra=extra)


def _invalid(
    code: str, pointer: str, detail: str, *, extra: dict[str, object] | None = None
) -> Invalid:
    return Invalid(detail, code=code, errors=[FieldProblem(pointer, detail, code)], extra=extra)


# ---------------------------------------------------------------------------------- amounts


def settled(amount: Decimal, currency: str | None, pointer: str) -> Decimal:
    """
    Return the amount with exactly the currency's decimals.

    Raises:
        Invalid: It has more of them than the currency.
    """
    digits = MOST_DECIMALS if currency is None else exponent(currency)
    given = -int(amount.as_tuple().exponent)
    if given == digits:
        return amount or abs(amount)
    exact = amount.quantize(Decimal(1).scaleb(-digits))
    if exact != amount:
        raise _invalid(
            "too_many_decimals",
            pointer,
            f"The amount {plain(amount)} has more decimals than"
            f" {currency or 'any currency'} has ({digits}).",
        )
    if currency is None:
        exact = exact.quantize(Decimal("0.01")) if exact == round(exact, 2) else exact.normalize()
    return exact or abs(exact)


def _settled_document(document: SalesDocument, currency: str) -> SalesDocument:
    changes: dict[str, object] = {}
    for name in ("tax_total", "total", "amount"):
        value = document.__dict__.get(name)
        if isinstance(value, Decimal):
            changes[name] = settled(value, currency, f"/{name}")
    changes["lines"] = tuple(
        _settled_line(line, currency, f"/lines/{index}")
        for index, line in enumerate(document.lines)
    )
    changes["taxes"] = _settled_taxes(document.taxes, currency, "/taxes")
    if isinstance(document, CreditNote):
        changes["applications"] = _settled_allocations(
            document.applications, currency, "/applications"
        )
    return document.model_copy(update=changes)


def _settled_line(line: L, currency: str, pointer: str) -> L:
    amount = settled(line.amount, currency, f"{pointer}/amount")
    taxes = _settled_taxes(line.taxes, currency, f"{pointer}/taxes")
    if amount is line.amount and taxes is line.taxes:
        return line
    return line.model_copy(update={"amount": amount, "taxes": taxes})


def _settled_taxes(taxes: tuple[LineTax, ...], currency: str, pointer: str) -> tuple[LineTax, ...]:
    if all(tax.amount is None for tax in taxes):
        return taxes
    return tuple(
        tax
        if tax.amount is None
        else tax.model_copy(
            update={"amount": settled(tax.amount, currency, f"{pointer}/{index}/amount")}
        )
        for index, tax in enumerate(taxes)
    )


def _settled_allocations(
    allocations: Sequence[Allocation], currency: str, pointer: str
) -> tuple[Allocation, ...]:
    return tuple(
        part.model_copy(
            update={"amount": settled(part.amount, currency, f"{pointer}/{index}/amount")}
        )
        for index, part in enumerate(allocations)
    )


# ----------------------------------------------------------------------- payments and refunds


def _checked_payment(payment: Payment) -> Payment:
    payment = payment.model_copy(
        update={
            "amount": settled(payment.amount, payment.currency, "/amount"),
            "allocations": _settled_allocations(
                payment.allocations, payment.currency, "/allocations"
            ),
        }
    )
    _within(payment.allocations, "allocations", payment.amount)
    return payment


def _checked_refund(refund: Refund, known: KnownCodes) -> Refund:
    sources = [refund.payment is not None, refund.credit_note is not None, bool(refund.lines)]
    if sum(sources) != 1:
        raise _invalid(
            "refund_of_what",
            "/",
            "A refund is of a payment, of a credit note, or has lines of its own:"
            " exactly one of the three.",
        )
    if not refund.lines:
        if refund.taxes or refund.tax_total:
            raise _invalid(
                "taxes_without_lines", "/taxes", "Only a refund with lines of its own has taxes."
            )
        amount = settled(refund.amount, refund.currency, "/amount")
        return refund.model_copy(update={"amount": amount, "tax_total": None})
    if refund.currency is None:
        raise _invalid("currency_required", "/currency", "A refund with lines needs a currency.")
    document = _settled_document(refund, refund.currency)
    must_add_up(document, known)
    return document  # type: ignore[return-value]  # the same kind comes back


def _within(parts: Sequence[Allocation], name: str, whole: Decimal) -> None:
    """Refuse parts that come to more than the whole, or that name an invoice twice."""
    seen: set[str] = set()
    for index, part in enumerate(parts):
        if part.invoice in seen:
            raise _invalid(
                "invoice_repeated",
                f"/{name}/{index}/invoice",
                f"The invoice {part.invoice!r} stands here twice; send one amount for it.",
            )
        seen.add(part.invoice)
    applied = sum((part.amount for part in parts), ZERO)
    if whole < 0:
        raise _invalid(
            "negative_document",
            "/total",
            f"The total is {plain(whole)}; a credit is not negative. Bill what the customer owes as"
            " an invoice.",
        )
    if applied > whole:
        raise _invalid(
            "over_allocated",
            f"/{name}",
            f"The {name} add up to {plain(applied)}, which is {plain(applied - whole)} more than"
            f" {plain(whole)}.",
            extra={"expected": plain(whole), "given": plain(applied)},
        )
