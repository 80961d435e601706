"""Why a company cannot be opened, and why a merchant's consent came to nothing."""

from app.accounting.errors import ReconnectRequired
from app.kit.errors import Conflict, Invalid


class NotConnected(ReconnectRequired):
    """No connection opens this company: it was never made, or it was ended on our side."""


class ReturnUrlNotAllowed(Invalid):
    code = "return_url_not_allowed"
    title = "This return_url is not on the integration's list"


class ProviderMissing(Conflict):
    code = "provider_unavailable"
    title = "This installation cannot connect to that accounting system"


class PageGone(Exception):
    """The connect page is unknown, used or over its time."""


class StrangeCallback(Exception):
    """Nobody here waits for this answer: its state is unknown, used, old, or another browser's."""


class ConnectRefused(Exception):
    """
    The attempt ends without a connection, and the merchant's browser is sent back.

    *code* is stable, *message* is for people; *status* is `failed` or `denied`.
    """

    def __init__(self, code: str, message: str, *, status: str = "failed") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
