"""Rows of mappings."""

import json
from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.db import Json
from app.kit.errors import Conflict, NotFound
from app.kit.ids import new_id
from app.mappings.models import Mapping


class MappingKind(StrEnum):
    """What is mapped."""

    TAX = "tax"
    ITEM = "item"
    ACCOUNT = "account"
    PAYMENT_METHOD = "payment_method"


class AlreadyMapped(Conflict):
    """There is a mapping for this already."""

    code = "already_mapped"
    title = "This is mapped already"


def tax_key(price_codes: Iterable[str]) -> str:
    """Return the key of a set of price codes; the empty set is *untaxed*."""
    return json.dumps(sorted(set(price_codes)), ensure_ascii=False)


def price_codes_of(key: str) -> frozenset[str]:
    return frozenset(json.loads(key))


async def mappings_of(session: AsyncSession, company_id: UUID, kind: MappingKind) -> list[Mapping]:
    statement = select(Mapping).where(Mapping.company_id == company_id, Mapping.kind == kind.value)
    return list(await session.scalars(statement.order_by(Mapping.key)))


async def get_mapping(
    session: AsyncSession, company_id: UUID, kind: MappingKind, mapping_id: UUID
) -> Mapping:
    """
    Return the mapping, locked for this transaction.

    Raises:
        NotFound: There is no such mapping of this kind and company.
    """
    statement = (
        select(Mapping)
        .where(
            Mapping.id == mapping_id,
            Mapping.company_id == company_id,
            Mapping.kind == kind.value,
        )
        .with_for_update()
    )
    found = await session.scalar(statement)
    if found is None:
        raise NotFound("There is no such mapping.")
    return found


async def add_mapping(
    session: AsyncSession,
    *,
    organization_id: UUID,
    company_id: UUID,
    kind: MappingKind,
    key: str,
    target_id: str,
    target_name: str,
    seen: Json,
    confirmed_by: str,
    extra: Json | None = None,
) -> Mapping:
    """
    Keep a new mapping.

    Raises:
        AlreadyMapped: There is one for this key; it is named in the answer.
    """
    statement = (
        insert(Mapping)
        .values(
            id=new_id(),
            organization_id=organization_id,
            company_id=company_id,
            kind=kind.value,
            key=key,
            target_id=target_id,
            target_name=target_name,
            extra=extra or {},
            seen=seen,
            confirmed_by=confirmed_by,
        )
        .on_conflict_do_nothing(index_elements=["company_id", "kind", "key"])
        .returning(Mapping)
    )
    made = await session.scalar(statement)
    if made is not None:
        return made
    held = await session.scalar(
        select(Mapping).where(
            Mapping.company_id == company_id, Mapping.kind == kind.value, Mapping.key == key
        )
    )
    raise AlreadyMapped(
        "There is a mapping for this already.",
        fixes=["Change the mapping that is there, or delete it first."],
        extra={"mapping_id": str(held.id)} if held else {},
    )
