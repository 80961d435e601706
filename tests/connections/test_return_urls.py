"""The return URL: exactly one of the list, whatever a browser would make of anything else."""

import pytest
from sqlalchemy import func, select

from app.connections.models import PendingAuthorization
from app.kit.db import Database
from tests.connections.conftest import RETURN_URL, Merchant

GOOD = "https://billing.example.com/settings/erp"
STRANGE = [
    "https://evil.example",
    "https://evil.example/settings/erp?tab=books",
    "http://billing.example.com/settings/erp?tab=books",
    "HTTPS://billing.example.com/settings/erp?tab=books",
    "https://BILLING.example.com/settings/erp?tab=books",
    "https://billing.example.com:443/settings/erp?tab=books",
    "https://billing.example.com:8443/settings/erp?tab=books",
    "https://billing.example.com./settings/erp?tab=books",
    "https://billing.example.com.evil.example/settings/erp?tab=books",
    "https://evil.example/billing.example.com/settings/erp?tab=books",
    "https://billing.example.com@evil.example/settings/erp?tab=books",
    "https://user:pass@billing.example.com/settings/erp?tab=books",
    "https://evil.example#@billing.example.com/settings/erp?tab=books",
    "https://evil.example?@billing.example.com/settings/erp?tab=books",
    "https://evil.example\\@billing.example.com/settings/erp?tab=books",
    "https://evil.example\\.billing.example.com/settings/erp",
    "https://billing.example.com\\.evil.example/",
    "https:\\\\billing.example.com\\settings\\erp?tab=books",
    "https:/billing.example.com/settings/erp?tab=books",
    "https:billing.example.com/settings/erp?tab=books",
    "https:///billing.example.com/settings/erp?tab=books",
    "//billing.example.com/settings/erp?tab=books",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "/settings/erp?tab=books",
    "settings/erp?tab=books",
    "?tab=books",
    "#",
    ".",
    "*",
    "null",
    "https://*.example.com/settings/erp?tab=books",
    GOOD,
    f"{GOOD}?tab=books/",
    f"{GOOD}/?tab=books",
    f"{GOOD}?tab=books&next=https://evil.example",
    f"{GOOD}?tab=books#fragment",
    f"{GOOD}?tab=books#",
    f"{GOOD}?tab=Books",
    f"{GOOD}?tab=books ",
    f" {GOOD}?tab=books",
    f"\t{GOOD}?tab=books",
    f"{GOOD}?tab=books\n",
    f"{GOOD}?tab=books\r\nSet-Cookie: a=b",
    f"{GOOD}?tab=books%0d%0aSet-Cookie:%20a=b",
    f"{GOOD}?tab=books\x00",
    f"{GOOD}?tab=books%00",
    "https://billing.example.com/settings/../settings/erp?tab=books",
    "https://billing.example.com/settings/%65rp?tab=books",
    "https://billing.example.com/settings//erp?tab=books",
    "https://billing.example.com/settings/erp;x=y?tab=books",
    "https://bіlling.example.com/settings/erp?tab=books",  # a Cyrillic letter
    "https://billing。example.com/settings/erp?tab=books",
    "https://billing.example.com%2eevil.example/settings/erp",
    "https://[::1]/settings/erp?tab=books",
    "https://2130706433/settings/erp?tab=books",
    "javascript:alert(1)//https://billing.example.com/settings/erp?tab=books",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://billing.example.com/settings/erp",
    "view-source:https://billing.example.com/settings/erp?tab=books",
    "ftp://billing.example.com/settings/erp?tab=books",
    "intent://billing.example.com/#Intent;scheme=https;end",
    "\u202ehttps://billing.example.com/settings/erp?tab=books",
    "\ufeffhttps://billing.example.com/settings/erp?tab=books",
]


async def test_every_strange_url_is_refused(merchant: Merchant, db: Database) -> None:
    """
    One test, so that a database is cloned once and not for each string.
    """
    for url in STRANGE:
        answer = await merchant.begin(return_url=url)

        assert answer.status_code == 422, url
        problem = answer.json()
        assert problem["code"] == "return_url_not_allowed", url
        assert problem["errors"][0]["pointer"] == "/return_url"

    async with db.transaction(merchant.organization_id) as session:
        pending = await session.scalar(select(func.count()).select_from(PendingAuthorization))
    assert pending == 0


async def test_listed_url_is_accepted(merchant: Merchant) -> None:
    answer = await merchant.begin(return_url=RETURN_URL)

    assert answer.status_code == 200
    assert answer.json()["authorization_url"].startswith("http://127.0.0.1:8400/v1/connect/")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("url", ["", "x" * 501])
async def test_malformed_url(merchant: Merchant, url: str) -> None:
    assert (await merchant.begin(return_url=url)).status_code == 422


async def test_unknown_field(merchant: Merchant) -> None:
    assert (await merchant.begin(redirect="https://evil.example")).status_code == 422
