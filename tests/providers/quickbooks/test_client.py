import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import respx

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    DuplicateFound,
    NotSent,
    OutcomeUnknown,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    RetryLater,
)
from app.kit.http import AsyncClient, client_options
from app.providers.quickbooks import client as client_module
from app.providers.quickbooks.query import Select
from tests.providers.quickbooks.doubles import REALM, ROOT, Wire
from tests.providers.quickbooks.test_faults import fault, gateway, xml

INVOICE = {"Invoice": {"Id": "1", "SyncToken": "0"}}


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def api() -> AsyncIterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def refuse() -> None:
    raise NotSent(explanation="too late")


class TestWrite:
    async def test_request(self, wire: Wire, api: respx.MockRouter) -> None:
        route = api.post(f"{ROOT}/invoice").respond(json=INVOICE)

        await wire.client.write(
            "invoice",
            b'{"a":1.10}',
            request_id="x1g00",
            permit=lambda: None,
            params={"operation": "void"},
        )

        request = route.calls.last.request
        assert dict(request.url.params) == {
            "operation": "void",
            "requestid": "x1g00",
            "minorversion": "75",
        }
        assert request.content == b'{"a":1.10}'
        assert request.headers["Authorization"] == "Bearer token-1"
        assert request.headers["Accept"] == "application/json"
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["User-Agent"].startswith("ledgerwire/")

    @pytest.mark.parametrize("header", ["intuit_tid", "Intuit-Tid"])
    async def test_trace_id_in_either_spelling(
        self, wire: Wire, api: respx.MockRouter, header: str
    ) -> None:
        api.post(f"{ROOT}/invoice").respond(json=INVOICE, headers={header: "tid-1"})

        reply = await wire.client.write("invoice", b"{}", request_id="x", permit=lambda: None)

        assert (reply.payload, reply.http_status, reply.trace_id) == (INVOICE, 200, "tid-1")

    async def test_is_reported_and_passes_no_gate_of_its_own(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        api.post(f"{ROOT}/invoice").respond(json=INVOICE)

        await wire.write()

        assert (wire.calls, wire.gate.admitted) == (["write"], [])

    async def test_ready_passes_the_gate_and_fetches_the_token(self, wire: Wire) -> None:
        await wire.client.ready()
        await wire.client.ready(batch=True)

        assert wire.gate.admitted == [False, True]

    async def test_permit_is_asked_before_anything_leaves(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        route = api.post(f"{ROOT}/invoice").respond(json=INVOICE)

        with pytest.raises(NotSent, match="too late"):
            await wire.write(permit=refuse)

        assert not route.called
        assert wire.calls == []

    @pytest.mark.parametrize(
        "failure", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
    )
    async def test_without_a_connection_nothing_was_sent(
        self, wire: Wire, api: respx.MockRouter, failure: type[Exception]
    ) -> None:
        api.post(f"{ROOT}/invoice").mock(side_effect=failure)

        with pytest.raises(NotSent):
            await wire.write()

        assert wire.calls == []

    @pytest.mark.parametrize(
        "failure",
        [
            httpx.WriteTimeout,
            httpx.WriteError,
            httpx.ReadTimeout,
            httpx.ReadError,
            httpx.RemoteProtocolError,
            httpx.DecodingError,
            OSError,
            TimeoutError,
        ],
    )
    async def test_a_call_that_breaks_off_is_unknown_and_not_repeated(
        self, wire: Wire, api: respx.MockRouter, failure: type[Exception]
    ) -> None:
        route = api.post(f"{ROOT}/invoice").mock(side_effect=failure)

        with pytest.raises(OutcomeUnknown):
            await wire.write()

        assert route.call_count == 1
        assert wire.calls == ["write"]

    @pytest.mark.parametrize(
        ("status", "content", "expected"),
        [
            (200, b'{"Invoice": {"Id": "1", ', OutcomeUnknown),
            (200, b"", OutcomeUnknown),
            (200, fault("6140"), DuplicateFound),
            (400, fault("6000"), RecordRejected),
            (400, xml("6000"), RecordRejected),
            (401, gateway("3200"), AccessExpired),
            (403, gateway("3100"), ReconnectRequired),
            (400, fault("6190"), CompanyUnavailable),
            (302, b"", OutcomeUnknown),
            (404, b"<html></html>", OutcomeUnknown),
            (502, b"<html>Bad gateway</html>", OutcomeUnknown),
            (500, fault("10000"), OutcomeUnknown),
        ],
    )
    async def test_answers_go_out_once_and_are_judged(
        self,
        wire: Wire,
        api: respx.MockRouter,
        status: int,
        content: bytes,
        expected: type[ProviderError],
    ) -> None:
        headers = {"intuit_tid": "tid-9", "location": "https://elsewhere.test/"}
        route = api.post(f"{ROOT}/invoice").respond(status, content=content, headers=headers)

        with pytest.raises(expected) as caught:
            await wire.write()

        assert type(caught.value) is expected
        assert (caught.value.fault.http_status, caught.value.fault.trace_id) == (status, "tid-9")
        assert route.call_count == 1

    @pytest.mark.parametrize(
        ("status", "content"), [(429, b""), (429, xml("3001")), (403, gateway("3001"))]
    )
    async def test_full_quota_is_told_to_the_gate(
        self, wire: Wire, api: respx.MockRouter, status: int, content: bytes
    ) -> None:
        api.post(f"{ROOT}/invoice").respond(status, content=content, headers={"Retry-After": "17"})

        with pytest.raises(RetryLater) as caught:
            await wire.write()

        assert caught.value.after == 17.0
        assert wire.gate.throttles == [17.0]

    async def test_answer_that_is_too_big_is_not_believed(self, api: respx.MockRouter) -> None:
        api.post(f"{ROOT}/invoice").respond(json=INVOICE)

        async with AsyncClient(**client_options(biggest=10)) as http:
            with pytest.raises(OutcomeUnknown, match="too big"):
                await Wire(http=http).write()

    async def test_answer_that_never_ends_is_unknown(
        self, wire: Wire, api: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_module, "LONGEST_CALL_SECONDS", 0.05)

        async def trickle(_: httpx.Request) -> httpx.Response:
            await asyncio.sleep(5)
            return httpx.Response(200, json=INVOICE)

        api.post(f"{ROOT}/invoice").mock(side_effect=trickle)

        with pytest.raises(OutcomeUnknown, match="TimeoutError"):
            await wire.write()

    async def test_cancelled_call_counts_as_one_that_went_out(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        started = asyncio.Event()

        async def hang(_: httpx.Request) -> httpx.Response:
            started.set()
            await asyncio.sleep(5)
            return httpx.Response(200, json=INVOICE)

        api.post(f"{ROOT}/invoice").mock(side_effect=hang)
        task = asyncio.create_task(wire.write())
        await started.wait()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert wire.calls == ["write"]

    async def test_refused_token_is_the_one_that_is_renewed(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        api.post(f"{ROOT}/invoice").mock(
            side_effect=[httpx.Response(401), httpx.Response(200, json=INVOICE)]
        )
        await wire.client.ready()

        with pytest.raises(AccessExpired):
            await wire.write()
        await wire.client.renew_access()
        await wire.write()

        assert wire.tokens.renewed == ["token-1"]
        assert api.calls.last.request.headers["Authorization"] == "Bearer token-2"

    async def test_renewal_without_a_refusal_replaces_the_present_token(self, wire: Wire) -> None:
        await wire.client.renew_access()

        assert wire.tokens.renewed == ["token-1"]

    async def test_no_cookie_travels_from_answer_to_call(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        api.post(f"{ROOT}/invoice").respond(json=INVOICE, headers={"Set-Cookie": "a=b; Path=/"})

        await wire.write()
        await wire.write()

        assert "cookie" not in api.calls.last.request.headers


class TestRead:
    async def test_resource(self, wire: Wire, api: respx.MockRouter) -> None:
        route = api.get(f"{ROOT}/invoice/1").respond(json=INVOICE)

        reply = await wire.client.get("invoice/1")

        assert reply.payload == INVOICE
        assert dict(route.calls.last.request.url.params) == {"minorversion": "75"}
        assert (wire.calls, wire.gate.admitted) == (["read"], [False])

    async def test_short_statement_stands_in_the_url(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        route = api.get(f"{ROOT}/query").respond(json={"QueryResponse": {}})
        statement = Select("Customer").where("DisplayName", "=", "A&B 'c' +").page()

        await wire.client.query(statement)

        assert route.calls.last.request.url.params["query"] == statement.text

    async def test_list_statement_is_a_body(self, wire: Wire, api: respx.MockRouter) -> None:
        route = api.post(f"{ROOT}/query").respond(json={"QueryResponse": {}})
        statement = Select("Customer").where("Id", "IN", ("é",)).page()

        await wire.client.query(statement)

        request = route.calls.last.request
        assert request.content.decode() == statement.text
        assert request.headers["Content-Type"] == "application/text"
        assert wire.calls == ["read"]

    @pytest.mark.parametrize(
        "trouble",
        [
            httpx.Response(500),
            httpx.Response(200, content=b"{"),
            httpx.Response(429),
            httpx.Response(429, content=xml("3001")),
            httpx.Response(403, content=gateway("3001")),
            httpx.ConnectError("no"),
            httpx.ReadTimeout("slow"),
        ],
    )
    async def test_passing_trouble_is_waited_out(
        self, wire: Wire, api: respx.MockRouter, trouble: object
    ) -> None:
        api.get(f"{ROOT}/invoice/1").mock(
            side_effect=[trouble, trouble, trouble, httpx.Response(200, json=INVOICE)]
        )

        reply = await wire.client.get("invoice/1")

        assert reply.payload == INVOICE
        assert len(wire.gate.admitted) == 4

    async def test_pauses_grow_with_jitter(self, wire: Wire, api: respx.MockRouter) -> None:
        api.get(f"{ROOT}/invoice/1").respond(500)

        with pytest.raises(OutcomeUnknown):
            await wire.client.get("invoice/1")

        assert [0.5 <= first <= 1 for first in wire.pauses[:1]] == [True]
        assert 1 <= wire.pauses[1] <= 2 <= wire.pauses[2] <= 4
        assert len(wire.pauses) == 3

    async def test_full_quota_is_left_to_the_gate(self, wire: Wire, api: respx.MockRouter) -> None:
        api.get(f"{ROOT}/invoice/1").respond(429, headers={"Retry-After": "3"})

        with pytest.raises(RetryLater):
            await wire.client.get("invoice/1")

        assert wire.gate.throttles == [3.0] * 4
        assert wire.pauses == []

    async def test_stale_token_is_renewed_once(self, wire: Wire, api: respx.MockRouter) -> None:
        api.get(f"{ROOT}/invoice/1").mock(
            side_effect=[
                httpx.Response(401, content=gateway("3200")),
                httpx.Response(200, json=INVOICE),
            ]
        )

        await wire.client.get("invoice/1")

        tokens = [call.request.headers["Authorization"] for call in api.calls]
        assert tokens == ["Bearer token-1", "Bearer token-2"]

    async def test_fresh_token_that_is_refused_needs_the_merchant(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        api.get(f"{ROOT}/invoice/1").respond(401, content=gateway("3200"))

        with pytest.raises(ReconnectRequired):
            await wire.client.get("invoice/1")

        assert wire.tokens.renewed == ["token-1"]

    async def test_token_refused_at_the_last_attempt(
        self, wire: Wire, api: respx.MockRouter
    ) -> None:
        api.get(f"{ROOT}/invoice/1").mock(
            side_effect=[httpx.Response(500)] * 3 + [httpx.Response(401)]
        )

        with pytest.raises(OutcomeUnknown):
            await wire.client.get("invoice/1")

    @pytest.mark.parametrize(
        ("status", "content", "expected"),
        [
            (400, fault("4001"), RecordRejected),
            (403, gateway("3100"), ReconnectRequired),
            (401, xml("130"), CompanyUnavailable),
        ],
    )
    async def test_refusal_is_not_repeated(
        self,
        wire: Wire,
        api: respx.MockRouter,
        status: int,
        content: bytes,
        expected: type[ProviderError],
    ) -> None:
        route = api.get(f"{ROOT}/invoice/1").respond(status, content=content)

        with pytest.raises(expected):
            await wire.client.get("invoice/1")

        assert route.call_count == 1


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


class TestOnARealSocket:
    async def test_permit_is_asked_again_when_the_connection_stands(self) -> None:
        """
        A machine that slept while it connected must not wake up sending.
        """
        received: list[bytes] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.read(1))
            writer.close()

        asked: list[int] = []

        def permit() -> None:
            asked.append(1)
            if len(asked) == 2:
                refuse()

        async with serving(listen) as url:
            wire = Wire(base_url=url)
            with pytest.raises(NotSent, match="too late"):
                await wire.write(permit=permit)

        assert received in ([], [b""])
        assert wire.calls == []

    async def test_connection_refused_is_not_sent(self) -> None:
        async with serving(lambda *_: None) as url:
            pass

        with pytest.raises(NotSent):
            await Wire(base_url=url).write()

    async def test_hang_up_after_the_request_is_unknown(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        async with serving(hang_up) as url:
            with pytest.raises(OutcomeUnknown):
                await Wire(base_url=url).write()

    async def test_torn_answer_is_unknown(self) -> None:
        async def tear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + json.dumps(INVOICE).encode()
            )
            await writer.drain()
            writer.close()

        async with serving(tear) as url:
            with pytest.raises(OutcomeUnknown):
                await Wire(base_url=url).write()

    async def test_realm_is_quoted_into_the_path(self) -> None:
        lines: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
            body = json.dumps(INVOICE).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            writer.close()

        async with serving(answer) as url:
            await Wire(base_url=url + "/").client.get("invoice/1")

        assert lines == [f"GET /v3/company/{REALM}/invoice/1?minorversion=75 HTTP/1.1".encode()]
