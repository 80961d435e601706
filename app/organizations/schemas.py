"""What the operator sends and sees: organizations and their keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.kit.fields import Instant, Name
from app.kit.web import Strict
from app.organizations.access import Scope

ShortName = Annotated[Name, Field(max_length=200)]


class OrganizationIn(Strict):
    """A merchant to be served."""

    name: ShortName


class OrganizationOut(BaseModel):
    """A merchant: the unit of isolation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    created_at: datetime


class ApiKeyIn(Strict):
    """A key to be made."""

    name: ShortName = Field(description="What the key is for; shown in Previous History")
    scopes: list[Scope] = Field(
        min_length=1, max_length=3, description="`admin` includes `write`, `write` includes `read`"
    )
    expires_at: Instant | None = Field(default=None, description="Never, if left out")


class RotationIn(Strict):
    """How a key is followed by another one."""

    overlap_hours: int = Field(
        default=24,
        strict=True,  # `false` is no number of hours, and least of all 0.
        ge=0,
        le=168,
        description="How long the old key works beside the new one; 0 ends it at once",
    )


class ApiKeyOut(BaseModel):
    """A key as it is kept: without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str = Field(description="The beginning of the key: which one it is")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    """A key that was just made."""

    key: str = Field(description="The key itself. It is shown here and never again.")
