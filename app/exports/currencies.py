"""One customer in the books for each currency, and the exchange rate a foreign document needs."""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Kind
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.exports.decisions import Refusal, refused
from app.exports.facts import ExportFacts
from app.ledger.identity import SEPARATOR


def customer_key(billing_id: str, currency: str, *, own: str) -> str:
    """
    Return under which id the customer of a document in *currency* is linked.

    A customer's currency is fixed for ever in the books, so each further one is another customer.
    """
    return billing_id if currency == own else f"{billing_id}{SEPARATOR}{currency}"


def customer_and_currency(key: str) -> tuple[str, str | None]:
    """Return the customer's own billing id, and the currency if it is not the customer's own."""
    billing_id, _, currency = key.partition(SEPARATOR)
    return billing_id, currency or None


def in_currency(customer: billing.Customer, currency: str | None) -> billing.Customer:
    """Return the customer as it is called for a further currency."""
    if currency is None:
        return customer
    name = f"{customer.display_name} ({currency})"
    return customer.model_copy(update={"display_name": name, "currency": currency})


async def key_for(
    session: AsyncSession, facts: ExportFacts, billing_id: str, currency: str | None
) -> str:
    """Return under which id the customer of a document is linked."""
    if not facts.profile.multicurrency or currency is None:
        return billing_id
    known = facts.ahead.rows.get((Kind.CUSTOMER.value, billing_id))
    if known is None:
        kind = Kind.CUSTOMER.value
        rows = await billing_rows.load(session, facts.integration.id, kind, [billing_id])
        known = rows.get(billing_id)
    own = (known.currency if known else None) or facts.profile.home_currency
    return customer_key(billing_id, currency, own=own)


def check_currency(facts: ExportFacts, currency: str, rate: Decimal | None) -> None:
    """
    Let pass what the books can take.

    Raises:
        Refusal: They keep one currency only, or a foreign document tells no exchange rate.
    """
    home = facts.profile.home_currency
    if facts.foreign(currency):
        raise Refusal(
            refused(
                "currency_not_enabled",
                "The company in QuickBooks keeps one currency only.",
                f"It is in {currency}, the books are in {home}.",
                "Turn on multicurrency in QuickBooks, or bill in the home currency.",
            )
        )
    if currency != home and rate is None:
        raise Refusal(
            refused(
                "exchange_rate_required",
                "A document in a foreign currency needs its exchange rate.",
                f"It is in {currency}, the books are in {home}, and no rate was told; QuickBooks "
                "would take one of its own.",
                f"Push it again with exchange_rate: so many {home} for one {currency}.",
                details={"currency": currency, "home_currency": home},
            )
        )


def rate_to_send(facts: ExportFacts, currency: str, rate: Decimal | None) -> Decimal | None:
    """Return the rate of a foreign document; the home currency has none."""
    foreign = facts.profile.multicurrency and currency != facts.profile.home_currency
    return rate if foreign else None
