"""Plays the document's examples as a script, in the one order in which all of them succeed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from tests.contract.document import JSON, Document, Operation
from tests.simulator_server import SimulatorServer

SETTLED_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answered:
    """One call of the script, and what is wrong with its answer by the document."""

    operation: str
    example: str | None
    status: int
    body: Any
    wrong: list[str]


class Player:
    """Calls operations with their own examples; path parameters come from earlier answers."""

    def __init__(
        self, document: Document, app: FastAPI, simulator: SimulatorServer, operator_key: str
    ) -> None:
        self.document, self.simulator, self.operator_key = document, simulator, operator_key
        self.key = ""
        self.ids: dict[str, str] = {}
        self.calls: list[Answered] = []
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8400"
        )

    async def all(self, operation_id: str, **ids: str) -> dict[str, Any]:
        """Call an operation with each of its request examples; return the answers by example."""
        operation = self.document.operations[operation_id]
        examples = self.document.request_examples(operation)
        return {
            name: await self._send(operation, name, value, ids) for name, value in examples.items()
        }

    async def example(self, operation_id: str, name: str, **ids: str) -> Any:
        """Call an operation with one of its request examples."""
        operation = self.document.operations[operation_id]
        value = self.document.request_examples(operation)[name]
        return await self._send(operation, name, value, ids)

    async def one(self, operation_id: str, *, query: str = "", **ids: str) -> Any:
        """Call an operation without a body, or with its only example."""
        operation = self.document.operations[operation_id]
        examples = self.document.request_examples(operation)
        assert len(examples) <= 1, f"{operation_id} has several examples"
        name = next(iter(examples), None)
        value = examples[name] if name else None
        return await self._send(operation, name, value, ids, query=query)

    async def send(self, operation_id: str, body: Any, **ids: str) -> Any:
        """Call an operation with a body that is no example: the script needs it."""
        return await self._send(self.document.operations[operation_id], None, body, ids)

    async def _send(
        self,
        operation: Operation,
        example: str | None,
        body: Any,
        ids: Mapping[str, str],
        *,
        query: str = "",
    ) -> Any:
        key = self.operator_key if operation.by_operator else self.key
        answer = await self.http.request(
            operation.method,
            self._address(operation.path, ids) + query,
            json=body,
            headers={"Authorization": f"Bearer {key}"},
        )
        self.calls.append(
            Answered(
                operation=operation.id,
                example=example,
                status=answer.status_code,
                body=answer.text,
                wrong=self._wrong(operation, answer),
            )
        )
        assert answer.is_success, f"{operation.id} ({example}): {answer.text}"
        return answer.json() if answer.headers.get("content-type") == JSON else answer.text

    def _address(self, path: str, ids: Mapping[str, str]) -> str:
        known = {**self.ids, **ids}
        return re.sub(r"{(\w+)}", lambda found: quote(known[found[1]], safe=""), path)

    def _wrong(self, operation: Operation, answer: httpx.Response) -> list[str]:
        said = operation.said["responses"].get(str(answer.status_code))
        if said is None:
            return [f"the status {answer.status_code} is not documented"]
        media = answer.headers.get("content-type", "").partition(";")[0]
        content = said.get("content", {})
        if not content and not answer.content:
            return []
        if media not in content:
            return [f"{media or 'no media type'} is not documented for {answer.status_code}"]
        schema = content[media].get("schema")
        return self.document.errors(schema, answer.json()) if schema and media == JSON else []

    # ------------------------------------------------------------------------------ the script

    async def play(self) -> None:
        await self._sign_up()
        await self._look_around()
        await self._connect()
        imported = (await self.all("create_sync_job"))["import"]
        await self._ended(imported)
        await self.one("list_sync_jobs")
        await self._look_at_books()
        await self._push()
        await self._map()
        await self._export()
        await self._summarize()
        await self._leave()

    async def _sign_up(self) -> None:
        self.ids["organization_id"] = (await self.one("create_organization"))["id"]
        await self.one("list_organizations")
        keys = await self.all("create_api_key")
        await self.one("list_api_keys")
        await self.one("rotate_api_key", key_id=keys["billing_server"]["id"])
        await self.one("revoke_api_key", key_id=keys["auditor"]["id"])
        self.key = keys["administrator"]["key"]
        await self.one("list_providers")
        made = await self.all("create_integration")
        self.ids["integration_id"] = made["full"]["id"]
        await self.one("list_integrations")
        await self.one("get_integration")
        await self.all("update_integration")

    async def _look_around(self) -> None:
        """What can be read without naming anything: probes, figures, lists."""
        played = {call.operation for call in self.calls}
        for operation in self.document.operations.values():
            plain = operation.method == "GET" and "{" not in operation.path
            if plain and operation.id not in played:
                await self.one(operation.id)

    async def _connect(self) -> None:
        begun = await self.one("connect")
        page = await self.http.get(begun["authorization_url"])
        form = re.findall(r'name="form" value="([^"]*)"', page.text)[0]
        left = await self.http.post(begun["authorization_url"], data={"form": form})
        back = self.simulator.authorize(left.headers["location"])
        landed = await self.http.get(back)
        assert "status=connected" in landed.headers["location"], landed.headers["location"]
        assert (await self.one("get_connection"))["status"] == "connected"

    async def _ended(self, job: dict[str, Any]) -> dict[str, Any]:
        self.ids["job_id"] = job["id"]
        ended = await self.one("get_sync_job", query=f"?wait={SETTLED_SECONDS}")
        assert ended["finished_at"], ended
        return dict(ended)

    async def _look_at_books(self) -> None:
        for operation_id in self.document.operations:
            if operation_id.startswith("list_books_"):
                await self.one(operation_id)

    async def _push(self) -> None:
        kinds = {
            "tax": "taxes",
            "charge": "charges",
            "customer": "customers",
            "invoice": "invoices",
            "payment": "payments",
            "credit_note": "credit_notes",
            "refund": "refunds",
        }
        for one, many in kinds.items():
            operation = self.document.operations[f"put_{one}"]
            for record in self.document.request_examples(operation).values():
                self.ids["billing_id"] = record["billing_id"]
            await self.all(f"put_{one}")
            await self.all(f"put_{many}_batch")
            await self.one(f"list_{many}")
            await self.one(f"get_{one}")

    async def _map(self) -> None:
        taxes = await self.all("add_tax_mapping")
        await self.all("change_tax_mapping", mapping_id=taxes["group"]["id"])
        await self.one("delete_tax_mapping", mapping_id=taxes["single"]["id"])
        await self.all("suggest_tax_mappings")
        await self.one("list_tax_mappings")
        for word in ("item", "account", "method"):
            added = await self.one(f"add_{word}_mapping")
            await self.one(f"list_{word}_mappings")
            await self.all(f"change_{word}_mapping", mapping_id=added["id"])
            await self.one(f"delete_{word}_mapping", mapping_id=added["id"])
            await self.all(f"suggest_{word}_mappings")
        paired = await self.one("add_customer_mapping")
        await self.one("list_customer_mappings")
        await self.one("change_customer_mapping", mapping_id=paired["id"])
        await self.one("delete_customer_mapping", mapping_id=paired["id"])
        await self.all("suggest_customer_mappings")
        await self.one("adopt_customers")

    async def _export(self) -> None:
        await self._push_unmapped()
        await self.one("preflight")
        await self._dry_run()
        exported = await self.example("create_sync_job", "export")
        ended = await self._ended(exported)
        assert ended["counts"]["created"], ended
        found = (await self.one("list_sync_job_records"))["data"]
        refused = [row for row in found if row["state"] == "rejected"]
        assert [row["billing_id"] for row in refused] == ["inv_unmapped"], refused
        await self.one("download_sync_job_records")
        await self.one("list_sync_job_findings")
        await self.one("get_invoice", billing_id="inv_5001")
        await self._ended(await self.one("retry_sync_job"))
        self.ids["job_id"] = exported["id"]
        for again in (await self.all("retry_sync_job_record", record_id=refused[0]["id"])).values():
            await self._ended(again)
        month = "?date_from=2026-03-01&date_to=2026-03-31"
        await self.one("reconcile", query=month)
        await self.one("download_reconciliation", query=month)
        self.ids["job_id"] = exported["id"]
        await self.all("skip_sync_job_record", record_id=refused[0]["id"])
        again = await self._ended(await self.example("create_sync_job", "dry_run"))
        await self._ended(await self.one("apply_sync_job", job_id=again["id"]))
        waiting = await self.example("create_sync_job", "export")
        await self.one("cancel_sync_job", job_id=waiting["id"])

    async def _dry_run(self) -> None:
        """Foresee the month, look at the plan, and post it; the export afterwards has the rest."""
        planned = await self._ended(await self.example("create_sync_job", "dry_run"))
        assert planned["counts"]["planned"], planned
        await self.one("get_sync_job_plan")
        await self.one("download_sync_job_plan")

    async def _push_unmapped(self, **fields: str) -> None:
        """An invoice with a tax that nobody has mapped: it is refused, and can be skipped."""
        operation = self.document.operations["put_invoice"]
        record = next(iter(self.document.request_examples(operation).values()))
        line = {**record["lines"][0], "taxes": [{"price_code": "HST", "rate": "13"}]}
        changed = {"number": "2026-0002", "tax_total": "13.00", "total": "113.00"}
        body = {**record, **changed, "billing_id": "inv_unmapped", "lines": [line], **fields}
        await self.send("put_invoice", body, billing_id="inv_unmapped")

    async def _summarize(self) -> None:
        """Change to summarized entries, and look at one from its line down to a record."""
        # Everything before that day stands in the books, and nothing from it on.
        await self._push_unmapped(status="void")
        mode = {"mode": "summarized_journal_entry", "mode_from": "2026-03-06"}
        await self.send("update_integration", mode)
        accounts = (await self.one("list_books_accounts"))["data"]
        chosen = {row["name"]: row["external_id"] for row in accounts}
        for role, name in (("income", "Services"), ("receivable", "Undeposited Funds")):
            body = {"role": role, "account_id": chosen[name]}
            await self.send("add_account_mapping", body)
        operation = self.document.operations["put_invoice"]
        record = next(iter(self.document.request_examples(operation).values()))
        line = {**record["lines"][0], "taxes": []}
        changed = {"number": "2026-0003", "invoice_date": "2026-05-02", "due_date": None}
        sums = {"lines": [line], "tax_total": "0.00", "total": line["amount"]}
        body = {**record, **changed, **sums, "billing_id": "inv_summed"}
        await self.send("put_invoice", body, billing_id="inv_summed")
        days = {"date_from": "2026-05-01", "date_to": "2026-05-31"}
        month = "?date_from=2026-05-01&date_to=2026-05-31"
        [planned] = (await self.one("preview_journal_entries", query=month))["data"]
        assert planned["state"] == "would_post", planned
        wanted = {"direction": "export", "resources": ["journal_entries"], **days}
        ended = await self._ended(await self.send("create_sync_job", wanted))
        assert ended["counts"]["created"] == 1, ended
        [listed] = (await self.one("list_journal_entries"))["data"]
        entry = await self.one("get_journal_entry", entry=listed["entry"])
        known = {"entry": entry["entry"], "line": str(entry["lines"][0]["line"])}
        await self.one("list_journal_line_members", **known)
        await self.one("download_journal_line_members", **known)
        await self.one("get_invoice", billing_id="inv_summed")

    async def _leave(self) -> None:
        await self.one("disconnect")
        await self.one("delete_integration")
