"""Hostile input: addresses to be sent to, statements, messages, log lines, bodies, hosts."""

import asyncio
import io
import json
import logging
import pickle
import random
import secrets
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from app.console.endpoints import SAFE_NEXT
from app.jobs.endpoints import disarmed
from app.kit.logging import configure
from app.kit.queue import QUEUE, RING, arq_redis, dumps, loads
from app.providers.quickbooks.query import quote
from app.worker import listen
from tests.connections.test_return_urls import STRANGE

MARKS = ["", "/", "\\", "//", "/\\", "\t", "\n", "@", "#", "?", "%2f", "%5c", ";", "\x00", "\u202e"]
SPOTS = [
    "evil.example",
    "https:evil.example",
    "https://evil.example/console/history",
    "/console/history@evil.example",
    "/console/history//evil.example",
    "/console/../evil",
    "/console/history/../../evil",
    "/console/tax-mappings.evil.example",
    "javascript:alert(1)",
    "console/history?",
    "/Console/history",
]
REDIRECTS = [
    *STRANGE,
    *(mark + spot for mark, spot in product(MARKS, SPOTS)),
    *(f"/console/history{mark}evil.example" for mark in MARKS[1:]),
]


class TestRedirects:
    def test_there_are_enough_of_them(self) -> None:
        assert len(set(REDIRECTS)) >= 200

    def test_no_page_is_wanted_but_our_own(self) -> None:
        assert [url for url in REDIRECTS if SAFE_NEXT.fullmatch(url)] == []

    async def test_signing_in_leads_to_a_page_of_ours(
        self, anonymous: httpx.AsyncClient, tenant: tuple[Any, str]
    ) -> None:
        for url in REDIRECTS[::10]:
            answer = await anonymous.post(
                "/console/sign-in", data={"key": tenant[1], "next": url[:500]}
            )
            assert answer.status_code == 303, url
            assert answer.headers["location"] == "/console/history", url

    async def test_connecting_goes_back_to_the_list_only(self, client: httpx.AsyncClient) -> None:
        made = await client.post(
            "/v1/integrations",
            json={
                "name": "a",
                "provider": "quickbooks_online",
                "mode": "full_synchronization",
                "allowed_return_urls": ["https://billing.example.com/settings/erp?tab=books"],
            },
        )
        path = f"/v1/integrations/{made.json()['id']}/connect"
        for url in dict.fromkeys(REDIRECTS):
            answer = await client.post(path, json={"return_url": url})
            assert answer.status_code == 422, url

    @pytest.mark.parametrize("path", ["/v1/integrations/", "/console/", "/healthz/"])
    async def test_no_redirect_repeats_the_host(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path, headers={"Host": "evil.example"})

        assert answer.status_code == 404
        assert "evil.example" not in str(answer.headers) + answer.text


class TestHosts:
    async def test_where_a_request_says_it_came_from_changes_nothing(
        self, client: httpx.AsyncClient
    ) -> None:
        lies = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "127.0.0.1",
            "Forwarded": "host=evil.example;proto=https",
            "X-Original-URL": "/v1/organizations",
            "X-HTTP-Method-Override": "DELETE",
        }
        honest = await client.get("/v1/integrations")
        lying = await client.get("/v1/integrations", headers=lies)

        assert lying.status_code == 200
        assert lying.json() == honest.json()
        assert "evil.example" not in str(lying.headers)

    async def test_no_other_origin_is_let_in(self, client: httpx.AsyncClient) -> None:
        lies = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for method in ("GET", "OPTIONS", "POST"):
            answer = await client.request(method, "/v1/integrations", headers=lies)
            assert not [name for name in answer.headers if name.startswith("access-control")]

    async def test_answers_load_nothing_and_are_not_kept(
        self, client: httpx.AsyncClient, anonymous: httpx.AsyncClient
    ) -> None:
        for answer in (
            await client.get("/v1/integrations"),
            await anonymous.get("/v1/integrations"),
            await anonymous.get("/nowhere"),
            await anonymous.get("/console/sign-in"),
        ):
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-frame-options"] == "DENY"
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "frame-ancestors 'none'" in policy
            assert "strict-transport-security" not in answer.headers

    async def test_https_is_for_good(self, app: FastAPI, anonymous: httpx.AsyncClient) -> None:
        app.state.public_url = "https://sync.example.com"

        answer = await anonymous.get("/healthz")

        assert answer.headers["strict-transport-security"] == "max-age=31536000"


