"""What differs between two JSON values, field by field. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

MOST = 200


def differences(before: Any, after: Any) -> list[dict[str, Any]]:
    """
    Return `{field, before, after}` for each leaf that differs; `Line[0].Amount` is such a field.

    Numbers are equal if their values are; at most 200 fields are named.
    """
    found: list[dict[str, Any]] = []
    for field, old, new in _walk("", before, after):
        found.append({"field": field, "before": old, "after": new})
        if len(found) == MOST:
            break
    return found


def _walk(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{path}.{name}" if path else str(name)
            yield from _walk(inner, before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        for number in range(max(len(before), len(after))):
            old = before[number] if number < len(before) else None
            new = after[number] if number < len(after) else None
            yield from _walk(f"{path}[{number}]", old, new)
    elif before != after:
        yield path, before, after


def narrowed(whole: Any, like: Any) -> Any:
    """
    Return of *whole* what *like* has too: the parts of a document that a sparse write touches.

    Lines are paired in their order; those of a kind that *like* does not have are left out.
    """
    if isinstance(whole, Mapping) and isinstance(like, Mapping):
        return {name: narrowed(whole[name], part) for name, part in like.items() if name in whole}
    if isinstance(whole, list) and isinstance(like, list):
        kinds = {each.get("DetailType") for each in like if isinstance(each, Mapping)}
        kept = [
            each
            for each in whole
            if not isinstance(each, Mapping) or each.get("DetailType") in kinds
        ]
        pattern = like[-1:] * (len(kept) - len(like))
        return [narrowed(each, part) for each, part in zip(kept, [*like, *pattern], strict=False)]
    return whole
