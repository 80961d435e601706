"""Customers: linked to the one that is surely the same, else created; edited when they change."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Customer, Kind, LookHints, Verb
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.books import repository as books
from app.exports.currencies import customer_and_currency, in_currency
from app.exports.decisions import Decision, Send, Settle, linked, refused, unchanged
from app.exports.drafts import MAX_DISPLAY_NAME, book_name, customer_draft, too_long
from app.exports.facts import ExportFacts, find_billing_row
from app.exports.writes import Composer
from app.jobs.models import Record
from app.ledger.links import AlreadyLinked, link_existing, link_to_document, stands_as
from app.ledger.models import Link
from app.ledger.outcomes import drifted_outcome, missing_outcome
from app.ledger.states import LinkState


class CustomerDecider:
    """Decides about one customer on its link's present state."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        billing_id, currency = customer_and_currency(record.billing_id)
        if currency is None:
            row = await find_billing_row(session, facts, record)
        else:
            kind = Kind.CUSTOMER.value
            rows = await billing_rows.load(session, facts.integration.id, kind, [billing_id])
            row = rows.get(billing_id)
        if row is None:
            return refused(
                "unknown_customer",
                "The customer is not known here.",
                f"Documents name the customer {billing_id!r}, who was never pushed.",
                "Push the customer, and export again.",
            )
        found = billing_rows.parse(row)
        assert isinstance(found, billing.Customer)  # noqa: S101 - its kind
        customer = in_currency(found, currency)
        if problem := _problem(facts, customer):
            return problem
        if link.state == LinkState.ABSENT.value:
            return await self._new(session, facts, link, customer, row.content_hash)
        return self._known(facts, link, customer, row.content_hash)

    async def _new(
        self,
        session: AsyncSession,
        facts: ExportFacts,
        link: Link,
        customer: billing.Customer,
        content_hash: str,
    ) -> Decision:
        if same := await surely_the_same(session, facts, customer):
            try:
                await link_existing(
                    session,
                    facts.keeper,
                    Kind.CUSTOMER.value,
                    link.billing_id,
                    external_id=same.external_id,
                    sync_token=same.sync_token,
                    name=same.display_name,
                    content_hash=content_hash,
                )
            except AlreadyLinked:
                pass  # Somebody was quicker; a new customer then, or the books refuse the name.
            else:
                return linked(
                    "Customer",
                    same.external_id,
                    same.display_name,
                    explanation="The only active customer of that name and currency in QuickBooks.",
                )
        return self._create(facts, link, customer, content_hash)

    def _create(
        self, facts: ExportFacts, link: Link, customer: billing.Customer, content_hash: str
    ) -> Send:
        draft = customer_draft(customer, currency=_currency(facts, customer))
        return self._composer.create(
            link,
            draft,
            content_hash=content_hash,
            hints=LookHints(name=draft.display_name),
        )

    def _known(
        self, facts: ExportFacts, link: Link, customer: billing.Customer, content_hash: str
    ) -> Decision:
        if link.state == LinkState.MISSING.value:
            if link.content_hash is None:
                return self._create(facts, link, customer, content_hash)
            return Settle(outcome=missing_outcome())
        if link.state == LinkState.DRIFTED.value:
            return Settle(outcome=drifted_outcome(link))
        if inactive := facts.inactive_customers.get(link.external_id or ""):
            return _inactive(inactive)
        # One that was only ever linked is not overwritten; later edits in billing are.
        if link.content_hash is None:
            link.content_hash = content_hash
        if stands_as(link, content_hash):
            return unchanged(link)
        draft = customer_draft(customer, currency=None)
        return self._composer.update(
            link,
            draft,
            verb=Verb.UPDATE,
            content_hash=content_hash,
            hints=LookHints(name=draft.display_name),
        )


def _inactive(name: str) -> Settle:
    return refused(
        "customer_inactive",
        "The customer was made inactive in QuickBooks.",
        f"{name!r} was made inactive there, or merged into another customer; QuickBooks takes no "
        "documents for it. Nothing was sent.",
        "Make the customer active again in QuickBooks, and import customers.",
        "Or link the billing customer to another one (customer mappings): after a merge, to the "
        "one that was kept.",
    )


def _currency(facts: ExportFacts, customer: billing.Customer) -> str | None:
    return facts.document_currency(customer.currency or facts.profile.home_currency)


def _problem(facts: ExportFacts, customer: billing.Customer) -> Decision | None:
    if long := too_long("display_name", book_name(customer.display_name), MAX_DISPLAY_NAME):
        return refused(
            "too_long",
            "The name is too long for QuickBooks.",
            f"display_name has {long.length} characters; QuickBooks takes {long.limit}.",
            "Shorten the name in the billing system.",
            details={"field": "display_name", "limit": long.limit, "length": long.length},
        )
    if customer.currency and facts.foreign(customer.currency):
        return refused(
            "currency_not_enabled",
            "The company in QuickBooks keeps one currency only.",
            f"The customer is billed in {customer.currency}, the books are in "
            f"{facts.profile.home_currency}.",
            "Turn on multicurrency in QuickBooks, or bill in the home currency.",
        )
    return None


async def surely_the_same(
    session: AsyncSession, facts: ExportFacts, customer: billing.Customer
) -> Customer | None:
    """
    Return the one active, unlinked customer of the same name and currency in the imported books.

    None when there is none, more than one, or the e-mails say that it is somebody else.
    """
    named = await books.customers_named(session, facts.company_id, book_name(customer.display_name))
    currency = customer.currency or facts.profile.home_currency
    fitting = []
    for candidate in named:
        if not candidate.active or (candidate.currency or currency) != currency:
            continue
        if await link_to_document(
            session, facts.company_id, Kind.CUSTOMER.value, candidate.external_id
        ):
            continue
        fitting.append(candidate)
    if len(fitting) != 1:
        return None
    theirs, ours = fitting[0].email, customer.email
    if theirs and ours and theirs.strip().casefold() != ours.strip().casefold():
        return None
    return fitting[0]
