"""What is known of a page of documents: their links, their billing records, and who is a double."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind
from app.billing.models import BillingRecord
from app.exports.facts import load_stored
from app.ledger.catchup import keep_stray
from app.reconciliation.compare import Known
from app.reconciliation.ground import Ground
from app.reconciliation.repository import (
    links_by_document,
    links_by_marker,
    links_by_record,
    links_numbered,
)


@dataclass(slots=True)
class Page:
    """*links* and *doubles* by document id, *rows* by billing id, *marked* by marker."""

    links: dict[str, Known] = field(default_factory=dict)
    rows: dict[str, BillingRecord] = field(default_factory=dict)
    marked: dict[str, Known] = field(default_factory=dict)
    doubles: dict[str, Known] = field(default_factory=dict)


async def rows_of(
    ground: Ground, session: AsyncSession, kind: Kind, billing_ids: Iterable[str]
) -> dict[str, BillingRecord]:
    """Return the billing records behind links of the kind, by the links' billing ids."""
    return await load_stored(session, ground.facts, kind.value, list(billing_ids))


class Lookup:
    """Finds what belongs to documents, a page at a time."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def look_up(
        self, session: AsyncSession, kind: Kind, documents: Sequence[BooksDocument]
    ) -> Page:
        company = self._ground.company_id
        kinds = [kind, Kind.APPLICATION] if kind is Kind.PAYMENT else [kind]
        page = Page()
        page.links = await links_by_document(
            session, company, kinds, [each.external_id for each in documents]
        )
        unlinked = [each for each in documents if each.external_id not in page.links]
        markers = [each.marker for each in unlinked if each.marker]
        if markers:
            page.marked = await links_by_marker(session, company, markers)
            await self._keep_strays(session, page, unlinked)
        await self._find_doubles(session, kind, page, unlinked)
        wanted = {link.billing_id for link in page.links.values() if link.kind is kind}
        wanted |= {link.billing_id for link in page.marked.values() if link.kind is kind}
        page.rows = await rows_of(self._ground, session, kind, wanted)
        return page

    async def _keep_strays(
        self, session: AsyncSession, page: Page, unlinked: Sequence[BooksDocument]
    ) -> None:
        """Keep for people what carries our marker and has no place in the ledger."""
        for document in unlinked:
            if document.marker is None or document.voided:
                continue
            holder = page.marked.get(document.marker)
            if holder is None:
                await keep_stray(session, self._ground.facts.keeper, document, "unknown_record")
            elif holder.external_id not in {None, document.external_id}:
                await keep_stray(session, self._ground.facts.keeper, document, "second_document")

    async def _find_doubles(
        self, session: AsyncSession, kind: Kind, page: Page, unlinked: Sequence[BooksDocument]
    ) -> None:
        """Find unmarked documents with number, total and customer of one of ours: entered twice."""
        candidates = [
            each for each in unlinked if each.number and not each.marker and not each.voided
        ]
        if not candidates:
            return
        numbers = {each.number or "" for each in candidates}
        held = await links_numbered(session, self._ground.company_id, kind, numbers)
        same = [
            (each, link)
            for each in candidates
            for link in held.get(each.number or "", ())
            if link.total == each.total and link.external_id != each.external_id
        ]
        if not same:
            return
        rows = await rows_of(self._ground, session, kind, {link.billing_id for _, link in same})
        customers = await links_by_record(
            session,
            self._ground.company_id,
            Kind.CUSTOMER,
            {row.customer_billing_id or "" for row in rows.values()},
        )
        for document, link in same:
            row = rows.get(link.billing_id)
            holder = customers.get((row.customer_billing_id if row else None) or "")
            if holder is not None and holder.external_id == document.customer_id:
                page.doubles[document.external_id] = link
