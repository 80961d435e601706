"""
What an answer of QuickBooks means: one table, for every shape in which a fault was ever seen.

A fault comes in either JSON envelope (`Fault.Error`, or the gateway's lower-case `fault.error`),
in XML whatever was asked for, under HTTP 200, or per item of a batch. HTML, torn, empty or
foreign answers hold no fault at all. The code decides, together with the status; where an answer
does not prove that QuickBooks itself refused, the outcome is unknown. So a 4xx without a readable
fault (a proxy's 403 page, a 404 in HTML) is unknown too; only 401 and 429 speak for themselves.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from xml.parsers import expat

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    DuplicateFound,
    Fault,
    OutcomeUnknown,
    PeriodClosed,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    ReferenceRefused,
    RetryLater,
    StaleDocument,
)

OK = 200
UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
LONGEST_WAIT_SECONDS = 3600.0
SEVERE = 10_000
_XML_LIMIT = 1_000_000
_XML_ERRORS = (["IntuitResponse", "Fault", "Error"], ["Fault", "Error"])

# Decided by the code alone, whatever the status.
_ANY_STATUS: dict[str, type[ProviderError]] = {
    "3001": RetryLater,
    "600": OutcomeUnknown,
    "130": CompanyUnavailable,
    "140": CompanyUnavailable,
    "150": CompanyUnavailable,
    "-11017": CompanyUnavailable,
    "6190": CompanyUnavailable,
}
# Decided by the code, provided the server did not break down (5xx) while answering.
_BELOW_500: dict[str, type[ProviderError]] = {
    "100": AccessExpired,
    "110": AccessExpired,
    "3200": AccessExpired,
    "120": ReconnectRequired,
    "-11014": ReconnectRequired,
    "3100": ReconnectRequired,
    "5010": StaleDocument,
    "630": DuplicateFound,
    "6140": DuplicateFound,
    "6240": DuplicateFound,
    "610": ReferenceRefused,
    "700": ReferenceRefused,
    "2500": ReferenceRefused,
    "6430": ReferenceRefused,
    "6200": PeriodClosed,
    "6210": PeriodClosed,
}
# Of several errors in one fault, the one that obliges to most caution is believed.
_CAUTION: tuple[type[ProviderError], ...] = (
    RetryLater,
    OutcomeUnknown,
    ReconnectRequired,
    AccessExpired,
    CompanyUnavailable,
    StaleDocument,
    DuplicateFound,
    PeriodClosed,
    ReferenceRefused,
    RecordRejected,
)
_CODE_IN_TEXT = re.compile(r"errorCode=0*(\d+)")
_INNER_CODE = re.compile(r"[-\u2013\u2212](1101[47])\b")


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer, judged: either a trustworthy *payload*, or the *error* it amounts to."""

    payload: Mapping[str, object] = field(default_factory=dict)
    error: ProviderError | None = None


def judge(
    status: int,
    body: bytes,
    content_type: str = "",
    *,
    trace_id: str | None = None,
    retry_after: str | None = None,
) -> Verdict:
    """
    Say what an answer means.

    *content_type* is only a hint, for it was seen to lie. *retry_after* is the header as sent.
    """
    payload = _parse_json(body)
    errors = _errors_of(payload) if payload is not None else _xml_errors(body, content_type)
    if errors:
        return Verdict(error=_believe(errors, status, trace_id, parse_retry_after(retry_after)))
    if status == OK and payload:
        return Verdict(payload=payload)
    fault = Fault(http_status=status, trace_id=trace_id)
    return Verdict(error=_without_fault(fault, parse_retry_after(retry_after)))


def judge_item(item: Mapping[str, object], *, trace_id: str | None = None) -> ProviderError | None:
    """Return the error that one item of a batch amounts to; None for a good one."""
    errors = _errors_of(item)
    return _believe(errors, OK, trace_id, None) if errors else None


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds a Retry-After header asks for (number or date), at most an hour."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (aware - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


# ---------------------------------------------------------------- deciding


def _believe(
    errors: list[Fault], status: int, trace_id: str | None, after: float | None
) -> ProviderError:
    """Return the error that the most serious member of a fault amounts to."""
    ranked = [(_class_of(each, status), each) for each in errors]
    chosen, fault = min(ranked, key=lambda pair: _CAUTION.index(pair[0]))
    stamped = Fault(
        code=fault.code,
        message=fault.message,
        detail=fault.detail,
        element=fault.element,
        http_status=status,
        trace_id=trace_id,
    )
    if chosen is RetryLater:
        return RetryLater(stamped, after=after)
    return chosen(stamped)


