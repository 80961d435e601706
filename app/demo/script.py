"""The play: what a billing system and its people do, step by step, through the public API."""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.commands.remote import Answer, Refused, Remote, follow
from app.commands.sync import history_table, said
from app.commands.terminal import Stop
from app.demo import people
from app.demo.browser import walk
from app.demo.kinds import Kind
from app.demo.people import BookCustomer, Buyer, Record, Stamps
from app.demo.quarter import FIRST_DAY, LAST_DAY, Bookkeeping, Size
from app.demo.show import Show, invoice_table
from app.demo.stage import Books, Stage

RETURN_URL = "http://127.0.0.1:9/settings/accounting"
IMPORTED = ["customers", "items", "accounts"]
EXPORTED = ["customers", "items", "invoices", "payments", "credits", "refunds"]
LINKED, ADOPTED, NEW = 60, 40, 40
INCOME, EXPENSE, PAID_FROM = "Subscription income", "Hosting costs", "Checking"
JOB_SECONDS = 600.0


class Truth:
    """The file with everything that was pushed, in its order: what the judge believes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("")

    def add(self, kind: str, records: Iterable[Record]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for record in records:
                line = json.dumps({"kind": kind, "record": record}, ensure_ascii=False)
                file.write(line + "\n")

    def exported(self) -> None:
        """Note that what stands above was exported here."""
        self.add("checkpoint", [{"name": "export"}])


class Play:
    """One run of the demonstration."""

    def __init__(self, stage: Stage, show: Show, kind: Kind, *, size: Size, seed: int) -> None:
        self.stage, self.show, self.kind, self.size = stage, show, kind, size
        self.truth = Truth(stage.folder / "billed.ndjson")
        self.snapshot = stage.folder / "books-before.json"
        self.seed = seed
        self.stamps = Stamps()
        self.api = Remote(stage.url, "")
        self.key = ""
        self.integration_id = ""
        self.book: Bookkeeping | None = None

    def run(self) -> None:
        """
        Play everything.

        Raises:
            Stop: A step failed.
        """
        self.show.heading("Set up")
        self.sign_up()
        self.connect()
        self.show.heading("Import")
        self.import_books()
        self.use_accounts()
        self.show.heading("Bill a quarter")
        self.push()
        self.map_taxes()
        self.take_snapshot()
        self.show.heading("Export")
        self.export("Export the quarter")
        self.change()
        self.export("Export the changes")
        self.export_again()

    # ---------------------------------------------------------------------------- set up

    def sign_up(self) -> None:
        with self.show.step("Create an organization, an API key and an integration") as note:
            with Remote(self.stage.url, self.stage.operator_key) as operator:
                made = operator.call("POST", "/v1/organizations", {"name": "Maple Billing Ltd."})
                key = operator.call(
                    "POST",
                    f"/v1/organizations/{made['id']}/api-keys",
                    {"name": "billing server", "scopes": ["admin"]},
                )
            self.key = key["key"]
            self.api = Remote(self.stage.url, self.key)
            integration = self.api.call(
                "POST",
                "/v1/integrations",
                {
                    "name": "QuickBooks",
                    "provider": "quickbooks_online",
                    "mode": "full_synchronization",
                    "allowed_return_urls": [RETURN_URL],
                },
            )
            self.integration_id = integration["id"]
            note(f"key {key['prefix']}…")

    def connect(self) -> None:
        with self.show.step("Connect QuickBooks through the browser's redirects") as note:
            begun = self.call("POST", "/connect", {"return_url": RETURN_URL})
            way, told = walk(begun["authorization_url"], RETURN_URL)
            if told.get("status") != "connected":
                raise Stop(f"Connecting {told.get('status')}: {told.get('message')}")
            company = self.call("GET", "/connection")["company"]
            note(f"{company['name']}, {company['country']}, {company['home_currency']}")
        for place in way:
            self.show.say(f"→ {place}")

    # ---------------------------------------------------------------------------- import

    def import_books(self) -> None:
        self.job("Import customers, items with taxes, accounts", "import", IMPORTED)

    def use_accounts(self) -> None:
        with self.show.step("Choose the accounts of new items and of money") as note:
            accounts = list(self.pages("/books/accounts"))
            income, expense, money = (
                _named(accounts, name) for name in (INCOME, EXPENSE, PAID_FROM)
            )
            items = {
                "income_account_id": income["external_id"],
                "expense_account_id": expense["external_id"],
            }
            deposit = {"deposit_account_id": money["external_id"]}
            self.call("PATCH", "", {"settings": {"items": items, "accounts": deposit}})
            chosen = {"income_account": INCOME, "rates": dict(self.kind.pairs)}
            self.truth.add("settings", [chosen])
            note(", ".join(account["name"] for account in (income, expense, money)))

    # --------------------------------------------------------------------------- billing

    def push(self) -> None:
        kind, customers = self.kind, self.customers()
        items = [row["name"] for row in self.pages("/books/items") if row["active"]]
        charges = people.charges(items[::2], self.stamps)
        if kind.rates:
            self.bill("taxes", people.taxes(self.stamps, kind))
        self.bill("charges", charges)
        buyers = [
            Buyer(billing_id, self._region(place), kind.currency_of(place))
            for place, billing_id in enumerate(customers)
        ]
        codes = [charge["price_code"] for charge in charges]
        self.book = Bookkeeping(buyers, codes, self.stamps, kind, seed=self.seed)
        self.book.fill(self.size)
        self.bill("invoices", self.book.quarter.invoices.values())
        self.bill("payments", self.book.quarter.payments.values())
        self.bill("credit-notes", self.book.quarter.credit_notes.values())
        self.bill("refunds", self.book.quarter.refunds.values())

    def _region(self, place: int) -> str:
        adopted = LINKED <= place < LINKED + ADOPTED
        return (self.kind.adopted_region if adopted else None) or self.kind.region_of(place)

    def customers(self) -> list[str]:
        """Bill some customers who are in the books, adopt some, and bring some new ones."""
        usable = self._usable_customers()
        linked = people.linked_customers(usable[:LINKED], self.stamps, self.kind)
        fresh = people.new_customers(NEW, self.stamps, self.kind, first=LINKED + ADOPTED)
        adopted = people.adopted_customers(usable[LINKED : LINKED + ADOPTED])
        with self.show.step("Adopt imported customers as billing customers") as note:
            answer = self.call("POST", "/books/customers/adopt", adopted)
            refused = [row for row in answer["results"] if row["status"] == "refused"]
            if refused:
                raise Stop(f"{len(refused)} customers were not adopted: {refused[0]['problem']}")
            names = {customer.external_id: customer.name for customer in usable}
            self.truth.add(
                "adoptions",
                ({**row, "display_name": names[row["external_id"]]} for row in adopted),
            )
            note(f"{len(adopted)} adopted")
        self.bill("customers", [*linked, *fresh])
        return [record["billing_id"] for record in (*linked, *adopted, *fresh)]

    def _usable_customers(self) -> list[BookCustomer]:
        rows = [row for row in self.pages("/books/customers") if row["active"]]
        home = self.kind.currency
        tops = [row for row in rows if not row.get("parent_id") and row["currency"] == home]
        if len(tops) < LINKED + ADOPTED:
            raise Stop(f"Only {len(tops)} customers were imported.")
        return [BookCustomer(row["external_id"], row["display_name"], row["email"]) for row in tops]

    def bill(self, kind: str, records: Iterable[Record]) -> None:
        """Push records as NDJSON, and note them as the truth."""
        pushed = list(records)
        with self.show.step(f"Push {kind.replace('-', ' ')}") as note:
            *results, last = self.api.lines(self.path(f"/billing/{kind}/batch"), iter(pushed))
            refused = [row for row in results if row["status"] in {"refused", "stale"}]
            if refused:
                raise Stop(f"{len(refused)} {kind} were refused: {json.dumps(refused[0])}")
            self.truth.add(kind, pushed)
            note(f"{len(pushed)} as NDJSON; {_counted(last)}")

    def map_taxes(self) -> None:
        if not self.call("GET", "/tax-mappings")["required"]:
            self.show.say("QuickBooks asks for no mapping of taxes in this company.")
            return
        with self.show.step("Map taxes whose names match exactly") as note:
            suggested = self.call("POST", "/tax-mappings/suggest", {"confirm": "exact"})
            confirmed = [row for row in suggested["data"] if row["status"] == "confirmed"]
            pairs = (f"{'+'.join(r['price_codes'])} → {r['tax_code_name']}" for r in confirmed)
            note(", ".join(pairs) or "none")
        codes = {row["name"]: row["external_id"] for row in self.pages("/books/tax-codes")}
        for row in suggested["data"]:
            if row["status"] == "confirmed":
                continue
            names = " + ".join(row["price_codes"]) or "untaxed"
            with self.show.step(f"Confirm {names}, as a person does") as note:
                chosen = row["tax_code_id"] or codes[self._choose(row["price_codes"])]
                if not row["price_codes"]:
                    chosen = codes[self._choose([])]
                mapping = {"price_codes": row["price_codes"], "tax_code_id": chosen}
                made = self.call("POST", "/tax-mappings", mapping)
                note(f"→ {made['tax_code_name']}")

    def _choose(self, price_codes: Sequence[str]) -> str:
        """Return the tax code that a person of this country chooses."""
        name = self.kind.untaxed_code
        if price_codes:
            name = self.kind.chosen.get("+".join(price_codes))
        if name is None:
            raise Stop(f"Nobody said which tax code {' + '.join(price_codes) or 'no tax'} is.")
        return name

    def take_snapshot(self) -> None:
        with self.show.step("Let the judge look at the books before anything is written"):
            judge("snapshot", *self._books(), "--out", str(self.snapshot))

    # ---------------------------------------------------------------------------- export

    def export(self, title: str) -> Answer:
        days = {"date_from": FIRST_DAY.isoformat(), "date_to": LAST_DAY.isoformat()}
        done = self.job(title, "export", EXPORTED, **days)
        self.truth.exported()
        return done

    def change(self) -> None:
        assert self.book is not None  # noqa: S101 - filled by `push`
        self.show.say("Now the billing system edits and voids invoices, cancels payments,")
        self.show.say("allocates what other payments left over, and pays money back.")
        changed = self.book.change(self.size)
        for kind, records in changed.items():
            self.bill(kind, records)

    def export_again(self) -> None:
        """Export the same range a third time: nothing may be left to do."""
        counts = self.export("Export the same range once more")["counts"]
        wrong = {name: counts[name] for name in ("created", "updated", "voided") if counts[name]}
        if wrong:
            raise Stop(f"The third export of the same range wrote something: {wrong}.")

    def job(self, title: str, direction: str, resources: Sequence[str], **days: str) -> Answer:
        """Run a job to its end; anything but success stops the play with the record's reason."""
        with self.show.job(title) as (update, note):
            wanted = {"direction": direction, "resources": list(resources), **days}
            started = self.call("POST", "/sync-jobs", wanted)
            done = follow(self.api, self.integration_id, started["id"], update, seconds=JOB_SECONDS)
            note(said(done["counts"]))
            note(_calls(done["quickbooks_calls"]))
        if done["status"] != "succeeded":
            self._explain(done)
        return done

    def _explain(self, job: Answer) -> None:
        """Say what did not go through; findings of an import are only shown."""
        failure = job.get("failure")
        if failure:
            raise Stop(f"{job['operation_type']} failed: {failure['cause']}", failure["fixes"])
        path = f"/sync-jobs/{job['id']}/records"
        states = ("rejected", "blocked", "unknown", "parked", "conflict", "finding")
        for state in states:
            with suppress(Refused):
                for row in self.call("GET", path, state=state, limit=5)["data"]:
                    number = row["billing_number"] or row["billing_id"]
                    self.show.say(f"{row['kind']} {number}: {row['state']}: {row['explanation']}")
        if job["direction"] == "export" or job["status"] != "succeeded_with_findings":
            raise Stop(f"{job['operation_type']} ended as {job['status']}: {said(job['counts'])}.")

    # --------------------------------------------------------------------------- the end

    def history(self) -> None:
        jobs = self.call("GET", "/sync-jobs", limit=50)["data"]
        self.show.out.print(history_table(list(reversed(jobs))))

    def one_invoice(self) -> None:
        """Show an invoice beside its document; one with two taxes on a line, if there is any."""
        assert self.book is not None  # noqa: S101 - filled by `push`
        billed = max(self.book.quarter.invoices.values(), key=_worth_seeing)
        shown = self.call("GET", f"/billing/invoices/{billed['billing_id']}")
        with self.stage.books.control() as control:
            place = self.stage.books.company(f"/documents/Invoice/{document_id(shown)}")
            document = control.call("GET", place)
            names = {
                entity: {
                    str(row["Id"]): str(row["Name"])
                    for row in control.call(
                        "GET", self.stage.books.company(f"/documents/{entity}")
                    )["data"]
                }
                for entity in ("TaxRate", "TaxCode")
            }
        table = invoice_table(billed, document, names["TaxRate"], names["TaxCode"])
        self.show.out.print(table)

    def judged(self) -> int:
        """Let the judge compare; return its exit code."""
        report = self.stage.folder / "judgement.json"
        arguments = ["--pushed", str(self.truth.path), "--before", str(self.snapshot)]
        return judge("compare", *self._books(), *arguments, "--json", str(report), check=False)

    def _books(self) -> list[str]:
        books: Books = self.stage.books
        return ["--books", books.base_url, "--realm", books.realm_id]

    # ---------------------------------------------------------------------------- calling

    def path(self, below: str) -> str:
        return f"/v1/integrations/{self.integration_id}{below}"

    def call(self, method: str, below: str, body: Any = None, **params: Any) -> Answer:
        return self.api.call(method, self.path(below), body, **params)

    def pages(self, below: str) -> Iterable[Answer]:
        return self.api.pages(self.path(below))


