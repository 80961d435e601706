"""How commands speak: plain sentences, an exit code, and the way out on Ctrl-C or SIGTERM."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import typer
from pydantic import ValidationError
from rich.console import Console

from app.kit.embedded import EmbeddedError, EmbeddedStores, StoreUrls
from app.schema import SchemaError
from app.settings import Settings, UnsafeSetting, load_settings


def console(*, errors: bool = False) -> Console:
    """Return where a command writes; without a terminal lines are not broken at 80 columns."""
    wide = None if os.isatty(2 if errors else 1) else 140
    return Console(stderr=errors, width=wide, highlight=False)


class Stop(Exception):
    """A command cannot go on; the message says why, *fixes* what helps."""

    def __init__(self, sentence: str, fixes: Sequence[str] = (), *, code: int = 1) -> None:
        super().__init__(sentence)
        self.sentence, self.fixes, self.code = sentence, tuple(fixes), code


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what a command cannot go on with into a sentence and an exit code."""
    try:
        yield
    except Stop as stop:
        tell(stop)
        raise typer.Exit(stop.code) from stop
    except UnsafeSetting as unsafe:
        tell(Stop(f"These settings are not fit for production:\n{unsafe}"))
        raise typer.Exit(2) from unsafe
    except ValidationError as wrong:
        tell(Stop("A setting cannot be read.", [setting_error(item) for item in wrong.errors()]))
        raise typer.Exit(2) from wrong
    except SchemaError as wrong_schema:
        tell(Stop(str(wrong_schema), wrong_schema.fixes))
        raise typer.Exit(1) from wrong_schema
    except EmbeddedError as embedded:
        tell(Stop(str(embedded)))
        raise typer.Exit(1) from embedded
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(0) from interrupt


def setting_error(item: object) -> str:
    """Return a validation error as a sentence that names the setting, never its value."""
    found = item if isinstance(item, dict) else {}
    name = "_".join(str(part) for part in found.get("loc", ())).upper()
    return f"{name or 'The settings'}: {found.get('msg', 'not valid')}."


def tell(stop: Stop) -> None:
    """Write a failure with its fixes to standard error."""
    out = console(errors=True)
    out.print(stop.sentence, style="bold red", markup=False)
    for fix in stop.fixes:
        out.print(f"  • {fix}", markup=False)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that everything opened in it is closed."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # Signals come to the main thread only.
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def settings_of_environment(**overrides: object) -> Settings:
    """Return the settings; what is wrong with them becomes a sentence in `sentences`."""
    return load_settings(**overrides)


@contextmanager
def open_stores(settings: Settings) -> Iterator[StoreUrls]:
    """Open both stores: those that settings name as they are, the others embedded."""
    with EmbeddedStores(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        data_dir=settings.data_dir,
    ) as urls:
        yield urls


def is_embedded(settings: Settings) -> bool:
    return settings.database_url is None
