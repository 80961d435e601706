"""`serve`, `api`, `worker`: the long-running processes."""

import asyncio
import time
import urllib.error
import urllib.request
from functools import partial
from typing import Annotated

import asyncpg
import structlog
import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import build
from app.commands.children import Child, Children, ledgerwire
from app.commands.terminal import (
    Stop,
    console,
    is_embedded,
    open_stores,
    sentences,
    settings_of_environment,
    stoppable,
)
from app.connections.sealing import KeyCheck, check_keys
from app.kit.db import Database, build_engine
from app.kit.embedded import StoreUrls
from app.kit.logging import configure
from app.kit.secrets import BadKeyring, Keyring
from app.main import create_app
from app.schema import upgrade
from app.settings import Settings
from app.worker import run_worker

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8400
START_SECONDS = 60.0

log = structlog.get_logger(__name__)


def api(host: Host = DEFAULT_HOST, port: Port = DEFAULT_PORT) -> None:
    """Answer HTTP. Stateless: run as many as you like."""
    with sentences(), stoppable():
        settings = _configured()
        with open_stores(settings) as urls:
            _migrate_embedded(settings, urls)
            refuse_wrong_keys(settings, urls)
            config = uvicorn.Config(
                partial(_app, settings, urls),
                factory=True,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                # Nothing here depends on where a request says that it came from.
                proxy_headers=False,
                timeout_graceful_shutdown=30,
            )
            server = uvicorn.Server(config)
            server.run()
            if not server.started:
                raise Stop(
                    f"The API did not start on {host}:{port}.",
                    ["Another program may listen there: take another port with --port."],
                )


def _app(settings: Settings, urls: StoreUrls) -> FastAPI:
    return create_app(build(settings, database_url=urls.database_url, redis_url=urls.redis_url))


def worker() -> None:
    """Claim due jobs and talk to QuickBooks. Run as many as you like."""
    with sentences(), stoppable():
        settings = _configured()
        with open_stores(settings) as urls:
            _migrate_embedded(settings, urls)
            refuse_wrong_keys(settings, urls)
            work = run_worker(settings, database_url=urls.database_url, redis_url=urls.redis_url)
            asyncio.run(work)


def serve(host: Host = DEFAULT_HOST, port: Port = DEFAULT_PORT) -> None:
    """Run everything in one command: stores where none are set, migrations, API and worker."""
    with sentences(), stoppable():
        settings = _configured(**_address(host, port))
        with open_stores(settings) as urls:
            upgrade(urls.database_url)
            environment = _environment_of(settings, urls)
            arguments = ["api", "--host", host, "--port", str(port)]
            with Children() as children:
                children.start(Child("api", ledgerwire(*arguments), environment))
                children.start(Child("worker", ledgerwire("worker"), environment))
                _await_answer(children, host, port)
                _say_where(settings, host, port)
                while True:
                    children.watch()
                    time.sleep(0.5)


def _configured(**overrides: object) -> Settings:
    settings = settings_of_environment(**overrides)
    configure(level=settings.log_level, form=settings.log_format)
    return settings


def _address(host: str, port: int) -> dict[str, object]:
    """Return what PUBLIC_URL is when nobody has set it: the port that was asked for."""
    if "public_url" in settings_of_environment().model_fields_set:
        return {}
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared only
    return {"public_url": f"http://{shown}:{port}"}


def _environment_of(settings: Settings, urls: StoreUrls) -> dict[str, str]:
    """Return what the children are told beyond our own environment."""
    return {
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "DATA_DIR": str(settings.data_dir.absolute()),
        "PUBLIC_URL": settings.public_url,
    }


def _migrate_embedded(settings: Settings, urls: StoreUrls) -> None:
    """Bring an embedded database to its head; one's own is migrated by its owner."""
    if is_embedded(settings):
        upgrade(urls.database_url)


def refuse_wrong_keys(settings: Settings, urls: StoreUrls) -> None:
    """
    Look whether ENCRYPTION_KEYS open what is stored; a database that is away is none of this.

    Raises:
        Stop: They do not: every company would look unavailable, and new tokens would be sealed
            with keys that do not belong to this database.
    """

    async def look() -> KeyCheck:
        db = Database(build_engine(urls.database_url, pool_size=1))
        try:
            return await check_keys(db, Keyring.parse(settings.encryption_keys))
        finally:
            await db.dispose()

    try:
        found = asyncio.run(look())
    except BadKeyring as unreadable:
        raise Stop(f"{unreadable}.", ["ENCRYPTION_KEYS: see .env.example."], code=2) from unreadable
    except (SQLAlchemyError, asyncpg.PostgresError, OSError) as away:
        log.warning("keys_not_checked", error=type(away).__name__)
        return
    if found.wrong:
        named = ", ".join(sorted(found.missing))
        raise Stop(
            "ENCRYPTION_KEYS are not the keys of this database: stored tokens "
            + (f"ask for the key {named}." if named else "cannot be opened with them."),
            ["Put the former keys back behind the new one; then `ledgerwire encryption rotate`."],
            code=2,
        )


def _await_answer(children: Children, host: str, port: int) -> None:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared only
    deadline = time.monotonic() + START_SECONDS
    while not answers(f"http://{shown}:{port}/healthz"):
        children.watch()
        if time.monotonic() > deadline:
            raise Stop("The API does not answer.", ["Its reason may stand above."])
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Tell whether somebody answers 200 there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def _say_where(settings: Settings, host: str, port: int) -> None:
    out = console()
    kept = settings.data_dir.absolute() / "secrets.json"
    operator = "the setting OPERATOR_KEY" if Settings().operator_key else str(kept)
    store = "DATABASE_URL" if settings.database_url else f"embedded, in {settings.data_dir}"
    rows = {
        "Ledgerwire": settings.public_url,
        "listening on": f"{host}:{port}",
        "API description": f"{settings.public_url}/docs",
        "Previous History": f"{settings.public_url}/console",
        "redirect URI at Intuit": settings.callback_url,
        "QuickBooks": settings.quickbooks_environment,
        "database": store,
        "operator key": f"in {operator}",
    }
    for name, value in rows.items():
        out.print(f"{name:>23}  {value}", markup=False)
    out.print("Ctrl-C stops everything.")
