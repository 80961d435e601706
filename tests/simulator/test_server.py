"""The program: its options, its one line, its end."""

from __future__ import annotations

import socket
import subprocess
import sys

import httpx
import pytest

from tests.simulator_server import ROOT, SimulatorServer


class TestProgram:
    def test_options_reach_the_companies(self) -> None:
        with SimulatorServer(
            realm=["11", "22"],
            customers=12,
            items=3,
            seed=9,
            created_from="2025-01-01",
            created_to="2025-01-31",
            client_id="ABmine",
            client_secret="secret",
            redirect_uri=["http://localhost:1/callback"],
            switch={"requestid": "ignored", "requests_per_second": 5},
            warm=True,
        ) as server:
            info = server.get("/info")
            created = [row["MetaData"]["CreateTime"] for row in server.documents("Customer", "22")]
            switches = server.get("/switches")

        assert (server.realm_id, server.client_id) == ("11", "ABmine")
        assert [company["realm_id"] for company in info["companies"]] == ["11", "22"]
        assert len(created) >= 12
        assert {moment[:7] for moment in created} == {"2025-01"}
        assert (switches["requestid"], switches["requests_per_second"]) == ("ignored", 5)
        assert switches["authorize"] == "approve"

    def test_a_port_in_use_is_an_error(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()

            done = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "simulator", "--port", str(taken.getsockname()[1])],
                cwd=ROOT,
                capture_output=True,
                timeout=30,
                check=False,
            )

        assert done.returncode != 0
        assert done.stdout == b""

    def test_an_unknown_switch_is_an_error(self) -> None:
        with pytest.raises(RuntimeError, match="unknown names: nothing"):
            SimulatorServer(switch={"nothing": 1}).start()


class TestHelper:
    def test_reset_gives_the_same_company_again(self, server: SimulatorServer) -> None:
        server.reset()
        before = server.counts()
        server.edit("create", "Customer", {"DisplayName": "Somebody"})

        changed = server.counts()
        server.reset()

        assert changed["Customer"] == before["Customer"] + 1
        assert server.counts() == before

    def test_a_refused_order_says_why(self, server: SimulatorServer) -> None:
        with pytest.raises(AssertionError, match="no company 1"):
            server.documents("Customer", "1")

    def test_time_by_hand_and_by_scale(self, server: SimulatorServer) -> None:
        server.reset()
        tokens = server.issue_tokens()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        url = f"{server.api_url}/v3/company/{server.realm_id}/preferences"

        fresh = httpx.get(url, headers=headers)
        server.advance(3601)
        old = httpx.get(url, headers=headers)

        assert (fresh.status_code, old.status_code) == (200, 401)
        assert server.scale_clock(60)["scale"] == 60
        server.reset()

    def test_half_a_call_is_none(self, server: SimulatorServer) -> None:
        server.reset()
        tokens = server.issue_tokens()
        head = (
            f"POST /v3/company/{server.realm_id}/customer?requestid=half HTTP/1.1\r\n"
            "Host: books\r\n"
            f"Authorization: Bearer {tokens['access_token']}\r\nContent-Type: application/json\r\n"
        )
        with socket.create_connection(("127.0.0.1", httpx.URL(server.base_url).port or 0)) as line:
            line.sendall(f'{head}Content-Length: 40\r\n\r\n{{"DisplayName":'.encode())

        assert server.requests() == []

    def test_nothing_went_wrong_inside(self, server: SimulatorServer) -> None:
        assert server.errors() == ""
