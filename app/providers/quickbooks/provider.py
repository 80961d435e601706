"""One company's QuickBooks as the accounting port wants it: the other modules, put together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar
from urllib.parse import quote as quote_path

from app.accounting.errors import (
    CompanyUnavailable,
    Fault,
    OutcomeUnknown,
    ProviderError,
    RecordRejected,
    RetryLater,
)
from app.accounting.ports import CallGate, CompanyRef, ProviderFactory, TokenSource
from app.accounting.records import (
    Account,
    Answer,
    BooksDocument,
    CompanyProfile,
    CreationWindow,
    Customer,
    DocumentParts,
    Draft,
    Item,
    Kind,
    LookHints,
    NamedEntry,
    NameHolder,
    TaxAgency,
    TaxCode,
    TaxRate,
    Verb,
    Write,
)
from app.kit.http import AsyncClient
from app.providers.quickbooks import batch as batches
from app.providers.quickbooks import compare, compose, translate
from app.providers.quickbooks.client import Payload, QuickBooksClient, Reply
from app.providers.quickbooks.faults import judge_item
from app.providers.quickbooks.kinds import (
    ENTITIES,
    NAME_FIELDS,
    NAME_LISTS,
    NUMBER_FIELDS,
    PAYMENTS,
    PURCHASE,
    address_of,
    entities_of,
)
from app.providers.quickbooks.query import Row, Select, Statement, pages
from app.providers.quickbooks.text import DELETED_SUFFIX, find_marker
from app.providers.quickbooks.wire import entity_of, rows_of

T = TypeVar("T")

NOT_FOUND = "610"
# So many ids stand in one condition; the statement stays well below any limit on its length.
IDS_AT_ONCE = 200
# These are not found by their customer.
NO_CUSTOMER = frozenset((ENTITIES[Kind.JOURNAL_ENTRY], PURCHASE))
_HOLDERS = {"Customer": "customer", "Vendor": "vendor", "Employee": "employee"}


class QuickBooksProvider:
    """
    The `AccountingProvider` of the port.

    *now* tells the present instant; it freezes the upper bound of what is paged through.
    """

    def __init__(
        self,
        client: QuickBooksClient,
        *,
        realm_id: str,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._realm_id = realm_id
        self._now = now

    # -- the company and its lists

    async def company(self) -> CompanyProfile:
        """Return the company's profile; two reads."""
        info = await self._get(f"companyinfo/{quote_path(self._realm_id, safe='')}", "CompanyInfo")
        preferences = await self._get("preferences", "Preferences")
        return translate.to_profile(info, preferences)

    async def customers(self, window: CreationWindow) -> AsyncIterator[list[Customer]]:
        """Yield customers created in the window, inactive ones too."""
        select = self._created(Select("Customer").with_inactive(), window)
        async for page in self._list(select, translate.to_customer, skip=window.skip):
            yield page

    async def items(self, window: CreationWindow) -> AsyncIterator[list[Item]]:
        """Yield items created in the window, inactive ones too."""
        select = self._created(Select("Item").with_inactive(), window)
        async for page in self._list(select, translate.to_item, skip=window.skip):
            yield page

    async def accounts(self) -> AsyncIterator[list[Account]]:
        """Yield the whole chart of accounts."""
        async for page in self._list(Select("Account").with_inactive(), translate.to_account):
            yield page

    async def tax_codes(self) -> AsyncIterator[list[TaxCode]]:
        """
        Yield all tax codes, pseudo codes and inactive ones included.

        The pseudo codes have no `Active`, so any condition on it would drop them: first all that
        is shown without a condition, then what is inactive.
        """
        seen: set[str] = set()
        for select in (Select("TaxCode"), Select("TaxCode").where("Active", "=", False)):
            async for page in self._list(select, translate.to_tax_code):
                fresh = [code for code in page if code.external_id not in seen]
                seen.update(code.external_id for code in fresh)
                if fresh:
                    yield fresh

    async def tax_rates(self) -> AsyncIterator[list[TaxRate]]:
        """Yield all tax rates, inactive ones included."""
        async for page in self._list(Select("TaxRate").with_inactive(), translate.to_tax_rate):
            yield page

    async def tax_agencies(self) -> AsyncIterator[list[TaxAgency]]:
        """Yield all tax agencies; sorting them does not work."""
        select = Select("TaxAgency", order_by=None)
        async for page in self._list(select, translate.to_tax_agency):
            yield page

    def payment_methods(self) -> AsyncIterator[list[NamedEntry]]:
        """Yield all payment methods."""
        return self._list(Select("PaymentMethod").with_inactive(), translate.to_named)

    def terms(self) -> AsyncIterator[list[NamedEntry]]:
        """Yield all payment terms."""
        return self._list(Select("Term").with_inactive(), translate.to_named)

    def classes(self) -> AsyncIterator[list[NamedEntry]]:
        """Yield all classes."""
        return self._list(Select("Class").with_inactive(), translate.to_named)

    def departments(self) -> AsyncIterator[list[NamedEntry]]:
        """Yield all departments (QuickBooks shows them as locations)."""
        return self._list(Select("Department").with_inactive(), translate.to_named)

    async def documents(
        self, kind: Kind, window: CreationWindow
    ) -> AsyncIterator[list[BooksDocument]]:
        """Yield the documents of the kind that were created in the window."""
        skip = window.skip
        for each in self._all_of(kind):
            select = self._created(each, window)
            pages_read = self._list(select, lambda row: translate.to_document(kind, row), skip=skip)
            async for page in pages_read:
                yield page

    async def documents_between(
        self, kind: Kind, first_day: date, last_day: date
    ) -> AsyncIterator[list[BooksDocument]]:
        """Yield the documents of the kind that are dated in the range, both days included."""
        for each in self._all_of(kind):
            dated = each.where("TxnDate", ">=", first_day).where("TxnDate", "<=", last_day)
            async for page in self._list(dated, lambda row: translate.to_document(kind, row)):
                yield page

    async def documents_with_ids(
        self, kind: Kind, external_ids: Sequence[str]
    ) -> AsyncIterator[list[BooksDocument]]:
        """Yield those of the documents that the books have, whatever their date."""
        for start in range(0, len(external_ids), IDS_AT_ONCE):
            wanted = tuple(external_ids[start : start + IDS_AT_ONCE])
            for entity in entities_of(kind):
                select = Select(entity).where("Id", "IN", wanted)
                async for page in self._list(select, lambda row: translate.to_document(kind, row)):
                    yield page

    def parts(self, document: BooksDocument) -> DocumentParts:
        """Return a read document's lines and taxes; no call."""
        return translate.to_parts(document.source)

    # -- writes

    def prepare_create(self, draft: Draft, *, marker: str) -> Write:
        """Return the write that creates the draft; *marker* in its note, items have none."""
        return compose.compose_create(draft, marker=marker)

    def prepare_update(
        self, draft: Draft, *, external_id: str, sync_token: str, marker: str
    ) -> Write:
        """Return the sparse update that makes the document what the draft says."""
        return compose.compose_update(
            draft, external_id=external_id, sync_token=sync_token, marker=marker
        )

    def prepare_removal(
        self, kind: Kind, verb: Verb, *, external_id: str, sync_token: str
    ) -> Write:
        """Return the write that voids or deletes; customers and items are made inactive."""
        return compose.compose_removal(kind, verb, external_id=external_id, sync_token=sync_token)

    async def ready(self, *, batch: bool = False) -> None:
        """Return when a write (or a batch of them) may go out at once; see the port."""
        await self._client.ready(batch=batch)

    async def renew_access(self) -> None:
        """Replace the access token that was last refused."""
        await self._client.renew_access()

    async def send(self, write: Write, *, request_id: str, permit: Callable[[], None]) -> Answer:
        """
        Send the write once; see the port.

        Raises:
            OutcomeUnknown: Also for a good answer that does not show our document: without its
                id, with another one, or without the marker that was sent.
        """
        address = address_of(write.kind, write.verb, compose.entity_in(write))
        reply = await self._client.write(
            address.path,
            write.body,
            request_id=request_id,
            permit=permit,
            params=address.params,
        )
        return Answer(
            document=_proven(write, reply),
            http_status=reply.http_status,
            trace_id=reply.trace_id,
        )

    async def send_batch(
        self, writes: Sequence[Write], *, batch_id: str, permit: Callable[[], None]
    ) -> list[Answer | ProviderError]:
        """
        Send several creates in one call, each outcome by itself; see the port.

        Raises:
            OutcomeUnknown: Also for a good answer that is not that of a batch.
        """
        reply = await self._client.write(
            "batch",
            batches.compose(writes),
            request_id=batch_id,
            permit=permit,
            lane="batch",
        )
        outcomes: list[Answer | ProviderError] = []
        for write, item in zip(writes, batches.items_of(reply, len(writes)), strict=True):
            outcomes.append(_outcome(write, item, reply))
        if throttled := [each for each in outcomes if isinstance(each, RetryLater)]:
            await self._client.slow_down(throttled[0].after)
        return outcomes

    # -- looks

    async def read(self, kind: Kind, external_id: str) -> BooksDocument | None:
        """Return the document as it stands, or None when the books do not have it."""
        for entity in entities_of(kind):
            row = await self._read(entity, external_id)
            if row is not None and not _is_deleted(row):
                return translate.to_document(kind, row)
        return None

    async def find_marked(self, kind: Kind, marker: str, hints: LookHints) -> list[BooksDocument]:
        """
        Return every document of the kind that carries the marker.

        Items carry none; for them, whoever has exactly the name is the one.

        Raises:
            ValueError: The hints give nothing to search by, so an empty answer would prove nothing.
        """
        if kind in NAME_LISTS:
            if not hints.name:
                raise ValueError(f"a {kind} is looked for by its name")
            named = await self.find_named(kind, hints.name)
            return [each for each in named if kind is Kind.ITEM or each.marker == marker]
        found: dict[str, BooksDocument] = {}
        for select in _looks(kind, hints):
            for document in await self._find(kind, select):
                if document.marker == marker:
                    found.setdefault(document.external_id, document)
        return list(found.values())

    async def find_named(self, kind: Kind, name: str) -> list[BooksDocument]:
        """Return customers or items of that name, inactive ones and their suffixed form too."""
        select = Select(ENTITIES[kind]).where(NAME_FIELDS[kind], "IN", _forms(name))
        return await self._find(kind, select.with_inactive())

    async def find_numbered(self, kind: Kind, number: str) -> list[BooksDocument]:
        """Return documents of that number; a payment's is its reference."""
        return [
            document
            for each in self._all_of(kind)
            for document in await self._find(kind, each.where(NUMBER_FIELDS[kind], "=", number))
        ]

    async def name_holders(self, name: str) -> list[NameHolder]:
        """Return who holds a display name, over customers, vendors and employees."""
        holders: list[NameHolder] = []
        for entity, holder in _HOLDERS.items():
            select = Select(entity).where("DisplayName", "IN", _forms(name)).with_inactive()
            async for rows in pages(select, self._fetch(select)):
                holders += [translate.to_holder(holder, row) for row in rows]
        return holders

    async def marked_since(self, kind: Kind, since: datetime) -> AsyncIterator[list[BooksDocument]]:
        """
        Yield documents created since then that carry any marker of ours; items carry none.

        There is no upper bound: what was written a moment ago, by whichever clock, must show.
        """
        if kind is Kind.ITEM:
            return
        note = "Notes" if kind is Kind.CUSTOMER else "PrivateNote"
        for each in self._all_of(kind):
            select = each.where("MetaData.CreateTime", ">=", since)
            async for rows in pages(select, self._fetch(select)):
                ours = [row for row in rows if find_marker(str(row.get(note) or ""))]
                if ours:
                    yield [translate.to_document(kind, row) for row in ours]

    def matches(self, write: Write, document: BooksDocument) -> bool:
        """Tell whether the document shows what the write asked for."""
        return compare.shows(write, document.source)

    # -- inside

    def _all_of(self, kind: Kind) -> list[Select]:
        selects = [Select(entity) for entity in entities_of(kind)]
        return [each.with_inactive() if kind in NAME_LISTS else each for each in selects]

    async def _read(self, entity: str, external_id: str) -> Row | None:
        """Return an entity as it stands or as it was deleted; None when there is none."""
        try:
            return await self._get(f"{entity.lower()}/{quote_path(external_id, safe='')}", entity)
        except RecordRejected as refusal:
            if refusal.fault.code == NOT_FOUND:
                return None
            raise

    def _created(self, select: Select, window: CreationWindow) -> Select:
        """Narrow to the window, ended by the present so that pages do not shift."""
        end = min(window.ends_at, self._now().astimezone(window.ends_at.tzinfo or UTC))
        return select.where("MetaData.CreateTime", ">=", window.starts_at).where(
            "MetaData.CreateTime", "<", end
        )

    async def _list(
        self, select: Select, translated: Callable[[Row], T], *, skip: int = 0
    ) -> AsyncIterator[list[T]]:
        async for rows in pages(select, self._fetch(select), skip=skip):
            yield [translated(row) for row in rows]

    async def _find(self, kind: Kind, select: Select) -> list[BooksDocument]:
        """Return everything a look meets; a look is narrow, so it is small."""
        return [
            document
            async for page in self._list(select, lambda row: translate.to_document(kind, row))
            for document in page
        ]

    def _fetch(self, select: Select) -> Callable[[Statement], Awaitable[list[Row]]]:
        async def fetch(statement: Statement) -> list[Row]:
            reply = await self._client.query(statement)
            rows = rows_of(reply.payload, select.entity)
            if rows is None:
                raise OutcomeUnknown(
                    _fault(reply), "QuickBooks' answer to a query holds no rows and no fault."
                )
            return rows

        return fetch

    async def _get(self, path: str, entity: str) -> Row:
        reply = await self._client.get(path)
        row = entity_of(reply.payload, entity)
        if row is None:
            raise OutcomeUnknown(_fault(reply), f"QuickBooks' answer holds no {entity}.")
        return row


