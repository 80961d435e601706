"""
Plants one bug after another in a copy of the engine, and shows that the fault suite catches each.

A suite that never fails proves nothing. Each bug is a small change of the source; one that does not
apply any more ends the run with a word about where to mend it. Nothing in this folder is touched.
"""

import argparse
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from prove_checks import lay_out, replace, restore, run

SHOWN = 88


@dataclass(frozen=True)
class Edit:
    """One change of a file: the first *old* becomes *new*."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Plant:
    """A bug, the faults that bring it to light, and the rule of the checker that must break."""

    what: str
    edits: tuple[Edit, ...]
    rule: str
    faults: tuple[str, ...] = ()
    requestid: str = "honoured"
    seeds: int = 1


PLANTS = (
    Plant(
        "no fence: whoever slept writes on",
        (Edit("app/jobs/work.py", "        raise LeaseLost\n", "        return\n"),),
        "stale fence|illegal transition|cents|lost",
        ("stopped in the call",),
        seeds=2,
    ),
    Plant(
        "a worker that slept wakes up sending",
        (
            Edit(
                "app/ledger/desk.py",
                "    def permit() -> None:\n",
                "    def permit() -> None:\n        return\n",
            ),
        ),
        "cents|duplicate|unknown write|stale",
        ("stopped before the call",),
        requestid="ignored",
        seeds=2,
    ),
    Plant(
        "request ids are made up",
        (
            Edit(
                "app/ledger/identity.py",
                'return f"x{self.hash(operation)}g{generation:02d}"',
                "return 'x' + __import__('secrets').token_hex(13) + f'g{generation:02d}'",
            ),
        ),
        "request id",
    ),
    Plant(
        "a batch whose answer was lost is sent again",
        (
            Edit(
                "app/ledger/batches.py",
                "            batch_id=uuid4().hex,\n",
                "            batch_id=intents[0].request_id,\n",
            ),
            Edit(
                "app/ledger/batches.py",
                "        outcomes = [_of_each(error)] * len(intents)\n",
                "        outcomes = await context.provider.send_batch(\n"
                "            [intent.write for intent in intents],\n"
                "            batch_id=intents[0].request_id,\n"
                "            permit=permission(context, oldest),\n"
                "        )\n",
            ),
        ),
        "replayed batch",
        ("batch answer lost",),
    ),
    Plant(
        "one look, and it is sent again",
        (
            Edit(
                "app/ledger/states.py",
                "LOOKS_BEFORE_REPEAT = 2\n",
                "LOOKS_BEFORE_REPEAT = 1\n",
            ),
        ),
        "repeated too early",
        ("reset, before the write",),
    ),
    Plant(
        "an unknown gets a new generation",
        (
            Edit(
                "app/ledger/looks.py",
                '    """Send the same bytes again under the same request id, alone."""\n'
                "    return await take_up(context, posting_id)\n",
                "    again = await _after_closed_books(context, posting_id)\n"
                "    assert again is not None\n"
                "    return again\n",
            ),
            Edit(
                "app/ledger/states.py",
                "S.UNKNOWN: frozenset({S.POSTED,",
                "S.UNKNOWN: frozenset({S.PENDING, S.POSTED,",
            ),
        ),
        "illegal transition|generation",
        ("reset, before the write",),
    ),
    Plant(
        "posted before there is an answer",
        (
            Edit(
                "app/ledger/desk.py",
                "    return PostingState.UNKNOWN, None, 0.0\n",
                "    return PostingState.POSTED, None, 0.0\n",
            ),
        ),
        "cents|lost|generation|left over",
        ("500, before the write",),
    ),
    Plant(
        "a slice that ends early forgets where it was",
        (
            Edit(
                "app/exports/service.py",
                "                if context.give_way():\n                    return False\n",
                "                if context.give_way():\n                    return True\n",
            ),
        ),
        "left behind|counts",
        ("time-out, before the write",),
        seeds=2,
    ),
    Plant(
        "tokens are refreshed without the lease",
        (
            Edit(
                "app/connections/tokens.py",
                "            return await session.scalar(statement) is not None\n",
                "            await session.scalar(statement)\n            return True\n",
            ),
        ),
        "two refreshes",
        ("refresh race",),
        seeds=2,
    ),
    Plant(
        "payments go before their invoices",
        (
            Edit("app/exports/plan.py", '    "invoices",\n    "credit_memos",\n', ""),
            Edit(
                "app/exports/plan.py",
                '    "payments",\n    "applications",\n',
                '    "payments",\n    "invoices",\n    "credit_memos",\n    "applications",\n',
            ),
        ),
        "order",
    ),
    Plant(
        "the mark is not looked at",
        (
            Edit(
                "app/providers/quickbooks/provider.py",
                "                if document.marker == marker:\n",
                "                if document.marker != marker:\n",
            ),
        ),
        "cents|lost|duplicate|conflict",
        ("reset, after the write",),
        requestid="ignored",
    ),
    Plant(
        "a lost COMMIT is taken for done",
        (
            Edit(
                "app/kit/db.py",
                "            if not await self._committed(xid):\n",
                "            if not await self._committed(xid) and False:\n",
            ),
        ),
        "unknown write|lost|job|left|the run itself",
        ("intent's COMMIT never arrives",),
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, action="append", help="the numbers of some bugs")
    wanted = parser.parse_args().only or range(1, len(PLANTS) + 1)
    rows: list[tuple[str, str, float]] = []
    with tempfile.TemporaryDirectory(prefix="ledgerwire-planted-") as folder:
        copy = Path(folder).resolve()
        copy.chmod(0o755)
        lay_out(copy)
        for number in wanted:
            began = time.monotonic()
            found = prove(PLANTS[number - 1], copy)
            rows.append((PLANTS[number - 1].what, found, time.monotonic() - began))
            print(f"{'caught' if found else 'MISSED':6}  {PLANTS[number - 1].what}", flush=True)
    table(rows)
    return 0 if all(found for _, found, _ in rows) else 1


def prove(plant: Plant, copy: Path) -> str:
    """Return the line by which the suite told of the bug; nothing if it did not."""
    for edit in plant.edits:
        replace(edit.file, edit.old, edit.new)(copy)
    command = [sys.executable, "-m", "tests.faults.nemesis", "--seeds", str(plant.seeds)]
    command += ["--at-once", str(plant.seeds), "--requestid", plant.requestid]
    for fault in plant.faults:
        command += ["--fault", fault]
    content, said = run(tuple(command), copy)
    restore(copy)
    lines = [line.strip() for line in said.splitlines()]
    told = [line for line in lines if re.match(f"({plant.rule})", line)]
    if content or not told:
        print(said[-4000:])
        return ""
    return told[0]


def table(rows: list[tuple[str, str, float]]) -> None:
    width = max(len(what) for what, _, _ in rows)
    print(f"\n{'planted bug':{width}}  seconds  caught by")
    print("-" * (width + 60))
    for what, found, seconds in rows:
        print(f"{what:{width}}  {seconds:7.0f}  {found[:SHOWN] or 'NOT CAUGHT'}")
    print(f"{sum(bool(found) for _, found, _ in rows)} of {len(rows)} planted bugs were caught.")


if __name__ == "__main__":
    sys.exit(main())
