"""Settings that are not fit for live books: the command refuses, with a sentence for each."""

import asyncio
import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.commands.processes import refuse_wrong_keys
from app.commands.terminal import Stop
from app.connections.sealing import REFRESH, check_keys, seal
from app.kit.db import Database
from app.kit.embedded import StoreUrls
from app.kit.secrets import Keyring
from app.settings import Settings, UnsafeSetting, load_settings, open_key_files
from tests.security.twins import make_twin


def key(name: str = "k1") -> str:
    return f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def live(tmp_path: Path, **changed: str) -> dict[str, str]:
    """Return settings that are fit for live books, but for what is changed."""
    good = {
        "QUICKBOOKS_ENVIRONMENT": "production",
        "PUBLIC_URL": "https://sync.example.com",
        "DATABASE_URL": "postgresql://somebody@db.example.com/ledgerwire",
        "REDIS_URL": "rediss://cache.example.com",
        "ENCRYPTION_KEYS": key(),
        "HASH_KEY": secrets.token_urlsafe(32),
        "OPERATOR_KEY": secrets.token_urlsafe(32),
        "QUICKBOOKS_CLIENT_ID": "client",
        "QUICKBOOKS_CLIENT_SECRET": "secret",
        "DATA_DIR": str(tmp_path / "data"),
    }
    return good | changed


def load(values: dict[str, str]) -> Settings:
    return load_settings(_env_file=None, **{name.lower(): value for name, value in values.items()})


UNFIT = [
    ({"ENCRYPTION_KEYS": ""}, "ENCRYPTION_KEYS is not set"),
    ({"HASH_KEY": ""}, "HASH_KEY is not set"),
    ({"OPERATOR_KEY": ""}, "OPERATOR_KEY is not set"),
    ({"OPERATOR_KEY": "changeme"}, "OPERATOR_KEY is too easily guessed"),
    ({"OPERATOR_KEY": "a" * 64}, "OPERATOR_KEY is too easily guessed"),
    ({"HASH_KEY": "secret" * 5}, "HASH_KEY is too easily guessed"),
    ({"HASH_KEY": "x1y2z3w4" * 8, "OPERATOR_KEY": "x1y2z3w4" * 8}, "HASH_KEY is too easily"),
    (
        {"ENCRYPTION_KEYS": "k1:" + base64.b64encode(bytes(32)).decode()},
        "ENCRYPTION_KEYS holds a key that is not random",
    ),
    ({"PUBLIC_URL": "http://sync.example.com"}, "PUBLIC_URL must start with https://"),
    ({"PUBLIC_URL": "https://203.0.113.7"}, "PUBLIC_URL must have a host name"),
    ({"PUBLIC_URL": "https://localhost:8400"}, "PUBLIC_URL must have a host name"),
    ({"DATABASE_URL": ""}, "embedded Postgres is not for live books"),
    ({"REDIS_URL": ""}, "embedded Valkey is not for live books"),
    ({"QUICKBOOKS_CLIENT_ID": ""}, "QUICKBOOKS_CLIENT_ID is not set"),
    ({"QUICKBOOKS_CLIENT_SECRET": ""}, "QUICKBOOKS_CLIENT_SECRET is not set"),
    ({"QUICKBOOKS_API_URL": "http://api.example.com"}, "QUICKBOOKS_API_URL must start with"),
    ({"QUICKBOOKS_DISCOVERY_URL": "http://a.example.com"}, "QUICKBOOKS_DISCOVERY_URL must start"),
    ({"LOG_LEVEL": "DEBUG"}, "LOG_LEVEL is DEBUG"),
    ({"WAIT_SCALE": "0.5"}, "WAIT_SCALE shortens"),
    ({"LIMIT_SCALE": "0.5"}, "LIMIT_SCALE lets more calls out"),
]


@pytest.mark.parametrize(("changed", "sentence"), UNFIT, ids=[each[1] for each in UNFIT])
def test_each_is_refused_with_a_sentence(
    tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UnsafeSetting, match=sentence) as refusal:
        load(live(tmp_path, **changed))

    for name, value in live(tmp_path, **changed).items():
        if name.endswith(("KEY", "KEYS", "SECRET")) and len(value) > 6:
            assert value not in str(refusal.value)


