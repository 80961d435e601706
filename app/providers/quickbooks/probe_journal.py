"""
What journal entries may hold, asked of a real company.

Outside the US QuickBooks may want a tax code on each line, and everywhere it may keep its own sales
tax account to itself; both only a company itself can tell. Each entry is of one unit of money and
deleted at once.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

from app.accounting.errors import ProviderError, RecordRejected
from app.accounting.journal import JournalEntryDraft, JournalLine, Side
from app.accounting.ports import AccountingProvider
from app.accounting.records import Account, CompanyProfile, Kind, Verb
from app.providers.quickbooks.client import Payload
from app.providers.quickbooks.compose import compose_create, compose_removal
from app.providers.quickbooks.kinds import address_of
from app.providers.quickbooks.probe_words import Finding, new_marker, new_request_id
from app.providers.quickbooks.wire import entity_of

PLAIN_TAX_LINES = "journal_plain_tax_lines"
SYSTEM_TAX_ACCOUNT = "journal_system_tax_account"
SYSTEM_TAX = ("SalesTaxPayable", "GlobalTaxPayable")
UNIT = Decimal("1.00")
TAX = Decimal("0.05")

Send = Callable[[str, bytes, str, dict[str, str] | None], Awaitable[Payload]]


class JournalProbe:
    """The questions about journal entries; *left* names what could not be taken back."""

    def __init__(self, provider: AccountingProvider, profile: CompanyProfile, send: Send) -> None:
        self._provider, self._profile, self._send = provider, profile, send
        self._accounts: list[Account] | None = None
        self.left: list[str] = []

    async def plain_tax_lines(self) -> Finding:
        """Ask whether income and billed tax may stand on lines without a tax code."""
        income = await self._account("Income")
        tax = await self._account("Other Current Liability", without=SYSTEM_TAX)
        money = await self._account("Bank")
        if income is None or tax is None or money is None:
            lacking = "a bank, an income and an other current liability account are needed"
            return Finding(question=PLAIN_TAX_LINES, answer=f"not_asked: {lacking}")
        return await self._asked(
            PLAIN_TAX_LINES,
            _line(money, Side.DEBIT, UNIT + TAX),
            _line(income, Side.CREDIT, UNIT),
            _line(tax, Side.CREDIT, TAX),
        )

    async def system_tax_account(self) -> Finding:
        """Ask whether a line may stand on the account where the books keep their sales tax."""
        tax = await self._account("Other Current Liability", sub_types=SYSTEM_TAX)
        money = await self._account("Bank")
        if tax is None or money is None:
            lacking = "there is no sales tax account, or no bank"
            return Finding(question=SYSTEM_TAX_ACCOUNT, answer=f"not_asked: {lacking}")
        return await self._asked(
            SYSTEM_TAX_ACCOUNT, _line(money, Side.DEBIT, UNIT), _line(tax, Side.CREDIT, UNIT)
        )

    async def _asked(self, question: str, *lines: JournalLine) -> Finding:
        """Write the entry and delete it; only a refusal of the entry itself is a no."""
        draft = JournalEntryDraft(
            number=None,
            txn_date=date.today(),  # noqa: DTZ011 - any day of the company's will do
            lines=lines,
            currency=self._profile.home_currency if self._profile.multicurrency else None,
        )
        write = compose_create(draft, marker=new_marker())
        address = address_of(Kind.JOURNAL_ENTRY, Verb.CREATE)
        try:
            payload = await self._send(address.path, write.body, new_request_id(), None)
        except RecordRejected as refusal:
            said = refusal.fault.detail or refusal.fault.message or ""
            code = refusal.fault.code or type(refusal).__name__
            return Finding(question=question, answer=f"refused_with_{code}", details={"said": said})
        entry = entity_of(payload, "JournalEntry") or {}
        external_id = str(entry.get("Id") or "")
        await self._take_back(external_id, str(entry.get("SyncToken", "0")))
        return Finding(
            question=question, answer="accepted", details={"written": f"entry {external_id}"}
        )

    async def _take_back(self, external_id: str, sync_token: str) -> None:
        write = compose_removal(
            Kind.JOURNAL_ENTRY, Verb.DELETE, external_id=external_id, sync_token=sync_token
        )
        address = address_of(Kind.JOURNAL_ENTRY, Verb.DELETE)
        try:
            await self._send(address.path, write.body, new_request_id(), dict(address.params))
        except ProviderError:
            self.left.append(f"journal entry {external_id}")

    async def _account(
        self,
        type_name: str,
        *,
        sub_types: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
    ) -> Account | None:
        """Return an active account of the type in home currency, the first by id."""
        if self._accounts is None:
            pages = self._provider.accounts()
            self._accounts = [account async for page in pages for account in page]
        fitting = [
            account
            for account in self._accounts
            if account.active
            and account.type == type_name
            and account.currency in (None, self._profile.home_currency)
            and (not sub_types or account.sub_type in sub_types)
            and account.sub_type not in (*without, "GlobalTaxSuspense")
        ]
        return min(
            fitting, key=lambda each: (len(each.external_id), each.external_id), default=None
        )


def _line(account: Account, side: Side, amount: Decimal) -> JournalLine:
    return JournalLine(
        account_id=account.external_id,
        side=side,
        amount=amount,
        description="Ledgerwire probe",
    )
