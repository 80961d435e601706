"""Fault × hits × result, as a table for the terminal and as a page of the documentation."""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.nemesis.catalogue import CATALOGUE
from tests.faults.nemesis.run import Verdict
from tests.faults.workers import ROOT

PAGE = ROOT / "docs" / "faults.md"
TOTALS = {
    "lost": ("lost",),
    "duplicates": ("duplicate",),
    "cents": ("cents",),
    "illegal transitions": ("illegal transition",),
    "stale-fence writes": ("stale fence",),
}


@dataclass(slots=True)
class Report:
    """What all seeds of a run came to."""

    requestid: str
    seconds: float = 0.0
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)

    @property
    def broken(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.breaches]

    def rows(self) -> list[tuple[str, int, str]]:
        """Return each fault, how often it hit, and what came of the seeds it hit."""
        hits: Counter[str] = Counter()
        failed: dict[str, list[int]] = {}
        for verdict in self.verdicts:
            hits.update(verdict.hits)
            for name, count in verdict.hits.items():
                if count and verdict.breaches:
                    failed.setdefault(name, []).append(verdict.seed)
        return [(name, hits[name], _result(hits[name], failed.get(name, []))) for name in CATALOGUE]

    def totals(self) -> dict[str, int]:
        found: dict[str, int] = {}
        lines = [line for verdict in self.verdicts for line in verdict.breaches]
        for name, rules in TOTALS.items():
            found[name] = sum(line.startswith(rules) for line in lines)
        found["anything else"] = len(lines) - sum(found.values())
        return found

    def conflicts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for verdict in self.verdicts:
            found.update(verdict.conflicts)
        return found

    def text(self) -> str:
        rows = self.rows()
        if len(self.verdicts) == 1:
            rows = [row for row in rows if row[1]]
        width = max((len(name) for name, _, _ in rows), default=0)
        lines = ["", f"{'fault':{width}}  hits  result", "-" * (width + 20)]
        lines += [f"{name:{width}}  {hits:4d}  {result}" for name, hits, result in rows]
        return "\n".join([*lines, "", *self._sums()])

    def _sums(self) -> list[str]:
        documents = sum(verdict.documents for verdict in self.verdicts)
        conflicts = self.conflicts()
        lines = [
            f"{len(self.verdicts)} seeds, request ids {self.requestid}, {documents} documents, "
            f"{sum(hits for _, hits, _ in self.rows())} hits in {self.seconds:.0f} s.",
            ", ".join(f"{name}: {count}" for name, count in self.totals().items()) + ".",
        ]
        told = ", ".join(f"{name}: {count}" for name, count in conflicts.items())
        lines.append(f"Left to a person, as promised: {told or 'nothing'}.")
        return lines

    def write(self) -> None:
        """Replace this mode's part of the page, and leave the other mode's as it is."""
        text = PAGE.read_text() if PAGE.exists() else HEAD
        begin, end = (f"<!-- {self.requestid} {word} -->" for word in ("begins", "ends"))
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2] if rest else "\n"
        table = ["| Fault | Hits | Result |", "|---|---:|---|"]
        table += [f"| {name} | {hits} | {result} |" for name, hits, result in self.rows()]
        seeds = sorted(verdict.seed for verdict in self.verdicts)
        command = f"make faults SEEDS={len(seeds)} FROM={seeds[0]} REQUESTID={self.requestid}"
        part = [
            begin,
            f"## Request ids {self.requestid}",
            "",
            f"`{command}`",
            "",
            *(f"{line}  " for line in self._sums()),
            "",
            *table,
            end,
        ]
        PAGE.write_text(before + "\n".join(part) + after)


def _result(hits: int, failed: list[int]) -> str:
    if failed:
        return f"BROKEN in seed {', '.join(map(str, sorted(failed)))}"
    return "nothing lost, nothing twice" if hits else "not hit"


HEAD = """\
# What was broken, and what came of it

The tables are written by the runs that they describe (`make faults SEEDS=… ARGS=--write`), none of
them by hand. Each seed is a merchant with a company of its own: customers, invoices,
payments, credit notes, then edits and voids, exported by overlapping jobs through the real API,
four worker processes, Postgres and Valkey, and a simulated QuickBooks. Three to five faults strike
at random moments. Afterwards a checker that knows nothing of the program holds billing records,
ledger and books against each other, to the cent, and every move of the ledger against the contract
in [guarantees.md](guarantees.md). `make replay SEED=n` plays one seed again and shows its trace.

Waits are scaled to a fiftieth, so that 300 seconds are six. A worker lost together with its record
three times over leaves it to a person (`poison`); what QuickBooks applies later than the promise
bears has to be found and reported. Neither is counted as broken, everything else is.

"""
