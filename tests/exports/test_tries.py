"""A write that was refused in every generation there is."""

from uuid import uuid4

import pytest

from app.accounting.records import Kind, LookHints, Verb, Write
from app.exports.decisions import Send, out_of_tries
from app.ledger.postings import Past


def refused_in(*generations: int) -> list[Past]:
    return [Past(uuid4(), "rejected", "create", number, "hash") for number in generations]


SEND = Send(
    write=Write(kind=Kind.INVOICE, verb=Verb.CREATE, body=b"{}"),
    operation="create",
    content_hash="hash",
    hints=LookHints(),
)


@pytest.mark.parametrize("last", [0, 98])
def test_there_is_a_generation_left(last: int) -> None:
    assert out_of_tries(refused_in(*range(last + 1)), SEND) is None


def test_the_hundredth_refusal_is_the_last() -> None:
    found = out_of_tries(refused_in(*range(100)), SEND)

    assert found is not None
    assert (found.outcome.state, found.outcome.code) == ("rejected", "refused_too_often")
