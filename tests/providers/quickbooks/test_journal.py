import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from app.accounting.errors import OutcomeUnknown, RecordRejected
from app.accounting.journal import JournalEntryDraft, JournalLine, Side
from app.accounting.records import Kind, LookHints, Verb
from app.providers.quickbooks.compare import shows
from app.providers.quickbooks.compose import compose_create, encode
from app.providers.quickbooks.translate import to_document, to_parts
from tests.providers.quickbooks.doubles import ROOT
from tests.providers.quickbooks.opened import REDIRECT, Connected, connected_fixture
from tests.providers.quickbooks.test_provider import open_company
from tests.simulator_server import SimulatorServer, simulator_fixture

MARKER = "[lw:abcdefghijklmnopqrstuvwxy2]"
DAY = date(2026, 3, 1)
DEBIT = JournalLine(
    account_id="84",
    side=Side.DEBIT,
    amount=Decimal("112.00"),
    description="Invoices of the day",
    customer_id="77",
)
INCOME = JournalLine(
    account_id="79", side=Side.CREDIT, amount=Decimal("100.00"), class_id="200", department_id="3"
)
TAX = JournalLine(account_id="90", side=Side.CREDIT, amount=Decimal("12.00"))
ENTRY = JournalEntryDraft(
    number="S260301-INV-CAD",
    txn_date=DAY,
    lines=(DEBIT, INCOME, TAX),
    note="Invoices of 2026-03-01",
)
WRITE = compose_create(ENTRY, marker=MARKER)

simulator = simulator_fixture(
    scope="module",
    profile="ca",
    customers=2,
    redirect_uri=[REDIRECT],
    switch={"throttle": False},
)
connected = connected_fixture()


def answered(**fields: Any) -> dict[str, Any]:
    """Return the entry as QuickBooks gives it back."""
    sent = json.loads(WRITE.body, parse_float=Decimal)
    kept = {"Id": "227", "SyncToken": "0", "Adjustment": False, "TotalAmt": 0, "TxnTaxDetail": {}}
    return {**kept, **sent, **fields}


def on_the_wire(**fields: Any) -> bytes:
    return encode({"JournalEntry": answered(**fields)})


