"""
Rounding lines: a few cents between the billed total and that of the books, evened out by a line.

Only where the settings ask for it, only up to a few cents, and once for each version of a document:
should the books still differ, the difference is shown and nothing more is tried.
"""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.arithmetic import DocumentSums, SalesLine
from app.exports.facts import ExportFacts
from app.exports.tax import UNTAXED
from app.kit.db import Json
from app.kit.money import unit
from app.ledger.models import Link, Posting
from app.ledger.states import LinkState
from app.ledger.variance import on_variance

POLICY = "rounding_line"
# So many of the currency's smallest unit are a matter of rounding.
MOST_UNITS = 5
# Stands for the rounding item among the price codes of a document; no charge has it.
ROUNDING = "\x1frounding"


def rounds(facts: ExportFacts) -> bool:
    """Tell whether rounding lines are wanted."""
    return facts.settings.tax.variance == POLICY


def plan_for(
    facts: ExportFacts,
    currency: str,
    *,
    added: Decimal | None = None,
    action: str | None = None,
) -> Json | None:
    """Return what is kept with a posting about a variance; None where it is only shown."""
    policy = facts.settings.tax.variance
    if policy in {"billed", "flag"}:
        return None
    most = _most(facts, currency)
    return on_variance(policy, rounds_up_to=most, added=added, action=action)


def _most(facts: ExportFacts, currency: str) -> Decimal | None:
    """Return the greatest difference that is rounded; None without an item or a code for it."""
    item = facts.settings.items.rounding_item_id
    coded = not facts.taxed_by_code or UNTAXED in facts.taxes.mapped
    return MOST_UNITS * unit(currency) if rounds(facts) and item and coded else None


async def missing_cents(
    session: AsyncSession, facts: ExportFacts, link: Link, *, billed: Decimal, currency: str
) -> Decimal | None:
    """Return what a rounding line of a posted document would have to be; None for no line."""
    most = _most(facts, currency)
    if most is None or link.total is None or link.state != LinkState.LIVE.value:
        return None
    missing = billed - link.total
    if not missing or abs(missing) > most or await _was_tried(session, link):
        return None
    return missing


async def _was_tried(session: AsyncSession, link: Link) -> bool:
    tried = await session.scalar(
        select(Posting.id)
        .where(
            Posting.link_id == link.id,
            Posting.content_hash == link.content_hash,
            Posting.hints["on_variance"]["added"].astext.is_not(None),
        )
        .limit(1)
    )
    return tried is not None


def with_rounding(sums: DocumentSums, amount: Decimal) -> DocumentSums:
    """Return the document with its rounding line; its billed totals stay what they are."""
    line = SalesLine(
        line_id=ROUNDING,
        price_code=ROUNDING,
        description="Rounding",
        net=amount,
        gross=amount,
        quantity=None,
        unit_price=None,
        service_from=None,
        service_to=None,
        taxes=(),
    )
    return replace(sums, lines=(*sums.lines, line))
