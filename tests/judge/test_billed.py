"""The judge's own reading of what was billed."""

from decimal import Decimal
from typing import Any

import pytest

from judge.billed import read
from judge.taxes import nets_of, taxes_of
from tests.judge.ledger import CHECKPOINT, GST, PST, entries, invoice, line

RATES = {"GST", "PST BC"}


def record(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = invoice("i", "0", *lines, **fields)["record"]
    return found


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (record(line("0.10", GST)), {"GST": "0.01"}),
        (record(line("0.10", GST), line("0.20", GST)), {"GST": "0.02"}),
        (
            record(line("0.10", GST | {"amount": "0.01"}), line("0.20", GST | {"amount": "0.01"})),
            {"GST": "0.02"},
        ),
        (record(line("100.00"), taxes=[GST, PST]), {"GST": "5.00", "PST BC": "7.00"}),
        (record(line("100.00"), taxes=[GST | {"amount": "4.99"}]), {"GST": "4.99"}),
        (
            record(line("100.00"), {"line_id": "t", "price_code": "PST BC", "amount": "7.00"}),
            {"PST BC": "7.00"},
        ),
        (
            record(line("112.00", GST, PST), prices_include_tax=True),
            {"GST": "5.00", "PST BC": "7.00"},
        ),
        (record(line("-10.00", GST), line("110.00", GST)), {"GST": "5.00"}),
        (record(line("100.00")), {}),
    ],
)
def test_taxes_are_read_however_they_are_told(
    told: dict[str, Any], expected: dict[str, str]
) -> None:
    assert taxes_of(told, RATES) == {code: Decimal(amount) for code, amount in expected.items()}


def test_what_is_owed_is_what_was_billed_less_what_settles_it() -> None:
    billed = read(entries())

    assert billed.owed("i1") == Decimal("8.00")
    assert billed.owed("i2") == 0
    assert billed.credit_left("n1") == Decimal("4.00")
    assert billed.unapplied("p1") == Decimal("20.00")


def test_what_was_live_once_must_be_in_the_books_for_ever() -> None:
    assert ("invoices", "i2") in read(entries()).once_live


def test_what_was_not_exported_yet_is_not_expected() -> None:
    later = invoice("i9", "1.00", line("1.00"))

    assert "i9" not in read([*entries(), later]).invoices
    assert "i9" in read([*entries(), later, CHECKPOINT]).invoices


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (record(line("100.00", GST)), ["100.00"]),
        (record(line("112.00", GST, PST), prices_include_tax=True), ["100.00"]),
        (
            record(line("10.50", GST | {"amount": "0.49"}), prices_include_tax=True),
            ["10.01"],
        ),
        (
            record(
                line("33.33"),
                line("33.33") | {"line_id": "2"},
                line("33.34") | {"line_id": "3"},
                taxes=[GST | {"amount": "4.76"}],
                prices_include_tax=True,
            ),
            ["31.74", "31.75", "31.75"],
        ),
        (
            record(
                line("105.00"),
                line("10.00") | {"line_id": "2"},
                {"line_id": "t", "price_code": "GST", "amount": "5.00", "applies_to": ["1"]},
                prices_include_tax=True,
            ),
            ["100.00", "10.00"],
        ),
    ],
)
def test_what_is_left_of_lines_without_their_taxes(
    told: dict[str, Any], expected: list[str]
) -> None:
    assert [str(net) for _, net in nets_of(told, RATES)] == expected


def test_a_refused_record_stands_as_it_was_before() -> None:
    edited = invoice("i1", "50.00", line("50.00"))
    never = invoice("i7", "-5.00", line("-5.00"))
    refused = [
        {"kind": "refused", "record": {"kind": "invoices", "billing_id": id_, "code": "settled"}}
        for id_ in ("i1", "i7")
    ]

    billed = read([*entries(), edited, never, *refused, CHECKPOINT])

    assert billed.invoices["i1"].total == Decimal("112.00")
    assert "i7" not in billed.invoices
    assert [each.billing_id for each in billed.refused] == ["i1", "i7"]


def test_a_document_that_bills_nothing_is_not_expected() -> None:
    nothing = invoice("i8", "0.00", line("0.00"))

    assert not read([*entries(), nothing, CHECKPOINT]).invoices["i8"].live
