"""Settings, from the environment or `.env`; read by bootstrap and the migrations only."""

import base64
import ipaddress
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

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


SHORTEST_KEY = 32
FEWEST_CHARACTERS = 10
KEYS = ("encryption_keys", "hash_key", "operator_key")


def unsafe_settings(settings: Settings) -> list[str]:
    """Return a sentence for each setting that must not go live."""
    wrong = [*_unfit_keys(settings), *_unfit_addresses(settings)]
    if not settings.database_url:
        wrong.append("DATABASE_URL is not set; the embedded Postgres is not for live books.")
    if not settings.redis_url:
        wrong.append("REDIS_URL is not set; the embedded Valkey is not for live books.")
    wrong.extend(
        f"{name.upper()} is not set."
        for name in ("quickbooks_client_id", "quickbooks_client_secret")
        if not getattr(settings, name)
    )
    if settings.log_level.upper() == "DEBUG":
        wrong.append("LOG_LEVEL is DEBUG; live books need INFO or less.")
    if settings.wait_scale != 1.0:
        wrong.append("WAIT_SCALE shortens the waits that keep documents single; remove it.")
    if settings.limit_scale != 1.0:
        wrong.append("LIMIT_SCALE lets more calls out than QuickBooks allows; remove it.")
    wrong.extend(
        f"{path} holds keys and can be read by other users of this machine: chmod 600 {path}"
        for path in open_key_files(settings)
    )
    return wrong


def _unfit_keys(settings: Settings) -> list[str]:
    """Keys that are missing, that somebody could guess, or that serve two purposes."""
    wrong = [
        f"{name.upper()} is not set; live keys must come from you, not from disk."
        for name in KEYS
        if not getattr(settings, name)
    ]
    wrong.extend(
        f"{name.upper()} is too easily guessed; make one of at least {SHORTEST_KEY} random"
        " characters, as .env.example says."
        for name in ("hash_key", "operator_key")
        if (value := getattr(settings, name)) and _is_guessable(value)
    )
    if any(_is_even(key) for key in settings.encryption_keys.split(",")):
        wrong.append("ENCRYPTION_KEYS holds a key that is not random; make one of 32 random bytes.")
    if settings.hash_key and settings.hash_key == settings.operator_key:
        wrong.append("OPERATOR_KEY is the same as HASH_KEY; each needs a value of its own.")
    return wrong


def _is_guessable(value: str) -> bool:
    return len(value) < SHORTEST_KEY or len(set(value)) < FEWEST_CHARACTERS


def _is_even(key: str) -> bool:
    """Tell whether a key is one of those that people write for a test: few different bytes."""
    try:
        raw = base64.b64decode(key.partition(":")[2], validate=True)
    except ValueError:
        return False  # Not a key at all, which is said elsewhere.
    return 0 < len(set(raw)) < FEWEST_CHARACTERS


def _unfit_addresses(settings: Settings) -> list[str]:
    wrong = []
    if not settings.public_url.startswith("https://"):
        wrong.append("PUBLIC_URL must start with https://; Intuit refuses anything else.")
    elif _is_bare(urlsplit(settings.public_url).hostname or ""):
        wrong.append("PUBLIC_URL must have a host name; Intuit refuses localhost and bare numbers.")
    wrong.extend(
        f"{name.upper()} must start with https://; tokens travel there."
        for name in ("quickbooks_discovery_url", "quickbooks_api_url")
        if not _is_private(getattr(settings, name))
    )
    return wrong


def _is_private(url: str) -> bool:
    """Tell whether nobody on the way can read along: TLS, or the way ends on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


def _is_bare(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host in {"", "localhost"}
    return True


def open_key_files(settings: Settings, *, dotenv: Path = Path(".env")) -> list[Path]:
    """Return the files with keys in them that other users of the machine may read."""
    files = [settings.data_dir / "secrets.json"]
    if dotenv.is_file() and any(
        f"{name.upper()}=" in dotenv.read_text(errors="replace") for name in KEYS
    ):
        files.append(dotenv)
    return [path for path in files if path.is_file() and path.stat().st_mode & stat.S_IRWXO]


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
