"""A whole month of billing in summarized entries: every account moves by what was billed, once."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.journeys.cases import Town
from tests.journeys.kinds import Shop, lines_of, shop
from tests.journeys.test_journal import ACCOUNTS, TAX, balances, moved, set_master, use_journal

D = Decimal
MONTH = {"date_from": "2026-04-01", "date_to": "2026-04-30"}
# How many of each are billed in the month.
MANY = {"invoices": 2000, "payments": 1500, "credit-notes": 60, "refunds": 20}
FEW = {"invoices": 40, "payments": 20, "credit-notes": 6, "refunds": 4}
RECEIVABLE = {"CAD": "Accounts Receivable (A/R)", "EUR": "Accounts Receivable (A/R) - EUR"}
EUR_RATE = D("1.5")


class Month:
    """Billing of one month, and by how much it moves each account, counted beside the app."""

    def __init__(self, currencies: Sequence[str], *, taxed: bool) -> None:
        self._currencies, self._taxed = currencies, taxed
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.accounts: dict[str, Decimal] = defaultdict(Decimal)

    def bill(self, many: Mapping[str, int]) -> "Month":
        makers = {
            "invoices": self._invoice,
            "payments": self._payment,
            "credit-notes": self._credit,
            "refunds": self._refund,
        }
        for resource, count in many.items():
            self.rows[resource] = [
                self._common(resource, number) | makers[resource](number) for number in range(count)
            ]
        return self

    def _common(self, resource: str, number: int) -> dict[str, Any]:
        day = f"2026-04-{number % 30 + 1:02d}"
        dated = {"invoices": "invoice_date", "payments": "payment_date"}.get(resource, "date")
        currency = self._currency(number)
        rate = {"exchange_rate": str(EUR_RATE)} if currency == "EUR" else {}
        return {
            "billing_id": f"{resource[:1]}{number}",
            "updated_at": "2026-05-01T00:00:00Z",
            "customer": "c1",
            "currency": currency,
            dated: day,
        } | rate

    def _currency(self, number: int) -> str:
        return self._currencies[number % len(self._currencies)]

    def _move(self, account: str, amount: Decimal, number: int) -> None:
        self.accounts[account] += amount * (EUR_RATE if self._currency(number) == "EUR" else 1)

    def _receivable(self, amount: Decimal, number: int) -> None:
        name = RECEIVABLE.get(self._currency(number), ACCOUNTS["receivable"])
        self._move(name, amount, number)

    def _sold(self, number: int, sign: int) -> dict[str, Any]:
        """Lines of two charges, one of them taxed; amounts of which no part has half a cent."""
        plan, book = D(10 * (number % 17 + 1)), D(number % 7) + D("0.50")
        tax = plan * D("0.091") if self._taxed else D(0)
        self._move(ACCOUNTS["income"], -sign * (plan + book), number)
        self._move(ACCOUNTS["tax"], -sign * tax, number)
        self._receivable(sign * (plan + book + tax), number)
        lines = [("plan", str(plan), TAX if self._taxed else {}), ("book", str(book), {})]
        return {
            "lines": lines_of(lines),
            "tax_total": f"{tax:.2f}",
            "total": f"{plan + book + tax:.2f}",
        }

    def _invoice(self, number: int) -> dict[str, Any]:
        return self._sold(number, 1) | {"number": f"I-{number}"}

    def _credit(self, number: int) -> dict[str, Any]:
        return self._sold(number, -1) | {"number": f"C-{number}", "reason": "credit_note"}

    def _payment(self, number: int) -> dict[str, Any]:
        return self._money(number, D(number % 90 + 20), 1) | {"status": "succeeded"}

    def _refund(self, number: int) -> dict[str, Any]:
        return self._money(number, D(number % 5 + 2), -1) | {"payment": f"p{number}"}

    def _money(self, number: int, amount: Decimal, sign: int) -> dict[str, Any]:
        self._move(ACCOUNTS["deposit"], sign * amount, number)
        self._receivable(-sign * amount, number)
        return {"amount": str(amount), "method": "card"}

    async def push(self, made: Shop) -> None:
        """Push everything, one request for each kind."""
        for resource, rows in self.rows.items():
            answer = await made.merchant.http.post(
                f"/v1/integrations/{made.merchant.integration_id}/billing/{resource}/batch",
                content="\n".join(json.dumps(row) for row in rows),
                headers={"Content-Type": "application/x-ndjson"},
            )
            assert answer.status_code == 200, answer.text
            counts = json.loads(answer.text.splitlines()[-1])["counts"]
            assert counts["created"] == len(rows), counts

    @property
    def billed(self) -> dict[str, Decimal]:
        return {name: amount for name, amount in self.accounts.items() if amount}


@asynccontextmanager
async def us_shop(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "us_manual", "USD") as made:
        await made.taxes(Tucson="9.1")
        await use_journal(made)
        yield made


@asynccontextmanager
async def multicurrency_shop(town: Town) -> AsyncIterator[Shop]:
    async with shop(town, "multicurrency", "CAD") as made:
        await use_journal(made)
        await set_master(made, "Billing customers EUR", "EUR")
        account = await made.book_id("accounts", RECEIVABLE["EUR"])
        body = {"role": "receivable", "currency": "EUR", "account_id": account}
        await made.merchant.call("POST", "/account-mappings", body)
        yield made


async def export(made: Shop) -> dict[str, Any]:
    """Export the month, and wait until all of it has settled."""
    body = {"direction": "export", "resources": ["journal_entries"], **MONTH}
    begun = await made.merchant.call("POST", "/sync-jobs", body)
    return await made.merchant.ended(begun["id"], seconds=400)


def entries(made: Shop) -> list[dict[str, Any]]:
    return made.simulator.documents("JournalEntry", made.realm_id)


def sides(entry: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """What an entry of the books debits and credits."""
    found = {"Debit": D(0), "Credit": D(0)}
    for line in entry["Line"]:
        found[line["JournalEntryLineDetail"]["PostingType"]] += D(str(line["Amount"]))
    return found["Debit"], found["Credit"]


async def play(made: Shop, month: Month, count: int) -> None:
    """Preview and export a month, twice: *count* entries move every account as billed, once."""
    await month.push(made)
    before = balances(made)
    shown = (await made.merchant.call("GET", "/journal-entries/preview", params=MONTH))["data"]
    assert [row for row in shown if row["state"] != "would_post"] == []
    assert len(shown) == count
    assert moved(made, before) == {}

    job = await export(made)

    assert (job["counts"]["total"], job["counts"].get("created")) == (count, count), job["counts"]
    assert moved(made, before) == month.billed
    written = entries(made)
    assert {entry["DocNumber"] for entry in written} == {row["number"] for row in shown}
    assert [entry for entry in written if sides(entry)[0] != sides(entry)[1]] == []
    assert sum(sides(entry)[0] for entry in written) == sum(D(row["debits"]) for row in shown)

    again = await export(made)

    assert again["counts"]["unchanged"] == again["counts"]["total"] == count
    assert len(entries(made)) == count
    assert moved(made, before) == month.billed
    for last_day in (MONTH["date_to"], "2026-04-15"):
        days = MONTH | {"date_to": last_day}
        found = await made.merchant.call("GET", "/reconciliation", params=days)
        assert found["in_step"] is True, found["differences"][:3]
        assert {row["difference"] for row in found["kinds"]} == {"0.00"}


@pytest.mark.slow
async def test_month_by_day_of_a_us_company(town: Town) -> None:
    async with us_shop(town) as made:
        await play(made, Month(["USD"], taxed=True).bill(MANY), 30 + 30 + 30 + 20)


@pytest.mark.slow
async def test_month_by_day_of_a_company_with_two_currencies(town: Town) -> None:
    """A day's records are in either currency: as many entries again, but for what is few."""
    async with multicurrency_shop(town) as made:
        month = Month(["CAD", "EUR"], taxed=False).bill(MANY)
        groups = {
            (resource, row["currency"], row[next(key for key in row if key.endswith("date"))])
            for resource, rows in month.rows.items()
            for row in rows
        }
        await play(made, month, len(groups))


async def test_period_of_a_month_is_one_entry_for_each_kind(town: Town) -> None:
    async with us_shop(town) as made:
        await made.merchant.call("PATCH", "", {"settings": {"journal": {"period": "month"}}})

        await play(made, Month(["USD"], taxed=True).bill(FEW), 4)

        assert {row["DocNumber"] for row in entries(made)} == {
            f"S2604-{kind}-USD-01" for kind in ("INV", "PAY", "CRD", "REF")
        }
        assert {row["TxnDate"] for row in entries(made)} == {"2026-04-30"}
