"""What was read in the books for a plan, kept with its line so that it can be made again. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from app.accounting.records import BooksDocument, Kind
from app.kit.db import Json

TEXTS = ("sync_token", "number", "name", "currency", "fingerprint", "type_name")
AMOUNTS = ("total", "tax", "balance", "unapplied")


def kept_read(kind: Kind, external_id: str, document: BooksDocument | None) -> Json:
    """Return what a decision needs of a document that was read; one that is gone is noted, too."""
    kept: Json = {"kind": kind.value, "external_id": external_id, "found": document is not None}
    if document is None:
        return kept
    kept["voided"] = document.voided
    kept |= {name: getattr(document, name) for name in TEXTS}
    for name in AMOUNTS:
        amount = getattr(document, name)
        kept[name] = None if amount is None else str(amount)
    return kept


def as_read(
    reads: Iterable[Mapping[str, Any]], kind: Kind, external_id: str
) -> BooksDocument | None:
    """Return a document as it was read for the plan; None if it was not there."""
    for kept in reads:
        same = kept["kind"] == kind.value and kept["external_id"] == external_id
        if same and kept["found"]:
            return BooksDocument(
                kind=kind,
                external_id=external_id,
                sync_token=kept["sync_token"],
                number=kept["number"],
                name=kept["name"],
                total=_amount(kept["total"]),
                tax=_amount(kept["tax"]),
                balance=_amount(kept["balance"]),
                unapplied=_amount(kept["unapplied"]),
                currency=kept["currency"],
                voided=kept["voided"],
                fingerprint=kept["fingerprint"],
                type_name=kept["type_name"],
            )
    return None


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