def test_fit_ones_are_taken(tmp_path: Path) -> None:
    assert load(live(tmp_path)).is_production


def test_one_key_for_two_purposes(tmp_path: Path) -> None:
    same = secrets.token_urlsafe(32)
    with pytest.raises(UnsafeSetting, match="OPERATOR_KEY is the same as HASH_KEY"):
        load(live(tmp_path, HASH_KEY=same, OPERATOR_KEY=same))


def test_a_key_file_that_others_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    kept = folder / "secrets.json"
    kept.write_text("{}")
    kept.chmod(0o644)

    with pytest.raises(UnsafeSetting, match="can be read by other users"):
        load(live(tmp_path))
    kept.chmod(0o600)
    assert load(live(tmp_path)).is_production


def test_a_dotenv_with_keys_that_others_may_read(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("HASH_KEY=abc\n")
    dotenv.chmod(0o644)
    settings = load(live(tmp_path))

    assert open_key_files(settings, dotenv=dotenv) == [dotenv]
    dotenv.chmod(0o640)
    assert open_key_files(settings, dotenv=dotenv) == []


def test_made_up_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path / "data")})

    kept = tmp_path / "data" / "secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert open_key_files(settings, dotenv=tmp_path / ".env") == []
    for secret in (settings.hash_key, settings.operator_key, settings.encryption_keys):
        assert secret not in repr(settings)


def test_the_command_says_so_and_does_not_start(tmp_path: Path) -> None:
    """All sentences at once, the exit code 2, and no traceback."""
    unfit = live(tmp_path, HASH_KEY="", PUBLIC_URL="http://a.example.com", LOG_LEVEL="DEBUG")
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "api"],
        env={**os.environ, **unfit, "PYTHONPATH": os.getcwd()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    said = " ".join(done.stderr.split())
    for sentence in ("HASH_KEY is not set", "PUBLIC_URL must start", "LOG_LEVEL is DEBUG"):
        assert sentence in said
    assert "Traceback" not in done.stderr
    assert unfit["OPERATOR_KEY"] not in done.stderr


# ------------------------------------------------------------------------- keys of another place


async def store_token(db: Database, ring: Keyring) -> None:
    twin = await make_twin(db, "hash-key", f"W{uuid4().hex[:6]}")
    row = twin.rows["connections"][0]
    sealed = seal(ring, row["id"], REFRESH, "a token")
    async with db.transaction(twin.id) as session:
        await session.execute(
            text("UPDATE connections SET refresh_token = :token"), {"token": sealed}
        )


async def test_right_keys_open_what_is_stored(db: Database) -> None:
    ring = Keyring.parse(key())
    await store_token(db, ring)

    assert not (await check_keys(db, ring)).wrong


async def test_a_key_that_is_gone_is_named(db: Database) -> None:
    await store_token(db, Keyring.parse(key("old")))

    found = await check_keys(db, Keyring.parse(key("new")))

    assert found.wrong
    assert found.missing == {"old"}


async def test_another_key_of_the_same_name_opens_nothing(db: Database) -> None:
    await store_token(db, Keyring.parse(key("k1")))

    assert (await check_keys(db, Keyring.parse(key("k1")))).wrong


async def test_an_empty_database_takes_any_key(db: Database) -> None:
    assert not (await check_keys(db, Keyring.parse(key()))).wrong


async def test_processes_do_not_start_with_wrong_keys(
    db: Database, settings: Settings, database_url: str, redis_url: str
) -> None:
    await store_token(db, Keyring.parse(key("former")))
    urls = StoreUrls(database_url=database_url, redis_url=redis_url)

    with pytest.raises(Stop, match="ask for the key former"):
        await asyncio.to_thread(refuse_wrong_keys, settings, urls)


async def test_a_database_that_is_away_is_no_matter_of_keys(
    settings: Settings, redis_url: str
) -> None:
    away = StoreUrls(
        database_url="postgresql+asyncpg://nobody@127.0.0.1:1/none", redis_url=redis_url
    )

    await asyncio.to_thread(refuse_wrong_keys, settings, away)
