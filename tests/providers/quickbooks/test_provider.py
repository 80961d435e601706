import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

import httpx
import pytest
import respx

from app.accounting.errors import CompanyUnavailable, OutcomeUnknown, RecordRejected
from app.accounting.ports import AccountingProvider, CompanyRef
from app.accounting.records import CreationWindow, Kind, LookHints, NameHolder, Verb
from app.kit.http import build_client
from app.providers.quickbooks.provider import QuickBooksProvider, quickbooks_factory
from app.providers.quickbooks.translate import to_document
from tests.providers.quickbooks.doubles import API, REALM, ROOT, StubGate, StubTokens
from tests.providers.quickbooks.test_compare import INVOICE_ROW, PAYMENT_ROW
from tests.providers.quickbooks.test_compose import CUSTOMER, INVOICE, ITEM, MARKER, PAYMENT
from tests.providers.quickbooks.test_faults import fault

T = TypeVar("T")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WINDOW = CreationWindow(
    starts_at=datetime(2000, 1, 1, tzinfo=UTC), ends_at=datetime(2026, 3, 1, tzinfo=UTC)
)


async def no_pause(_: float) -> None:
    return


def open_company(
    environment: str = "simulator", calls: list[str] | None = None
) -> AccountingProvider:
    factory = quickbooks_factory(
        http=build_client(), environment="simulator", api_url=API, now=lambda: NOW, pause=no_pause
    )
    return factory(
        CompanyRef(environment=environment, realm_id=REALM),
        tokens=StubTokens(),
        gate=StubGate(),
        on_call=(calls if calls is not None else []).append,
    )


class Books:
    """Answers each statement from a table of entity → rows, and remembers the statements."""

    def __init__(self, router: respx.MockRouter) -> None:
        self.router = router
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.statements: list[str] = []
        router.get(f"{ROOT}/query").mock(side_effect=self._by_url)
        router.post(f"{ROOT}/query").mock(side_effect=self._by_body)

    def _by_url(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request.url.params["query"])

    def _by_body(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request.content.decode())

    def _answer(self, statement: str) -> httpx.Response:
        self.statements.append(statement)
        [entity] = re.findall(r"FROM (\w+)", statement)
        rows = self.rows.get(entity, [])
        return httpx.Response(200, json={"QueryResponse": {entity: rows} if rows else {}})

    @property
    def conditions(self) -> list[str]:
        """What each statement asked for, without its paging."""
        return [re.sub(r"SELECT \* FROM | STARTPOSITION.*", "", each) for each in self.statements]


@pytest.fixture
def books() -> Iterator[Books]:
    with respx.mock(assert_all_called=False) as router:
        yield Books(router)


@pytest.fixture
def provider() -> AccountingProvider:
    return open_company()


async def all_of(pages: AsyncIterator[list[T]]) -> list[T]:
    return [row async for page in pages for row in page]


class TestFactory:
    def test_company_of_another_environment_is_not_opened(self) -> None:
        with pytest.raises(CompanyUnavailable, match="production"):
            open_company("production")

    async def test_calls_are_reported(self, books: Books) -> None:
        calls: list[str] = []

        await all_of(open_company(calls=calls).terms())

        assert calls == ["read"]


