"""Who is calling, for which organization, and may they: the only source of the tenant."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.clock import now
from app.kit.db import Database
from app.kit.errors import Forbidden, TooManyRequests, Unauthorized
from app.kit.rates import Allowance, RequestRates
from app.kit.secrets import keyed_hash, same
from app.kit.web import RequestWork
from app.organizations.kept import answer_once
from app.organizations.models import ApiKey

PREFIX_LENGTH = 12
KEY_MARK = "lw_"


class Scope(StrEnum):
    """What a key may do; `admin` includes `write`, `write` includes `read`."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


GRANTS = {
    Scope.READ: {Scope.READ, Scope.WRITE, Scope.ADMIN},
    Scope.WRITE: {Scope.WRITE, Scope.ADMIN},
    Scope.ADMIN: {Scope.ADMIN},
}

bearer = HTTPBearer(auto_error=False, description="An organization's API key")
operator_bearer = HTTPBearer(
    auto_error=False, scheme_name="OperatorKey", description="The operator's key"
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A freshly made key; *plain* is shown once and never kept."""

    plain: str
    prefix: str
    key_hash: str


def make_key(hash_key: str) -> NewKey:
    """Return a key with 256 random bits behind a lookup prefix."""
    prefix = KEY_MARK + secrets.token_hex(PREFIX_LENGTH // 2)
    plain = f"{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(plain=plain, prefix=prefix, key_hash=keyed_hash(plain, hash_key))


@dataclass(frozen=True, slots=True)
class Tenant:
    """
    The calling organization, with the request's own transaction.

    *session* is committed when the answer is ready; services that need transactions of their own
    take *db*.
    """

    organization_id: UUID
    key_id: UUID
    key_name: str
    session: AsyncSession
    db: Database


async def find_key(db: Database, plain: str, hash_key: str) -> ApiKey:
    """
    Return the live key.

    Raises:
        Unauthorized: Unknown, expired or revoked; which of them is not told.
    """
    prefix = plain[: len(KEY_MARK) + PREFIX_LENGTH]
    async with db.door() as session:
        key = await session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
        expected = key.key_hash if key else ""
        if not same(expected, keyed_hash(plain, hash_key)) or key is None:
            raise _unauthorized()
        if key.revoked_at or (key.expires_at and key.expires_at <= now()):
            raise _unauthorized()
        if key.last_used_at is None or key.last_used_at < now() - timedelta(minutes=1):
            await session.execute(
                update(ApiKey)
                .where(ApiKey.id == key.id)
                .values(last_used_at=func.clock_timestamp())
            )
    return key


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Requests a minute; an organization's are shared by all of its keys."""

    per_key: int
    per_organization: int


async def within_limits(request: Request, key: ApiKey) -> None:
    """
    Count one request of this key and of its organization.

    Raises:
        TooManyRequests: One of them had its share of the last minute; `Retry-After` says when.
    """
    limits: RequestLimits = request.app.state.request_limits
    rates: RequestRates = request.app.state.request_rates
    seconds = await rates.count(
        [
            Allowance(f"key:{key.id}", limits.per_key),
            Allowance(f"organization:{key.organization_id}", limits.per_organization),
        ]
    )
    if seconds > 0:
        raise TooManyRequests(
            f"More than {limits.per_key} requests of this key, or"
            f" {limits.per_organization} of its organization, came within a minute.",
            fixes=[
                f"Wait {seconds} s, as Retry-After says.",
                "Send many records in one request: …/batch takes up to 50 000.",
            ],
            headers={"Retry-After": str(seconds)},
        )


def _unauthorized() -> Unauthorized:
    return Unauthorized(
        "The API key is missing, unknown, expired or revoked.",
        fixes=["Send `Authorization: Bearer <key>` with a live key of your organization."],
        headers={"WWW-Authenticate": "Bearer"},
    )


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Makes repeating this POST harmless for 30 days",
    ),
]


def requires(scope: Scope) -> Callable[..., Awaitable[Tenant]]:
    """Return the dependency that lets callers with *scope* in and opens their transaction."""

    async def tenant(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> Tenant:
        if credentials is None:
            raise _unauthorized()
        key = await find_key(
            request.app.state.db, credentials.credentials, request.app.state.hash_key
        )
        await within_limits(request, key)
        if not GRANTS[scope] & set(key.scopes):
            raise Forbidden(
                f"This needs a key with the scope {scope.value!r}.",
                fixes=[f"Ask the operator for a key with the scope {scope.value!r}."],
                extra={"required_scope": scope.value},
            )
        structlog.contextvars.bind_contextvars(
            organization_id=str(key.organization_id), key_id=str(key.id)
        )
        work: RequestWork = request.state.work
        session = await work.open(key.organization_id)
        if request.method == "POST":
            await answer_once(request, work, session, key.organization_id)
        return Tenant(key.organization_id, key.id, key.name, session, request.app.state.db)

    tenant.__name__ = f"requires_{scope.value}"
    return tenant


async def operator(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(operator_bearer)],
) -> Database:
    """Let only the operator in."""
    expected: str = request.app.state.operator_key
    if credentials is None or not same(credentials.credentials, expected):
        raise Unauthorized(
            "This needs the operator's key.",
            fixes=["Send `Authorization: Bearer <OPERATOR_KEY>`."],
            headers={"WWW-Authenticate": "Bearer"},
        )
    db: Database = request.app.state.db
    return db


Reader = Annotated[Tenant, Depends(requires(Scope.READ))]
Writer = Annotated[Tenant, Depends(requires(Scope.WRITE))]
Admin = Annotated[Tenant, Depends(requires(Scope.ADMIN))]
Operator = Annotated[Database, Depends(operator)]
