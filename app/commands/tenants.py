"""`migrate`, `organizations`, `keys`, `encryption`: what an operator does on the database."""

from typing import Annotated

import typer

from app import schema
from app.commands.terminal import (
    console,
    open_stores,
    sentences,
    settings_of_environment,
    stoppable,
)


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
