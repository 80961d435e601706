"""The catalogue is whole: whatever code the program can answer with stands in it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.accounting.errors import Fault
from app.commands.errors import PLACE
from app.ledger.explain import explain
from app.ledger.faultwords import FAULTS
from app.reconciliation.catalogue import PLACE_WORDS, catalogue, rendered

ROOT = Path(__file__).resolve().parents[2]
# Calls whose first text is a code.
SAYING = {"refused", "blocked", "skipped", "ConnectRefused", "UnreadableDocument", "_invalid"}
SAYING_LATER = {"_finding"}
# Codes that are put together from parts; their whole forms are in the catalogue.
PREFIXES = {"_not_posted", "item_by_", "parked_", "would_", "quickbooks_", "_mapping_broken"}
# Words beside `code` that are none: attribute names, and examples of what clients may send.
OTHER = {"code"}
ENTRIES = {entry.words.code: entry for entry in catalogue()}


def texts(node: ast.AST) -> Iterator[str]:
    """Texts that the expression may be; those it is compared with, or looks up, are none."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=otherwise):
            yield from texts(body)
            yield from texts(otherwise)
        case ast.JoinedStr(values=values):
            yield from (text for value in values for text in texts(value))


def codes_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for value in said_by(node):
            yield from ((node.lineno, text) for text in texts(value))


def said_by(node: ast.AST) -> list[ast.expr]:
    """The expressions in which a node says a code."""
    match node:
        case ast.Call():
            return said_by_call(node)
        case ast.ClassDef():
            return [
                line.value
                for line in node.body
                if isinstance(line, ast.Assign)
                and isinstance(line.targets[0], ast.Name)
                and line.targets[0].id == "code"
            ]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return [
                value
                for key, value in pairs
                if isinstance(key, ast.Constant) and key.value == "code"
            ]
    return []


def said_by_call(call: ast.Call) -> list[ast.expr]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    said = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    if name in SAYING:
        said += call.args[:1]
    if name in SAYING_LATER:
        said += [arg for arg in call.args if isinstance(arg, ast.Constant)][:1]
    return said


def test_every_code_of_the_program_is_in_it() -> None:
    missing: dict[str, list[str]] = defaultdict(list)
    seen = 0
    for path in sorted((ROOT / "app").rglob("*.py")):
        if path.name == "probe.py":
            continue  # Its findings go to an operator's terminal, not into the API.
        for line, code in codes_in(ast.parse(path.read_text())):
            seen += 1
            if code not in ENTRIES and code not in PREFIXES | OTHER:
                missing[code].append(f"{path.relative_to(ROOT)}:{line}")
    assert seen > 100
    assert not missing, dict(missing)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_is_explained_by_its_entry(fault: str) -> None:
    words = explain(Fault(code=fault))
    entry = ENTRIES[words.code]
    assert fault in entry.faults
    assert (words.cause, words.fixes) == (entry.words.cause, entry.words.fixes)


def test_an_unlisted_fault_keeps_what_was_said() -> None:
    words = explain(Fault(code="6999", detail="Something new"))
    assert (words.code, words.explanation) == ("quickbooks_6999", "Something new")


def test_every_entry_says_what_to_do_and_where_it_is_seen() -> None:
    for entry in ENTRIES.values():
        assert entry.words.cause, entry
        assert entry.words.fixes, entry
        assert set(entry.where) <= set(PLACE_WORDS), entry
        assert entry.where, entry


def test_the_document_is_what_the_code_says() -> None:
    assert (ROOT / PLACE).read_text() == rendered(catalogue())
