"""The bookkeeper's guide shows figures that the tests post and compare, and no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
FILES = {"us_ast": "taxes_us_ast.json", "us_manual": "taxes_us_manual.json"}
HEAD = "| Case | Company |"


def examples() -> list[list[str]]:
    """The rows of the guide's table of examples."""
    lines = (ROOT / "docs" / "accounting.md").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(HEAD)) + 2
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def posted(name: str, company: str) -> dict[str, Any]:
    """The case of that name, which `test_cents` posts."""
    cases = json.loads((DATA / FILES.get(company, "taxes_global.json")).read_text())
    (found,) = [
        case for case in cases if case["name"] == name and case.get("company", company) == company
    ]
    return dict(found)


@pytest.mark.parametrize("row", examples(), ids=lambda row: f"{row[1]}: {row[0]}")
def test_example_is_one_of_the_tested_cases(row: list[str]) -> None:
    name, company, lines, rates, tax, total = row

    case = posted(name, company)

    assert [line[0] for line in case["lines"]] == lines.split(" + ")
    assert (case["tax"], case["total"]) == (tax, total)
    told = re.findall(r"([^,]+?) (\d+\.\d\d)(?:, |$)", rates)
    assert dict(told) == (case.get("by_rate") or {})


def test_there_are_examples_of_every_kind_of_company() -> None:
    assert {row[1] for row in examples()} == {"ca", "uk", "au", "us_ast", "us_manual"}
