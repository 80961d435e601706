"""Refusals an API caller can meet, each with a stable code, plain words and a way out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that is wrong: *pointer* is an RFC 6901 JSON pointer into the request."""

    pointer: str
    detail: str
    code: str = "invalid"


class AppError(Exception):
    """A refusal; its children set *status*, *code* and *title*."""

    status = 400
    code = "refused"
    title = "The request was refused"
    retryable = False

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        fixes: Sequence[str] = (),
        errors: Sequence[FieldProblem] = (),
        extra: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.code = code or self.code
        self.fixes = list(fixes)
        self.errors = list(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class Unauthorized(AppError):
    status = 401
    code = "unauthorized"
    title = "The key is missing, unknown, expired or revoked"


class Forbidden(AppError):
    status = 403
    code = "forbidden"
    title = "This key may not do that"


class NotFound(AppError):
    status = 404
    code = "not_found"
    title = "There is no such thing here"


class TooSlow(AppError):
    status = 408
    code = "too_slow"
    title = "The request came too slowly"
    retryable = True


class Conflict(AppError):
    status = 409
    code = "conflict"
    title = "This clashes with what is already there"


class TooLarge(AppError):
    status = 413
    code = "too_large"
    title = "The request is too large"


class UnsupportedMedia(AppError):
    status = 415
    code = "unsupported_media_type"
    title = "This content type is not understood here"


class Invalid(AppError):
    status = 422
    code = "invalid"
    title = "The request is not valid"


class TooManyRequests(AppError):
    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    retryable = True


class Unavailable(AppError):
    status = 503
    code = "unavailable"
    title = "Not available right now"
    retryable = True


def refuse_reversed(
    first: date, last: date, *, start: str = "date_from", end: str = "date_to", body: bool = False
) -> None:
    """
    Refuse a range that ends before it begins; *start* and *end* are its fields' names.

    Raises:
        Invalid: The range is reversed. With *body* its fields are those of the request's body.
    """
    if first <= last:
        return
    raise Invalid(
        f"The range is reversed: {first} is after {last}.",
        code="reversed_range",
        errors=[FieldProblem(f"/{start}" if body else start, f"must not be after {end}")],
        fixes=[f"Swap {start} and {end}."],
    )
