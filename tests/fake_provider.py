"""
A complete, in-memory double of the accounting port.

Lists are plain attributes of `provider.lists`; documents stand in `provider.documents_by_id`.
`provider.fail(...)` plans errors for coming calls, before or after the write took place.
"""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import TypeAdapter

from app.accounting.errors import (
    DuplicateFound,
    ProviderError,
    RecordRejected,
    ReferenceRefused,
    StaleDocument,
)
from app.accounting.journal import JournalEntryDraft
from app.accounting.records import (
    Account,
    Answer,
    ApplicationDraft,
    Applied,
    BooksDocument,
    CompanyProfile,
    CreationWindow,
    Customer,
    CustomerDraft,
    DocumentParts,
    Draft,
    Entry,
    Item,
    ItemDraft,
    Kind,
    LookHints,
    NamedEntry,
    NameHolder,
    PaymentDraft,
    SalesDraft,
    TaxAgency,
    TaxCode,
    TaxModel,
    TaxRate,
    Verb,
    Write,
)

T = TypeVar("T", bound=Entry | BooksDocument)
DELETED = " (deleted)"
DRAFTS: dict[str, type] = {
    each.__name__: each
    for each in (
        CustomerDraft,
        ItemDraft,
        SalesDraft,
        PaymentDraft,
        ApplicationDraft,
        JournalEntryDraft,
    )
}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def build_profile(**changes: Any) -> CompanyProfile:
    """Return a Canadian company's profile; its clocks stand in Vancouver."""
    values: dict[str, Any] = {
        "name": "Maple Books Inc.",
        "country": "CA",
        "home_currency": "CAD",
        "time_zone": "America/Vancouver",
        "tax_model": TaxModel.GLOBAL,
        "custom_numbers": True,
    }
    return CompanyProfile(**(values | changes))


@dataclass
class FakeLists:
    """The books' lists; set or change them at will."""

    customers: list[Customer] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    tax_codes: list[TaxCode] = field(default_factory=list)
    tax_rates: list[TaxRate] = field(default_factory=list)
    tax_agencies: list[TaxAgency] = field(default_factory=list)
    payment_methods: list[NamedEntry] = field(default_factory=list)
    terms: list[NamedEntry] = field(default_factory=list)
    classes: list[NamedEntry] = field(default_factory=list)
    departments: list[NamedEntry] = field(default_factory=list)
    other_names: list[NameHolder] = field(default_factory=list)  # vendors and employees


@dataclass(frozen=True)
class Failure:
    """An error planned for one call; with *after_write* the write takes place all the same."""

    error: Exception
    after_write: bool = False


