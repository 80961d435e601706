"""
Other people's QuickBooks clients against the simulator, over real HTTP.

python-quickbooks and intuit-oauth are used as they are; only their base URLs point here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks import QuickBooks
from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import (
    AuthorizationException,
    ObjectNotFoundException,
    QuickbooksException,
    ValidationException,
)
from quickbooks.objects import (
    Account,
    CompanyInfo,
    Customer,
    Invoice,
    Item,
    Payment,
    PaymentLine,
    Preferences,
    SalesItemLine,
    SalesItemLineDetail,
    TaxCode,
)

from tests.simulator_server import SimulatorServer

REDIRECT_URI = "http://localhost:8000/callback"


@pytest.fixture
def fresh(server: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> SimulatorServer:
    """A server without anybody's traces; oauthlib is told that loopback needs no TLS."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    server.reset()
    return server


@pytest.fixture
def auth(fresh: SimulatorServer) -> Iterator[AuthClient]:
    with AuthClient(
        fresh.client_id, fresh.client_secret, REDIRECT_URI, environment=fresh.discovery_url
    ) as client:
        yield client


@pytest.fixture
def connected(auth: AuthClient) -> AuthClient:
    connect(auth)
    return auth


@pytest.fixture
def books(fresh: SimulatorServer, connected: AuthClient) -> Iterator[QuickBooks]:
    class Simulated(QuickBooks):
        api_url_v3 = f"{fresh.api_url}/v3"

    client = Simulated(
        auth_client=connected,
        refresh_token=connected.refresh_token,
        company_id=connected.realm_id,
        minorversion=75,
        use_decimal=True,
    )
    yield client
    client.session.close()


def connect(auth: AuthClient) -> dict[str, str]:
    """Walk the browser's way with the consent page switched to approve."""
    url = auth.get_authorization_url([Scopes.ACCOUNTING])
    answer = requests.get(url, allow_redirects=False, timeout=10)
    query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    auth.get_bearer_token(query["code"], realm_id=query["realmId"])
    return query


def reference(value: Any) -> Any:
    return SimpleNamespace(value=str(value), name="", type="")


def build_item(books: QuickBooks) -> Any:
    item = Item()
    item.Name, item.Type, item.Active = "Pro plan", "Service", True
    item.IncomeAccountRef = Account.filter(AccountType="Income", qb=books)[0].to_ref()
    item.ExpenseAccountRef = Account.filter(AccountType="Cost of Goods Sold", qb=books)[0].to_ref()
    return item.save(qb=books)


def build_invoice(books: QuickBooks, customer: Any, item: Any, amount: str = "100.00") -> Any:
    code = next(found for found in TaxCode.all(qb=books) if found.Name == "Exempt")
    line = SalesItemLine()
    line.Amount = Decimal(amount)
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.Qty, line.SalesItemLineDetail.UnitPrice = 1, Decimal(amount)
    line.SalesItemLineDetail.ItemRef = item.to_ref()
    line.SalesItemLineDetail.TaxCodeRef = reference(code.Id)
    invoice = Invoice()
    invoice.CustomerRef = customer.to_ref()
    invoice.TxnDate = "2026-03-01"
    invoice.Line.append(line)
    return invoice


def build_customer(books: QuickBooks, name: str) -> Any:
    customer = Customer()
    customer.DisplayName = name
    return customer.save(qb=books)


class TestIntuitOauth:
    def test_connect_and_exchange(self, fresh: SimulatorServer, auth: AuthClient) -> None:
        query = connect(auth)

        assert query["state"] == auth.state_token
        assert auth.realm_id == fresh.realm_id
        assert (auth.expires_in, auth.x_refresh_token_expires_in) == (3600, 8_726_400)
        assert len(auth.access_token) > 800

    def test_refresh_and_rotation(self, fresh: SimulatorServer, connected: AuthClient) -> None:
        first_access, first_refresh = connected.access_token, connected.refresh_token

        connected.refresh()
        same = connected.refresh_token
        fresh.advance(86_400)
        connected.refresh()

        assert connected.access_token != first_access
        assert same == first_refresh
        assert connected.refresh_token != first_refresh

    def test_revoke_ends_the_connection(self, connected: AuthClient) -> None:
        assert connected.revoke() is True

        with pytest.raises(AuthClientError) as refused:
            connected.refresh()
        assert refused.value.status_code == 400
        assert b"invalid_grant" in refused.value.content
        assert refused.value.intuit_tid

    def test_a_wrong_secret(self, auth: AuthClient) -> None:
        auth.client_secret = "wrong"

        with pytest.raises(AuthClientError) as refused:
            auth.get_bearer_token("code")
        assert refused.value.status_code == 401