class TestConsole:
    """Nobody is signed in, or out, by a page that is not ours."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "http://test.evil.example", "Host": "test"},
        ],
    )
    @pytest.mark.parametrize("path", ["/console/sign-in", "/console/sign-out"])
    async def test_forms_of_others_do_nothing(
        self,
        anonymous: httpx.AsyncClient,
        tenant: tuple[Any, str],
        path: str,
        headers: dict[str, str],
    ) -> None:
        answer = await anonymous.post(path, data={"key": tenant[1]}, headers=headers)

        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "headers",
        [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://test"}, {"Origin": "null"}, {}],
    )
    async def test_our_own_forms_do(
        self, anonymous: httpx.AsyncClient, tenant: tuple[Any, str], headers: dict[str, str]
    ) -> None:
        answer = await anonymous.post("/console/sign-in", data={"key": tenant[1]}, headers=headers)

        assert answer.status_code == 303
        assert "set-cookie" in answer.headers

    @pytest.mark.parametrize(
        "key", ["", "lw_\x00", "lw_\ud7ff", "lw_0123456789ab\x00", "\x7f", "’"]
    )
    async def test_what_is_no_key_is_a_wrong_one(
        self, anonymous: httpx.AsyncClient, key: str
    ) -> None:
        answer = await anonymous.post("/console/sign-in", data={"key": key})

        assert answer.status_code == 401


def test_a_hundred_thousand_texts_stay_texts() -> None:
    """
    What stands between the apostrophes is all that a reader of the language sees of a text.

    The texts are made of what the language gives a meaning to, and of what could be taken for it.
    """
    seed = random.Random(20_260_301)
    pieces = [
        "'",
        "\\",
        "\\'",
        "''",
        "%",
        "_",
        '"',
        ")",
        " OR ",
        "1=1",
        "--",
        "\n",
        "\x00",
        "’",
        "é",
    ]
    for _ in range(100_000):
        text = "".join(seed.choices(pieces, k=seed.randrange(1, 9)))
        quoted = quote(text)
        inside = quoted[1:-1]
        assert quoted[0] == quoted[-1] == "'"
        assert "'" not in inside.replace("\\\\", "").replace("\\'", ""), text
        assert (len(inside) - len(inside.rstrip("\\"))) % 2 == 0, text
        assert not set(inside) & {"\n", "\r", "\x00"}, text


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "=cmd|' /C calc'!A0", "-2+3"])
def test_cells_are_no_formulas(begin: str) -> None:
    assert disarmed(f"{begin}HYPERLINK(1)").startswith("'")


async def test_a_method_that_is_not_there_is_told_those_that_are(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.put("/v1/integrations/00000000-0000-0000-0000-000000000001")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_has_a_length(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/v1/integrations", json={}, headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "header:Idempotency-Key"


@pytest.mark.parametrize("moment", ["0.5", "1700000000", "-1"])
async def test_a_number_is_no_time(client: httpx.AsyncClient, moment: str) -> None:
    path = "/v1/integrations/00000000-0000-0000-0000-000000000001/billing/invoices"

    assert (await client.get(path, params={"updated_since": moment})).status_code == 422


class TestBodies:
    @pytest.mark.parametrize("opening", ["[", '{"a":'])
    async def test_deep_ones_are_refused(self, client: httpx.AsyncClient, opening: str) -> None:
        body = (opening * 100_000).encode()
        for path in ("/v1/integrations", f"/v1/integrations/{'0' * 8}/billing/customers/batch"):
            answer = await client.post(
                path, content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code in {404, 422}, answer.text
            assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("depth", [50, 400, 900])
    async def test_deep_metadata_is_refused_and_breaks_nothing(
        self, client: httpx.AsyncClient, depth: int
    ) -> None:
        made = await client.post(
            "/v1/integrations",
            json={"name": "a", "provider": "quickbooks_online", "mode": "full_synchronization"},
        )
        value: Any = 1
        for _ in range(depth):
            value = {"a": value}
        path = f"/v1/integrations/{made.json()['id']}/billing/customers/c1"

        answer = await client.put(
            path,
            json={
                "billing_id": "c1",
                "display_name": "A",
                "updated_at": "2026-03-01T00:00:00Z",
                "metadata": value,
            },
        )

        assert answer.status_code == 422
        assert (await client.get(path)).status_code == 404

    @pytest.mark.parametrize("character", ["\x00", "\x1b", "\r", "\u202e", "\u2066", "\u2028"])
    async def test_names_that_are_not_what_they_look_like(
        self, client: httpx.AsyncClient, character: str
    ) -> None:
        answer = await client.post(
            "/v1/integrations",
            json={
                "name": f"Maple{character}Books",
                "provider": "quickbooks_online",
                "mode": "full_synchronization",
            },
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/name"


class TestLogs:
    @pytest.fixture
    def written(self) -> Any:
        configure(level="INFO", form="console")
        stream = io.StringIO()
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
        yield stream
        configure(level="WARNING")

    def test_no_value_begins_a_line(self, written: io.StringIO) -> None:
        log = structlog.stdlib.get_logger("app.test")
        log.warning("event", reason="a\n2026-03-01 [info] signed_in\x1b[2J\u202e", code="b\rc")

        said = written.getvalue()
        assert said.count("\n") == 1
        assert not set(said) & {"\r", "\x1b", "\u202e"}

    def test_fields_that_are_not_on_the_list_are_dropped(self, written: io.StringIO) -> None:
        structlog.stdlib.get_logger("app.test").warning("event", name="Acme", token="t0k3n")

        assert "Acme" not in written.getvalue()
        assert "t0k3n" not in written.getvalue()

    def test_libraries_are_named_and_not_quoted(self, written: io.StringIO) -> None:
        for name in ("asyncio", "sqlalchemy.pool.impl", "arq.worker", "httpx"):
            try:
                raise ValueError("t0k3n")
            except ValueError:
                logging.getLogger(name).exception("Failed with %s\nand more", "t0k3n")

        said = written.getvalue()
        assert "t0k3n" not in said
        assert said.count("library_message") == 4
        assert "sqlalchemy.pool.impl" in said

    def test_the_server_speaks_through_the_same_lines(self, written: io.StringIO) -> None:
        own = logging.getLogger("uvicorn.error")
        own.addHandler(logging.NullHandler())
        configure(level="INFO", form="json")
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)

        own.info("Uvicorn running on %s", "http://127.0.0.1:8400")

        assert own.handlers == []
        assert json.loads(written.getvalue())["event"].startswith("Uvicorn running")


class Exploit:
    """What a pickle does to whoever opens it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


