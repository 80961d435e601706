"""`errors`: writes the committed list of errors, or tells that it is out of date."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.terminal import Stop, sentences
from app.reconciliation.catalogue import catalogue, rendered

PLACE = Path("docs/errors.md")


def errors(
    write: Annotated[bool, typer.Option("--write", help=f"Write {PLACE}.")] = False,
    check: Annotated[bool, typer.Option("--check", help=f"Fail when {PLACE} differs.")] = False,
) -> None:
    """Show, write or check the list of errors, refusals and findings."""
    with sentences():
        text = rendered(catalogue())
        if write:
            PLACE.parent.mkdir(exist_ok=True)
            PLACE.write_text(text)
        elif check:
            if not PLACE.exists() or PLACE.read_text() != text:
                raise Stop(
                    f"{PLACE} is not what the code says.", ["Run `ledgerwire errors --write`."]
                )
        else:
            typer.echo(text, nl=False)
