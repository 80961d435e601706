"""Bytes in and out: exact JSON numbers, the envelopes of QuickBooks, its XML and HTML refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from simulator.books.faults import Fault, FaultError

Json = dict[str, Any]

PACIFIC = ZoneInfo("America/Los_Angeles")
"""QuickBooks stamps its answers in Pacific time, wherever the company is."""

FINANCE_NAMESPACE = "http://schema.intuit.com/finance/v3"


def loads(raw: bytes | str) -> Any:
    """
    Parse JSON without ever making a float.

    Raises:
        ValueError: It is no JSON; NaN and Infinity are none.
    """
    return json.loads(raw, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def exact(value: Any) -> Any:
    """Decimals for the floats of a value that somebody else's parser has read."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return value


def dumps(value: Any) -> bytes:
    """Write JSON with decimals exactly as they are: ``100.00`` stays ``100.00``."""
    return encode(value).encode()


def encode(value: Any) -> str:
    """As `dumps`, but text. Written by hand because the json module has no exact decimals."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    for kind, writer in _WRITERS.items():
        if isinstance(value, kind):
            return writer(value)
    raise TypeError(f"not a wire value: {type(value).__name__}")


def _encode_decimal(value: Decimal) -> str:
    """All digits, but no endless zeros for somebody's ``1E+999999999``."""
    return format(value, "f") if abs(value.adjusted()) < 40 else str(value)


def _encode_object(value: dict[str, Any]) -> str:
    members = [encode_basestring(key) + ":" + encode(inner) for key, inner in value.items()]
    return "{" + ",".join(members) + "}"


def _encode_array(value: list[Any] | tuple[Any, ...]) -> str:
    return "[" + ",".join([encode(inner) for inner in value]) + "]"


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    bool: lambda value: "true" if value else "false",
    Decimal: _encode_decimal,
    int: str,
    dict: _encode_object,
    list: _encode_array,
    tuple: _encode_array,
    type(None): lambda _: "null",
    float: repr,
}


def stamp(moment: datetime) -> str:
    """The top-level ``time`` of an answer: milliseconds, Pacific offset."""
    return moment.astimezone(PACIFIC).isoformat(timespec="milliseconds")


def entity_envelope(name: str, row: bytes, moment: datetime) -> bytes:
    """``{"Invoice": {…}, "time": "…"}`` around an already written row."""
    return b'{"' + name.encode() + b'":' + row + b',"time":"' + stamp(moment).encode() + b'"}'


def fault_body(errors: list[FaultError], fault_type: str) -> Json:
    """The ``Fault`` object; ``element`` is left out when there is none, as in recordings."""
    return {"Error": [_error(error) for error in errors], "type": fault_type}


def fault_envelope(fault: Fault, moment: datetime) -> bytes:
    """The company-level envelope of a refusal."""
    return dumps({"Fault": fault_body(fault.errors, fault.type), "time": stamp(moment)})


def _error(error: FaultError) -> Json:
    body: Json = {"Message": error.message, "Detail": error.detail, "code": error.code}
    if error.element is not None:
        body["element"] = error.element
    return body


def gateway_envelope(
    *, message: str, detail: str | None, code: str, fault_type: str, moment: datetime
) -> bytes:
    """The lower-case envelope of the gateway, which stands before the company."""
    error = {"message": message, "detail": detail, "code": code, "element": None}
    return dumps(
        {
            "warnings": None,
            "intuitObject": None,
            "fault": {"error": [error], "type": fault_type},
            "report": None,
            "queryResponse": None,
            "batchItemResponse": [],
            "attachableResponse": [],
            "syncErrorResponse": None,
            "requestId": None,
            "time": int(moment.timestamp() * 1000),
            "status": None,
            "cdcresponse": [],
        }
    )


def fault_xml(
    *, message: str, detail: str | None, code: str, fault_type: str, moment: datetime
) -> bytes:
    """The same refusal as XML, which QuickBooks sends although JSON was asked for."""
    inner = f"<Message>{escape(message)}</Message>"
    if detail is not None:
        inner += f"<Detail>{escape(detail)}</Detail>"
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<IntuitResponse time="{stamp(moment)}" xmlns="{FINANCE_NAMESPACE}">\n'
        f"    <Fault type={quoteattr(fault_type)}>\n"
        f"        <Error code={quoteattr(code)}>{inner}</Error>\n"
        "    </Fault>\n</IntuitResponse>\n"
    ).encode()


def html_page(status: int, title: str) -> bytes:
    """What a proxy in front of QuickBooks would say."""
    heading = escape(f"{status} {title}")
    return (
        f"<html>\r\n<head><title>{heading}</title></head>\r\n<body>\r\n"
        f"<center><h1>{heading}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    ).encode()
