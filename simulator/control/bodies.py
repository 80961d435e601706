"""What the control plane accepts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from simulator.faultrules import Rule
from simulator.oauth.grants import ACCOUNTING_SCOPE
from simulator.realm import Condition
from simulator.world import Seeding


class Body(BaseModel):
    """Unknown members are refused, so that a misspelt switch does not pass unseen."""

    model_config = ConfigDict(extra="forbid")


class ClockChange(Body):
    """Given members are applied in this order: now, scale, advance."""

    now: datetime | None = None
    scale: float | None = None
    advance: float | None = None


class NewRules(Body):
    """Fault rules to arm."""

    rules: list[Rule]


class NewCompany(Seeding):
    """A company to found."""

    realm_id: str
    profile: str = "ca"

    def seeding(self) -> Seeding:
        """What the company is filled with."""
        return Seeding(**self.model_dump(exclude={"realm_id", "profile"}))


class Edit(Body):
    """A change made in the books by a person, not through the API."""

    operation: Literal["create", "update", "void", "delete"]
    entity: str
    body: dict[str, Any]
    allow_duplicate_docnum: bool = False


class CloseBooks(Body):
    """The last closed day, or null to open the books."""

    date: date | None


class CompanyCondition(Body):
    """What became of the company."""

    condition: Condition


class Reconciled(Body):
    """Transactions that a person has matched with the bank; they replace the former ones."""

    entity: str
    ids: list[str]


class NewApp(Body):
    """A client to register; without redirect URIs every loopback one is taken."""

    client_id: str
    client_secret: str
    redirect_uris: list[str] = []


class RedirectUris(Body):
    """All redirect URIs of an app; an empty list takes every loopback one."""

    redirect_uris: list[str]
    client_id: str | None = None


class TokenOrder(Body):
    """Tokens to hand out without a browser."""

    realm_id: str
    client_id: str | None = None
    scope: str = ACCOUNTING_SCOPE


class TokenPick(Body):
    """Which grants are meant; every given member narrows, none means all."""

    realm_id: str | None = None
    client_id: str | None = None
    token: str | None = None


class Consent(Body):
    """An authorization URL and what the person does on it."""

    url: str
    decision: Literal["connect", "cancel"] = "connect"
    realm_id: str | None = None