def judge(*arguments: str, check: bool = True) -> int:
    """Run the judge, a program that knows nothing of this one."""
    command = [sys.executable, "-m", "judge", *arguments]
    done = subprocess.run(command, check=False)  # noqa: S603  Our own program.
    if check and done.returncode != 0:
        raise Stop(f"The judge could not read the books (exit code {done.returncode}).")
    return done.returncode


def _worth_seeing(record: Record) -> tuple[bool, ...]:
    """Order invoices by how much they show: open, told line by line, with several taxes."""
    taxes = [line.get("taxes", ()) for line in record["lines"]]
    return (
        record["status"] == "open" and not record.get("prices_include_tax"),
        all("amount" in tax for line in taxes for tax in line),
        len(record["lines"]) > 2,
        any(len(line) > 1 for line in taxes),
        any(taxes),
    )


def document_id(shown: Answer) -> str:
    """Return the id of a billing record's document."""
    document = shown.get("document") or shown.get("link") or {}
    found = document.get("id") or document.get("external_id")
    if not found:
        raise Stop(f"The invoice has no document: {json.dumps(shown, default=str)[:300]}")
    return str(found)


def _named(rows: Iterable[Answer], name: str) -> Answer:
    for row in rows:
        if row["name"] == name:
            return row
    raise Stop(f"The books have no {name!r}.")


def _calls(calls: dict[str, int]) -> str:
    shown = [f"{number} {name}" for name, number in sorted(calls.items())]
    return f"calls to QuickBooks: {', '.join(shown) or 'none'}"


def _counted(last: Answer) -> str:
    counts = last.get("counts", {})
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)
