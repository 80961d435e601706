"""What billing says that mappings need: taxes, the sets they stand in, charges, methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import BillingRecord
from app.mappings.suggest import PriceCodes, TaxWord

# A line carries its own taxes, those of its document, and those of the document's tax lines that
# apply to it. Path queries are lax: a missing or null list has no members.
_SETS_IN_USE = text(
    """
    SELECT taxes.codes AS codes, count(DISTINCT document.id) AS documents
    FROM billing_records AS document
    CROSS JOIN LATERAL jsonb_path_query(document.body, '$.lines[*]') AS line
    CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT jsonb_path_query(line, '$.taxes[*].price_code') #>> '{}'
            UNION
            SELECT jsonb_path_query(document.body, '$.taxes[*].price_code') #>> '{}'
            UNION
            SELECT other ->> 'price_code'
            FROM jsonb_path_query(document.body, '$.lines[*]') AS other
            WHERE other ->> 'price_code' = ANY (CAST(:tax_codes AS text[]))
                AND (coalesce(jsonb_typeof(other -> 'applies_to'), 'null') = 'null'
                    OR other -> 'applies_to' ? (line ->> 'line_id'))
        ) AS codes
    ) AS taxes
    WHERE document.integration_id = :integration_id
        AND document.kind IN ('invoice', 'credit_note', 'refund')
        AND coalesce(document.status, '') <> 'void'
        AND coalesce(line ->> 'price_code', '') <> ALL (CAST(:tax_codes AS text[]))
    GROUP BY taxes.codes
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeWord:
    """A charge of billing; *item_name* is what its item should be called."""

    price_code: str
    name: str | None
    plan: str | None
    kind: str
    item_name: str
    accounting_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedSet:
    """Taxes that stand together on lines, and on how many documents."""

    price_codes: PriceCodes
    documents: int


async def charges(session: AsyncSession, integration_id: UUID) -> list[ChargeWord]:
    """Return the charges, taxes among them, in the order of their price codes."""
    body = BillingRecord.body
    statement = select(
        body["price_code"].astext,
        BillingRecord.name,
        body["plan"].astext,
        body["kind"].astext,
        body["item_name"].astext,
        body["accounting_code"].astext,
    ).where(BillingRecord.integration_id == integration_id, BillingRecord.kind == "charge")
    found = [
        ChargeWord(
            price_code=price_code,
            name=name,
            plan=plan,
            kind=kind,
            item_name=item_name or name or price_code,
            accounting_code=accounting_code,
        )
        for price_code, name, plan, kind, item_name, accounting_code in await session.execute(
            statement
        )
    ]
    return sorted(found, key=lambda charge: charge.price_code)


async def tax_words(session: AsyncSession, integration_id: UUID) -> list[TaxWord]:
    """Return every price code that is a tax: those declared, and charges of kind tax."""
    statement = select(BillingRecord.body["price_code"].astext, BillingRecord.name).where(
        BillingRecord.integration_id == integration_id, BillingRecord.kind == "tax"
    )
    words = {
        price_code: TaxWord(price_code=price_code, name=name)
        for price_code, name in await session.execute(statement)
    }
    for charge in await charges(session, integration_id):
        if charge.kind == "tax":
            words[charge.price_code] = TaxWord(
                price_code=charge.price_code, plan=charge.plan, name=charge.name
            )
    return [words[price_code] for price_code in sorted(words)]


async def sets_in_use(
    session: AsyncSession, integration_id: UUID, tax_charges: Sequence[str]
) -> list[UsedSet]:
    """Return the sets of taxes that stand together on lines; void documents do not count."""
    values = {"integration_id": integration_id, "tax_codes": list(tax_charges)}
    rows = await session.execute(_SETS_IN_USE, values)
    counted: dict[PriceCodes, int] = {}
    for codes, documents in rows:
        key = frozenset(codes)
        counted[key] = counted.get(key, 0) + documents
    return [UsedSet(price_codes=key, documents=number) for key, number in counted.items()]


async def tax_charge_codes(session: AsyncSession, integration_id: UUID) -> list[str]:
    words = await charges(session, integration_id)
    return [charge.price_code for charge in words if charge.kind == "tax"]


async def methods_in_use(session: AsyncSession, integration_id: UUID) -> list[str]:
    """Return the payment methods that payments and refunds name."""
    method = BillingRecord.body["method"].astext
    statement = (
        select(method)
        .where(
            BillingRecord.integration_id == integration_id,
            BillingRecord.kind.in_(("payment", "refund")),
            method.is_not(None),
        )
        .distinct()
    )
    return sorted(await session.scalars(statement))


async def currencies_in_use(session: AsyncSession, integration_id: UUID) -> list[str]:
    """Return the currencies of documents, payments and refunds."""
    statement = (
        select(BillingRecord.currency)
        .where(
            BillingRecord.integration_id == integration_id,
            BillingRecord.kind.in_(("invoice", "payment", "credit_note", "refund")),
            BillingRecord.currency.is_not(None),
        )
        .distinct()
    )
    return sorted(each for each in await session.scalars(statement) if each)