def _class_of(fault: Fault, status: int) -> type[ProviderError]:
    code = _inner_code(fault) or fault.code
    if status == TOO_MANY_REQUESTS:
        return RetryLater
    if code in _ANY_STATUS:
        return _ANY_STATUS[code]
    if status >= SERVER_ERROR or _is_severe(code):
        return OutcomeUnknown
    if code in _BELOW_500:
        chosen = _BELOW_500[code]
        return DuplicateFound if chosen is PeriodClosed and _speaks_of_number(fault) else chosen
    if status == UNAUTHORIZED:
        return AccessExpired
    # A fault without any code is not one of QuickBooks' own refusals.
    return RecordRejected if code else OutcomeUnknown


def _without_fault(fault: Fault, after: float | None) -> ProviderError:
    match fault.http_status:
        case 401:
            return AccessExpired(fault, "The access token was refused.")
        case 429:
            return RetryLater(fault, "The request limit was reached.", after=after)
        case 200:
            return OutcomeUnknown(fault, "QuickBooks' answer was empty, torn or not its own.")
        case status:
            return OutcomeUnknown(fault, f"HTTP {status} without an explanation by QuickBooks.")


def _is_severe(code: str | None) -> bool:
    return code is not None and code.isdigit() and int(code) >= SEVERE


def _inner_code(fault: Fault) -> str | None:
    """Return the code that the gateway hides in the text of its authentication faults."""
    if fault.code not in (None, "100", "110", "120", "130"):
        return None
    found = _INNER_CODE.search(f"{fault.message} {fault.detail}")
    return f"-{found.group(1)}" if found else None


def _speaks_of_number(fault: Fault) -> bool:
    """Tell whether a closed-period code is really a duplicate number, as once documented."""
    return "duplicate document number" in f"{fault.message} {fault.detail}".lower()


# ---------------------------------------------------------------- reading


def _parse_json(body: bytes) -> Mapping[str, object] | None:
    """Return the JSON object in the body, numbers as Decimals; None when there is none."""
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return None
    try:
        payload = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return payload if isinstance(payload, dict) else None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _errors_of(payload: Mapping[str, object]) -> list[Fault]:
    fault = payload.get("Fault", payload.get("fault"))
    if fault is None:
        return []
    members = _get(fault, "Error")
    listed = members if isinstance(members, list) else [members]
    return [_error(each) for each in listed if isinstance(each, Mapping)] or [Fault()]


def _error(member: Mapping[str, object]) -> Fault:
    message, detail = _text(_get(member, "Message")), _text(_get(member, "Detail"))
    return Fault(
        code=_normalize(_text(_get(member, "code")), message),
        message=message,
        detail=detail,
        element=_text(_get(member, "element")) or None,
    )


def _get(holder: object, key: str) -> object:
    """Return a member under its name in either case."""
    if not isinstance(holder, Mapping):
        return None
    return holder.get(key, holder.get(key.lower()))


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _normalize(code: str, message: str) -> str | None:
    """Return the code without leading zeros; where there is none, the one in the message."""
    sign = "-" if code[:1] in ("-", "\u2013", "\u2212") else ""
    digits = code.removeprefix(code[:1]) if sign else code
    if digits.isascii() and digits.isdigit():
        return sign + (digits.lstrip("0") or "0")
    found = _CODE_IN_TEXT.search(f"{code} {message}")
    return found.group(1) if found else (code or None)


def _xml_errors(body: bytes, content_type: str) -> list[Fault]:
    if len(body) > _XML_LIMIT or "html" in content_type.lower():
        return []
    reader = _XmlFault()
    return reader.errors if reader.read(body) else []


class _XmlFault:
    """
    Collects the errors of a fault that is the whole answer.

    A fault further inside (one item of a batch) says nothing about the rest. Documents that
    declare anything are refused.
    """

    def __init__(self) -> None:
        self.errors: list[Fault] = []
        self._path: list[str] = []
        self._attributes: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {}

    def read(self, body: bytes) -> bool:
        """Return whether the body is well-formed XML to its end."""
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, ValueError):
            return False
        return True

    def _refuse(self, *_: object) -> None:
        raise ValueError("a fault declares no document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        if self._path in _XML_ERRORS:
            self._attributes, self._texts = attributes, {}

    def _data(self, data: str) -> None:
        if self._path[:-1] in _XML_ERRORS:
            self._texts.setdefault(self._path[-1], []).append(data)

    def _end(self, _: str) -> None:
        if self._path in _XML_ERRORS:
            texts = {name: "".join(parts) for name, parts in self._texts.items()}
            self.errors.append(_error({**self._attributes, **texts}))
        self._path.pop()