class Bell:
    """Counts how often the worker was rung."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def ring(self) -> None:
        self.rung.set()


class TestMessages:
    def test_only_json_objects_are_read(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"."):
            loads(pickle.dumps(Exploit(str(tmp_path / "owned"))))
        assert loads(b"[1, 2]") == {}
        assert not (tmp_path / "owned").exists()

    async def test_whatever_lies_in_the_queue_the_worker_goes_on(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        redis = arq_redis(redis_url)
        now = int((await redis.time())[0]) * 1000
        hostile = [
            pickle.dumps(Exploit(str(tmp_path / "owned"))),
            b"\x80\x04not even a pickle",
            b"",
            b"[]",
            b"{}",
            dumps({"t": 1, "f": "os.system", "a": ["touch /tmp/owned"], "k": {}, "et": now}),
            dumps({"t": "x", "f": RING, "a": [secrets.token_hex(8)], "k": {"self": 1}, "et": now}),
            dumps({"t": 1, "f": RING, "a": ["x" * 5_000_000], "k": {}, "et": now}),
        ]
        for number, message in enumerate(hostile):
            await redis.set(f"arq:job:hostile{number}", message, ex=60)
            await redis.zadd(QUEUE, {f"hostile{number}": now})
        bell = Bell()
        listening = asyncio.create_task(listen(bell, redis_url))  # type: ignore[arg-type]
        try:
            await asyncio.sleep(1.0)
            bell.rung.clear()
            await redis.enqueue_job(RING, "job", _expires=60)
            await asyncio.wait_for(bell.rung.wait(), 20)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            left = await redis.zcard(QUEUE)
            await redis.aclose(close_connection_pool=True)

        assert not (tmp_path / "owned").exists()
        assert left == 0


@pytest.mark.parametrize("flag", [0, 1, "no", "true", "", None, []])
async def test_a_flag_is_true_or_false(client: httpx.AsyncClient, flag: object) -> None:
    answer = await client.post(
        "/v1/integrations",
        json={
            "name": "a",
            "provider": "quickbooks_online",
            "mode": "full_synchronization",
            "settings": {"documents": {"send_number": flag}},
        },
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/settings/documents/send_number"
