"""Two organizations with one row in every table each, made from the tables themselves."""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import NamedEntry
from app.billing import examples
from app.billing.kinds import SPECS
from app.books.kinds import BookKind, BookRecord
from app.books.repository import store_page
from app.bootstrap import tables
from app.connections.profiles import profile_json
from app.kit.clock import now
from app.kit.db import Database
from app.kit.ids import new_id
from app.organizations.access import make_key
from app.organizations.models import Organization
from tests.fakes import build_profile
from tests.imported import build_account, build_code, build_customer, build_item

# The books' own ids, by the names that the API gives them: the twin's word and this number.
BOOK_IDS = {
    "external_id": 1,
    "item_id": 2,
    "account_id": 3,
    "tax_code_id": 4,
    "payment_method_id": 5,
}
# What a column must hold where any value of its type would not do.
FITTING: dict[str, list[dict[str, Any]]] = {
    "api_keys": [{"scopes": ["admin"], "revoked_at": None, "expires_at": None}],
    "companies": [{"environment": "simulator", "held": True, "provider": "quickbooks_online"}],
    "integrations": [
        {
            "provider": "quickbooks_online",
            "mode": "full_synchronization",
            "settings": {},
            "master_customers": [],
            "allowed_return_urls": ["https://billing.example.com/settings/erp"],
            "deleted_at": None,
        }
    ],
    "connections": [
        {"status": "disconnected", "reason": None, "access_token": None, "refresh_token": None}
    ],
    "billing_records": [
        {"kind": spec.kind.value, "body": examples.RECORDS[spec.kind]} for spec in SPECS
    ],
    "mappings": [
        {"kind": kind, "key": key, "extra": {}, "seen": {}}
        for kind, key in (
            ("tax", '["GST"]'),
            ("item", "plan"),
            ("account", "deposit"),
            ("payment_method", "card"),
        )
    ],
    "links": [{"kind": "customer", "state": "live", "details": None}],
    "postings": [{"kind": "customer", "state": "posted", "next_look_at": None, "fault": None}],
    "jobs": [
        {
            "direction": "import",
            "status": "succeeded",
            "trigger": "api",
            "resources": ["customers"],
            "counts": {},
            "amounts": [],
            "quickbooks_calls": {},
            "paused_reason": None,
            "failure": None,
            "selection": None,
            "dry_run": True,
            "findings": None,
        }
    ],
    "journal_entries": [
        {"period": "2026-03-01", "kind": "INV", "currency": "CAD", "sequence": 1, "lines": []}
    ],
    "journal_members": [{"kind": "invoice", "role": "income", "sign": 1, "line": 1}],
    "job_steps": [{"state": "done", "cursor": None, "counts": {}}],
    "job_records": [{"kind": "customer", "state": "rejected", "action": None, "details": None}],
    "plan_lines": [
        {
            "kind": "customer",
            "action": "create",
            "lane": "single",
            "body": b"{}",
            "rests_on": {},
            "needs": [],
            "reads": [],
            "effect": None,
            "shown": {},
        }
    ],
    "book_entries": [],  # Stored as an import would.
}


@dataclass
class Twin:
    """One of the two: its key, its rows by table, and a word that stands in all of its texts."""

    id: UUID
    word: str
    key: str
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def row_id(self, table: str, **where: Any) -> str:
        found = [
            row
            for row in self.rows[table]
            if all(row[name] == value for name, value in where.items())
        ]
        return str(found[0]["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


async def make_twin(db: Database, hash_key: str, word: str) -> Twin:
    """Found an organization and give it one row, or a few, in every tenant table."""
    fresh = make_key(hash_key)
    twin = Twin(new_id(), word, fresh.plain)
    async with db.door() as session:
        session.add(Organization(id=twin.id, name=f"{word} Inc."))
    async with db.transaction(twin.id) as session:
        for table in tables().sorted_tables:
            if "organization_id" in table.c:
                await _fill(session, table, twin)
        await _store_books(session, twin)
        await session.execute(
            text("UPDATE api_keys SET prefix = :prefix, key_hash = :hash, revoked_at = NULL"),
            {"prefix": fresh.prefix, "hash": fresh.key_hash},
        )
    return twin


async def _store_books(session: AsyncSession, twin: Twin) -> None:
    ids = {name: f"{twin.word}{number}" for name, number in BOOK_IDS.items()}
    method = NamedEntry(external_id=ids["payment_method_id"], name=twin.word)
    entries: dict[BookKind, BookRecord] = {
        BookKind.CUSTOMER: build_customer(ids["external_id"], twin.word),
        BookKind.ITEM: build_item(ids["item_id"], twin.word),
        BookKind.ACCOUNT: build_account(ids["account_id"], twin.word),
        BookKind.TAX_CODE: build_code(ids["tax_code_id"], twin.word),
        BookKind.PAYMENT_METHOD: method,
    }
    for kind, record in entries.items():
        await store_page(
            session,
            organization_id=twin.id,
            company_id=UUID(twin.row_id("companies")),
            kind=kind,
            records=[record],
        )


async def _fill(session: AsyncSession, table: Table, twin: Twin) -> None:
    for chosen in FITTING.get(table.name, [{}]):
        row = {
            column.name: chosen[column.name] if column.name in chosen else _value(column, twin)
            for column in table.columns
        }
        twin.rows.setdefault(table.name, []).append(row)
        await session.execute(table.insert().values(**row))


def _value(column: Column[Any], twin: Twin) -> Any:
    """Return a value of the column's type, with the twin's word in it if it is a text."""
    for key in column.foreign_keys:
        if key.column.table.name != "organizations" and key.column.name != "organization_id":
            known = twin.rows.get(key.column.table.name)  # None: the table points to itself.
            return known[0][key.column.name] if known else None
    named = {
        "organization_id": twin.id,
        "id": new_id(),
        "profile": profile_json(build_profile(twin.word)),
    }
    return named[column.name] if column.name in named else _by_type(column, twin.word)


def _by_type(column: Column[Any], word: str) -> Any:
    if isinstance(column.type, ARRAY):
        return [word]
    if isinstance(column.type, JSONB):
        return {"word": word}
    plain: dict[type, Any] = {
        UUID: None if column.nullable else uuid4(),
        datetime: now(),
        date: date(2026, 3, 1),
        Decimal: Decimal(1),
        int: 1,
        bool: True,
        bytes: word.encode(),
    }
    return plain.get(column.type.python_type, f"{word}-{secrets.token_hex(4)}")
