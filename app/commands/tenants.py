"""`migrate`, `organizations`, `keys`, `encryption`: what an operator does on the database."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError
from rich.table import Table

from app import schema
from app.bootstrap import Collaborators, build
from app.commands.terminal import (
    Stop,
    console,
    open_stores,
    sentences,
    settings_of_environment,
    stoppable,
)
from app.connections.sealing import rotate_encryption
from app.kit.errors import AppError
from app.organizations import service
from app.organizations.access import Scope
from app.organizations.models import ApiKey
from app.organizations.schemas import ApiKeyIn, ApiKeyOut, OrganizationIn, OrganizationOut

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OrganizationId = Annotated[UUID, typer.Argument(help="The organization's id.")]
MOST = 1000


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Compare models and migrations on a scratch database.")
    ] = False,
) -> None:
    """Bring the database's tables up to date."""
    with sentences(), stoppable():
        if check:
            schema.check()
            console().print("One head, and the models say what the migrations make.")
            return
        with open_stores(settings_of_environment()) as urls:
            schema.upgrade(urls.database_url)
        console().print(f"The schema is at revision {', '.join(schema.heads())}.")


def on_the_database(action: Callable[[Collaborators], Awaitable[T]]) -> T:
    """Run one action of a service, on the stores that the settings name."""
    settings = settings_of_environment()
    with open_stores(settings) as urls:
        if settings.database_url is None:
            schema.upgrade(urls.database_url)

        async def run() -> T:
            made = build(settings, database_url=urls.database_url, redis_url=urls.redis_url)
            try:
                return await action(made)
            finally:
                await made.close()

        try:
            return asyncio.run(run())
        except AppError as refused:
            raise Stop(refused.detail, refused.fixes) from refused
        except OSError as lost:
            raise Stop(
                f"The database cannot be reached: {lost}.", ["Check DATABASE_URL."]
            ) from lost


# ------------------------------------------------------------------------------- organizations


def create_organization(name: str, as_json: AsJson = False) -> None:
    """Create a merchant: the unit of isolation."""
    with sentences(), stoppable():
        wanted = _valid(OrganizationIn, name=name)
        row = on_the_database(lambda made: service.create_organization(made.db, wanted))
        _show([OrganizationOut.model_validate(row)], as_json)


def list_organizations(as_json: AsJson = False) -> None:
    """List merchants, newest first."""
    with sentences(), stoppable():
        rows = on_the_database(
            lambda made: service.list_organizations(made.db, before=None, limit=MOST)
        )
        _show([OrganizationOut.model_validate(row) for row in rows], as_json)


# ---------------------------------------------------------------------------------------- keys


def create_key(
    organization: OrganizationId,
    name: Annotated[str, typer.Option(help="What the key is for; shown in Previous History.")],
    scope: Annotated[list[Scope], typer.Option(help="May be repeated.")] = [Scope.WRITE],  # noqa: B006
    expires: Annotated[datetime | None, typer.Option(help="In UTC; never, if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown once, and only a hash of it is kept."""
    with sentences(), stoppable():
        instant = expires.isoformat() + "Z" if expires else None
        wanted = _valid(
            ApiKeyIn, name=name, scopes=[each.value for each in scope], expires_at=instant
        )
        key, plain = on_the_database(
            lambda made: service.create_key(made.db, organization, wanted, hash_key=made.hash_key)
        )
        _show_once(key, plain, as_json)


def rotate_key(
    organization: OrganizationId,
    key: Annotated[UUID, typer.Argument(help="The old key's id.")],
    overlap: Annotated[
        int, typer.Option(help="Hours for which the old key still works.", min=0, max=168)
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Let a new key follow an old one, with its name and scopes. It is shown once."""
    with sentences(), stoppable():
        fresh, plain = on_the_database(
            lambda made: service.rotate_key(
                made.db,
                organization,
                key,
                overlap=timedelta(hours=overlap),
                hash_key=made.hash_key,
            )
        )
        _show_once(fresh, plain, as_json)


def _show_once(key: ApiKey, plain: str, as_json: bool) -> None:
    if as_json:
        shown = ApiKeyOut.model_validate(key).model_dump(mode="json")
        typer.echo(json.dumps({**shown, "key": plain}, indent=2))
        return
    typer.echo(plain)
    console(errors=True).print("This is the only time that the key is shown.")


def list_keys(organization: OrganizationId, as_json: AsJson = False) -> None:
    """List an organization's keys without their secrets, newest first."""
    with sentences(), stoppable():
        rows = on_the_database(
            lambda made: service.list_keys(made.db, organization, before=None, limit=MOST)
        )
        _show([ApiKeyOut.model_validate(row) for row in rows], as_json)


def revoke_key(
    organization: OrganizationId, key: Annotated[UUID, typer.Argument(help="The key's id.")]
) -> None:
    """Revoke a key, from its next request on."""
    with sentences(), stoppable():
        on_the_database(lambda made: service.revoke_key(made.db, organization, key))
        console().print("The key is revoked.")


# ---------------------------------------------------------------------------------- encryption


def rotate() -> None:
    """Seal every stored token with the first key of ENCRYPTION_KEYS."""
    with sentences(), stoppable():
        done = on_the_database(lambda made: rotate_encryption(made.db, made.keyring))
        console().print(f"{done.rotated} re-encrypted, {done.current} were already.")
        if done.unreadable:
            raise Stop(
                f"{done.unreadable} connections cannot be opened with the present keys.",
                ["Put the key they were sealed with back into ENCRYPTION_KEYS, and run it again."],
            )


# --------------------------------------------------------------------------------------- shared


M = TypeVar("M", bound=BaseModel)


def _valid(model: type[M], **values: Any) -> M:
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as wrong:
        reasons = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in wrong.errors()]
        raise Stop("This cannot be accepted.", reasons) from wrong


def _show(rows: list[Any], as_json: bool) -> None:
    shown = [row.model_dump(mode="json") for row in rows]
    if as_json:
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if not shown:
        console().print("There are none.")
        return
    table = Table()
    for name in shown[0]:
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name == "id")
    for row in shown:
        table.add_row(*(_cell(value) for value in row.values()))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
