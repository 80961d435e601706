"""Account mappings of journal mode over HTTP: by role, key and currency."""

from typing import Any

import httpx
import pytest

from app.billing.kinds import BillingKind
from app.books.kinds import BookKind
from app.books.service import books_of
from app.integrations.models import Integration
from app.kit.db import Database
from app.mappings import service
from app.mappings.accounts import load_chart
from app.mappings.chart import MappedAccount
from app.mappings.repository import MappingKind
from tests.fake_provider import build_profile
from tests.imported import Connected, build_account, connect

SELF_MADE = "OtherCurrentLiabilities"
CHART = (
    build_account("1", "Subscription income", number="4000"),
    build_account("2", "Setup"),
    build_account("3", "Checking", "Bank"),
    build_account("4", "Stripe", "Other Current Asset"),
    build_account("5", "A/R", "Accounts Receivable", currency="CAD"),
    build_account("6", "GST collected", "Other Current Liability", sub_type=SELF_MADE),
    build_account("7", "GST/HST Payable", "Other Current Liability", sub_type="GlobalTaxPayable"),
    build_account("8", "Old income", active=False),
    build_account("9", "Bad debts", "Expense", sub_type="BadDebts"),
    build_account("10", "A/R USD", "Accounts Receivable", currency="USD"),
    build_account("11", "US checking", "Bank", currency="USD"),
)


@pytest.fixture
async def journal(maple: Connected) -> Connected:
    """The company in journal mode, its chart imported."""
    await set_up(maple)
    return maple


@pytest.fixture
async def several(db: Database, client: httpx.AsyncClient, tenant: Any) -> Connected:
    """The same with several currencies."""
    made = await connect(db, client, tenant[0], profile=build_profile(multicurrency=True))
    await set_up(made)
    return made


async def set_up(maple: Connected, **values: Any) -> None:
    await maple.store(BookKind.ACCOUNT, *CHART)
    async with maple.db.transaction(maple.organization_id) as session:
        row = await session.get_one(Integration, maple.integration_id)
        row.mode = "summarized_journal_entry"
        for name, value in values.items():
            setattr(row, name, value)


async def rows(maple: Connected, **params: Any) -> dict[tuple[str, ...], dict[str, Any]]:
    answer = await maple.client.get(
        f"{maple.path}/account-mappings", params={"limit": 200, **params}
    )
    assert answer.status_code == 200, answer.text
    return {
        tuple(filter(None, (row["role"], row["key"], row["currency"]))): row
        for row in answer.json()["data"]
    }


async def post(maple: Connected, role: str, account_id: str, **more: Any) -> httpx.Response:
    body = {"role": role, "account_id": account_id, **more}
    return await maple.client.post(f"{maple.path}/account-mappings", json=body)


async def mapped(maple: Connected, role: str, account_id: str, **more: Any) -> dict[str, Any]:
    answer = await post(maple, role, account_id, **more)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()
    return row


async def suggest(maple: Connected, confirm: str) -> dict[str, Any]:
    path = f"{maple.path}/account-mappings/suggest"
    answer: dict[str, Any] = (await maple.client.post(path, json={"confirm": confirm})).json()
    return answer


async def charge(maple: Connected, price_code: str, accounting_code: str, **more: Any) -> None:
    await maple.bill(
        BillingKind.CHARGE,
        price_code,
        price_code=price_code,
        name=price_code.title(),
        kind=more.get("kind", "recurring"),
        accounting_code=accounting_code,
    )


async def pay(maple: Connected, billing_id: str, method: str, currency: str = "CAD") -> None:
    await maple.bill(
        BillingKind.PAYMENT,
        billing_id,
        customer="cus_1",
        payment_date="2026-03-01",
        amount="1.00",
        currency=currency,
        method=method,
    )


async def account_of(maple: Connected, role: str, key: str | None, currency: str = "CAD") -> Any:
    async with maple.db.transaction(maple.organization_id) as session:
        chart = await load_chart(session, await books_of(session, maple.integration_id))
    answer = chart.account_for(role, key, currency)
    return answer.account_id if isinstance(answer, MappedAccount) else answer.code


