"""
A merchant's consent: our page, the click, the provider's consent page, and the callback.

    page   GET: names the organization; changes nothing
    leave  POST, same browser: a fresh state, bound to integration, browser and return URL
    finish callback: state used once → same browser → realm free → exchange → verified → saved
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import CompanyUnavailable, ProviderError, ReconnectRequired
from app.accounting.ports import (
    Authorization,
    CallGate,
    CompanyRef,
    ProviderFactory,
    TokenSet,
)
from app.accounting.records import CompanyProfile
from app.connections.binding import Binding, Newcomer, bind, check_binding
from app.connections.errors import ConnectRefused, PageGone, StrangeCallback
from app.connections.models import PendingAuthorization
from app.connections.service import hashed, revoke_quietly
from app.integrations.models import Integration
from app.kit.db import Database
from app.kit.secrets import Keyring, same
from app.organizations.models import Organization

STATE_LIFE = timedelta(minutes=10)
CALL_SECONDS = 60.0
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
REALM = re.compile(r"[A-Za-z0-9-]{1,64}")
LONGEST_CODE = 2048

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """What the connect page says, and where its form may lead."""

    organization: str
    integration: str
    form_token: str
    form_targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentAnswer:
    """The query of a callback, taken apart but not believed."""

    state: str
    code: str = ""
    realm_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Where the merchant's browser goes after the callback, and with which news."""

    return_url: str
    integration_id: UUID
    status: str
    code: str
    message: str

    @property
    def url(self) -> str:
        """The return URL with our parameters behind those that it has."""
        news = urlencode(
            {
                "integration_id": str(self.integration_id),
                "status": self.status,
                "code": self.code,
                "message": self.message,
            }
        )
        parts = urlsplit(self.return_url)
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, news)))))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A pending authorization with the integration that it is for."""

    pending: PendingAuthorization
    integration: Integration
    organization: str


class _Unsaved:
    """The `TokenSource` of tokens that nobody has saved yet."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def access_token(self) -> str:
        return self._token

    async def renew(self, stale: str) -> str:
        raise ReconnectRequired(explanation="A token that was just issued is refused.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The way of a merchant's browser from our page and back to the billing system."""

    db: Database
    keyring: Keyring
    hash_key: str
    callback_url: str
    environment: str
    authorizations: Mapping[str, Authorization]
    provider_factories: Mapping[str, ProviderFactory]
    gates: Callable[[UUID], CallGate]
    ensure_lane: Callable[[AsyncSession, UUID, UUID], Awaitable[None]]

    @classmethod
    def of(cls, state: Any) -> Self:
        """Take the collaborators from where the application keeps them."""
        return cls(**{name: getattr(state, name) for name in cls.__slots__})

    # -- our page

    async def page(self, token: str, browser: str) -> PageView:
        """
        Return what the page says to this browser.

        Raises:
            PageGone: Unknown, used or over its time.
            ProviderError: The provider's consent page cannot be found now.
        """
        attempt = await self._open_page(token)
        authorization = self.authorizations[attempt.integration.provider]
        consent_page = await authorization.authorization_url(
            state="-", redirect_uri=self.callback_url
        )
        return PageView(
            organization=attempt.organization,
            integration=attempt.integration.name,
            form_token=self._form_token(token, browser),
            form_targets=form_targets(consent_page, attempt.pending.return_url),
        )

    async def leave(self, token: str, browser: str, form_token: str) -> str:
        """
        Return the address of the provider's consent page, with a state for this browser.

        A second click makes the state of the first worthless.

        Raises:
            PageGone: Unknown, used or over its time, or the form was made for another browser.
            ProviderError: The provider's consent page cannot be found now.
        """
        # The cookie, which no other site can send along, binds the click to this browser. A form
        # token says in addition which page was clicked; a client without pages may leave it out.
        if form_token and not same(form_token, self._form_token(token, browser)):
            raise PageGone
        attempt = await self._open_page(token)
        state = secrets.token_urlsafe(32)
        url = await self.authorizations[attempt.integration.provider].authorization_url(
            state=state, redirect_uri=self.callback_url
        )
        now = func.clock_timestamp()
        statement = (
            update(PendingAuthorization)
            .where(
                PendingAuthorization.id == attempt.pending.id,
                PendingAuthorization.used_at.is_(None),
            )
            .values(
                state_hash=hashed("state", state, self.hash_key),
                browser_hash=hashed("browser", browser, self.hash_key),
                state_expires_at=now + STATE_LIFE,
            )
            .returning(PendingAuthorization.id)
        )
        async with self.db.transaction(attempt.pending.organization_id) as session:
            if await session.scalar(statement) is None:
                raise PageGone
        return url

    async def _open_page(self, token: str) -> _Attempt:
        if not SECRET.fullmatch(token):
            raise PageGone
        found = PendingAuthorization.page_hash == hashed("page", token, self.hash_key)
        organization_id = await self._organization(found)
        if organization_id is None:
            raise PageGone
        alive = PendingAuthorization.expires_at > func.clock_timestamp()
        async with self.db.transaction(organization_id) as session:
            attempt = await self._attempt(
                session, found, alive, PendingAuthorization.used_at.is_(None)
            )
        if attempt is None:
            raise PageGone
        return attempt

    def _form_token(self, token: str, browser: str) -> str:
        return hashed("form", f"{token}:{browser}", self.hash_key)

    # -- the callback

    async def finish(self, answer: ConsentAnswer, browser: str | None) -> Landing:
        """
        Take the provider's answer; return where the browser goes with it.

        Raises:
            StrangeCallback: Nobody here waits for it; there is nowhere to redirect to.
        """
        attempt = await self._claim(answer.state, browser)
        status, code, message = "connected", "connected", "QuickBooks is connected."
        try:
            await self._connect(attempt, answer)
        except ConnectRefused as refusal:
            status, code, message = refusal.status, refusal.code, refusal.message
        log.info(
            "connect_finished",
            integration_id=str(attempt.integration.id),
            state=status,
            code=code,
        )
        return Landing(
            return_url=attempt.pending.return_url,
            integration_id=attempt.integration.id,
            status=status,
            code=code,
            message=message,
        )

    async def _claim(self, state: str, browser: str | None) -> _Attempt:
        """Use up the state, for whoever brings it, and only then look at the browser."""
        if not SECRET.fullmatch(state):
            raise StrangeCallback
        found = PendingAuthorization.state_hash == hashed("state", state, self.hash_key)
        organization_id = await self._organization(found)
        if organization_id is None:
            raise StrangeCallback
        now = func.clock_timestamp()
        claim = (
            update(PendingAuthorization)
            .where(
                found,
                PendingAuthorization.used_at.is_(None),
                PendingAuthorization.state_expires_at > now,
            )
            .values(used_at=now)
            .returning(PendingAuthorization.id)
        )
        async with self.db.transaction(organization_id) as session:
            claimed = await session.scalar(claim)
            attempt = await self._attempt(session, PendingAuthorization.id == claimed)
        if attempt is None or browser is None:
            raise StrangeCallback
        expected = attempt.pending.browser_hash or ""
        if not same(expected, hashed("browser", browser, self.hash_key)):
            raise StrangeCallback
        return attempt

    async def _organization(self, found: ColumnElement[bool]) -> UUID | None:
        async with self.db.door() as session:
            return await session.scalar(select(PendingAuthorization.organization_id).where(found))

    async def _attempt(
        self, session: AsyncSession, *conditions: ColumnElement[bool]
    ) -> _Attempt | None:
        """Return the attempt if its integration lives and still allows its return URL."""
        statement = (
            select(PendingAuthorization, Integration, Organization.name)
            .join(Integration, Integration.id == PendingAuthorization.integration_id)
            .join(Organization, Organization.id == Integration.organization_id)
            .where(*conditions, Integration.deleted_at.is_(None))
        )
        found = (await session.execute(statement)).one_or_none()
        if found is None or found[0].return_url not in found[1].allowed_return_urls:
            return None
        return _Attempt(*found)

    async def _connect(self, attempt: _Attempt, answer: ConsentAnswer) -> None:
        _require_consent(answer)
        integration, pending = attempt.integration, attempt.pending
        newcomer = Newcomer(
            organization_id=integration.organization_id,
            integration_id=integration.id,
            provider=integration.provider,
            company=CompanyRef(environment=self.environment, realm_id=answer.realm_id),
            allow_other_company=pending.allow_other_company,
        )
        # Before the code is exchanged: a company that is not to be had costs nobody a token.
        binding = await check_binding(self.db, newcomer)
        authorization = self.authorizations[integration.provider]
        tokens = await self._exchange(authorization, answer.code)
        profile = await self._verify(newcomer, binding, tokens)
        former = await bind(
            self.db,
            newcomer,
            company_id=binding.company_id,
            tokens=tokens,
            profile=profile,
            keyring=self.keyring,
            ensure_lane=self.ensure_lane,
        )
        if former is not None:
            await revoke_quietly(authorization, former)

    async def _exchange(self, authorization: Authorization, code: str) -> TokenSet:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await authorization.exchange(code=code, redirect_uri=self.callback_url)
        except ReconnectRequired as refusal:
            raise ConnectRefused(
                "code_refused", "QuickBooks did not accept its own answer. Please connect again."
            ) from refusal
        except CompanyUnavailable as refusal:
            raise ConnectRefused(
                "installation_refused",
                "QuickBooks does not accept this installation. The operator must check its "
                "client id and secret.",
            ) from refusal
        except (ProviderError, TimeoutError) as lost:
            raise _no_answer() from lost

    async def _verify(
        self, newcomer: Newcomer, binding: Binding, tokens: TokenSet
    ) -> CompanyProfile:
        """Read the company with the new token: the realm id of a URL proves nothing."""
        books = self.provider_factories[newcomer.provider](
            newcomer.company,
            tokens=_Unsaved(tokens.access_token),
            gate=self.gates(binding.company_id),
            on_call=lambda _: None,
        )
        authorization = self.authorizations[newcomer.provider]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await books.company()
        except ReconnectRequired as refusal:
            await revoke_quietly(authorization, tokens.refresh_token)
            raise ConnectRefused(
                "company_mismatch", "QuickBooks did not open this company. Please connect again."
            ) from refusal
        except CompanyUnavailable as refusal:
            await self._give_back(authorization, binding, tokens)
            raise ConnectRefused(
                "company_unavailable",
                "QuickBooks refuses this company at present, for example because its "
                "subscription has ended.",
            ) from refusal
        except (ProviderError, TimeoutError) as lost:
            await self._give_back(authorization, binding, tokens)
            raise _no_answer() from lost

    async def _give_back(
        self, authorization: Authorization, binding: Binding, tokens: TokenSet
    ) -> None:
        """Revoke unused tokens, unless that would end the connection that the company has."""
        if not binding.in_use:
            await revoke_quietly(authorization, tokens.refresh_token)


def _require_consent(answer: ConsentAnswer) -> None:
    if answer.error == "access_denied":
        raise ConnectRefused(
            "access_denied", "Access to QuickBooks was not granted.", status="denied"
        )
    if answer.error:
        raise ConnectRefused("authorization_failed", "QuickBooks could not ask for access.")
    if not 0 < len(answer.code) <= LONGEST_CODE or not REALM.fullmatch(answer.realm_id):
        raise ConnectRefused(
            "incomplete_answer", "QuickBooks' answer was incomplete. Please connect again."
        )


def _no_answer() -> ConnectRefused:
    return ConnectRefused(
        "no_answer", "QuickBooks did not answer in time. Please connect again in a moment."
    )


def form_targets(consent_page: str, return_url: str) -> tuple[str, ...]:
    """
    Return the origins through which the browser may pass after the form.

    Browsers hold a form to its policy over all redirects that follow: to the consent page, on to
    the same provider's sign-in, and, where consent is given without a question, back.
    """
    consent, back = urlsplit(consent_page), urlsplit(return_url)
    targets = [f"{part.scheme}://{part.netloc}" for part in (consent, back)]
    host = consent.hostname or ""
    if consent.scheme == "https" and host.count(".") > 1 and not host[-1].isdigit():
        targets.append(f"https://*.{host.partition('.')[2]}")
    return tuple(dict.fromkeys(targets))
