"""The bookkeeper's pages: signed in by a key, read only, one organization's rows only."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, update

from app.bootstrap import Collaborators
from app.connections.models import Company
from app.console import words
from app.console.session import PLACE
from app.integrations.models import Integration
from app.jobs.models import Job, Record, Step
from app.kit.db import Database
from app.mappings.models import Mapping
from app.organizations.access import make_key
from app.organizations.models import ApiKey, Organization
from tests.conftest import app_over
from tests.connections.conftest import database_url, kept_database

__all__ = ["database_url", "kept_database"]


@dataclass
class Office:
    """An organization with one ended export, and its key."""

    organization_id: UUID
    integration_id: UUID
    job_id: UUID
    key: str


async def make_office(db: Database, hash_key: str, *, customer: str, realm: str) -> Office:
    key = make_key(hash_key)
    async with db.door() as session:
        organization = Organization(name="Maple Books")
        session.add(organization)
    owner = {"organization_id": organization.id}
    async with db.transaction(organization.id) as session:
        company = Company(
            **owner,
            provider="quickbooks_online",
            environment="simulator",
            realm_id=realm,
            profile={"name": "Maple Books Inc.", "time_zone": "America/Toronto"},
        )
        session.add_all(
            [
                company,
                ApiKey(
                    **owner,
                    name="bookkeeper",
                    prefix=key.prefix,
                    key_hash=key.key_hash,
                    scopes=["read"],
                ),
            ]
        )
        await session.flush()
        integration = Integration(
            **owner,
            name="Ontario",
            provider="quickbooks_online",
            mode="full_synchronization",
            allowed_return_urls=[],
            settings={},
            company_id=company.id,
        )
        session.add(integration)
        await session.flush()
        job = await _job(session, owner, integration.id, company.id, customer)
        session.add(
            Mapping(
                **owner,
                company_id=company.id,
                kind="tax",
                key='["GST", "PST BC"]',
                target_id="7",
                target_name="GST/PST BC",
                extra={},
                seen={},
                confirmed_by="bookkeeper",
            )
        )
    return Office(organization.id, integration.id, job.id, key.plain)


async def _job(
    session: Any, owner: dict[str, UUID], integration_id: UUID, company_id: UUID, customer: str
) -> Job:
    job = Job(
        **owner,
        integration_id=integration_id,
        company_id=company_id,
        direction="export",
        operation_type="Export Invoices",
        resources=["invoices"],
        range_from=date(2026, 3, 1),
        range_to=date(2026, 3, 31),
        range_basis="document_date",
        trigger="api",
        requested_by="billing server",
        status="succeeded_with_findings",
        finished_at=datetime(2026, 4, 1, 3, 30, tzinfo=UTC),
        counts={"total": 2, "created": 1, "rejected": 1, "skipped": 0},
        amounts=[
            {
                "kind": "invoice",
                "currency": "CAD",
                "billed": "226.00",
                "posted": "113.00",
                "difference": "113.00",
            }
        ],
    )
    session.add(job)
    await session.flush()
    step = Step(**owner, job_id=job.id, position=0, name="invoices", state="done")
    session.add(step)
    await session.flush()
    common = {
        **owner,
        "job_id": job.id,
        "step_id": step.id,
        "kind": "invoice",
        "operation": "post",
        "customer": customer,
        "record_date": date(2026, 3, 5),
        "amount": Decimal("1113.00"),
        "currency": "CAD",
    }
    session.add_all(
        [
            Record(
                **common,
                position=0,
                billing_id="b1",
                billing_number="INV-1",
                state="posted",
                action="created",
                document_type="Invoice",
                document_id="145",
                document_number="INV-1",
                posted_amount=Decimal("1113.00"),
            ),
            Record(
                **common,
                position=1,
                billing_id="b2",
                billing_number="INV-2",
                state="rejected",
                code="tax_unmapped",
                explanation="No tax code is mapped to HST.",
                fixes=["Map HST to a tax code."],
            ),
        ]
    )
    return job


@pytest.fixture
def app(collaborators: Collaborators, kept_apps: list[FastAPI]) -> FastAPI:
    return app_over(collaborators, kept_apps)


@pytest.fixture
async def office(collaborators: Collaborators) -> Office:
    return await make_office(
        collaborators.db, collaborators.hash_key, customer="Birch & <Sons>", realm="1"
    )


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def sign_in(browser: httpx.AsyncClient, key: str, **extra: str) -> httpx.Response:
    return await browser.post("/console/sign-in", data={"key": key, **extra})


class TestSession:
    async def test_without_one_every_page_leads_to_the_sign_in(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        for path in ("history", f"history/{office.job_id}", "tax-mappings"):
            answer = await browser.get(f"/console/{path}")

            assert answer.status_code == 303
            assert answer.headers["location"] == f"/console/sign-in?next=/console/{path}"

    async def test_key_opens_the_page_that_was_wanted(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        wanted = f"/console/history/{office.job_id}"

        answer = await sign_in(browser, office.key, next=wanted)

        assert answer.headers["location"] == wanted
        assert (await browser.get(wanted)).status_code == 200

    @pytest.mark.parametrize(
        "wanted", ["https://evil.example", "//evil.example", "/console/../x", "/\\evil", ""]
    )
    async def test_next_leads_nowhere_else(
        self, browser: httpx.AsyncClient, office: Office, wanted: str
    ) -> None:
        answer = await sign_in(browser, office.key, next=wanted)

        assert answer.headers["location"] == "/console/history"

    async def test_wrong_key_is_told_nothing(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        answer = await sign_in(browser, office.key[:-1] + "x")

        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers

    async def test_cookie_is_no_key_and_no_script_reads_it(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        answer = await sign_in(browser, office.key)

        cookie = answer.headers["set-cookie"]
        assert office.key not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

    async def test_revoked_key_ends_the_session(
        self, browser: httpx.AsyncClient, office: Office, db: Database
    ) -> None:
        await sign_in(browser, office.key)
        async with db.transaction(office.organization_id) as session:
            await session.execute(update(ApiKey).values(revoked_at=func.clock_timestamp()))

        assert (await browser.get("/console/history")).status_code == 303

    async def test_it_ends_after_a_working_day(
        self, browser: httpx.AsyncClient, office: Office, collaborators: Collaborators
    ) -> None:
        old = collaborators.keyring.encrypt(f"1000:{office.key}", place=PLACE)
        browser.cookies.set("lw_console", old)

        assert (await browser.get("/console/history")).status_code == 303

    @pytest.mark.parametrize("cookie", ["x", "k1:", "k1:AAAA", "k1:not*base64", "zz:AAAA"])
    async def test_forged_cookie(
        self, browser: httpx.AsyncClient, office: Office, cookie: str
    ) -> None:
        browser.cookies.set("lw_console", cookie)

        assert (await browser.get("/console/history")).status_code == 303

    async def test_signing_out(self, browser: httpx.AsyncClient, office: Office) -> None:
        await sign_in(browser, office.key)

        await browser.post("/console/sign-out")

        assert (await browser.get("/console/history")).status_code == 303


class TestPages:
    async def test_history_shows_the_job_in_words(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        await sign_in(browser, office.key)

        page = await browser.get("/console/history")

        assert "Export Invoices" in page.text
        assert "Done, with findings" in page.text
        assert "1 created, 1 rejected" in page.text
        assert "113.00 CAD" in page.text
        assert "2026-03-31 23:30" in page.text  # the company's own time

    async def test_history_by_status(self, browser: httpx.AsyncClient, office: Office) -> None:
        await sign_in(browser, office.key)

        page = await browser.get("/console/history", params={"status": "failed"})

        assert "Nothing has been run with this status" in page.text

    async def test_job_shows_records_with_reason_and_fix(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        await sign_in(browser, office.key)

        page = await browser.get(f"/console/history/{office.job_id}")

        assert "Invoice INV-2" in page.text
        assert "No tax code is mapped to HST." in page.text
        assert "Map HST to a tax code." in page.text
        assert "1,113.00 CAD" in page.text
        assert "Birch &amp; &lt;Sons&gt;" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")

    async def test_records_by_state(self, browser: httpx.AsyncClient, office: Office) -> None:
        await sign_in(browser, office.key)

        page = await browser.get(f"/console/history/{office.job_id}", params={"state": "rejected"})

        assert "INV-2" in page.text
        assert "INV-1" not in page.text

    async def test_mappings_show_what_no_longer_holds(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        await sign_in(browser, office.key)

        page = await browser.get("/console/tax-mappings")

        assert "GST + PST BC" in page.text
        assert "GST/PST BC" in page.text
        assert "Broken" in page.text

    async def test_another_organizations_job_is_not_there(
        self, browser: httpx.AsyncClient, office: Office, collaborators: Collaborators
    ) -> None:
        stranger = await make_office(
            collaborators.db, collaborators.hash_key, customer="Secret Ltd", realm="2"
        )
        await sign_in(browser, office.key)

        page = await browser.get(f"/console/history/{stranger.job_id}")
        listed = await browser.get("/console/history", params={"integration": stranger.job_id})

        assert page.status_code == 404
        assert "text/html" in page.headers["content-type"]
        assert "Secret Ltd" not in page.text + listed.text

    async def test_odd_cursor_is_a_page_not_a_crash(
        self, browser: httpx.AsyncClient, office: Office
    ) -> None:
        await sign_in(browser, office.key)

        page = await browser.get("/console/history", params={"cursor": "zzz"})

        assert page.status_code == 422
        assert "text/html" in page.headers["content-type"]


class TestWords:
    @pytest.mark.parametrize(
        ("amount", "said"),
        [
            (Decimal("1234.5"), "1,234.50 CAD"),
            (Decimal("0.005"), "0.005 CAD"),
            (Decimal("100.000000"), "100.00 CAD"),
            (None, ""),
        ],
    )
    def test_amounts_are_never_rounded(self, amount: Decimal | None, said: str) -> None:
        assert words.said_amount(amount, "CAD") == said

    def test_unknown_zone_is_utc(self) -> None:
        assert words.zone_of("Nowhere/Here").key == "UTC"
        assert words.zone_of(None).key == "UTC"

    def test_unknown_state_is_still_said(self) -> None:
        assert words.said_status("brand_new").text == "Brand new"
