"""`/docs` draws the description with files of this installation alone."""

import re
from urllib.parse import urljoin

import httpx


async def test_everything_comes_from_here(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/docs")
    wanted = re.findall(r'(?:src|href|data-url)="([^"]+)"', page.text)

    assert page.status_code == 200
    assert {"/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json"} <= set(wanted)
    for path in wanted:
        assert path.startswith("/")
        assert not path.startswith("//")
        found = await anonymous.get(urljoin("http://test/docs", path))
        assert found.status_code == 200
        assert found.headers["x-content-type-options"] == "nosniff"


async def test_its_policy_lets_nothing_else_in(anonymous: httpx.AsyncClient) -> None:
    policy = (await anonymous.get("/docs")).headers["content-security-policy"]

    said = dict(each.strip().partition(" ")[::2] for each in policy.split(";"))
    assert said["default-src"] == "'none'"
    assert said["script-src"] == said["connect-src"] == "'self'"
    assert "//" not in policy
    assert "eval" not in policy


async def test_no_script_stands_in_the_page(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/docs")

    assert re.findall(r"<script[^>]*>([^<]+)", page.text) == []
    assert not re.search(r"\son\w+=", page.text)


async def test_nothing_else_of_the_package_is_served(anonymous: httpx.AsyncClient) -> None:
    for name in ("main.py", "..%2fmain.py", "resources/swagger-ui.css", "oauth2-redirect", ""):
        assert (await anonymous.get(f"/docs/{name}")).status_code == 404
    assert (await anonymous.get("/redoc")).status_code == 404
