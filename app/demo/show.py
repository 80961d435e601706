"""What the demonstration shows: steps with their progress, and tables."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from app.commands.remote import Answer, progress_of

Note = Callable[[str], None]


class Show:
    """Prints as the play goes on."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.started = time.monotonic()

    def heading(self, text: str) -> None:
        self.out.print()
        self.out.print(text, style="bold", markup=False)

    def say(self, text: str) -> None:
        self.out.print(f"    {text}", style="dim", markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Note]:
        """Show a step while it runs; what it notes stands behind it at its end."""
        noted: list[str] = []
        started = time.monotonic()
        with self.out.status(f"{title} …"):
            yield noted.append
        self._done(title, noted, started)

    @contextmanager
    def job(self, title: str) -> Iterator[tuple[Callable[[Answer], None], Note]]:
        """Show a job's progress bar while it runs."""
        noted: list[str] = []
        started = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
        )
        with Progress(*columns, console=self.out, transient=True) as progress:
            task = progress.add_task(title, total=None)

            def update(job: Answer) -> None:
                done, total = progress_of(job)
                progress.update(task, completed=done, total=total)

            yield update, noted.append
        self._done(title, noted, started)

    def _done(self, title: str, noted: Sequence[str], started: float) -> None:
        seconds = time.monotonic() - started
        detail = f"  {'; '.join(noted)}" if noted else ""
        self.out.print(f"  [green]✓[/] {title}", end="", highlight=False)
        self.out.print(f"{detail}  ({seconds:.1f} s)", style="dim", markup=False)


def invoice_table(
    invoice: Mapping[str, Any],
    document: Mapping[str, Any],
    rate_names: Mapping[str, str],
    code_names: Mapping[str, str],
) -> Table:
    """Return one invoice as billed beside its document in QuickBooks."""
    title = f"Invoice {invoice['number']} as billed, and as it stands in QuickBooks"
    table = Table(title=title, title_justify="left")
    for name in ("Billed", "Amount", "In QuickBooks", "Amount "):
        table.add_column(name, justify="right" if name.startswith("Amount") else "left")
    billed, posted = (
        list(_billed_rows(invoice)),
        list(_posted_rows(document, rate_names, code_names)),
    )
    for place in range(max(len(billed), len(posted))):
        left = billed[place] if place < len(billed) else ("", "")
        right = posted[place] if place < len(posted) else ("", "")
        table.add_row(*left, *right)
    table.add_section()
    table.add_row(
        "total", _two(invoice["total"]), f"total, id {document['Id']}", _two(document["TotalAmt"])
    )
    return table


def _billed_rows(invoice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    taxes: dict[str, Decimal] = {}
    for line in invoice["lines"]:
        codes = " + ".join(tax["price_code"] for tax in line.get("taxes", ())) or "untaxed"
        yield (
            f"{line['description']}  [{codes}]".replace("[", "(").replace("]", ")"),
            line["amount"],
        )
        for tax in line.get("taxes", ()):
            amount = Decimal(tax.get("amount") or 0)
            taxes[tax["price_code"]] = taxes.get(tax["price_code"], Decimal(0)) + amount
    for code, amount in taxes.items():
        yield f"tax {code}", _two(amount)


def _posted_rows(
    document: Mapping[str, Any], rates: Mapping[str, str], codes: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for line in document["Line"]:
        detail = line.get("SalesItemLineDetail")
        if detail is None:
            continue
        code = codes.get(str(detail.get("TaxCodeRef", {}).get("value")), "–")
        yield f"{line.get('Description', '')}  ({code})", _two(line["Amount"])
    for line in document.get("TxnTaxDetail", {}).get("TaxLine", ()):
        rate = rates.get(str(line["TaxLineDetail"]["TaxRateRef"]["value"]), "?")
        yield f"tax {rate}", _two(line["Amount"])


def _two(amount: Any) -> str:
    return f"{Decimal(str(amount)):.2f}"
