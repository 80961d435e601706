import importlib.util
from importlib.metadata import PackageNotFoundError
from typing import Any

import httpx
import pytest

from app.kit import http


class TestBuildClient:
    async def test_time_outs_are_explicit(self) -> None:
        async with http.build_client() as client:
            assert client.timeout == httpx.Timeout(connect=5, write=30, read=130, pool=5)

    async def test_neither_redirects_nor_the_environment_are_followed(self) -> None:
        async with http.build_client() as client:
            assert (client.follow_redirects, client.trust_env) == (False, False)

    async def test_names_itself(self) -> None:
        async with http.build_client(verify=http.tls_context()) as client:
            assert client.headers["User-Agent"].startswith("ledgerwire/")

    async def test_keeps_no_cookie(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"})

        async with http.build_client(transport=httpx.MockTransport(answer)) as client:
            await client.get("https://books.test/")

            assert len(client.cookies) == 0


class TestUserAgent:
    def test_without_an_installed_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(_: str) -> str:
            raise PackageNotFoundError

        monkeypatch.setattr(http, "version", missing)

        assert http.user_agent() == "ledgerwire/0"


class TestCheckLibrary:
    def test_this_installation_is_fit(self) -> None:
        http.check_library()

    def test_two_libraries_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())

        with pytest.raises(RuntimeError, match="httpx2"):
            http.check_library()

    def test_a_foreign_oauth_client_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        foreign: Any = object
        monkeypatch.setattr(http, "AsyncOAuth2Client", foreign)

        with pytest.raises(RuntimeError, match="Authlib"):
            http.check_library()
