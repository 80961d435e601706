"""The kinds of entry the books have, and how each is kept as a row; pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from app.accounting.records import (
    Account,
    BooksDocument,
    Customer,
    Entry,
    Item,
    NamedEntry,
    TaxAgency,
    TaxCode,
    TaxRate,
)
from app.books.names import fold_name

# What has a column of its own is not repeated in the body. *source* is the provider's business.
_COLUMNS = {"external_id", "created_at", "updated_at", "source"}


class BookKind(StrEnum):
    """The kinds of entry that are imported."""

    CUSTOMER = "customer"
    ITEM = "item"
    ACCOUNT = "account"
    TAX_CODE = "tax_code"
    TAX_RATE = "tax_rate"
    TAX_AGENCY = "tax_agency"
    PAYMENT_METHOD = "payment_method"
    TERM = "term"
    CLASS = "class"
    DEPARTMENT = "department"
    INVOICE = "invoice"
    PAYMENT = "payment"


BookRecord = Entry | BooksDocument
R = TypeVar("R", bound=BookRecord)

_TYPES: Mapping[BookKind, type[BookRecord]] = {
    BookKind.CUSTOMER: Customer,
    BookKind.ITEM: Item,
    BookKind.ACCOUNT: Account,
    BookKind.TAX_CODE: TaxCode,
    BookKind.TAX_RATE: TaxRate,
    BookKind.TAX_AGENCY: TaxAgency,
    BookKind.INVOICE: BooksDocument,
    BookKind.PAYMENT: BooksDocument,
}


@dataclass(frozen=True, slots=True)
class StoredForm:
    """A record as the columns of its row. *body* is JSON text."""

    external_id: str
    name: str
    name_key: str
    active: bool
    currency: str | None
    email: str | None
    body: str
    body_hash: str
    created_at: datetime | None
    updated_at: datetime | None


@cache
def adapter(kind: BookKind) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES.get(kind, NamedEntry))


def to_rows(kind: BookKind, records: Iterable[BookRecord]) -> list[StoredForm]:
    """
    Return the records as rows in the order of their ids, the last one of each id.

    The hash covers what the books say of an entry, not when they say it was touched: an entry
    whose only news is its time of update is unchanged.
    """
    dump = adapter(kind).dump_json
    latest = {record.external_id: record for record in records}
    return [
        _to_row(latest[key], dump(latest[key], exclude=_COLUMNS, exclude_defaults=True))
        for key in sorted(latest)
    ]


def _to_row(record: BookRecord, body: bytes) -> StoredForm:
    name = name_of(record)
    return StoredForm(
        external_id=record.external_id,
        name=name,
        name_key=fold_name(name),
        active=record.active,
        currency=getattr(record, "currency", None),
        email=getattr(record, "email", None),
        body=body.decode(),
        body_hash=hashlib.sha256(body).hexdigest(),
        created_at=record.created_at,
        updated_at=record.updated_at if isinstance(record, Entry) else None,
    )


def name_of(record: BookRecord) -> str:
    """Return what people call the entry: its name, or a document's number."""
    if isinstance(record, Customer):
        return record.display_name
    if isinstance(record, BooksDocument):
        return record.number or record.name or record.external_id
    name: str = getattr(record, "name", record.external_id)
    return name


def from_row(
    kind: BookKind,
    record_type: type[R],
    body: Mapping[str, object],
    *,
    external_id: str,
    created_at: datetime | None,
    updated_at: datetime | None,
) -> R:
    """Return the accounting record that a row holds."""
    values = {**body, "external_id": external_id, "created_at": created_at}
    if issubclass(record_type, Entry):
        values["updated_at"] = updated_at
    record = adapter(kind).validate_python(values)
    assert isinstance(record, record_type)  # noqa: S101 - the kind's own type
    return record
