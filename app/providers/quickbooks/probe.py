"""
Asks a real company what the documentation leaves open and the engine leans on.

Everything it writes is a customer of its own, invoices and journal entries of one unit of money,
taken back at the end. Their marker looks like ours without being one, so that no catch-up read
takes them for ours.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from app.accounting.errors import ProviderError
from app.accounting.ports import AccountingProvider, CallGate, CompanyRef, TokenSource
from app.accounting.records import CompanyProfile, TaxModel
from app.kit.http import AsyncClient
from app.providers.quickbooks import batch as batches
from app.providers.quickbooks.client import Payload, QuickBooksClient
from app.providers.quickbooks.compose import encode
from app.providers.quickbooks.faults import judge_item
from app.providers.quickbooks.probe_journal import (
    PLAIN_TAX_LINES,
    SYSTEM_TAX_ACCOUNT,
    JournalProbe,
)
from app.providers.quickbooks.probe_words import Finding, new_marker, new_request_id
from app.providers.quickbooks.provider import quickbooks_factory
from app.providers.quickbooks.query import Select
from app.providers.quickbooks.wire import entity_of, rows_of

LAG_SECONDS = 180.0
LAG_PAUSE = 0.5
BURST = 40
NOTE = 4000
SELLABLE = ("Service", "NonInventory")


class NothingToProbe(Exception):
    """The company lacks what the questions need; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What one call did: the document it shows, or the fault it gave."""

    external_id: str | None = None
    version: str = "0"
    number: str | None = None
    note: str = ""
    fault: str | None = None

    def words(self) -> str:
        return f"document {self.external_id}" if self.external_id else f"refused: {self.fault}"


class Prober:
    """One company's probe; `run` asks every question once and takes back what it wrote."""

    def __init__(
        self,
        client: QuickBooksClient,
        free: QuickBooksClient,
        refusals: Sequence[float | None],
        provider: AccountingProvider,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._free, self._provider = client, free, provider
        self._refusals = refusals
        self._pause = pause
        self._made: dict[str, str] = {}
        self._customer = self._item = ""
        self._tax_code: str | None = None

    async def run(self, *, burst: bool) -> list[Finding]:
        """
        Ask; with *burst*, also run into the limit of calls a second once.

        Raises:
            NothingToProbe: There is nothing to sell or nobody to sell it to.
            ProviderError: The books cannot be read at all.
        """
        profile = await self._provider.company()
        journal = JournalProbe(self._provider, profile, self._send)
        await self._set_up(profile)
        questions: list[tuple[str, Callable[[], Awaitable[Finding]]]] = [
            ("requestid_same_body", self._same_body),
            ("requestid_other_body", self._other_body),
            ("requestid_after_rejection", self._after_rejection),
            ("requestid_in_batch", self._in_batch),
            ("query_lag", self._query_lag),
            ("number_without_custom_numbers", lambda: self._number(profile)),
            ("marker_length", self._marker_length),
            ("marker_after_edit_and_void", self._marker_fate),
            (PLAIN_TAX_LINES, journal.plain_tax_lines),
            (SYSTEM_TAX_ACCOUNT, journal.system_tax_account),
        ]
        if burst:
            questions.append(("retry_after", self._retry_after))
        findings = []
        try:
            for name, question in questions:
                findings.append(await _asked(name, question))
        finally:
            left = await self._take_back()
        findings.append(_cleaned([*left, *journal.left]))
        return findings

    # -- what the questions need

    async def _set_up(self, profile: CompanyProfile) -> None:
        item = await self._first(Select("Item").where("Type", "IN", SELLABLE))
        if item is None:
            raise NothingToProbe("The company has no active service or product to put on a line.")
        self._item = str(item["Id"])
        self._tax_code = await self._a_tax_code(profile)
        body = {"DisplayName": f"Ledgerwire probe {secrets.token_hex(4)}"}
        reply = await self._send("customer", encode(body), new_request_id())
        customer = entity_of(reply, "Customer")
        if customer is None:
            raise NothingToProbe("A customer was created, but the answer does not show it.")
        self._customer = str(customer["Id"])

    async def _a_tax_code(self, profile: CompanyProfile) -> str | None:
        if profile.tax_model is TaxModel.US_NONE:
            return None
        if profile.tax_model is not TaxModel.GLOBAL:
            return "NON"
        async for page in self._provider.tax_codes():
            for code in page:
                if code.active and not code.hidden and code.kind == "single":
                    return code.external_id
        raise NothingToProbe("The company has no tax code that a line could carry.")

    async def _first(self, select: Select) -> Payload | None:
        statement = select.page(1, size=1)
        rows = rows_of((await self._client.query(statement)).payload, select.entity)
        return rows[0] if rows else None

    def _invoice(self, *, marker: str = "", note: str = "", **members: object) -> dict[str, object]:
        detail: dict[str, object] = {"ItemRef": {"value": self._item}}
        if self._tax_code:
            detail["TaxCodeRef"] = {"value": self._tax_code}
        line = {
            "Amount": Decimal("1.00"),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": detail,
        }
        return {
            "CustomerRef": {"value": self._customer},
            "TxnDate": date.today(),  # noqa: DTZ011 - any day of the company's will do
            "PrivateNote": note or f"Ledgerwire probe {marker or new_marker()}",
            "Line": [line],
            **members,
        }

    async def _send(
        self, path: str, body: bytes, request_id: str, params: dict[str, str] | None = None
    ) -> Payload:
        await self._client.ready(batch=path == "batch")
        reply = await self._client.write(
            path, body, request_id=request_id, permit=lambda: None, params=params
        )
        return reply.payload

    async def _write(
        self, body: Mapping[str, object], request_id: str, params: dict[str, str] | None = None
    ) -> _Written:
        """Write an invoice and remember it; a definitive fault is an answer, too."""
        try:
            payload = await self._send("invoice", encode(body), request_id, params)
        except ProviderError as error:
            return _fault(error)
        return self._noted(payload)

    def _noted(self, payload: Payload) -> _Written:
        document = entity_of(payload, "Invoice")
        if document is None or not document.get("Id"):
            return _Written(fault="the answer shows no document")
        external_id, token = str(document["Id"]), str(document.get("SyncToken", "0"))
        self._made[external_id] = token
        return _Written(
            external_id=external_id,
            version=token,
            number=str(document["DocNumber"]) if document.get("DocNumber") else None,
            note=str(document.get("PrivateNote") or ""),
        )

    # -- the questions

    async def _same_body(self) -> Finding:
        body, request_id = self._invoice(), new_request_id()
        first = await self._write(body, request_id)
        second = await self._write(body, request_id)
        return _repeated("requestid_same_body", first, second)

    async def _other_body(self) -> Finding:
        request_id = new_request_id()
        first = await self._write(self._invoice(), request_id)
        second = await self._write(self._invoice(), request_id)
        return _repeated("requestid_other_body", first, second)

    async def _after_rejection(self) -> Finding:
        request_id = new_request_id()
        wrong = self._invoice() | {"Line": []}
        first = await self._write(wrong, request_id)
        second = await self._write(self._invoice(), request_id)
        answer = "written" if second.external_id else "refusal_replayed"
        if first.external_id:
            answer = "the wrong body was accepted"
        return _finding("requestid_after_rejection", answer, first=first, second=second)

    async def _in_batch(self) -> Finding:
        item = {"bId": "i0", "operation": "create", "Invoice": self._invoice()}
        body, request_id = encode({"BatchItemRequest": [item]}), secrets.token_hex(16)
        first = await self._batched(body, request_id)
        second = await self._batched(body, request_id)
        return _repeated("requestid_in_batch", first, second)

    async def _batched(self, body: bytes, request_id: str) -> _Written:
        await self._client.ready(batch=True)
        try:
            reply = await self._client.write(
                "batch", body, request_id=request_id, permit=lambda: None, lane="batch"
            )
        except ProviderError as error:
            return _fault(error)
        [answer] = batches.items_of(reply, 1) or [None]
        if answer is None:
            return _Written(fault="the answer lacks the item")
        refusal = judge_item(answer)
        return _fault(refusal) if refusal is not None else self._noted(answer)

    async def _query_lag(self) -> Finding:
        written = await self._write(self._invoice(), new_request_id())
        started = time.monotonic()
        while (waited := time.monotonic() - started) < LAG_SECONDS:
            select = Select("Invoice").where("Id", "=", written.external_id or "")
            if await self._first(select) is not None:
                return _finding("query_lag", f"{waited:.1f} s", written=written)
            await self._pause(LAG_PAUSE)
        return _finding("query_lag", f"more than {LAG_SECONDS:.0f} s", written=written)

    async def _number(self, profile: CompanyProfile) -> Finding:
        name = "number_without_custom_numbers"
        if profile.custom_numbers:
            return Finding(question=name, answer="not_asked: custom numbers are on")
        wanted = f"LP{secrets.token_hex(4).upper()}"
        written = await self._write(self._invoice(DocNumber=wanted), new_request_id())
        answer = "kept" if written.number == wanted else "replaced"
        return _finding(name, answer, sent=wanted, shown=written.number or "none")

    async def _marker_length(self) -> Finding:
        marker = new_marker()
        note = "x" * (NOTE - len(marker) - 1) + f" {marker}"
        written = await self._write(self._invoice(note=note), new_request_id())
        if written.external_id is None:
            return _finding("marker_length", "refused", written=written)
        answer = "kept" if written.note == note else "cut"
        return _finding("marker_length", answer, sent=str(len(note)), shown=str(len(written.note)))

    async def _marker_fate(self) -> Finding:
        marker = new_marker()
        made = await self._write(self._invoice(marker=marker), new_request_id())
        edit = {
            "Id": made.external_id,
            "SyncToken": made.version,
            "sparse": True,
            "DueDate": date.today(),  # noqa: DTZ011 - as above
        }
        edited = await self._write(edit, new_request_id())
        void = {"Id": made.external_id, "SyncToken": edited.version}
        voided = await self._write(void, new_request_id(), {"operation": "void"})
        kept = [name for name, each in (("edit", edited), ("void", voided)) if marker in each.note]
        answer = f"kept after {' and '.join(kept)}" if kept else "lost"
        return _finding(
            "marker_after_edit_and_void",
            answer,
            after_edit=edited.fault or edited.note,
            after_void=voided.fault or voided.note,
        )

    async def _retry_after(self) -> Finding:
        """Make too many reads at once, past the gate, and hear what the refusals say."""
        reads = (self._free.get("preferences") for _ in range(BURST))
        await asyncio.gather(*reads, return_exceptions=True)
        told = [after for after in self._refusals if after is not None]
        answer = "no_refusal"
        if self._refusals:
            answer = f"{told[0]:g} s" if told else "absent"
        refused = str(len(self._refusals))
        return _finding("retry_after", answer, calls=str(BURST), refused=refused)

    # -- taking back

    async def _take_back(self) -> list[str]:
        """Delete the invoices and put the customer away; return what could not be."""
        left = [name for name in sorted(self._made) if not await self._deleted(name)]
        if self._customer:
            try:
                row = await self._client.get(f"customer/{self._customer}")
                customer = entity_of(row.payload, "Customer") or {}
                body = {
                    "Id": self._customer,
                    "SyncToken": str(customer.get("SyncToken", "0")),
                    "sparse": True,
                    "Active": False,
                }
                await self._send("customer", encode(body), new_request_id())
            except ProviderError:
                left.append(f"customer {self._customer}")
        return left

    async def _deleted(self, external_id: str) -> bool:
        try:
            reply = await self._client.get(f"invoice/{external_id}")
            document = entity_of(reply.payload, "Invoice") or {}
            body = {"Id": external_id, "SyncToken": str(document.get("SyncToken", "0"))}
            await self._send("invoice", encode(body), new_request_id(), {"operation": "delete"})
        except ProviderError:
            return False
        return True


async def _asked(name: str, question: Callable[[], Awaitable[Finding]]) -> Finding:
    """Ask one question; what keeps it from being answered is said instead."""
    try:
        return await question()
    except ProviderError as error:
        code = error.fault.code or type(error).__name__
        return Finding(question=name, answer=f"could_not_be_asked: {code}")


def _fault(error: ProviderError) -> _Written:
    return _Written(fault=error.fault.code or type(error).__name__)


def _repeated(name: str, first: _Written, second: _Written) -> Finding:
    """Say what became of a repeat under the same request id."""
    if first.external_id is None:
        answer = "could_not_be_asked: the first one was refused"
    elif second.external_id is None:
        answer = f"refused_with_{second.fault}"
    else:
        answer = "replayed" if second.external_id == first.external_id else "written_twice"
    return _finding(name, answer, first=first, second=second)


def _finding(name: str, answer: str, **details: _Written | str) -> Finding:
    words = {
        key: value.words() if isinstance(value, _Written) else value
        for key, value in details.items()
    }
    return Finding(question=name, answer=answer, details=words)


def _cleaned(left: list[str]) -> Finding:
    if not left:
        return Finding(question="cleaned_up", answer="yes")
    return Finding(question="cleaned_up", answer="no", details={"left": ", ".join(left)})


# --------------------------------------------------------------------------------- putting together


class _NoGate:
    """Lets everything out at once, and keeps what refusals say."""

    def __init__(self) -> None:
        self.refusals: list[float | None] = []

    async def admit(self, *, batch: bool = False) -> None:
        """Return at once."""

    def answered(self) -> None:
        """Count nothing."""

    async def throttled(self, after: float | None) -> None:
        """Keep the wait that was asked for, without waiting."""
        self.refusals.append(after)


class ProberFactory(Protocol):
    """Opens the probe of one company."""

    def __call__(self, company: CompanyRef, *, tokens: TokenSource, gate: CallGate) -> Prober: ...


def quickbooks_prober(*, http: AsyncClient, environment: str, api_url: str) -> ProberFactory:
    """Return what opens probes of one environment; a second client of each knows no gate."""
    factory = quickbooks_factory(http=http, environment=environment, api_url=api_url)

    def open_prober(company: CompanyRef, *, tokens: TokenSource, gate: CallGate) -> Prober:
        def client(held: CallGate) -> QuickBooksClient:
            return QuickBooksClient(
                http=http,
                base_url=api_url,
                realm_id=company.realm_id,
                tokens=tokens,
                gate=held,
                on_call=lambda _: None,
            )

        provider = factory(company, tokens=tokens, gate=gate, on_call=lambda _: None)
        free = _NoGate()
        return Prober(client(gate), client(free), free.refusals, provider)

    return open_prober
