"""Who is calling, for which organization, and may they: the only source of the tenant."""

import secrets
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
    if not plain.isascii() or not plain.isprintable():
        raise _unauthorized()  # The database holds no NUL, and no key of ours such characters.
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


class Requires:
    """The dependency that lets callers with a scope in and opens their transaction."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.__name__ = f"requires_{scope.value}"

    async def before_body(self, request: Request) -> None:
        """
        Look at the key before anything of the body is read: nobody works for strangers.

        Raises:
            Unauthorized, Forbidden, TooManyRequests: Not this key, or not now.
        """
        credentials = await bearer(request)
        if credentials is None:
            raise _unauthorized()
        key = await find_key(
            request.app.state.db, credentials.credentials, request.app.state.hash_key
        )
        await within_limits(request, key)
        if not GRANTS[self.scope] & set(key.scopes):
            raise Forbidden(
                f"This needs a key with the scope {self.scope.value!r}.",
                fixes=[f"Ask the operator for a key with the scope {self.scope.value!r}."],
                extra={"required_scope": self.scope.value},
            )
        structlog.contextvars.bind_contextvars(
            organization_id=str(key.organization_id), key_id=str(key.id)
        )
        request.state.key = key

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> Tenant:
        key: ApiKey = request.state.key
        if request.method != "GET":
            # However slowly it comes, no connection to the database waits for it.
            await request.body()
        work: RequestWork = request.state.work
        session = await work.open(key.organization_id)
        if request.method == "POST":
            await answer_once(request, work, session, key.organization_id)
        return Tenant(key.organization_id, key.id, key.name, session, request.app.state.db)


class OperatorOnly:
    """The dependency that lets only the operator in."""

    __name__ = "operator"

    async def before_body(self, request: Request) -> None:
        """
        Look at the key before anything of the body is read.

        Raises:
            Unauthorized: It is not the operator's.
        """
        credentials = await operator_bearer(request)
        expected: str = request.app.state.operator_key
        if credentials is None or not same(credentials.credentials, expected):
            raise Unauthorized(
                "This needs the operator's key.",
                fixes=["Send `Authorization: Bearer <OPERATOR_KEY>`."],
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(operator_bearer)],
    ) -> Database:
        db: Database = request.app.state.db
        return db


Reader = Annotated[Tenant, Depends(Requires(Scope.READ))]
Writer = Annotated[Tenant, Depends(Requires(Scope.WRITE))]
Admin = Annotated[Tenant, Depends(Requires(Scope.ADMIN))]
Operator = Annotated[Database, Depends(OperatorOnly())]
