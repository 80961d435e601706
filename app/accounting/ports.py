"""The port every ERP implements: read lists, prepare writes, send them, look for them."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from app.accounting.errors import ProviderError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """Tokens as an authorization server issued them; lifetimes in seconds from now."""

    access_token: str
    refresh_token: str
    access_expires_in: int
    refresh_expires_in: int


class Authorization(Protocol):
    """How a merchant lets us into their books (OAuth 2.0, RFC 6749)."""

    async def authorization_url(self, *, state: str, redirect_uri: str) -> str: ...

    async def exchange(self, *, code: str, redirect_uri: str) -> TokenSet:
        """
        Trade the code for tokens.

        Raises:
            ReconnectRequired: The code is used, expired or not ours.
            OutcomeUnknown: No trustworthy answer; the merchant starts over.
        """

    async def refresh(self, refresh_token: str) -> TokenSet:
        """
        Trade the refresh token for fresh tokens; the answer's refresh token must be kept.

        Raises:
            ReconnectRequired: The server says `invalid_grant`.
            CompanyUnavailable: Our own client id or secret is refused; never the merchant's fault.
            OutcomeUnknown: Nothing trustworthy came back; try again with the same token.
        """

    async def revoke(self, token: str) -> None:
        """End the whole connection; a token that is already dead is no error."""


class TokenSource(Protocol):
    """One company's access token, fresh when asked for."""

    async def access_token(self) -> str: ...

    async def renew(self, stale: str) -> str:
        """
        Return a token other than *stale*.

        Raises:
            ReconnectRequired: The connection is dead.
        """


class CallGate(Protocol):
    """Keeps one company's calls within what its ERP allows."""

    async def admit(self, *, batch: bool = False) -> None:
        """Return when one more call may go out, and count it."""

    def answered(self) -> None:
        """Note that the call admitted last is over: until now it may have arrived at any moment."""

    async def throttled(self, after: float | None) -> None:
        """Note that the ERP refused a call for its quota; later calls wait and slow down."""


class AccountingProvider(Protocol):
    """One company's books at one ERP, opened with that company's tokens."""

    # -- the company and its lists; each page is a non-empty list, de-duplicated by id

    async def company(self) -> CompanyProfile: ...

    def customers(self, window: CreationWindow) -> AsyncIterator[list[Customer]]: ...

    def items(self, window: CreationWindow) -> AsyncIterator[list[Item]]: ...

    def accounts(self) -> AsyncIterator[list[Account]]: ...

    def tax_codes(self) -> AsyncIterator[list[TaxCode]]: ...

    def tax_rates(self) -> AsyncIterator[list[TaxRate]]: ...

    def tax_agencies(self) -> AsyncIterator[list[TaxAgency]]: ...

    def payment_methods(self) -> AsyncIterator[list[NamedEntry]]: ...

    def terms(self) -> AsyncIterator[list[NamedEntry]]: ...

    def classes(self) -> AsyncIterator[list[NamedEntry]]: ...

    def departments(self) -> AsyncIterator[list[NamedEntry]]: ...

    def documents(self, kind: Kind, window: CreationWindow) -> AsyncIterator[list[BooksDocument]]:
        """Invoices, payments or credit memos created in the window (opening documents)."""

    def documents_between(
        self, kind: Kind, first_day: date, last_day: date
    ) -> AsyncIterator[list[BooksDocument]]:
        """Documents of the kind that are dated in the range, both days included."""

    def documents_with_ids(
        self, kind: Kind, external_ids: Sequence[str]
    ) -> AsyncIterator[list[BooksDocument]]:
        """Those of the documents that the books have, whatever their date."""

    def parts(self, document: BooksDocument) -> DocumentParts:
        """Return a read document's lines and taxes; no call."""

    # -- writes: prepare (pure), ready, send

    def prepare_create(self, draft: Draft, *, marker: str) -> Write:
        """Return the exact bytes that create the draft, with *marker* where the kind has room."""

    def prepare_update(
        self, draft: Draft, *, external_id: str, sync_token: str, marker: str
    ) -> Write: ...

    def prepare_removal(
        self, kind: Kind, verb: Verb, *, external_id: str, sync_token: str
    ) -> Write:
        """Return the write that voids or deletes a document."""

    async def ready(self, *, batch: bool = False) -> None:
        """
        Return when a call may go out at once: within the limits, and with a valid token in hand.

        Raises:
            ReconnectRequired: There is no token to be had.
        """

    async def renew_access(self) -> None:
        """Replace an access token that the books refused."""

    async def send(self, write: Write, *, request_id: str, permit: Callable[[], None]) -> Answer:
        """
        Send the write once. *permit* is called right before the first byte and may raise NotSent.

        Calling again with the same *request_id* returns the first answer and writes nothing,
        where the ERP keeps that promise; callers do not rely on it alone.

        Raises:
            ProviderError: Every child of it but RetryLater in the sense of "wait inside".
        """

    async def send_batch(
        self, writes: Sequence[Write], *, batch_id: str, permit: Callable[[], None]
    ) -> list[Answer | ProviderError]:
        """
        Send several creates in one call and return each one's outcome, in the order given.

        A batch is never sent again: what it lacks a trustworthy answer for is OutcomeUnknown.

        Raises:
            ProviderError: The call as a whole went wrong; it holds for every write.
        """

    # -- looks: reads only, may always be repeated

    async def read(self, kind: Kind, external_id: str) -> BooksDocument | None:
        """Return the document, or None when the books do not have it (any more)."""

    async def find_marked(self, kind: Kind, marker: str, hints: LookHints) -> list[BooksDocument]:
        """Return every document of the kind that carries the marker, searching by the hints."""

    async def find_named(self, kind: Kind, name: str) -> list[BooksDocument]:
        """Return customers or items of that name, inactive ones and their " (deleted)" form too."""

    async def find_numbered(self, kind: Kind, number: str) -> list[BooksDocument]: ...

    async def name_holders(self, name: str) -> list[NameHolder]:
        """Return who holds a display name, over customers, vendors and employees."""

    def marked_since(self, kind: Kind, since: datetime) -> AsyncIterator[list[BooksDocument]]:
        """Return documents created since then that carry any marker of ours."""

    def matches(self, write: Write, document: BooksDocument) -> bool:
        """Tell whether the document shows what an update, void or delete asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyRef:
    """Which set of books: the ERP's environment and its own id of the company."""

    environment: str
    realm_id: str


class ProviderFactory(Protocol):
    """Opens a company's books; the one place that knows which ERP is which."""

    def __call__(
        self,
        company: CompanyRef,
        *,
        tokens: TokenSource,
        gate: CallGate,
        on_call: Callable[[str], None],
    ) -> AccountingProvider:
        """*on_call* is told `read`, `write` or `batch` for each call that goes out."""
