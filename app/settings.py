"""Settings, from the environment or `.env`; read by bootstrap and the migrations only."""

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DISCOVERY = {
    "production": "https://developer.intuit.com/.well-known/openid_configuration",
    "sandbox": "https://developer.intuit.com/.well-known/openid_sandbox_configuration",
    "simulator": "http://127.0.0.1:8700/.well-known/openid_configuration",
}
API = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
    "simulator": "http://127.0.0.1:8700",
}


class UnsafeSetting(ValueError):
    """A setting that must not go live."""


class Settings(BaseSettings):
    """Everything an operator can set. Unset secrets are made once and kept under DATA_DIR."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    database_url: str | None = None
    redis_url: str | None = None
    data_dir: Path = Path(".ledgerwire")
    public_url: str = "http://127.0.0.1:8400"
    encryption_keys: str = Field(default="", repr=False)
    hash_key: str = Field(default="", repr=False)
    operator_key: str = Field(default="", repr=False)
    quickbooks_environment: Literal["simulator", "sandbox", "production"] = "simulator"
    quickbooks_client_id: str = ""
    quickbooks_client_secret: str = Field(default="", repr=False)
    quickbooks_webhook_verifier_token: str = Field(default="", repr=False)
    quickbooks_discovery_url: str = ""
    quickbooks_api_url: str = ""
    log_level: str = "INFO"
    log_format: Literal["console", "json"] = "console"
    # Multiplies every wait of the engine; for tests, which would else take minutes.
    wait_scale: float = Field(default=1.0, gt=0, le=1)
    # Calls per company and app, below what QuickBooks allows (500, 10, 40, 800).
    limit_requests_per_minute: int = Field(default=480, gt=0)
    limit_requests_per_second: int = Field(default=9, gt=0)
    limit_batches_per_minute: int = Field(default=38, gt=0)
    limit_all_per_minute: int = Field(default=760, gt=0)
    # Shortens the windows of these limits; for measurements against a clock that runs faster.
    limit_scale: float = Field(default=1.0, gt=0, le=1)
    # Requests to our own API, per minute.
    limit_api_per_key: int = Field(default=3000, gt=0)
    limit_api_per_organization: int = Field(default=6000, gt=0)
    worker_lanes: int = Field(default=8, gt=0, le=64)

    @field_validator("public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.quickbooks_discovery_url = (
            self.quickbooks_discovery_url or DISCOVERY[self.quickbooks_environment]
        )
        self.quickbooks_api_url = (
            self.quickbooks_api_url or API[self.quickbooks_environment]
        ).rstrip("/")
        return self

    @property
    def callback_url(self) -> str:
        """The redirect URI to register at Intuit."""
        return f"{self.public_url}/v1/oauth/quickbooks/callback"

    @property
    def is_production(self) -> bool:
        return self.quickbooks_environment == "production"


def unsafe_settings(settings: Settings) -> list[str]:
    """Return a sentence for each setting that must not go live."""
    wrong = [
        f"{name.upper()} is not set; live keys must come from you, not from disk."
        for name in ("encryption_keys", "hash_key", "operator_key")
        if not getattr(settings, name)
    ]
    if not settings.public_url.startswith("https://"):
        wrong.append("PUBLIC_URL must start with https://; Intuit refuses anything else.")
    if not settings.database_url:
        wrong.append("DATABASE_URL is not set; the embedded Postgres is not for live books.")
    if not settings.redis_url:
        wrong.append("REDIS_URL is not set; the embedded Valkey is not for live books.")
    wrong.extend(
        f"{name.upper()} is not set."
        for name in ("quickbooks_client_id", "quickbooks_client_secret")
        if not getattr(settings, name)
    )
    if settings.wait_scale != 1.0:
        wrong.append("WAIT_SCALE shortens the waits that keep documents single; remove it.")
    if settings.limit_scale != 1.0:
        wrong.append("LIMIT_SCALE lets more calls out than QuickBooks allows; remove it.")
    return wrong


def load_settings(**overrides: object) -> Settings:
    """
    Read the settings and complete the secrets.

    Raises:
        UnsafeSetting: The environment is production and something is not fit for it.
    """
    settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic validates them
    if settings.is_production and (wrong := unsafe_settings(settings)):
        raise UnsafeSetting("\n".join(wrong))
    if not (settings.encryption_keys and settings.hash_key and settings.operator_key):
        _complete_from_disk(settings)
    return settings


def _complete_from_disk(settings: Settings) -> None:
    kept = _kept_secrets(settings.data_dir)
    for name, value in kept.items():
        if not getattr(settings, name):
            setattr(settings, name, value)


def _kept_secrets(folder: Path) -> dict[str, str]:
    """Return this installation's own secrets, made at first use; never the same twice."""
    path = folder / "secrets.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = {
            "encryption_keys": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "hash_key": secrets.token_urlsafe(32),
            "operator_key": "lwop_" + secrets.token_urlsafe(32),
        }
        _write_once(path, json.dumps(fresh))
    kept = json.loads(path.read_text())
    return {name: str(kept[name]) for name in ("encryption_keys", "hash_key", "operator_key")}


def _write_once(path: Path, content: str) -> None:
    """Write the file with mode 0600 unless another process was first."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