class TestCompany:
    async def test_profile(self, books: Books, provider: AccountingProvider) -> None:
        books.router.get(f"{ROOT}/companyinfo/{REALM}").respond(
            json={"CompanyInfo": {"CompanyName": "Maple", "Country": "CA"}}
        )
        books.router.get(f"{ROOT}/preferences").respond(
            json={"Preferences": {"CurrencyPrefs": {"HomeCurrency": {"value": "CAD"}}}}
        )

        profile = await provider.company()

        assert (profile.name, profile.home_currency) == ("Maple", "CAD")

    async def test_answer_about_something_else(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.get(f"{ROOT}/companyinfo/{REALM}").respond(json={"Invoice": {}})

        with pytest.raises(OutcomeUnknown, match="no CompanyInfo"):
            await provider.company()


class TestLists:
    async def test_customers_of_a_window(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Customer"] = [{"Id": "1", "DisplayName": "Acme"}]

        customers = await all_of(provider.customers(WINDOW))

        assert [each.display_name for each in customers] == ["Acme"]
        assert books.conditions == [
            "Customer WHERE Active IN (true, false) "
            "AND MetaData.CreateTime >= '2000-01-01T00:00:00+00:00' "
            "AND MetaData.CreateTime < '2026-03-01T00:00:00+00:00' ORDERBY Id"
        ]

    async def test_window_into_the_future_is_frozen_at_the_present(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        zone = timezone(timedelta(hours=-8))
        window = replace(WINDOW, ends_at=datetime(2026, 3, 3, tzinfo=zone))

        await all_of(provider.items(window))

        assert "MetaData.CreateTime < '2026-03-02T04:00:00-08:00'" in books.conditions[0]

    @pytest.mark.parametrize(
        ("read", "entity"),
        [
            (lambda provider: provider.accounts(), "Account"),
            (lambda provider: provider.tax_rates(), "TaxRate"),
            (lambda provider: provider.payment_methods(), "PaymentMethod"),
            (lambda provider: provider.terms(), "Term"),
            (lambda provider: provider.classes(), "Class"),
            (lambda provider: provider.departments(), "Department"),
        ],
    )
    async def test_lists_come_whole(
        self,
        books: Books,
        provider: AccountingProvider,
        read: Callable[[AccountingProvider], AsyncIterator[list[Any]]],
        entity: str,
    ) -> None:
        books.rows[entity] = [{"Id": "1", "Name": "N", "Active": False}]

        rows = await all_of(read(provider))

        assert [(row.name, row.active) for row in rows] == [("N", False)]
        assert books.conditions == [f"{entity} WHERE Active IN (true, false) ORDERBY Id"]

    async def test_agencies_are_not_sorted(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["TaxAgency"] = [{"Id": "1", "DisplayName": "CRA"}]

        assert [each.name for each in await all_of(provider.tax_agencies())] == ["CRA"]
        assert books.conditions == ["TaxAgency"]

    async def test_tax_codes_keep_the_pseudo_codes_and_come_once(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["TaxCode"] = [{"Id": "NON", "Name": "NON"}, {"Id": "3", "Name": "Tucson"}]

        codes = await all_of(provider.tax_codes())

        assert [code.external_id for code in codes] == ["NON", "3"]
        assert books.conditions == [
            "TaxCode ORDERBY Id",
            "TaxCode WHERE Active = false ORDERBY Id",
        ]

    async def test_opening_documents(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Invoice"] = [{"Id": "145", "TotalAmt": 1}]

        [document] = await all_of(provider.documents(Kind.INVOICE, WINDOW))

        assert document.external_id == "145"
        assert books.conditions[0].startswith("Invoice WHERE MetaData.CreateTime >=")

    async def test_answer_that_is_none_of_a_query(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.post(f"{ROOT}/query").respond(json={"Invoice": {}})

        with pytest.raises(OutcomeUnknown, match="no rows"):
            await all_of(provider.terms())

    @pytest.mark.parametrize("rows", [{"Id": "1"}, ["x"]])
    async def test_rows_of_a_foreign_shape(
        self, books: Books, provider: AccountingProvider, rows: object
    ) -> None:
        books.router.post(f"{ROOT}/query").respond(json={"QueryResponse": {"Term": rows}})

        with pytest.raises(OutcomeUnknown):
            await all_of(provider.terms())


def answer(row: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"Invoice": {**row, **fields}}, default=float).encode()


async def send(provider: AccountingProvider, write: Any) -> Any:
    await provider.ready()
    return await provider.send(write, request_id="x1g00", permit=lambda: None)


class TestSend:
    async def test_create(self, books: Books, provider: AccountingProvider) -> None:
        route = books.router.post(f"{ROOT}/invoice").respond(
            content=answer(INVOICE_ROW), headers={"intuit_tid": "tid"}
        )
        write = provider.prepare_create(INVOICE, marker=MARKER)

        result = await send(provider, write)

        assert route.calls.last.request.content == write.body
        assert dict(route.calls.last.request.url.params) == {
            "requestid": "x1g00",
            "minorversion": "75",
        }
        assert (result.http_status, result.trace_id) == (200, "tid")
        assert (result.document.external_id, result.document.marker) == ("145", MARKER)

    @pytest.mark.parametrize(
        "content",
        [
            b'{"time": "2026"}',
            b'{"Payment": {"Id": "1"}}',
            b'{"Invoice": {"SyncToken": "0"}}',
            b'{"Invoice": "1"}',
            answer(INVOICE_ROW, PrivateNote="Thanks"),
            answer(INVOICE_ROW, PrivateNote=MARKER.replace("a", "b")),
            answer(INVOICE_ROW, TotalAmt="a lot"),
        ],
    )
    async def test_answer_that_does_not_show_our_document(
        self, books: Books, provider: AccountingProvider, content: bytes
    ) -> None:
        books.router.post(f"{ROOT}/invoice").respond(content=content)

        with pytest.raises(OutcomeUnknown):
            await send(provider, provider.prepare_create(INVOICE, marker=MARKER))

    async def test_item_needs_no_marker(self, books: Books, provider: AccountingProvider) -> None:
        books.router.post(f"{ROOT}/item").respond(json={"Item": {"Id": "7", "Name": "Pro plan"}})

        result = await send(provider, provider.prepare_create(ITEM, marker=MARKER))

        assert result.document.external_id == "7"

    async def test_customer_shows_its_marker(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        row = {"Id": "7", "DisplayName": "Acme Rockets", "Notes": MARKER}
        books.router.post(f"{ROOT}/customer").respond(json={"Customer": row})

        result = await send(provider, provider.prepare_create(CUSTOMER, marker=MARKER))

        assert result.document.marker == MARKER

    async def test_update_needs_no_marker_in_the_answer(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.post(f"{ROOT}/invoice").respond(content=answer(INVOICE_ROW, PrivateNote=""))
        write = provider.prepare_update(INVOICE, external_id="145", sync_token="2", marker=MARKER)

        assert (await send(provider, write)).document.sync_token == "3"

    async def test_answer_about_another_document(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.post(f"{ROOT}/invoice").respond(content=answer(INVOICE_ROW, Id="146"))
        write = provider.prepare_update(INVOICE, external_id="145", sync_token="2", marker=MARKER)

        with pytest.raises(OutcomeUnknown, match="another"):
            await send(provider, write)

    @pytest.mark.parametrize(
        ("kind", "path", "params"),
        [
            (Kind.INVOICE, "invoice", {"operation": "void"}),
            (Kind.PAYMENT, "payment", {"operation": "update", "include": "void"}),
            (Kind.APPLICATION, "payment", {"operation": "update", "include": "void"}),
        ],
    )
    async def test_void(
        self,
        books: Books,
        provider: AccountingProvider,
        kind: Kind,
        path: str,
        params: dict[str, str],
    ) -> None:
        row = {"Id": "9", "SyncToken": "5", "TotalAmt": 0, "PrivateNote": f"Voided - {MARKER}"}
        route = books.router.post(f"{ROOT}/{path}").respond(json={path.capitalize(): row})
        write = provider.prepare_removal(kind, Verb.VOID, external_id="9", sync_token="4")

        result = await send(provider, write)

        assert result.document.voided
        assert provider.matches(write, result.document)
        assert params.items() <= dict(route.calls.last.request.url.params).items()

    async def test_delete(self, books: Books, provider: AccountingProvider) -> None:
        route = books.router.post(f"{ROOT}/creditmemo").respond(
            json={"CreditMemo": {"status": "Deleted", "domain": "QBO", "Id": "9"}}
        )
        write = provider.prepare_removal(
            Kind.CREDIT_MEMO, Verb.DELETE, external_id="9", sync_token="4"
        )

        assert (await send(provider, write)).document is None
        assert route.calls.last.request.url.params["operation"] == "delete"

    async def test_delete_whose_answer_does_not_say_so(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.post(f"{ROOT}/creditmemo").respond(json={"CreditMemo": {"Id": "9"}})
        write = provider.prepare_removal(
            Kind.CREDIT_MEMO, Verb.DELETE, external_id="9", sync_token="4"
        )

        with pytest.raises(OutcomeUnknown, match="deleted"):
            await send(provider, write)

    async def test_list_entity_is_made_inactive(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        row = {"Id": "9", "Name": "Pro (deleted)", "Active": False}
        books.router.post(f"{ROOT}/item").respond(json={"Item": row})
        write = provider.prepare_removal(Kind.ITEM, Verb.DELETE, external_id="9", sync_token="4")

        assert not (await send(provider, write)).document.active

    async def test_access_can_be_renewed_between(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.post(f"{ROOT}/item").respond(json={"Item": {"Id": "7"}})

        await provider.renew_access()
        await provider.send(
            provider.prepare_create(ITEM, marker=MARKER), request_id="x", permit=lambda: None
        )

        assert books.router.calls.last.request.headers["Authorization"] == "Bearer token-2"


class TestRead:
    async def test_document(self, books: Books, provider: AccountingProvider) -> None:
        books.router.get(f"{ROOT}/invoice/145").respond(content=answer(INVOICE_ROW))

        document = await provider.read(Kind.INVOICE, "145")

        assert document is not None
        assert document.number == "INV-1001"

    async def test_document_that_is_gone(self, books: Books, provider: AccountingProvider) -> None:
        books.router.get(f"{ROOT}/invoice/145").respond(400, content=fault("610"))

        assert await provider.read(Kind.INVOICE, "145") is None

    async def test_deletion_stub(self, books: Books, provider: AccountingProvider) -> None:
        books.router.get(f"{ROOT}/payment/1").respond(
            json={"Payment": {"Id": "1", "status": "Deleted"}}
        )

        assert await provider.read(Kind.APPLICATION, "1") is None

    async def test_other_refusals_are_told(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.router.get(f"{ROOT}/invoice/x%2Fy").respond(400, content=fault("2030"))

        with pytest.raises(RecordRejected):
            await provider.read(Kind.INVOICE, "x/y")


class TestLooks:
    HINTS = LookHints(number="INV-1001", customer_id="58", txn_date=date(2026, 3, 1))

    async def test_invoice_by_number_and_by_customer_and_date(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["Invoice"] = [
            {"Id": "1", "PrivateNote": f"Voided - {MARKER}"},
            {"Id": "2", "PrivateNote": "stranger"},
        ]

        found = await provider.find_marked(Kind.INVOICE, MARKER, self.HINTS)

        assert [each.external_id for each in found] == ["1"]
        assert books.conditions == [
            "Invoice WHERE DocNumber = 'INV-1001' ORDERBY Id",
            "Invoice WHERE TxnDate = '2026-03-01' AND CustomerRef = '58' ORDERBY Id",
        ]

    async def test_two_with_one_marker_are_both_shown(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["CreditMemo"] = [{"Id": each, "PrivateNote": MARKER} for each in ("1", "2")]

        found = await provider.find_marked(Kind.CREDIT_MEMO, MARKER, self.HINTS)

        assert [each.external_id for each in found] == ["1", "2"]

    async def test_payment_by_reference_and_by_customer_and_date(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["Payment"] = [{"Id": "1", "PrivateNote": MARKER}]
        hints = replace(self.HINTS, number=None, reference="ch_1")

        found = await provider.find_marked(Kind.APPLICATION, MARKER, hints)

        assert [(each.kind, each.external_id) for each in found] == [(Kind.APPLICATION, "1")]
        assert books.conditions[0] == "Payment WHERE PaymentRefNum = 'ch_1' ORDERBY Id"

    async def test_journal_entry_by_date_alone(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        await provider.find_marked(
            Kind.JOURNAL_ENTRY, MARKER, LookHints(customer_id="58", txn_date=date(2026, 3, 1))
        )

        assert books.conditions == ["JournalEntry WHERE TxnDate = '2026-03-01' ORDERBY Id"]

    @pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.PAYMENT, Kind.CUSTOMER, Kind.ITEM])
    async def test_nothing_to_search_by_is_not_nothing_found(
        self, provider: AccountingProvider, kind: Kind
    ) -> None:
        with pytest.raises(ValueError, match="look"):
            await provider.find_marked(kind, MARKER, LookHints(customer_id="58"))

    async def test_customer_by_name_and_marker(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["Customer"] = [
            {"Id": "1", "DisplayName": "Adam's", "Notes": MARKER},
            {"Id": "2", "DisplayName": "Adam's (deleted)", "Active": False},
        ]

        found = await provider.find_marked(Kind.CUSTOMER, MARKER, LookHints(name="Adam's"))

        assert [each.external_id for each in found] == ["1"]
        assert books.conditions == [
            r"Customer WHERE DisplayName IN ('Adam\'s', 'Adam\'s (deleted)') "
            "AND Active IN (true, false) ORDERBY Id"
        ]

    async def test_item_by_name_alone(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Item"] = [{"Id": "1", "Name": "Pro plan"}]

        found = await provider.find_marked(Kind.ITEM, MARKER, LookHints(name="Pro plan"))

        assert [each.external_id for each in found] == ["1"]

    async def test_by_number(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Payment"] = [{"Id": "190"}]

        [found] = await provider.find_numbered(Kind.PAYMENT, "ch_3Px")

        assert found.external_id == "190"
        assert books.conditions == ["Payment WHERE PaymentRefNum = 'ch_3Px' ORDERBY Id"]

    async def test_name_holders(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Vendor"] = [{"Id": "4", "DisplayName": "Acme"}]
        books.rows["Employee"] = [{"Id": "5", "DisplayName": "Acme (deleted)", "Active": False}]

        assert await provider.name_holders("Acme") == [
            NameHolder(holder="vendor", external_id="4", name="Acme"),
            NameHolder(holder="employee", external_id="5", name="Acme (deleted)", active=False),
        ]
        assert [each.split()[0] for each in books.conditions] == ["Customer", "Vendor", "Employee"]

    async def test_what_was_marked_since(self, books: Books, provider: AccountingProvider) -> None:
        books.rows["Invoice"] = [{"Id": "1"}, {"Id": "2", "PrivateNote": f"x {MARKER}"}]

        found = await all_of(provider.marked_since(Kind.INVOICE, NOW))

        assert [each.external_id for each in found] == ["2"]
        assert books.conditions == [
            "Invoice WHERE MetaData.CreateTime >= '2026-03-02T12:00:00+00:00' ORDERBY Id"
        ]

    async def test_marked_customers_are_known_by_their_notes(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["Customer"] = [{"Id": "1", "Notes": MARKER}]

        assert len(await all_of(provider.marked_since(Kind.CUSTOMER, NOW))) == 1
        assert "Active IN (true, false)" in books.conditions[0]

    async def test_page_without_marks_is_not_shown(
        self, books: Books, provider: AccountingProvider
    ) -> None:
        books.rows["Payment"] = [{"Id": "1"}]

        assert [page async for page in provider.marked_since(Kind.PAYMENT, NOW)] == []

    async def test_items_carry_no_marks(self, books: Books, provider: AccountingProvider) -> None:
        assert await all_of(provider.marked_since(Kind.ITEM, NOW)) == []
        assert books.statements == []


def test_payment_update_matches_what_it_asked_for(provider: QuickBooksProvider) -> None:
    write = provider.prepare_update(PAYMENT, external_id="190", sync_token="0", marker=MARKER)

    assert provider.matches(write, to_document(Kind.PAYMENT, PAYMENT_ROW))