def quickbooks_factory(
    *,
    http: AsyncClient,
    environment: str,
    api_url: str,
    now: Callable[[], datetime] | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ProviderFactory:
    """
    Return what opens companies of one environment.

    Args:
        http: The process's shared client.
        environment: The one environment whose companies this process may touch.
        api_url: Scheme and host of its API, without `/v3`.
        now: The present instant; the system's clock unless told.
        pause: Waits the given seconds between the attempts of a read.
    """

    def open_company(
        company: CompanyRef,
        *,
        tokens: TokenSource,
        gate: CallGate,
        on_call: Callable[[str], None],
    ) -> QuickBooksProvider:
        if company.environment != environment:
            raise CompanyUnavailable(
                explanation=f"The company belongs to the environment {company.environment!r}; "
                f"this installation works with {environment!r}."
            )
        client = QuickBooksClient(
            http=http,
            base_url=api_url,
            realm_id=company.realm_id,
            tokens=tokens,
            gate=gate,
            on_call=on_call,
            pause=pause,
        )
        return QuickBooksProvider(
            client, realm_id=company.realm_id, now=now or (lambda: datetime.now(UTC))
        )

    return open_company


def _looks(kind: Kind, hints: LookHints) -> list[Select]:
    """Return the searches a look consists of: by number, by customer and date, by reference."""
    looks = []
    number = hints.reference or hints.number if kind in PAYMENTS else hints.number
    for entity in entities_of(kind):
        base = Select(entity)
        if number:
            looks.append(base.where(NUMBER_FIELDS[kind], "=", number))
        if hints.txn_date:
            dated = base.where("TxnDate", "=", hints.txn_date)
            by_customer = hints.customer_id and entity not in NO_CUSTOMER
            looks.append(
                dated.where("CustomerRef", "=", hints.customer_id or "") if by_customer else dated
            )
    if not looks:
        raise ValueError(f"nothing to look for a {kind} by")
    return looks


def _forms(name: str) -> tuple[str, ...]:
    """Return the name as it stands when active, and when made inactive."""
    return (name, f"{name}{DELETED_SUFFIX}")


def _proven(write: Write, reply: Reply) -> BooksDocument | None:
    """
    Return the document that a good answer shows; None for a deletion.

    Raises:
        OutcomeUnknown: The answer does not show what it should.
    """
    entity = entity_of(reply.payload, compose.entity_in(write))
    if entity is None or not entity.get("Id"):
        raise OutcomeUnknown(_fault(reply), "QuickBooks' answer does not hold the document.")
    if write.target is not None and str(entity["Id"]) != write.target:
        raise OutcomeUnknown(_fault(reply), "QuickBooks' answer holds another document.")
    if write.verb is Verb.DELETE and write.kind not in NAME_LISTS:
        if not _is_deleted(entity):
            raise OutcomeUnknown(_fault(reply), "QuickBooks' answer does not say: deleted.")
        return None
    document = translate.to_document(write.kind, entity)
    sent = compose.marker_in(write) if write.verb is Verb.CREATE else None
    if sent is not None and document.marker != sent:
        raise OutcomeUnknown(
            _fault(reply), "QuickBooks' answer does not carry the marker that was sent."
        )
    return document


def _outcome(write: Write, item: Payload | None, reply: Reply) -> Answer | ProviderError:
    """Return what one item of a batch's answer proves."""
    if item is None:
        return OutcomeUnknown(_fault(reply), "The batch's answer lacks this item.")
    if (error := judge_item(item, trace_id=reply.trace_id)) is not None:
        return error
    try:
        document = _proven(write, Reply(item, reply.http_status, reply.trace_id))
    except OutcomeUnknown as unknown:
        return unknown
    return Answer(document=document, http_status=reply.http_status, trace_id=reply.trace_id)


def _is_deleted(entity: Mapping[str, object]) -> bool:
    return str(entity.get("status", "")).lower() == "deleted"


def _fault(reply: Reply) -> Fault:
    return Fault(http_status=reply.http_status, trace_id=reply.trace_id)
