"""
The one way out: how this program speaks HTTP to others.

Whatever needs an HTTP client or its exceptions takes them from here, so that a change of the
library is a change of this file.
"""

import importlib.util
import ssl
import warnings
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx
from httpx import (
    AsyncBaseTransport,
    AsyncClient,
    Auth,
    Client,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidURL,
    PoolTimeout,
    Request,
    Response,
    StreamError,
    UnsupportedProtocol,
)

from app.kit.bounded import ACCEPTED, Bounded, TooBig

with warnings.catch_warnings():
    # Authlib warns that it would rather have httpx's successor, which check_library() keeps out;
    # this import makes its own filter "always", so it comes before ours.
    from authlib.deprecate import AuthlibDeprecationWarning

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

__all__ = [
    "AsyncBaseTransport",
    "AsyncClient",
    "AsyncOAuth2Client",
    "Auth",
    "Client",
    "ConnectError",
    "ConnectTimeout",
    "HTTPError",
    "InvalidURL",
    "OAuthError",
    "PoolTimeout",
    "Request",
    "Response",
    "StreamError",
    "TooBig",
    "UnsupportedProtocol",
    "build_client",
    "check_library",
    "client_options",
    "tls_context",
]

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 30.0
READ_SECONDS = 130.0
POOL_SECONDS = 5.0
MAX_CONNECTIONS = 100
MAX_IDLE_CONNECTIONS = 20
# Shorter than the five seconds after which common servers hang up: a write on a connection that
# dies under it would leave its outcome unknown.
IDLE_SECONDS = 4.0
# A page of 1000 documents with many lines has a tenth of this.
BIGGEST_ANSWER_BYTES = 64 * 1024 * 1024


def user_agent() -> str:
    """Name this program and its version to the other side."""
    try:
        return f"ledgerwire/{version('ledgerwire')}"
    except PackageNotFoundError:
        return "ledgerwire/0"


def tls_context() -> ssl.SSLContext:
    """Return a verifying context; costly to make, so share it between clients."""
    return httpx.create_ssl_context(trust_env=False)


def client_options(
    *,
    verify: ssl.SSLContext | bool = True,
    transport: AsyncBaseTransport | None = None,
    biggest: int = BIGGEST_ANSWER_BYTES,
) -> dict[str, Any]:
    """
    Return what every client of ours is built with.

    No redirect is followed (a token or a write must not wander), the environment's proxies are
    not used, and no cookie is kept: one company's answer must not colour another's call. No answer
    is read beyond *biggest* bytes, unpacked.
    """
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_IDLE_CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
    )
    way = transport or httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
    return {
        "timeout": httpx.Timeout(
            connect=CONNECT_SECONDS, write=WRITE_SECONDS, read=READ_SECONDS, pool=POOL_SECONDS
        ),
        "follow_redirects": False,
        "trust_env": False,
        "headers": {"User-Agent": user_agent(), "Accept-Encoding": ACCEPTED},
        "cookies": CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        "transport": Bounded(way, biggest),
    }


def build_client(
    *, verify: ssl.SSLContext | bool = True, transport: AsyncBaseTransport | None = None
) -> AsyncClient:
    """Return the client that a process shares; the caller closes it."""
    return AsyncClient(**client_options(verify=verify, transport=transport))


def check_library() -> None:
    """
    Refuse to start with an HTTP stack in which two libraries would share the work.

    Authlib silently prefers `httpx2` when it is installed; its errors are then none of ours, and
    an answer that never came could be taken for something else.

    Raises:
        RuntimeError: `httpx2` is installed, or Authlib's client is not built on ours.
    """
    if importlib.util.find_spec("httpx2") is not None:
        raise RuntimeError("httpx2 is installed beside httpx; uninstall it")
    if not issubclass(AsyncOAuth2Client, AsyncClient):
        raise RuntimeError("Authlib's client is not an httpx.AsyncClient")
