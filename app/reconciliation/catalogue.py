"""Every code that anybody can meet, once: what it means, what to do, and where it appears. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.ledger.explain import UNLISTED
from app.ledger.faultwords import FAULTS, Words
from app.ledger.outcomes import CONFLICT_FIXES, CONFLICTS, WAITING_WORDS
from app.reconciliation.causes import CAUSES
from app.reconciliation.journal_causes import JOURNAL_CAUSES
from app.reconciliation.refusals import PLACES

# Codes of ours that also appear in other places than the one whose table tells them.
ALSO = {
    "closed_books": ("record", "preflight"),
    "too_long": ("record",),
    "company_unavailable": ("connect",),
    "unmapped_tax": ("preflight", "reconciliation"),
    "broken_mapping": ("preflight",),
    "unknown_item": ("preflight",),
    "no_item": ("preflight",),
    "no_credit_item": ("preflight",),
    "unknown_customer": ("request",),
    "does_not_add_up": ("record", "request"),
    "over_allocated": ("request",),
    "sales_tax_not_set_up": ("record",),
    "internal_error": ("job",),
    "not_available_yet": ("record",),
}
PLACE_WORDS = {
    "record": "a record of a job",
    "posting": "a write",
    "document": "a billing document, pushed or exported",
    "request": "an API request",
    "connect": "the way back from connecting",
    "import": "a finding of an import",
    "preflight": "preflight",
    "reconciliation": "a reconciliation",
    "job": "a job that failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One code; *faults* are the codes of QuickBooks that end as it."""

    words: Words
    where: tuple[str, ...]
    faults: tuple[str, ...] = ()


def catalogue() -> list[Entry]:
    """Return all entries in the order of their codes."""
    found: dict[str, Entry] = {}
    for words, where, fault in _all():
        held = found.get(words.code)
        places = dict.fromkeys((*(held.where if held else ()), where, *ALSO.get(words.code, ())))
        faults = dict.fromkeys((*(held.faults if held else ()), *([fault] if fault else [])))
        found[words.code] = Entry(
            words=held.words if held else words, where=tuple(places), faults=tuple(faults)
        )
    return [found[code] for code in sorted(found)]


def _all() -> Iterator[tuple[Words, str, str | None]]:
    for place, listed in PLACES.items():
        for words in listed:
            yield words, place, None
    for fault, words in FAULTS.items():
        yield words, "record", fault
    yield UNLISTED, "record", None
    for code, (cause, explanation) in CONFLICTS.items():
        yield Words(code, cause, explanation, CONFLICT_FIXES), "record", None
    for reason, (cause, explanation) in WAITING_WORDS.items():
        fixes = ("Nothing to do, or what the explanation says.",)
        yield Words(f"parked_{reason}", cause, explanation, fixes, retryable=True), "record", None
    for words in (*CAUSES.values(), *JOURNAL_CAUSES.values()):
        yield words, "reconciliation", None


INTRODUCTION = """\
# Errors, refusals and findings

Written by `ledgerwire errors --write`; the same is served by `GET /v1/error-catalogue`. Records,
problems and findings show these codes, with the figures of the case in their explanation. What
QuickBooks itself said stands beside them, word for word. A code of QuickBooks that is in no list
becomes `quickbooks_<code>`, with its own sentence as the explanation.

*Retryable* means that it may go through later without anybody changing anything. Everything else
comes back the same until its cause is gone.
"""


def rendered(entries: list[Entry]) -> str:
    """Return the catalogue as a document."""
    return "\n".join([INTRODUCTION, *(_section(entry) for entry in entries)])


def _section(entry: Entry) -> str:
    words = entry.words
    lines = [f"## `{words.code}`", "", words.cause]
    if words.explanation:
        lines[-1] += f" {words.explanation}"
    lines += ["", *(f"- {fix}" for fix in words.fixes), ""]
    where = ", ".join(PLACE_WORDS[place] for place in entry.where)
    notes = [f"Seen at {where}."]
    if entry.faults:
        notes.append(f"QuickBooks' {', '.join(entry.faults)}.")
    if words.retryable:
        notes.append("Retryable.")
    return "\n".join([*lines, " ".join(notes), ""])
