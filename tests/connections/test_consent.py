"""The way from our page to the callback, and every way in which it must not be walked."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from app.accounting.errors import CompanyUnavailable, OutcomeUnknown
from app.bootstrap import Collaborators
from app.connections.consent import form_targets
from app.connections.models import Company, Connection, PendingAuthorization
from app.integrations.models import Integration
from app.jobs.models import Lane
from app.kit.db import Database
from tests.connections.conftest import (
    RETURN_URL,
    Merchant,
    Merchants,
    click,
    client_of,
    news,
    stored_connection,
)
from tests.fakes import FakeAuthorization, FakeFactory

REALM = "4620816365"


class TestTheWholeWay:
    async def test_consent_connects_and_returns_with_the_news(self, merchant: Merchant) -> None:
        answer = await merchant.connect(REALM)

        assert answer.content == b""
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["location"].startswith(f"{RETURN_URL}&integration_id=")
        told = news(answer)
        assert (told["status"], told["code"]) == ("connected", "connected")
        assert told["integration_id"] == str(merchant.integration_id)
        assert told["tab"] == "books"

    async def test_connection_is_shown_without_a_token(self, merchant: Merchant) -> None:
        await merchant.connect(REALM)

        shown = await merchant.connection()

        assert shown["status"] == "connected"
        assert shown["company"] == {
            "external_id": REALM,
            "name": f"Company {REALM}",
            "country": "CA",
            "home_currency": "CAD",
            "time_zone": "America/Toronto",
            "tax_model": "GLOBAL",
            "environment": "simulator",
        }
        assert "token" not in str(shown)
        assert "access-" not in str(shown)

    async def test_before_connecting_there_is_a_plain_answer(self, merchant: Merchant) -> None:
        shown = await merchant.connection()

        assert shown["status"] == "not_connected"
        assert shown["company"] is None
        assert "Connect" in shown["fix"]

    async def test_tokens_are_stored_encrypted_only(self, merchant: Merchant, db: Database) -> None:
        await merchant.connect(REALM)

        row = await stored_connection(db, merchant)

        assert row is not None
        assert row.access_token is not None
        assert row.access_token.startswith("k1:")
        assert "access-" not in row.access_token

    async def test_company_gets_a_lane_that_is_due(self, merchant: Merchant, db: Database) -> None:
        await merchant.connect(REALM)

        async with db.transaction(merchant.organization_id) as session:
            lane = (await session.scalars(select(Lane))).one()
        assert lane.due_at is not None

    async def test_first_calls_count_into_the_limits_of_the_new_company(
        self,
        merchant: Merchant,
        factory: FakeFactory,
        collaborators: Collaborators,
        db: Database,
    ) -> None:
        await merchant.connect(REALM)

        row = await stored_connection(db, merchant)
        assert row is not None
        assert factory.gates == [collaborators.gates(row.company_id)]

    async def test_reconnecting_keeps_the_rows_and_raises_the_generation(
        self, merchant: Merchant, db: Database
    ) -> None:
        await merchant.connect(REALM)
        before = await stored_connection(db, merchant)

        assert news(await merchant.connect(REALM))["status"] == "connected"

        after = await stored_connection(db, merchant)
        assert before is not None
        assert after is not None
        assert (after.id, after.company_id) == (before.id, before.company_id)
        assert after.generation == before.generation + 1
        assert after.access_token != before.access_token

    async def test_reconnecting_wakes_the_lane(self, merchant: Merchant, db: Database) -> None:
        await merchant.connect(REALM)
        async with db.transaction(merchant.organization_id) as session:
            await session.execute(update(Lane).values(due_at=None, fence=7))

        await merchant.connect(REALM)

        async with db.transaction(merchant.organization_id) as session:
            lane = (await session.scalars(select(Lane))).one()
        assert lane.due_at is not None
        assert lane.fence == 7


class TestPage:
    async def test_names_the_organization_and_escapes_it(self, merchants: Merchants) -> None:
        merchant = await merchants.merchant("<script>alert(1)</script> & Söhne")

        page = await merchant.browser.get(await merchant.page_path())

        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in page.text
        assert "<script" not in page.text

    async def test_may_lead_only_to_us_the_consent_page_and_back(self, merchant: Merchant) -> None:
        page = await merchant.browser.get(await merchant.page_path())

        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert (
            "form-action 'self' https://appcenter.intuit.example https://billing.example.com"
            in policy
        )

    async def test_may_be_opened_again(self, merchant: Merchant) -> None:
        path = await merchant.page_path()

        for _ in range(3):
            assert (await merchant.browser.get(path)).status_code == 200

        assert await click(merchant.browser, path)

    async def test_is_gone_once_used(self, merchant: Merchant, authorization: FakeAuthorization):
        path = await merchant.page_path()
        state = await click(merchant.browser, path)
        code = authorization.consent(REALM)
        await merchant.callback(state=state, code=code, realmId=REALM)

        assert (await merchant.browser.get(path)).status_code == 410

    async def test_is_gone_after_its_time(self, merchant: Merchant, db: Database) -> None:
        path = await merchant.page_path()
        await age(db, merchant, expires_at=-timedelta(seconds=1))

        page = await merchant.browser.get(path)

        assert page.status_code == 410
        assert "Connect" in page.text

    @pytest.mark.parametrize("token", ["x", "A" * 43, "../../etc", "A" * 500])
    async def test_unknown_page(self, merchant: Merchant, token: str) -> None:
        answer = await merchant.browser.get(f"/v1/connect/{token}")

        assert answer.status_code in {404, 410}

    async def test_click_from_another_site_is_refused(self, merchant: Merchant) -> None:
        """
        A stranger's page that posts our form for the merchant would skip the name.
        """
        path = await merchant.page_path()
        page = await merchant.browser.get(path)
        form = page.text.split('name="form" value="')[1].split('"')[0]

        answer = await merchant.browser.post(
            path, data={"form": form}, headers={"Sec-Fetch-Site": "cross-site"}
        )

        assert answer.status_code == 400
        assert "location" not in answer.headers

    async def test_click_without_our_cookie_is_refused(
        self, merchant: Merchant, merchants: Merchants
    ) -> None:
        path = await merchant.page_path()
        page = await merchant.browser.get(path)
        form = page.text.split('name="form" value="')[1].split('"')[0]

        answer = await merchants.browser().post(path, data={"form": form})

        assert answer.status_code == 400

    async def test_form_of_another_browser_is_refused(
        self, merchant: Merchant, merchants: Merchants
    ) -> None:
        path = await merchant.page_path()
        mine, theirs = merchant.browser, merchants.browser()
        await mine.get(path)
        page = await theirs.get(path)
        form = page.text.split('name="form" value="')[1].split('"')[0]

        answer = await mine.post(path, data={"form": form})

        assert answer.status_code == 410

    async def test_cookie_is_bound_to_the_host_under_https(
        self, app: FastAPI, merchant: Merchant
    ) -> None:
        app.state.public_url = "https://sync.example.com"
        path = await merchant.page_path()

        page = await merchant.browser.get(path)

        cookie = page.headers["set-cookie"]
        assert cookie.startswith("__Host-lw_connect=")
        for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert attribute in cookie
        assert "Domain" not in cookie

    async def test_secrets_are_kept_as_hashes(self, merchant: Merchant, db: Database) -> None:
        path = await merchant.page_path()
        state = await click(merchant.browser, path)

        async with db.transaction(merchant.organization_id) as session:
            row = (await session.scalars(select(PendingAuthorization))).one()
        kept = f"{row.page_hash} {row.state_hash} {row.browser_hash}"
        for secret in (path.rsplit("/", 1)[1], state, *merchant.browser.cookies.values()):
            assert secret not in kept

    async def test_provider_without_an_address_says_so(
        self, app: FastAPI, merchant: Merchant
    ) -> None:
        class Silent(FakeAuthorization):
            async def authorization_url(self, *, state: str, redirect_uri: str) -> str:
                raise OutcomeUnknown(explanation="no discovery document")

        path = await merchant.page_path()
        app.state.authorizations = {"quickbooks_online": Silent()}

        assert (await merchant.browser.get(path)).status_code == 503


class TestState:
    async def test_is_used_once(self, merchant: Merchant, authorization: FakeAuthorization) -> None:
        state = await merchant.state()
        code = authorization.consent(REALM)
        await merchant.callback(state=state, code=code, realmId=REALM)

        replay = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(replay)
        assert authorization.exchanges == 1

    async def test_ends_after_ten_minutes(
        self, merchant: Merchant, authorization: FakeAuthorization, db: Database
    ) -> None:
        state = await merchant.state()
        await age(db, merchant, state_expires_at=-timedelta(seconds=1))

        answer = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)
        assert authorization.exchanges == 0

    @pytest.mark.parametrize(
        "state", ["", "x", "A" * 43, "A" * 5000, "' OR 1=1 --", "\x00", "🙂" * 43]
    )
    async def test_forged(
        self, merchant: Merchant, authorization: FakeAuthorization, state: str
    ) -> None:
        await merchant.state()

        answer = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)
        assert authorization.exchanges == 0

    async def test_belongs_to_one_browser(
        self, merchant: Merchant, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        """
        Somebody who clicked our page themselves and sent the consent page's address to a
        merchant must not get the merchant's books.
        """
        state = await merchant.state()
        victim = merchants.browser()
        await victim.get(await merchant.page_path())

        answer = await merchant.callback(
            victim, state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)
        assert authorization.exchanges == 0

    async def test_without_a_cookie(
        self, merchant: Merchant, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        state = await merchant.state()

        answer = await merchant.callback(
            merchants.browser(), state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)

    async def test_second_click_replaces_the_first(
        self, merchant: Merchant, authorization: FakeAuthorization
    ) -> None:
        path = await merchant.page_path()
        first = await click(merchant.browser, path)
        second = await click(merchant.browser, path)
        code = authorization.consent(REALM)

        assert_strange(await merchant.callback(state=first, code=code, realmId=REALM))
        answer = await merchant.callback(state=second, code=code, realmId=REALM)
        assert news(answer)["status"] == "connected"

    async def test_two_tabs_of_one_browser_do_not_disturb_each_other(
        self, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        one = await merchants.merchant("One")
        other = await merchants.merchant("Other")
        state = await one.state()
        await other.state(one.browser)

        answer = await one.callback(state=state, code=authorization.consent(REALM), realmId=REALM)

        assert news(answer)["status"] == "connected"

    async def test_doubled_parameters_are_refused(
        self, merchant: Merchant, authorization: FakeAuthorization
    ) -> None:
        state = await merchant.state()
        code = authorization.consent(REALM)

        answer = await merchant.browser.get(
            f"/v1/oauth/quickbooks/callback?state={state}&code={code}&realmId=1&realmId={REALM}"
        )

        assert_strange(answer)

    async def test_of_a_removed_integration(
        self, merchant: Merchant, authorization: FakeAuthorization, db: Database
    ) -> None:
        state = await merchant.state()
        async with db.transaction(merchant.organization_id) as session:
            await session.execute(update(Integration).values(deleted_at=func.clock_timestamp()))

        answer = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)

    async def test_whose_return_url_was_taken_off_the_list(
        self, merchant: Merchant, authorization: FakeAuthorization, db: Database
    ) -> None:
        state = await merchant.state()
        async with db.transaction(merchant.organization_id) as session:
            await session.execute(update(Integration).values(allowed_return_urls=[]))

        answer = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=REALM
        )

        assert_strange(answer)


class TestRefusals:
    async def test_denied(self, merchant: Merchant, authorization: FakeAuthorization) -> None:
        state = await merchant.state()

        told = news(await merchant.callback(state=state, error="access_denied"))

        assert (told["status"], told["code"]) == ("denied", "access_denied")
        assert authorization.exchanges == 0
        assert (await merchant.connection())["status"] == "not_connected"

    async def test_other_error_of_the_provider(self, merchant: Merchant) -> None:
        state = await merchant.state()

        told = news(await merchant.callback(state=state, error="invalid_scope"))

        assert (told["status"], told["code"]) == ("failed", "authorization_failed")

    @pytest.mark.parametrize("realm", ["", "../1", "1/2", "1%00", "9" * 65])
    async def test_incomplete_answer(
        self, merchant: Merchant, authorization: FakeAuthorization, realm: str
    ) -> None:
        state = await merchant.state()

        answer = await merchant.callback(
            state=state, code=authorization.consent(REALM), realmId=realm
        )

        if answer.status_code == 302:
            assert news(answer)["code"] == "incomplete_answer"
        else:
            assert_strange(answer)
        assert authorization.exchanges == 0

    async def test_code_that_is_not_good(self, merchant: Merchant) -> None:
        state = await merchant.state()

        told = news(await merchant.callback(state=state, code="stolen", realmId=REALM))

        assert (told["status"], told["code"]) == ("failed", "code_refused")

    @pytest.mark.parametrize(
        ("trouble", "code"),
        [
            (OutcomeUnknown(), "no_answer"),
            (CompanyUnavailable(), "installation_refused"),
            (TimeoutError(), "no_answer"),
        ],
    )
    async def test_exchange_in_trouble(
        self,
        merchant: Merchant,
        authorization: FakeAuthorization,
        trouble: Exception,
        code: str,
    ) -> None:
        authorization.exchange_troubles.append(trouble)

        told = news(await merchant.connect(REALM))

        assert (told["status"], told["code"]) == ("failed", code)
        assert (await merchant.connection())["status"] == "not_connected"

    async def test_realm_id_of_somebody_else_in_the_address(
        self, merchant: Merchant, authorization: FakeAuthorization, db: Database
    ) -> None:
        state = await merchant.state()
        code = authorization.consent(REALM)

        told = news(await merchant.callback(state=state, code=code, realmId="999"))

        assert (told["status"], told["code"]) == ("failed", "company_mismatch")
        assert authorization.grants[0].revoked
        assert await companies(db, merchant) == []

    async def test_company_that_does_not_answer_saves_nothing(
        self, merchant: Merchant, factory: FakeFactory, authorization: FakeAuthorization
    ) -> None:
        factory.troubles.append(OutcomeUnknown())

        told = news(await merchant.connect(REALM))

        assert told["code"] == "no_answer"
        assert authorization.grants[0].revoked
        assert (await merchant.connection())["status"] == "not_connected"

    async def test_failed_reconnect_keeps_the_connection_alive(
        self, merchant: Merchant, factory: FakeFactory, authorization: FakeAuthorization
    ) -> None:
        """
        Revoking the tokens that were not used would end the company's other tokens too.
        """
        await merchant.connect(REALM)
        factory.troubles.append(OutcomeUnknown())

        assert news(await merchant.connect(REALM))["code"] == "no_answer"

        assert authorization.revoked == []
        assert (await merchant.connection())["status"] == "connected"


class TestWhoMayHaveACompany:
    async def test_realm_of_another_organization_is_refused_before_the_exchange(
        self, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        first, second = await merchants.merchant("First"), await merchants.merchant("Second")
        await first.connect(REALM)
        exchanged = authorization.exchanges

        answer = await second.connect(REALM)

        assert news(answer)["code"] == "company_held_by_other"
        assert authorization.exchanges == exchanged
        assert "First" not in answer.headers["location"]

    async def test_realm_in_use_by_another_integration(
        self, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        organization = await merchants.organization()
        first = await merchants.merchant(of=organization)
        second = await merchants.merchant(of=organization)
        await first.connect(REALM)
        exchanged = authorization.exchanges

        told = news(await second.connect(REALM))

        assert (told["status"], told["code"]) == ("failed", "company_in_use")
        assert authorization.exchanges == exchanged

    async def test_other_company_is_refused_and_nothing_changes(
        self, merchant: Merchant, db: Database
    ) -> None:
        await merchant.connect(REALM)
        before = await stored_connection(db, merchant)

        told = news(await merchant.connect("777"))

        after = await stored_connection(db, merchant)
        assert (told["status"], told["code"]) == ("failed", "other_company")
        assert before is not None
        assert after is not None
        assert after.access_token == before.access_token
        assert (await merchant.connection())["company"]["external_id"] == REALM

    async def test_other_company_when_asked_for(
        self, merchants: Merchants, merchant: Merchant, authorization: FakeAuthorization
    ) -> None:
        await merchant.connect(REALM)
        former = authorization.grants[0].current

        told = news(await merchant.connect("777", allow_other_company=True))

        assert told["status"] == "connected"
        assert (await merchant.connection())["company"]["external_id"] == "777"
        assert authorization.revoked == [former]
        heir = await merchants.merchant("Heir")
        assert news(await heir.connect(REALM))["status"] == "connected"

    async def test_disconnected_company_may_go_to_somebody_else(self, merchants: Merchants) -> None:
        first, second = await merchants.merchant("First"), await merchants.merchant("Second")
        await first.connect(REALM)
        await first.api.post(f"/v1/integrations/{first.integration_id}/disconnect")

        assert news(await second.connect(REALM))["status"] == "connected"
        assert news(await first.connect(REALM))["code"] == "company_held_by_other"

    async def test_removed_integration_frees_its_company(
        self, merchants: Merchants, authorization: FakeAuthorization
    ) -> None:
        first, second = await merchants.merchant("First"), await merchants.merchant("Second")
        await first.connect(REALM)

        removed = await first.api.delete(f"/v1/integrations/{first.integration_id}")

        assert removed.status_code == 204
        assert len(authorization.revoked) == 1
        assert news(await second.connect(REALM))["status"] == "connected"

    async def test_race_of_organizations_leaves_one_holder(
        self, merchants: Merchants, authorization: FakeAuthorization, db: Database
    ) -> None:
        rivals = [await merchants.merchant(f"Rival {number}") for number in range(20)]
        states = [await rival.state() for rival in rivals]

        answers = await asyncio.gather(
            *(
                rival.callback(state=state, code=authorization.consent(REALM), realmId=REALM)
                for rival, state in zip(rivals, states, strict=True)
            )
        )

        codes = [news(answer)["code"] for answer in answers]
        assert sorted(codes) == ["company_held_by_other"] * 19 + ["connected"]
        async with db.door() as session:
            held = await session.scalars(select(Company.id).where(Company.held))
        assert len(list(held)) == 1

    async def test_race_of_one_organization_leaves_one_driver(
        self, merchants: Merchants, authorization: FakeAuthorization, db: Database
    ) -> None:
        organization = await merchants.organization()
        rivals = [await merchants.merchant(of=organization) for _ in range(6)]
        states = [await rival.state() for rival in rivals]

        answers = await asyncio.gather(
            *(
                rival.callback(state=state, code=authorization.consent(REALM), realmId=REALM)
                for rival, state in zip(rivals, states, strict=True)
            )
        )

        codes = [news(answer)["code"] for answer in answers]
        assert sorted(codes) == ["company_in_use"] * 5 + ["connected"]
        async with db.transaction(organization[0]) as session:
            assert len(list(await session.scalars(select(Connection.id)))) == 1

    async def test_one_callback_twenty_times_is_exchanged_once(
        self, merchant: Merchant, authorization: FakeAuthorization
    ) -> None:
        state = await merchant.state()
        code = authorization.consent(REALM)

        answers = await asyncio.gather(
            *(merchant.callback(state=state, code=code, realmId=REALM) for _ in range(20))
        )

        assert sorted(answer.status_code for answer in answers) == [302] + [400] * 19
        assert authorization.exchanges == 1


class TestFormTargets:
    def test_real_provider_may_pass_its_sign_in(self) -> None:
        targets = form_targets(
            "https://appcenter.intuit.com/connect/oauth2?x=1", "https://b.example/back"
        )

        assert targets == (
            "https://appcenter.intuit.com",
            "https://b.example",
            "https://*.intuit.com",
        )

    def test_stand_in_on_loopback(self) -> None:
        targets = form_targets("http://127.0.0.1:8700/connect", "http://localhost:3000/back")

        assert targets == ("http://127.0.0.1:8700", "http://localhost:3000")


async def test_another_organizations_integration_is_not_found(merchants: Merchants) -> None:
    mine, theirs = await merchants.merchant("Mine"), await merchants.merchant("Theirs")

    for method, path in (("POST", "connect"), ("POST", "disconnect"), ("GET", "connection")):
        answer = await mine.api.request(
            method,
            f"/v1/integrations/{theirs.integration_id}/{path}",
            json={"return_url": RETURN_URL} if path == "connect" else None,
        )
        assert answer.status_code == 404, path


async def test_disconnected_page_changes_nothing(app: FastAPI, merchant: Merchant) -> None:
    await merchant.connect(REALM)

    async with client_of(app) as browser:
        page = await browser.get("/v1/quickbooks/disconnected", params={"realmId": REALM})
        odd = await browser.get("/v1/quickbooks/disconnected", params={"realmId": "<b>1</b>"})

    assert page.status_code == 200
    assert REALM in page.text
    assert "<b>1" not in odd.text
    assert (await merchant.connection())["status"] == "connected"


def assert_strange(answer: httpx.Response) -> None:
    """The browser stays on a page of ours that says what to do."""
    assert answer.status_code == 400, answer.headers.get("location")
    assert "location" not in answer.headers
    assert "What to do" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def age(db: Database, merchant: Merchant, **changes: timedelta) -> None:
    """Move a pending authorization's ends relative to now."""
    values = {name: func.clock_timestamp() + change for name, change in changes.items()}
    async with db.transaction(merchant.organization_id) as session:
        await session.execute(update(PendingAuthorization).values(**values))


async def companies(db: Database, merchant: Merchant) -> list[str]:
    async with db.transaction(merchant.organization_id) as session:
        return list(await session.scalars(select(Company.realm_id)))
