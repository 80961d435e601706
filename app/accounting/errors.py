"""
What can go wrong with a call to the books, sorted by what the caller can do about it.

    ProviderError
    ├── NotSent                nothing left this machine: send again
    ├── AccessExpired          the access token is stale: renew it, send again
    ├── ReconnectRequired      only the merchant can help: connect again
    ├── CompanyUnavailable     the books refuse everything for now (subscription, maintenance)
    ├── RetryLater             the quota is used up: wait
    ├── OutcomeUnknown         sent, and no trustworthy answer: ask what happened
    └── RecordRejected         a definitive refusal, nothing was written: correct the record
        ├── DuplicateFound     number or name is taken
        ├── StaleDocument      somebody changed the document in the meantime
        ├── ReferenceRefused   something it points to is missing, inactive or of the wrong kind
        └── PeriodClosed       the books of that day are closed
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """What the books said, word for word, and how to find it in their support system."""

    code: str | None = None
    message: str = ""
    detail: str = ""
    element: str | None = None
    http_status: int | None = None
    trace_id: str | None = None


class ProviderError(Exception):
    """A call to the books did not do what was asked."""

    def __init__(self, fault: Fault | None = None, explanation: str = "") -> None:
        self.fault = fault or Fault()
        self.explanation = explanation
        super().__init__(explanation or self.fault.message or type(self).__name__)


class NotSent(ProviderError):
    """Provably nothing reached the books: no connection was made, or the send was not permitted."""


class AccessExpired(ProviderError):
    """The access token was refused; nothing was written."""


class ReconnectRequired(ProviderError):
    """The connection is gone for good until the merchant connects again; nothing was written."""


class CompanyUnavailable(ProviderError):
    """The books refuse every call for a reason outside the record; nothing was written."""


class RetryLater(ProviderError):
    """The company's quota is used up; nothing was written. *after* is in seconds, if told."""

    def __init__(
        self, fault: Fault | None = None, explanation: str = "", *, after: float | None = None
    ) -> None:
        super().__init__(fault, explanation)
        self.after = after


class OutcomeUnknown(ProviderError):
    """The request went out and no trustworthy answer came back; it may have been written."""


class RecordRejected(ProviderError):
    """The books definitively refused this record; nothing was written."""


class DuplicateFound(RecordRejected):
    """Its number or name is already taken."""


class StaleDocument(RecordRejected):
    """The document has changed since it was last seen."""


class ReferenceRefused(RecordRejected):
    """Something the record points to is missing, inactive or of the wrong kind."""


class PeriodClosed(RecordRejected):
    """The books are closed for the record's date."""
