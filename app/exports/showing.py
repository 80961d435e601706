"""What a plan's line shows to people: taxes, differences, and what would become of the record."""

import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.accounting.records import BooksDocument, Kind, Verb
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.arithmetic import SalesLine, UnreadableDocument, read_document
from app.billing.models import BillingRecord
from app.exports.decisions import Send
from app.exports.facts import ExportFacts
from app.exports.tax import price_codes_of
from app.jobs.differences import differences, narrowed
from app.jobs.models import Record
from app.jobs.plans import Foreseen
from app.jobs.records import Outcome
from app.kit.db import Json
from app.kit.money import ZERO, as_text
from app.ledger.outcomes import DOCUMENT_TYPES

WORDS = {
    "create": "It would be created in QuickBooks. Nothing was posted.",
    "update": "It would be changed in QuickBooks. Nothing was posted.",
    "void": "It would be voided in QuickBooks. Nothing was posted.",
    "delete": "It would be deleted in QuickBooks. Nothing was posted.",
    "link": "It would be linked to what QuickBooks has already. Nothing was written.",
}
# What addresses a document, and is no content of it.
ADDRESS = ("Id", "SyncToken", "sparse")


def would(action: str, outcome: Outcome) -> Outcome:
    """Return what the record of a write shows that was only foreseen."""
    why = f" {outcome.explanation}" if outcome.explanation else ""
    return Outcome(state="planned", code=f"would_{action}", explanation=WORDS[action] + why)


def shown_of(facts: ExportFacts, record: Record, row: BillingRecord | None, decision: Send) -> Json:
    """Return taxes and remarks of a write, and what the books will call its document."""
    shown: Json = {"document_type": _document_type(record, row)}
    if decision.write.verb not in {Verb.VOID, Verb.DELETE}:
        shown["taxes"] = _taxes(facts, row)
    if decision.remark is not None:
        shown["remark"] = {
            "code": decision.remark.code,
            "explanation": decision.remark.explanation,
        }
    return shown


def _document_type(record: Record, row: BillingRecord | None) -> str:
    paid_out = record.kind == Kind.REFUND.value and row is not None and not row.body.get("lines")
    return "Purchase" if paid_out else DOCUMENT_TYPES[record.kind]


def _taxes(facts: ExportFacts, row: BillingRecord | None) -> list[Json]:
    """Return the billed tax of each price code over the document, with the rate it goes to."""
    document = billing_rows.parse(row) if row is not None else None
    if not isinstance(document, billing.Invoice | billing.CreditNote | billing.Refund):
        return []
    try:
        lines = read_document(document, facts.tax_codes).lines
    except UnreadableDocument:
        return []
    return _per_price_code(facts, lines, row)


def _per_price_code(
    facts: ExportFacts, lines: Iterable[SalesLine], row: BillingRecord | None
) -> list[Json]:
    targets = {}
    if row is not None and row.record_date is not None:
        targets = facts.tax_targets(row.record_date)
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        target = targets.get(price_codes_of(line))
        rates = {rate.price_code: rate.rate_id for rate in target.rates} if target else {}
        for part in line.taxes:
            entry = found.setdefault(
                part.price_code,
                {"rate": part.rate, "net": ZERO, "amount": ZERO, "rate_id": None},
            )
            entry["net"] += line.net
            entry["amount"] += part.amount
            entry["rate_id"] = entry["rate_id"] or rates.get(part.price_code)
    return [
        {
            "price_code": price_code,
            "rate": _text(entry["rate"]),
            "net": as_text(entry["net"]),
            "amount": as_text(entry["amount"]),
            "tax_rate_id": entry["rate_id"],
        }
        for price_code, entry in found.items()
    ]


def _text(percent: Decimal | None) -> str | None:
    return None if percent is None else f"{percent.normalize():f}"


def edited(
    line: Foreseen, document: BooksDocument | None, kept: Json, refusal: Outcome | None
) -> Foreseen:
    """Return the line of an edit with what differs in the books, or with why it is refused."""
    line = replace(line, reads=[*line.reads, kept])
    if refusal is not None or document is None:
        assert refusal is not None  # noqa: S101 - a document that is gone is refused
        return replace(
            line, action="refuse", outcome=refusal, body=None, effect=None, lane=None, needs=[]
        )
    after = _content(line.body)
    before = narrowed(document.source, after)
    changed = differences(before, after)
    return replace(line, shown=line.shown | {"differences": plain(changed)})


def _content(body: bytes | None) -> Json:
    payload: Json = json.loads(body or b"{}", parse_float=Decimal)
    return {name: value for name, value in payload.items() if name not in ADDRESS}


def plain(value: Any) -> Any:
    """Return a value as JSON keeps it: exact numbers as they are written."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value
