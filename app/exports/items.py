"""Items: each charge finds its item, or a service item is created for it if that is allowed."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import ItemDraft, LookHints
from app.billing import schemas as billing
from app.exports.decisions import Decision, Send, Settle, refused, unchanged
from app.exports.drafts import MAX_ITEM_NAME, book_name, too_long
from app.exports.facts import ExportFacts, ItemPlace, find_item, item_name_of
from app.exports.writes import Composer
from app.jobs.models import Record
from app.jobs.records import Outcome
from app.ledger.models import Link
from app.ledger.states import LinkState

SOURCES = {
    "mapping": "Its price code is mapped to this item.",
    "name": "An item of exactly this name is in QuickBooks.",
    "fallback": "It goes to the fallback item of the settings.",
}


class ItemDecider:
    """Decides about one charge's item."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    async def __call__(
        self, session: AsyncSession, facts: ExportFacts, link: Link, record: Record
    ) -> Decision:
        place = await find_item(session, facts, record.billing_id)
        if place is not None:
            return _found(link, place)
        if broken := facts.broken_items.get(record.billing_id):
            return refused(
                "broken_mapping",
                "The item this price code is mapped to cannot be used any more.",
                f"{record.billing_id!r}: {broken}",
                "Map the price code to another item, or make the item active again and import.",
                details={"price_codes": [record.billing_id]},
            )
        charge = facts.charges.get(record.billing_id)
        if charge is None:
            return refused(
                "unknown_item",
                "The price code is not known here.",
                f"Documents have lines with the price code {record.billing_id!r}, for which no "
                "charge was pushed and no item is mapped.",
                "Push the charge, or map the price code to an item.",
                details={"price_codes": [record.billing_id]},
            )
        return self._create(facts, link, charge)

    def _create(self, facts: ExportFacts, link: Link, charge: billing.Charge) -> Decision:
        settings, name = facts.settings.items, book_name(item_name_of(charge))
        if not settings.create_missing:
            return refused(
                "no_item",
                "There is no item for this charge.",
                f"No item is mapped to {charge.price_code!r}, none is called {name!r}, and "
                "creating items is turned off.",
                "Map the price code to an item, set a fallback item, or allow creating items.",
                details={"price_codes": [charge.price_code]},
            )
        income = settings.income_account_id or facts.roles.get("income")
        expense = settings.expense_account_id or facts.roles.get("expense")
        if income is None or (facts.profile.needs_expense_account and expense is None):
            missing = "income" if income is None else "expense"
            return refused(
                "item_needs_account",
                f"A new item needs an {missing} account.",
                f"{name!r} would be created as a service item, but the settings name no {missing} "
                "account for it.",
                f"Set items.{missing}_account_id of the integration, or map the role {missing}.",
                details={"price_codes": [charge.price_code]},
            )
        if long := too_long("name", name, MAX_ITEM_NAME):
            return refused(
                "too_long",
                "The item's name is too long for QuickBooks.",
                f"{name[:40]}… has {long.length} characters; QuickBooks takes {long.limit}.",
                "Set a shorter item_name on the charge, or map it to an item.",
                details={"field": "item_name", "limit": long.limit, "length": long.length},
            )
        draft = ItemDraft(
            name=name,
            income_account_id=income,
            expense_account_id=expense if facts.profile.needs_expense_account else None,
        )
        return self._send(link, draft)

    def _send(self, link: Link, draft: ItemDraft) -> Send:
        return self._composer.create(
            link, draft, content_hash="item", hints=LookHints(name=draft.name)
        )


def _found(link: Link, place: ItemPlace) -> Settle:
    if place.source == "link" and link.state == LinkState.LIVE.value:
        return unchanged(link)
    return Settle(
        outcome=Outcome(
            state="unchanged",
            document_type="Item",
            document_id=place.item_id,
            document_number=place.name,
            code=f"item_by_{place.source}",
            explanation=SOURCES.get(place.source),
        )
    )
