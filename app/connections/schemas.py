"""What connecting takes and shows; never a token."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.connections.reasons import Status
from app.kit.fields import Flag
from app.kit.web import Strict


class ConnectIn(Strict):
    """Where the merchant's browser goes afterwards, and whether another company is meant."""

    return_url: str = Field(
        min_length=1,
        max_length=500,
        description="Exactly one of the integration's `allowed_return_urls`",
    )
    allow_other_company: Flag = Field(
        default=False,
        description="Let the merchant choose another company than the one this integration is"
        " bound to. Mappings and links stay with the former company.",
    )


class ConnectOut(BaseModel):
    """The page to send the merchant's browser to."""

    authorization_url: str
    expires_at: datetime


class CompanyOut(BaseModel):
    """The connected set of books."""

    external_id: str = Field(description="The company's id at the provider (QuickBooks: realm id)")
    name: str
    country: str
    home_currency: str
    time_zone: str
    tax_model: str
    environment: str


class ConnectionOut(BaseModel):
    """Whether the books are open, and if not, why, and what to do."""

    integration_id: UUID
    status: Literal[
        Status.NOT_CONNECTED,
        Status.CONNECTED,
        Status.REAUTHORIZATION_REQUIRED,
        Status.DISCONNECTED,
    ]
    company: CompanyOut | None = None
    connected_at: datetime | None = None
    access_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = Field(
        default=None, description="The merchant must connect again if nothing is renewed by then"
    )
    last_refreshed_at: datetime | None = None
    disconnected_at: datetime | None = None
    reason: str | None = None
    explanation: str | None = None
    fix: str | None = None