class TestListed:
    async def test_everything_in_use_is_listed(self, several: Connected) -> None:
        await charge(several, "pro", "4000")
        await charge(several, "basic", "4000")
        await charge(several, "coupon", "4900", kind="discount")
        await several.bill(BillingKind.TAX, "t1", price_code="GST", name="GST", rate="5")
        await pay(several, "p1", "Stripe", currency="USD")

        found = await rows(several)

        assert set(found) == {
            ("income",),
            ("income", "4000"),
            ("discount",),
            ("discount", "4900"),
            ("tax",),
            ("tax", "GST"),
            ("receivable",),
            ("receivable", "USD"),
            ("deposit",),
            ("deposit", "Stripe"),
            ("refund",),
            ("write_off",),
            ("house_credit",),
            ("rounding",),
        }
        assert found["income", "4000"]["said"] == "Basic, Pro"

    async def test_rows_by_status_and_page_by_page(self, journal: Connected) -> None:
        await charge(journal, "pro", "4000")
        await mapped(journal, "income", "2")

        confirmed = await rows(journal, status="confirmed")
        path, seen, cursor = f"{journal.path}/account-mappings", [], None
        while True:
            params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await journal.client.get(path, params=params)).json()
            seen += [(row["role"], row["key"]) for row in page["data"]]
            if (cursor := page["next_cursor"]) is None:
                break

        assert set(confirmed) == {("income",)}
        assert len(seen) == len(set(seen)) == len(await rows(journal))

    async def test_what_an_entry_would_use_today(self, journal: Connected) -> None:
        await charge(journal, "pro", "nowhere")

        before = (await rows(journal))["income", "nowhere"]
        await mapped(journal, "income", "2")
        after = (await rows(journal))["income", "nowhere"]

        assert (before["status"], before["effective_account_id"]) == ("unmapped", None)
        assert (after["status"], after["effective_account_id"]) == ("unmapped", "2")
        assert after["effective_account_name"] == "Setup"

    async def test_what_lowers_income_goes_where_income_does(self, journal: Connected) -> None:
        await charge(journal, "coupon", "4900", kind="discount")
        await mapped(journal, "income", "2")
        await mapped(journal, "write_off", "9")

        found = await rows(journal)

        assert found["discount", "4900"]["effective_account_id"] == "2"
        assert found["house_credit",]["effective_account_id"] == "2"
        assert found["write_off",]["effective_account_id"] == "9"
        assert found["rounding",]["effective_account_id"] is None


class TestSuggested:
    async def test_by_number_then_by_exact_name(self, journal: Connected) -> None:
        await charge(journal, "pro", "4000")
        await charge(journal, "setup", "Setup")
        await charge(journal, "bank", "Checking")
        await journal.bill(
            BillingKind.TAX, "t1", price_code="CA-GST", name="GST collected", rate="5"
        )
        await pay(journal, "p1", "Stripe")
        await pay(journal, "p2", "stripe")

        found = {
            (row["role"], row["key"]): (row["status"], row["account_id"], row["name_matches"])
            for row in (await suggest(journal, "none"))["data"]
            if row["key"]
        }

        assert found == {
            ("income", "4000"): ("suggested", "1", True),
            ("income", "Setup"): ("suggested", "2", True),
            ("income", "Checking"): ("unmapped", None, False),
            ("tax", "CA-GST"): ("suggested", "6", True),
            ("deposit", "Stripe"): ("suggested", "4", True),
            ("deposit", "stripe"): ("suggested", "4", False),
        }

    async def test_exact_ones_are_saved(self, journal: Connected) -> None:
        await charge(journal, "pro", "4000")
        await pay(journal, "p1", "stripe")

        answer = await suggest(journal, "exact")

        assert answer["confirmed"] == 1
        assert await account_of(journal, "income", "4000") == "1"
        assert await account_of(journal, "deposit", "stripe") == "unmapped_account"

    async def test_two_accounts_of_one_number_are_ambiguous(self, journal: Connected) -> None:
        await journal.store(BookKind.ACCOUNT, build_account("12", "Other", number="4000"))
        await charge(journal, "pro", "4000")

        row = (await rows(journal))["income", "4000"]

        assert row["status"] == "ambiguous"
        assert {choice["external_id"] for choice in row["choices"]} == {"1", "12"}