def with_line(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    row = copy.deepcopy(answered())
    change(row["Line"][1])
    return row


class TestBody:
    def test_what_is_sent(self) -> None:
        assert json.loads(WRITE.body, parse_float=Decimal) == {
            "DocNumber": "S260301-INV-CAD",
            "TxnDate": "2026-03-01",
            "PrivateNote": f"Invoices of 2026-03-01 {MARKER}",
            "Line": [
                {
                    "Description": "Invoices of the day",
                    "Amount": Decimal("112.00"),
                    "DetailType": "JournalEntryLineDetail",
                    "JournalEntryLineDetail": {
                        "PostingType": "Debit",
                        "AccountRef": {"value": "84"},
                        "Entity": {"Type": "Customer", "EntityRef": {"value": "77"}},
                    },
                },
                {
                    "Amount": Decimal("100.00"),
                    "DetailType": "JournalEntryLineDetail",
                    "JournalEntryLineDetail": {
                        "PostingType": "Credit",
                        "AccountRef": {"value": "79"},
                        "ClassRef": {"value": "200"},
                        "DepartmentRef": {"value": "3"},
                    },
                },
                {
                    "Amount": Decimal("12.00"),
                    "DetailType": "JournalEntryLineDetail",
                    "JournalEntryLineDetail": {
                        "PostingType": "Credit",
                        "AccountRef": {"value": "90"},
                    },
                },
            ],
        }

    def test_foreign_currency(self) -> None:
        draft = replace(ENTRY, currency="USD", exchange_rate=Decimal("1.36"))

        body = json.loads(compose_create(draft, marker=MARKER).body, parse_float=Decimal)

        assert (body["CurrencyRef"], body["ExchangeRate"]) == ({"value": "USD"}, Decimal("1.36"))

    def test_figures_the_answer_must_show(self) -> None:
        assert (WRITE.kind, WRITE.expected_total, WRITE.expected_tax) == (
            Kind.JOURNAL_ENTRY,
            Decimal("112.00"),
            None,
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"lines": (DEBIT, INCOME)}, r"\+12.00"),
            (
                {"lines": (replace(DEBIT, amount=Decimal(0)), replace(TAX, amount=Decimal(0)))},
                "two",
            ),
            ({"lines": ()}, "two lines"),
            ({"number": "S260301-INV-CAD-000001"}, "at most 21"),
        ],
    )
    def test_what_no_books_would_take_is_not_sent(
        self, changes: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(RecordRejected, match=words):
            compose_create(replace(ENTRY, **changes), marker=MARKER)


class TestAsRead:
    def test_debits_stand_for_the_total(self) -> None:
        document = to_document(Kind.JOURNAL_ENTRY, answered())

        assert (document.total, document.number, document.marker) == (
            Decimal("112.00"),
            "S260301-INV-CAD",
            MARKER,
        )
        assert (document.txn_date, document.tax, document.voided) == (DAY, None, False)

    def test_total_may_be_absent(self) -> None:
        row = answered()
        del row["TotalAmt"]

        assert to_document(Kind.JOURNAL_ENTRY, row).fingerprint == (
            to_document(Kind.JOURNAL_ENTRY, answered()).fingerprint
        )

    def test_lines(self) -> None:
        parts = to_parts(answered())

        assert parts.journal == ENTRY.lines
        assert parts.lines == ()

    def test_entry_that_took(self) -> None:
        assert shows(WRITE, answered())
        assert shows(WRITE, answered(Line=list(reversed(answered()["Line"]))))

    @pytest.mark.parametrize(
        "row",
        [
            answered(DocNumber="7"),
            answered(TxnDate="2026-03-02"),
            answered(Line=answered()["Line"][:2]),
            with_line(lambda line: line.update(Amount=Decimal("99.99"))),
            with_line(lambda line: line["JournalEntryLineDetail"].update(PostingType="Debit")),
            with_line(
                lambda line: line["JournalEntryLineDetail"].update(AccountRef={"value": "1"})
            ),
            with_line(lambda line: line["JournalEntryLineDetail"].pop("ClassRef")),
            with_line(lambda line: line.update(Description="Changed")),
            answered(Line="none"),
        ],
    )
    def test_entry_that_says_something_else(self, row: dict[str, Any]) -> None:
        assert not shows(WRITE, row)


class TestAtTheWire:
    @respx.mock
    async def test_create(self) -> None:
        route = respx.post(f"{ROOT}/journalentry").respond(content=on_the_wire())

        answer = await open_company().send(WRITE, request_id="x1g00", permit=lambda: None)

        assert answer.document is not None
        assert answer.document.external_id == "227"
        request = route.calls.last.request
        assert (request.content, request.url.params["requestid"]) == (WRITE.body, "x1g00")

    @respx.mock
    async def test_answer_without_our_marker_proves_nothing(self) -> None:
        respx.post(f"{ROOT}/journalentry").respond(content=on_the_wire(PrivateNote="Invoices"))

        with pytest.raises(OutcomeUnknown):
            await open_company().send(WRITE, request_id="x1g00", permit=lambda: None)

    @respx.mock
    async def test_look_is_by_number_and_by_date(self) -> None:
        statements: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            statements.append(request.url.params["query"])
            rows = [answered(), answered(Id="228", PrivateNote="by hand")]
            return httpx.Response(200, content=encode({"QueryResponse": {"JournalEntry": rows}}))

        respx.get(f"{ROOT}/query").mock(side_effect=answer)
        hints = LookHints(number="S260301-INV-CAD", txn_date=DAY)

        found = await open_company().find_marked(Kind.JOURNAL_ENTRY, MARKER, hints)

        assert [each.external_id for each in found] == ["227"]
        assert ["DocNumber = 'S260301-INV-CAD'" in each for each in statements] == [True, False]
        assert ["TxnDate = '2026-03-01'" in each for each in statements] == [False, True]


class TestAgainstSimulator:
    async def draft(self, connected: Connected, simulator: SimulatorServer) -> JournalEntryDraft:
        accounts = [row async for page in connected.provider.accounts() for row in page]
        by_name = {each.name: each.external_id for each in accounts}
        receivable = by_name["Accounts Receivable (A/R)"]
        customer = simulator.documents("Customer")[0]["Id"]
        return replace(
            ENTRY,
            lines=(
                replace(DEBIT, account_id=receivable, customer_id=customer),
                replace(INCOME, account_id=by_name["Services"], class_id=None, department_id=None),
                replace(TAX, account_id=by_name["Sales tax collected (billing)"]),
            ),
        )

    async def test_life(self, connected: Connected, simulator: SimulatorServer) -> None:
        provider, marker = connected.provider, connected.marker()
        draft = await self.draft(connected, simulator)
        write = provider.prepare_create(draft, marker=marker)

        document = (await connected.send(write, "xjournalg00")).document
        again = (await connected.send(write, "xjournalg00")).document

        assert document is not None
        assert document == again
        assert provider.matches(write, document)
        assert (document.total, document.number) == (Decimal("112.00"), "S260301-INV-CAD")
        read = await provider.read(Kind.JOURNAL_ENTRY, document.external_id)
        assert read is not None
        assert (read.fingerprint, provider.parts(read).journal) == (
            document.fingerprint,
            draft.lines,
        )
        for hints in (LookHints(txn_date=DAY), LookHints(number=draft.number)):
            found = await provider.find_marked(Kind.JOURNAL_ENTRY, marker, hints)
            assert [each.external_id for each in found] == [document.external_id]
        since = datetime.now(UTC) - timedelta(hours=1)
        created = [
            each.marker
            async for page in provider.marked_since(Kind.JOURNAL_ENTRY, since)
            for each in page
        ]
        assert created == [marker]

        delete = provider.prepare_removal(
            Kind.JOURNAL_ENTRY,
            Verb.DELETE,
            external_id=document.external_id,
            sync_token=document.sync_token,
        )
        assert (await connected.send(delete)).document is None
        assert await provider.read(Kind.JOURNAL_ENTRY, document.external_id) is None

    async def test_receivable_without_its_customer_is_refused(
        self, connected: Connected, simulator: SimulatorServer
    ) -> None:
        draft = await self.draft(connected, simulator)
        lines = (replace(draft.lines[0], customer_id=None), *draft.lines[1:])

        with pytest.raises(RecordRejected) as refused:
            await connected.create(replace(draft, lines=lines))

        assert refused.value.fault.code == "6000"
