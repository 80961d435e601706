"""
Who a document is: request ids and markers, derived and never invented. Pure.

The contract: `docs/guarantees.md`. Deriving is what makes repeating safe: whoever knows the billing
record knows the id under which it was, or will be, written.
"""

import base64
import hashlib
import unicodedata
from dataclasses import dataclass

from app.accounting.records import Kind, Verb

SEPARATOR = "\x1f"
HASH_LENGTH = 26
LAST_GENERATION = 99
CREDITED = f"invoice{SEPARATOR}"


class GenerationsExhausted(ValueError):
    """A write was refused and tried again a hundred times; a person has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What makes a document ours and this one: company, kind and billing record."""

    environment: str
    realm_id: str
    kind: str
    source_system: str
    billing_id: str

    def hash(self, operation: str) -> str:
        """Return 26 base32 characters (130 bits) over the identity and one operation on it."""
        parts = (
            self.environment,
            self.realm_id,
            self.kind,
            self.source_system,
            self.billing_id,
            operation,
        )
        text = unicodedata.normalize("NFC", SEPARATOR.join(parts))
        digest = hashlib.sha256(text.encode()).digest()
        return base64.b32encode(digest).decode().lower()[:HASH_LENGTH]

    @property
    def marker(self) -> str:
        """What the document carries in the books, so that it can be found there again."""
        return f"[lw:{self.hash(Verb.CREATE.value)}]"

    def request_id(self, operation: str, generation: int) -> str:
        """
        Return the key under which the books write this operation at most once (29 characters).

        Raises:
            GenerationsExhausted: There is no generation left.
        """
        if not 0 <= generation <= LAST_GENERATION:
            raise GenerationsExhausted(
                f"Generation {generation} of {operation.split(':', maxsplit=1)[0]}"
            )
        return f"x{self.hash(operation)}g{generation:02d}"


def operation_name(verb: Verb, *, sync_token: str | None = None, content_hash: str = "") -> str:
    """Return an operation's name: an edit of another state, or of other content, is another one."""
    if verb is Verb.CREATE:
        return Verb.CREATE.value
    if verb is Verb.UPDATE:
        return f"{verb.value}:{sync_token}:{content_hash}"
    return f"{verb.value}:{sync_token}"


def application_id(credit_id: str, invoice_id: str, *, turn: int = 1) -> str:
    """
    Return the billing id of one credit's application to one invoice.

    One that was taken back, and voided by us, and is billed again later is another application: the
    next *turn*. Its void can never be undone, and a link has one document at most.
    """
    pair = f"{credit_id}{SEPARATOR}{invoice_id}"
    return pair if turn == 1 else f"{pair}{SEPARATOR}{turn}"


def applied_pair(billing_id: str) -> tuple[str, str]:
    """Return the credit and the invoice of an application's billing id, whatever its turn."""
    credit_id, invoice_id = billing_id.split(SEPARATOR)[:2]
    return credit_id, invoice_id


def invoice_credit_id(invoice_id: str) -> str:
    """
    Return the billing id of the credit memo that a negative invoice becomes.

    No credit note has it: the ids of billing records hold no separator.
    """
    return f"{CREDITED}{invoice_id}"


def credited_invoice(billing_id: str) -> str | None:
    """Return the invoice of such a billing id; None for that of a credit note."""
    return billing_id.removeprefix(CREDITED) if billing_id.startswith(CREDITED) else None


def stored_as(kind: str, billing_id: str) -> tuple[str, str]:
    """Return under which kind and id billing keeps the record of a link."""
    if kind != Kind.CREDIT_MEMO.value:
        return kind, billing_id
    invoice_id = credited_invoice(billing_id)
    return ("invoice", invoice_id) if invoice_id is not None else ("credit_note", billing_id)


def refund_application_id(refund_id: str, credit_id: str) -> str:
    """
    Return the billing id of the payment of zero that links a refund to its credit.

    It begins with the separator, so it is never that of a credit with the refund's id.
    """
    return f"{SEPARATOR}{refund_id}{SEPARATOR}{credit_id}"


def refund_and_credit(billing_id: str) -> tuple[str, str] | None:
    """Return what such a billing id is made of; None for that of an ordinary application."""
    if not billing_id.startswith(SEPARATOR):
        return None
    refund_id, _, credit_id = billing_id.removeprefix(SEPARATOR).partition(SEPARATOR)
    return refund_id, credit_id