class TestSaved:
    async def test_by_key(self, journal: Connected) -> None:
        row = await mapped(journal, "tax", "6", key="GST")

        assert (row["role"], row["key"], row["account_name"]) == ("tax", "GST", "GST collected")
        assert row["status"] == "confirmed"
        assert await account_of(journal, "tax", "GST") == "6"
        again = await post(journal, "tax", "6", key="GST")
        assert (again.status_code, again.json()["code"]) == (409, "already_mapped")

    async def test_changed_and_taken_back(self, journal: Connected) -> None:
        row = await mapped(journal, "income", "1", key="4000")
        path = f"{journal.path}/account-mappings/{row['id']}"

        wrong = await journal.client.patch(path, json={"account_id": "3"})
        changed = await journal.client.patch(path, json={"account_id": "2"})

        assert (wrong.status_code, wrong.json()["code"]) == (409, "target_not_selectable")
        assert (changed.json()["account_id"], changed.json()["key"]) == ("2", "4000")
        assert (await journal.client.delete(path)).status_code == 204
        assert await account_of(journal, "income", "4000") == "unmapped_account"

    async def test_a_currency_of_its_own(self, several: Connected) -> None:
        await mapped(several, "deposit", "3")
        await mapped(several, "deposit", "11", currency="USD")

        assert await account_of(several, "deposit", "wire", "USD") == "11"
        assert await account_of(several, "deposit", "wire", "CAD") == "3"

    async def test_single_documents_are_not_led_to_a_clearing_account(
        self, journal: Connected
    ) -> None:
        """
        A receivable that is a bank suits journal entries only.
        """
        await mapped(journal, "receivable", "3")
        await mapped(journal, "income", "1", key="4000")

        async with journal.db.transaction(journal.organization_id) as session:
            roles = await service.account_roles(session, journal.company_id)

        assert roles == {}


class TestRefused:
    @pytest.mark.parametrize(
        ("role", "account_id", "code"),
        [
            ("income", "3", "target_not_selectable"),
            ("deposit", "1", "target_not_selectable"),
            ("income", "8", "target_not_selectable"),
            ("tax", "7", "system_tax_account"),
            ("receivable", "5", "master_customer_missing"),
            ("receivable", "10", "account_currency_differs"),
        ],
    )
    async def test_account_that_cannot_take_the_role(
        self, journal: Connected, role: str, account_id: str, code: str
    ) -> None:
        answer = await post(journal, role, account_id)

        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert answer.json()["detail"]
        assert answer.json()["fixes"]
        assert answer.json()["allowed_types"]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"role": "receivable", "account_id": "3", "key": "x"}, "key_not_taken"),
            ({"role": "rounding", "account_id": "9", "key": "x"}, "key_not_taken"),
            ({"role": "income", "account_id": "1", "currency": "USD"}, "currency_not_taken"),
            ({"role": "income", "account_id": "99"}, "unknown_target"),
            ({"role": "captain", "account_id": "1"}, "invalid"),
        ],
    )
    async def test_request_that_means_nothing(
        self, journal: Connected, body: dict[str, str], code: str
    ) -> None:
        answer = await journal.client.post(f"{journal.path}/account-mappings", json=body)

        assert (answer.status_code, answer.json()["code"]) == (422, code)

    async def test_receivable_is_taken_with_its_master_customer(self, maple: Connected) -> None:
        await set_up(maple, master_customers=[{"currency": None, "name": "Billing", "id": "58"}])

        await mapped(maple, "receivable", "5")

        assert await account_of(maple, "receivable", None) == "5"
        [foreign] = [await post(maple, "receivable", "10", currency="USD")]
        assert foreign.json()["code"] == "master_customer_missing"


class TestBroken:
    @pytest.mark.parametrize(
        "now",
        [
            build_account("1", "Subscription income", active=False),
            build_account("1", "Subscription income", "Bank"),
            build_account("1", "Subscription income", "Other Income"),
        ],
    )
    async def test_account_that_changed_in_the_books(self, journal: Connected, now: Any) -> None:
        await mapped(journal, "income", "1", key="4000")
        await mapped(journal, "income", "2")

        await journal.store(BookKind.ACCOUNT, now)

        row = (await rows(journal))["income", "4000"]
        assert (row["status"], row["account_id"]) == ("broken", "1")
        assert row["reason"]
        assert row["fixes"]
        assert await account_of(journal, "income", "4000") == "broken_mapping"
        async with journal.db.transaction(journal.organization_id) as session:
            [found] = await service.broken_mappings(
                session, journal.company_id, MappingKind.ACCOUNT
            )
        assert found.said == "income of '4000'"

    async def test_confirming_it_as_it_is_now_mends_it(self, journal: Connected) -> None:
        row = await mapped(journal, "income", "1", key="4000")
        await journal.store(
            BookKind.ACCOUNT, build_account("1", "Subscription income", "Other Income")
        )

        path = f"{journal.path}/account-mappings/{row['id']}"
        changed = await journal.client.patch(path, json={"account_id": "1"})

        assert changed.json()["status"] == "confirmed"
        assert await account_of(journal, "income", "4000") == "1"

    async def test_receivable_that_lost_its_master_customer_says_so(self, maple: Connected) -> None:
        await set_up(maple, master_customers=[{"currency": "CAD", "name": "Billing", "id": "58"}])
        await mapped(maple, "receivable", "5")
        await set_up(maple, master_customers=[])

        row = (await rows(maple))["receivable",]

        assert "master customer" in row["reason"]
