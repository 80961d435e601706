"""Bodies of batches: a JSON array, or one JSON value a line; and answers in the same form."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from app.billing.service import Result
from app.kit.errors import AppError, Invalid, TooLarge
from app.kit.web import problem_of, refuse_crowded

MOST_IN_ARRAY = 1000
MOST_LINES = 50_000
BIGGEST_RECORD = 1024 * 1024
STATUSES = ("created", "updated", "unchanged", "stale", "refused")


def array(body: bytes) -> list[Any]:
    """
    Return the elements of a JSON array.

    Raises:
        Invalid: It is none.
        TooLarge: It has more than 1000 elements.
    """
    values = decode(body)
    if not isinstance(values, list):
        raise Invalid("The body is not a JSON array of records.", code="not_an_array")
    if len(values) > MOST_IN_ARRAY:
        raise TooLarge(
            f"A JSON array holds at most {MOST_IN_ARRAY} records; this one holds {len(values)}.",
            code="too_many_records",
            fixes=[f"Send up to {MOST_LINES} records as application/x-ndjson, or smaller arrays."],
        )
    return values


def lines(body: bytes) -> list[bytes]:
    """
    Return the lines that are not blank.

    Raises:
        TooLarge: There are more than 50 000, or as many blank ones besides.
    """
    most = 2 * MOST_LINES  # Counted first: a list of all would be larger than the body.
    found = body.split(b"\n", most)
    if len(found) <= most:
        found = [line for line in found if line.strip()]
    if len(found) > MOST_LINES:
        raise TooLarge(
            f"A batch holds at most {MOST_LINES} lines; this one holds more.",
            code="too_many_records",
            fixes=["Send it in several batches."],
        )
    return found


def line(text: bytes) -> object:
    """
    Return the JSON value of a line.

    Raises:
        Invalid: It is not JSON in UTF-8.
        TooLarge: It is larger than any record.
    """
    if len(text) > BIGGEST_RECORD:
        raise TooLarge(
            f"A record has at most {BIGGEST_RECORD // 1024} KiB.", code="record_too_large"
        )
    refuse_crowded(text)
    return decode(text)


def decode(text: bytes) -> object:
    """
    Return the JSON value.

    Raises:
        Invalid: It is not JSON in UTF-8.
    """
    try:
        value: object = json.loads(text.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("This is not JSON in UTF-8.", code="malformed_json") from error
    return value


def _no_number(name: str) -> float:
    raise ValueError(name)


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Return how many records met each fate; the fates sum to *total*."""
    counted = Counter(result.status for result in results)
    return {"total": counted.total(), **{status: counted[status] for status in STATUSES}}


def shown(index: int, result: Result) -> dict[str, Any]:
    """Return one result as the API shows it."""
    return {
        "index": index,
        "billing_id": result.billing_id,
        "status": result.status,
        "problem": _problem(result.problem) if result.problem else None,
    }


def _problem(error: AppError) -> dict[str, Any]:
    full = problem_of(error)
    return {name: value for name, value in full.items() if name not in {"type", "title"}}


def as_json(results: Sequence[Result]) -> bytes:
    """Return the answer to a JSON array."""
    rows = [shown(index, result) for index, result in enumerate(results)]
    return json.dumps({"results": rows, "counts": counts(results)}).encode()


def as_lines(results: Sequence[Result]) -> bytes:
    """Return the answer to lines: one result a line, and the counts on the last."""
    rows: list[dict[str, Any]] = [shown(index, result) for index, result in enumerate(results)]
    rows.append({"counts": counts(results)})
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
