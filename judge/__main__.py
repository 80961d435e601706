"""
``python -m judge``: compares what was billed with what stands in the books.

    python -m judge snapshot --books URL --realm ID --out FILE
    python -m judge compare --books URL --realm ID --pushed FILE --before FILE [--json FILE]

Exit code 0: everything agrees to the cent; 1: something differs; 2: it could not be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from judge.billed import read_file
from judge.books import Books, Unreadable, load, read_books, save
from judge.compare import Judge
from judge.findings import Judgement, Row
from judge.marks import Marks

AGREES, DIFFERS, UNREADABLE = 0, 1, 2
SHOWN_FINDINGS = 30


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        books = read_books(options.books.rstrip("/"), options.realm)
        if options.command == "snapshot":
            save(books, options.out)
            return AGREES
        before = load(options.before) if options.before else Books()
        billed = read_file(options.pushed)
    except (Unreadable, OSError, ValueError, KeyError) as lost:
        sys.stderr.write(f"The judge cannot read: {lost}\n")
        return UNREADABLE
    marks = Marks(options.environment, options.realm, options.source_system)
    judgement = Judge(billed, books, before, marks).judge()
    sys.stdout.write(shown(judgement))
    if options.json:
        options.json.write_text(report(judgement))
    return AGREES if judgement.agrees else DIFFERS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m judge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("snapshot", "compare"):
        command = commands.add_parser(name)
        command.add_argument("--books", required=True, help="base URL of the simulator")
        command.add_argument("--realm", required=True)
        if name == "snapshot":
            command.add_argument("--out", required=True, type=Path)
            continue
        command.add_argument("--pushed", required=True, type=Path, help="what was billed, NDJSON")
        command.add_argument("--before", type=Path, help="a snapshot of before the first export")
        command.add_argument("--json", type=Path, help="write a report there, too")
        command.add_argument("--environment", default="simulator")
        command.add_argument("--source-system", default="billing")
    return parser


def shown(judgement: Judgement) -> str:
    """Return the comparison as a table, and the findings as sentences."""
    head = ("", "billed", "in the books", "billed", "in the books", "difference")
    table = [head, *(_cells(row) for row in judgement.rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    lines = []
    for row in table:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * len(max(lines, key=len)))
    lines += _sentences(judgement)
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    def count(number: int | None) -> str:
        return "" if number is None else str(number)

    return (
        row.name,
        count(row.billed_count),
        count(row.books_count),
        f"{row.billed:,.2f}",
        f"{row.books:,.2f}",
        f"{row.books - row.billed:,.2f}",
    )


def _sentences(judgement: Judgement) -> list[str]:
    lines = [
        f"  {refusal.kind} {refusal.billing_id} did not go out: {refusal.code}"
        for refusal in judgement.named[:SHOWN_FINDINGS]
    ]
    if judgement.agrees:
        return [*lines, "Everything agrees, to the cent."]
    lines.append(f"{len(judgement.findings)} differences:")
    for finding in judgement.findings[:SHOWN_FINDINGS]:
        sides = ""
        if finding.billed or finding.books:
            sides = f" (billed {finding.billed or '-'}, in the books {finding.books or '-'})"
        lines.append(f"  {finding.kind} {finding.which} {finding.problem}{sides}")
    if len(judgement.findings) > SHOWN_FINDINGS:
        lines.append(f"  and {len(judgement.findings) - SHOWN_FINDINGS} more")
    return lines


def report(judgement: Judgement) -> str:
    """Return everything as JSON; amounts are decimal strings."""

    def plain(value: object) -> object:
        if isinstance(value, Decimal):
            return f"{value:.2f}"
        raise TypeError(type(value).__name__)

    found = {
        "agrees": judgement.agrees,
        "rows": [asdict(row) | {"agrees": row.agrees} for row in judgement.rows],
        "findings": [asdict(finding) for finding in judgement.findings],
        "named": [asdict(refusal) for refusal in judgement.named],
    }
    return json.dumps(found, default=plain, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