class TestPythonQuickbooks:
    def test_company_and_preferences(self, books: QuickBooks) -> None:
        info = CompanyInfo.get(books.company_id, qb=books)
        preferences = Preferences.get(qb=books)

        assert info.Country == "CA"
        assert preferences.SalesFormsPrefs.CustomTxnNumbers is False

    def test_create_update_and_read(self, books: QuickBooks) -> None:
        made = build_customer(books, "Adam's Shop")
        made.CompanyName = "Adam & Sons"

        changed = made.save(qb=books)

        assert (changed.SyncToken, changed.CompanyName) == ("1", "Adam & Sons")
        assert Customer.get(made.Id, qb=books).DisplayName == "Adam's Shop"

    def test_query_with_paging_and_quoting(self, books: QuickBooks) -> None:
        for number in range(5):
            build_customer(books, f"O'Customer {number}")

        page = Customer.where(
            "DisplayName LIKE 'O\\'%'", order_by="Id", start_position=3, max_results=2, qb=books
        )

        assert [row.DisplayName for row in page] == ["O'Customer 2", "O'Customer 3"]
        assert Customer.filter(DisplayName="O'Customer 4", qb=books)[0].Id
        assert Customer.count(qb=books) == 5
        assert len(Customer.choose([row.Id for row in page], qb=books)) == 2
        assert len(Customer.all(order_by="Id", max_results=3, qb=books)) == 3

    def test_items_with_the_named_sku(self, books: QuickBooks) -> None:
        build_item(books)

        assert [row.Name for row in Item.all(qb=books)] == ["Pro plan"]

    def test_invoice_paid_and_both_voided(self, books: QuickBooks, fresh: SimulatorServer) -> None:
        customer, item = build_customer(books, "Acme"), build_item(books)
        invoice = build_invoice(books, customer, item).save(qb=books)
        payment = Payment()
        payment.CustomerRef, payment.TotalAmt = customer.to_ref(), Decimal("100.00")
        line = PaymentLine()
        line.Amount = Decimal("100.00")
        line.LinkedTxn.append(invoice.to_linked_txn())
        payment.Line.append(line)
        paid = payment.save(qb=books)
        settled = Invoice.get(invoice.Id, qb=books)

        paid.void(qb=books)
        Invoice.get(invoice.Id, qb=books).void(qb=books)

        assert settled.Balance == 0
        assert Payment.get(paid.Id, qb=books).TotalAmt == 0
        assert Invoice.get(invoice.Id, qb=books).TotalAmt == 0
        assert fresh.trial_balance()["sum"] == 0

    def test_delete_and_change_data_capture(self, books: QuickBooks) -> None:
        customer, item = build_customer(books, "Acme"), build_item(books)
        gone = build_invoice(books, customer, item).save(qb=books)
        kept = build_invoice(books, customer, item, "50.00").save(qb=books)

        answer = gone.delete(qb=books)

        assert answer["Invoice"]["status"] == "Deleted"
        with pytest.raises(ObjectNotFoundException):
            Invoice.get(gone.Id, qb=books)
        since = gone.MetaData.CreateTime
        changed = change_data_capture([Invoice, Payment], since, qb=books)
        assert [row.Id for row in changed.Invoice] == [kept.Id, gone.Id]

    def test_batch(self, books: QuickBooks) -> None:
        customer, item = build_customer(books, "Acme"), build_item(books)
        invoices = [build_invoice(books, customer, item, f"{n}.10") for n in range(1, 41)]
        invoices[3].CustomerRef = reference("99999")

        done = batch_create(invoices, qb=books)

        assert len(done.successes) == 39
        assert [fault.Error[0].code for fault in done.faults] == ["2500"]
        assert done.successes[0].TotalAmt == Decimal("1.10")

    def test_request_ids(self, books: QuickBooks) -> None:
        customer = Customer()
        customer.DisplayName = "Once"
        again = Customer()
        again.DisplayName = "Once"

        first = customer.save(qb=books, request_id="id-1")
        second = again.save(qb=books, request_id="id-1")

        assert first.Id == second.Id

    def test_refusals_become_its_exceptions(
        self, books: QuickBooks, fresh: SimulatorServer
    ) -> None:
        build_customer(books, "Acme")

        with pytest.raises(QuickbooksException) as duplicate:
            build_customer(books, "ACME")
        with pytest.raises(ValidationException) as bad_query:
            Customer.where("DisplayName = 'Adam's'", qb=books)
        fresh.expire_tokens()
        with pytest.raises(AuthorizationException):
            Customer.all(qb=books)

        assert duplicate.value.error_code == 6240
        assert bad_query.value.error_code == 4000
