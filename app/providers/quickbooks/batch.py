"""Batches on the wire: up to 30 creates in one call, matched by bId and never by position."""

from collections.abc import Mapping, Sequence

from app.accounting.records import Verb, Write
from app.providers.quickbooks.client import Payload, Reply
from app.providers.quickbooks.kinds import ENTITIES

MAX_ITEMS = 30


def compose(writes: Sequence[Write]) -> bytes:
    """
    Return the batch's body: each item holds its write's own bytes, and its place as bId.

    Raises:
        ValueError: Too many items, or something else than creates.
    """
    if not 1 <= len(writes) <= MAX_ITEMS:
        raise ValueError(f"A batch holds 1 to {MAX_ITEMS} items, not {len(writes)}")
    if any(write.verb is not Verb.CREATE for write in writes):
        raise ValueError("Only creates go in batches")
    items = [_item(number, write) for number, write in enumerate(writes)]
    return b'{"BatchItemRequest":[' + b",".join(items) + b"]}"


def _item(number: int, write: Write) -> bytes:
    head = f'{{"bId":"i{number}","operation":"create","{ENTITIES[write.kind]}":'
    return head.encode() + write.body + b"}"


def items_of(reply: Reply, count: int) -> list[Payload | None]:
    """
    Return each item's answer in the order of the writes; None where there is none to trust.

    A bId that is answered twice in different words proves nothing.
    """
    answers: dict[str, Payload] = {}
    doubtful: set[str] = set()
    listed = reply.payload.get("BatchItemResponse")
    for answer in listed if isinstance(listed, list) else []:
        if not isinstance(answer, Mapping):
            continue
        name = str(answer.get("bId"))
        if name in answers and answers[name] != answer:
            doubtful.add(name)
        answers[name] = answer
    names = [f"i{number}" for number in range(count)]
    return [None if name in doubtful else answers.get(name) for name in names]
