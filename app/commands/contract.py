"""`openapi`: writes the committed API description, or tells that it is out of date."""

import difflib
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from app.bootstrap import build
from app.commands.terminal import Stop, console, sentences
from app.main import create_app
from app.settings import Settings

PLACE = Path("openapi/openapi.json")
SHOWN_LINES = 40


def openapi(
    write: Annotated[bool, typer.Option("--write", help=f"Write {PLACE}.")] = False,
    check: Annotated[bool, typer.Option("--check", help=f"Fail when {PLACE} differs.")] = False,
) -> None:
    """Show, write or check the OpenAPI document."""
    with sentences():
        text = rendered(document())
        if write:
            PLACE.parent.mkdir(exist_ok=True)
            PLACE.write_text(text)
        elif check:
            _compare(text)
        else:
            typer.echo(text, nl=False)


def document() -> dict[str, Any]:
    """Return the API's document; no store is opened for it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            encryption_keys="k1:" + "A" * 43 + "=",
            hash_key="-",
            operator_key="-",
        )
        app = create_app(
            build(
                settings,
                database_url="postgresql://127.0.0.1/none",
                redis_url="redis://127.0.0.1",
            )
        )
        return app.openapi()


def rendered(described: dict[str, Any]) -> str:
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _compare(text: str) -> None:
    kept = PLACE.read_text() if PLACE.exists() else ""
    if kept == text:
        return
    lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "committed", "code", n=2)
    out = console(errors=True)
    for line in list(lines)[:SHOWN_LINES]:
        out.print(line, markup=False)
    raise Stop(f"{PLACE} is not what the code says.", ["Run `make openapi`, and look at the diff."])