class FakeProvider:
    """
    `AccountingProvider` in memory.

    Args:
        profile: What `company` answers.
        page_size: Rows per page of every list.
        honours_request_ids: Whether a repeated request id returns its first answer.
        clock: The books' clock.
    """

    def __init__(
        self,
        profile: CompanyProfile | None = None,
        *,
        page_size: int = 1000,
        honours_request_ids: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.profile = profile or build_profile()
        self.page_size = page_size
        self.honours_request_ids = honours_request_ids
        self.clock = clock
        self.lists = FakeLists()
        self.documents_by_id: dict[tuple[Kind, str], BooksDocument] = {}
        self.parts_by_id: dict[tuple[Kind, str], DocumentParts] = {}
        self.calls: list[str] = []  # one name for each call, in order
        self.windows: list[CreationWindow] = []  # as asked for, in order
        self.sent: list[tuple[str, Write]] = []  # request id and write, as they went out
        self.renewals = 0
        self._answers: dict[str, Answer] = {}
        self._failures: dict[str, deque[Failure | None]] = {}
        self._next_id = 1000

    # -- steering

    def fail(
        self, call: str, error: Exception, *, after: int = 0, after_write: bool = False
    ) -> None:
        """Let *call* ("send", "customers", …) raise *error* once, *after* that many good calls."""
        planned = self._failures.setdefault(call, deque())
        planned.extend([None] * after)
        planned.append(Failure(error, after_write))

    def stand(self, *documents: BooksDocument) -> None:
        """Put documents into the books."""
        for document in documents:
            self.documents_by_id[document.kind, document.external_id] = document

    def standing(self, kind: Kind) -> list[BooksDocument]:
        """Return the documents of a kind that stand in the books."""
        return [each for (of, _), each in self.documents_by_id.items() if of is kind]

    def _called(self, call: str) -> Failure | None:
        self.calls.append(call)
        planned = self._failures.get(call)
        failure = planned.popleft() if planned else None
        if failure is not None and not failure.after_write:
            raise failure.error
        return failure

    # -- the company and its lists

    async def company(self) -> CompanyProfile:
        self._called("company")
        return self.profile

    def customers(self, window: CreationWindow) -> AsyncIterator[list[Customer]]:
        return self._windowed("customers", self.lists.customers, window)

    def items(self, window: CreationWindow) -> AsyncIterator[list[Item]]:
        return self._windowed("items", self.lists.items, window)

    def accounts(self) -> AsyncIterator[list[Account]]:
        return self._pages("accounts", self.lists.accounts)

    def tax_codes(self) -> AsyncIterator[list[TaxCode]]:
        return self._pages("tax_codes", self.lists.tax_codes)

    def tax_rates(self) -> AsyncIterator[list[TaxRate]]:
        return self._pages("tax_rates", self.lists.tax_rates)

    def tax_agencies(self) -> AsyncIterator[list[TaxAgency]]:
        return self._pages("tax_agencies", self.lists.tax_agencies)

    def payment_methods(self) -> AsyncIterator[list[NamedEntry]]:
        return self._pages("payment_methods", self.lists.payment_methods)

    def terms(self) -> AsyncIterator[list[NamedEntry]]:
        return self._pages("terms", self.lists.terms)

    def classes(self) -> AsyncIterator[list[NamedEntry]]:
        return self._pages("classes", self.lists.classes)

    def departments(self) -> AsyncIterator[list[NamedEntry]]:
        return self._pages("departments", self.lists.departments)

    def documents(self, kind: Kind, window: CreationWindow) -> AsyncIterator[list[BooksDocument]]:
        return self._windowed("documents", self.standing(kind), window)

    def documents_between(
        self, kind: Kind, first_day: date, last_day: date
    ) -> AsyncIterator[list[BooksDocument]]:
        dated = [
            each
            for each in self.standing(kind)
            if each.txn_date and first_day <= each.txn_date <= last_day
        ]
        return self._pages("documents_between", dated)

    def documents_with_ids(
        self, kind: Kind, external_ids: Sequence[str]
    ) -> AsyncIterator[list[BooksDocument]]:
        found = [each for each in self.standing(kind) if each.external_id in external_ids]
        return self._pages("documents_with_ids", found)

    def parts(self, document: BooksDocument) -> DocumentParts:
        return self.parts_by_id.get((document.kind, document.external_id), DocumentParts())

    def _windowed(
        self, call: str, rows: Iterable[T], window: CreationWindow
    ) -> AsyncIterator[list[T]]:
        self.windows.append(window)
        inside = [
            row for row in rows if window.starts_at <= (row.created_at or LONG_AGO) < window.ends_at
        ]
        return self._pages(call, inside[window.skip :])

    async def _pages(self, call: str, rows: Sequence[T]) -> AsyncIterator[list[T]]:
        start = 0
        while start == 0 or start < len(rows):
            self._called(call)
            page = list(rows[start : start + self.page_size])
            start += self.page_size
            if page:
                yield page

    # -- writes

    def prepare_create(self, draft: Draft, *, marker: str) -> Write:
        return _write(draft, Verb.CREATE, marker=marker)

    def prepare_update(
        self, draft: Draft, *, external_id: str, sync_token: str, marker: str
    ) -> Write:
        return _write(draft, Verb.UPDATE, marker=marker, target=external_id, sync_token=sync_token)

    def prepare_removal(
        self, kind: Kind, verb: Verb, *, external_id: str, sync_token: str
    ) -> Write:
        body = json.dumps({"sync_token": sync_token}).encode()
        voided = verb is Verb.VOID
        return Write(
            kind=kind,
            verb=verb,
            body=body,
            target=external_id,
            expected_total=Decimal(0) if voided else None,
        )

    async def ready(self, *, batch: bool = False) -> None:
        self._called("ready")

    async def renew_access(self) -> None:
        self._called("renew_access")
        self.renewals += 1

    async def send(self, write: Write, *, request_id: str, permit: Callable[[], None]) -> Answer:
        permit()
        failure = self._called("send")
        self.sent.append((request_id, write))
        if self.honours_request_ids and request_id in self._answers:
            answer = self._answers[request_id]
        else:
            answer = Answer(document=self._carry_out(write), http_status=200, trace_id="fake")
            self._answers[request_id] = answer
        if failure is not None:
            raise failure.error
        return answer

    async def send_batch(
        self, writes: Sequence[Write], *, batch_id: str, permit: Callable[[], None]
    ) -> list[Answer | ProviderError]:
        permit()
        outcomes: list[Answer | ProviderError] = []
        for number, write in enumerate(writes):
            try:
                outcomes.append(
                    await self.send(write, request_id=f"{batch_id}:{number}", permit=permit)
                )
            except ProviderError as error:
                outcomes.append(error)
        return outcomes

    def _carry_out(self, write: Write) -> BooksDocument | None:
        body = json.loads(write.body, parse_float=Decimal)
        if write.verb is Verb.CREATE:
            return self._create(write.kind, _draft_in(body), body["marker"])
        standing = self.documents_by_id.get((write.kind, write.target or ""))
        if standing is None:
            raise ReferenceRefused(explanation="Object Not Found")
        if standing.sync_token != body["sync_token"]:
            raise StaleDocument(explanation="Stale Object Error")
        if write.verb is Verb.DELETE:
            self._unapply(standing)
            del self.documents_by_id[write.kind, standing.external_id]
            return None
        if write.verb is Verb.VOID:
            self._unapply(standing)
            changed = replace(
                standing, voided=True, total=Decimal(0), tax=Decimal(0), balance=Decimal(0)
            )
        else:
            draft = _draft_in(body)
            changed = self._shape(draft, body["marker"], standing.external_id)
            self._keep_lines(draft, changed)
        changed = replace(
            changed,
            sync_token=str(int(standing.sync_token) + 1),
            created_at=standing.created_at,
            fingerprint=sha256(write.body).hexdigest()[:16],
        )
        self.stand(changed)
        return changed

    def _create(self, kind: Kind, draft: Draft, marker: str) -> BooksDocument:
        if isinstance(draft, CustomerDraft | ItemDraft):
            self._refuse_taken_name(kind, draft)
        self._next_id += 1
        made = self._shape(draft, marker, str(self._next_id))
        self._keep_lines(draft, made)
        self.stand(made)
        self._list(draft, made)
        if isinstance(draft, PaymentDraft | ApplicationDraft):
            self._settle(made.applied, sign=-1)
        return made

    def _keep_lines(self, draft: Draft, made: BooksDocument) -> None:
        """Keep the lines of a journal entry; one that does not balance is refused."""
        if not isinstance(draft, JournalEntryDraft):
            return
        if draft.imbalance:
            raise RecordRejected(explanation="Debits and credits differ")
        self.parts_by_id[made.kind, made.external_id] = DocumentParts(journal=draft.lines)

    def _refuse_taken_name(self, kind: Kind, draft: CustomerDraft | ItemDraft) -> None:
        if isinstance(draft, ItemDraft):
            taken = any(each.name.lower() == draft.name.lower() for each in self.lists.items)
        else:
            wanted = draft.display_name.lower()
            names = [each.display_name for each in self.lists.customers]
            names += [each.name for each in self.lists.other_names]
            taken = any(name.lower() == wanted for name in names)
        if taken:
            raise DuplicateFound(explanation="Duplicate Name Exists Error")

    def _list(self, draft: Draft, made: BooksDocument) -> None:
        """Show a new customer or item in its list too."""
        stamps: dict[str, Any] = {"created_at": made.created_at, "updated_at": made.created_at}
        if isinstance(draft, CustomerDraft):
            self.lists.customers.append(
                Customer(
                    external_id=made.external_id,
                    sync_token="0",
                    display_name=draft.display_name,
                    company_name=draft.company_name,
                    email=draft.email,
                    currency=made.currency,
                    **stamps,
                )
            )
        elif isinstance(draft, ItemDraft):
            self.lists.items.append(
                Item(
                    external_id=made.external_id,
                    sync_token="0",
                    name=draft.name,
                    full_name=draft.name,
                    type="Service",
                    income_account_id=draft.income_account_id,
                    expense_account_id=draft.expense_account_id,
                    **stamps,
                )
            )

    def _shape(self, draft: Draft, marker: str, external_id: str) -> BooksDocument:
        """Return the document that the draft becomes."""
        common: dict[str, Any] = {
            "kind": _kind_of(draft),
            "external_id": external_id,
            "sync_token": "0",
            "marker": marker,
            "created_at": self.clock(),
            "fingerprint": sha256(repr(draft).encode()).hexdigest()[:16],
        }
        if isinstance(draft, CustomerDraft):
            currency = draft.currency or self.profile.home_currency
            return BooksDocument(**common, name=draft.display_name, currency=currency)
        if isinstance(draft, ItemDraft):
            return BooksDocument(**(common | {"marker": None}), name=draft.name)
        common |= {
            "currency": draft.currency or self.profile.home_currency,
            "txn_date": draft.txn_date,
        }
        if isinstance(draft, JournalEntryDraft):
            return BooksDocument(**common, number=draft.number, total=draft.total)
        common["customer_id"] = draft.customer_id
        if isinstance(draft, SalesDraft):
            number = draft.number if self.profile.custom_numbers else external_id
            return BooksDocument(
                **common,
                number=number,
                total=draft.total,
                tax=draft.tax_total,
                balance=draft.total,
            )
        applied = _applied(draft)
        if isinstance(draft, ApplicationDraft):
            return BooksDocument(**common, total=Decimal(0), unapplied=Decimal(0), applied=applied)
        used = sum((part.amount for part in applied), Decimal(0))
        return BooksDocument(
            **common,
            number=draft.reference,
            total=draft.amount,
            unapplied=draft.amount - used,
            applied=applied,
        )

    def _settle(self, applied: Iterable[Applied], *, sign: int) -> None:
        """Move the open balances of what is settled; their tokens move too."""
        for part in applied:
            found = self.documents_by_id.get((part.kind, part.external_id))
            if found is None:
                raise ReferenceRefused(explanation="Invalid Reference Id")
            balance = (found.balance or Decimal(0)) + sign * part.amount
            if balance < 0:
                raise RecordRejected(explanation="More is applied than is open")
            token = str(int(found.sync_token) + 1)
            self.stand(replace(found, balance=balance, sync_token=token))

    def _unapply(self, document: BooksDocument) -> None:
        if not document.voided:
            self._settle(document.applied, sign=1)

    # -- looks

    async def read(self, kind: Kind, external_id: str) -> BooksDocument | None:
        self._called("read")
        return self.documents_by_id.get((kind, external_id))

    async def find_marked(self, kind: Kind, marker: str, hints: LookHints) -> list[BooksDocument]:
        self._called("find_marked")
        if kind is Kind.ITEM:
            return [each for each in self.standing(kind) if each.name == hints.name]
        return [each for each in self.standing(kind) if each.marker == marker]

    async def find_named(self, kind: Kind, name: str) -> list[BooksDocument]:
        self._called("find_named")
        forms = {name.lower(), (name + DELETED).lower()}
        found = [each for each in self.standing(kind) if (each.name or "").lower() in forms]
        known = {each.external_id for each in found}
        return found + [each for each in self._listed(kind, forms) if each.external_id not in known]

    def _listed(self, kind: Kind, forms: set[str]) -> list[BooksDocument]:
        """Return list entries that were set by hand, as documents."""
        rows: Sequence[Customer | Item] = (
            self.lists.customers if kind is Kind.CUSTOMER else self.lists.items
        )
        return [
            BooksDocument(
                kind=kind,
                external_id=row.external_id,
                sync_token=row.sync_token or "0",
                name=_name(row),
                currency=getattr(row, "currency", None),
                active=row.active,
                created_at=row.created_at,
            )
            for row in rows
            if _name(row).lower() in forms
        ]

    async def find_numbered(self, kind: Kind, number: str) -> list[BooksDocument]:
        self._called("find_numbered")
        return [each for each in self.standing(kind) if each.number == number]

    async def name_holders(self, name: str) -> list[NameHolder]:
        self._called("name_holders")
        forms = {name.lower(), (name + DELETED).lower()}
        customers = [
            NameHolder(
                holder="customer",
                external_id=each.external_id,
                name=each.display_name,
                active=each.active,
            )
            for each in self.lists.customers
        ]
        everybody = customers + self.lists.other_names
        return [each for each in everybody if each.name.lower() in forms]

    async def marked_since(self, kind: Kind, since: datetime) -> AsyncIterator[list[BooksDocument]]:
        self._called("marked_since")
        found = [
            each
            for each in self.standing(kind)
            if each.marker and (each.created_at or LONG_AGO) >= since
        ]
        for start in range(0, len(found), self.page_size):
            yield found[start : start + self.page_size]

    def matches(self, write: Write, document: BooksDocument) -> bool:
        if write.verb is Verb.VOID:
            return document.voided
        if write.verb is Verb.DELETE:
            return False
        body = json.loads(write.body, parse_float=Decimal)
        draft = _draft_in(body)
        wanted = self._shape(draft, body["marker"], document.external_id)
        compared = ("number", "name", "total", "tax", "customer_id", "txn_date", "applied")
        if isinstance(draft, JournalEntryDraft) and self.parts(document).journal != draft.lines:
            return False
        return all(getattr(wanted, name) == getattr(document, name) for name in compared)


def _name(row: Customer | Item) -> str:
    return row.display_name if isinstance(row, Customer) else row.name


def _kind_of(draft: Draft) -> Kind:
    match draft:
        case CustomerDraft():
            return Kind.CUSTOMER
        case ItemDraft():
            return Kind.ITEM
        case SalesDraft():
            return draft.kind
        case PaymentDraft():
            return Kind.PAYMENT
        case ApplicationDraft():
            return Kind.APPLICATION
        case JournalEntryDraft():
            return Kind.JOURNAL_ENTRY


def _applied(draft: PaymentDraft | ApplicationDraft) -> tuple[Applied, ...]:
    if isinstance(draft, PaymentDraft):
        return draft.allocations
    return (
        Applied(kind=Kind.INVOICE, external_id=draft.invoice_id, amount=draft.amount),
        Applied(kind=Kind.CREDIT_MEMO, external_id=draft.credit_memo_id, amount=draft.amount),
    )


def _write(
    draft: Draft,
    verb: Verb,
    *,
    marker: str,
    target: str | None = None,
    sync_token: str | None = None,
) -> Write:
    body = {
        "draft": TypeAdapter(type(draft)).dump_python(draft, mode="json"),
        "type": type(draft).__name__,
        "marker": marker,
        "sync_token": sync_token,
    }
    total = tax = None
    if isinstance(draft, SalesDraft):
        total, tax = draft.total, draft.tax_total
    elif isinstance(draft, PaymentDraft):
        total = draft.amount
    elif isinstance(draft, JournalEntryDraft):
        total = draft.total
    elif isinstance(draft, ApplicationDraft):
        total = Decimal(0)
    return Write(
        kind=_kind_of(draft),
        verb=verb,
        body=json.dumps(body, sort_keys=True).encode(),
        target=target,
        expected_total=total,
        expected_tax=tax,
    )


def _draft_in(body: dict[str, Any]) -> Draft:
    draft: Draft = TypeAdapter(DRAFTS[body["type"]]).validate_python(body["draft"])
    return draft
