"""`ledgerwire demo`: the main job end to end, judged to the cent."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.commands.terminal import Stop, console, sentences, stoppable
from app.demo.kinds import KINDS
from app.demo.quarter import SMALL, Size
from app.demo.sabotage import Sabotage, sabotage
from app.demo.script import Play
from app.demo.show import Show
from app.demo.stage import SEEDED, Stage, stage

KEPT = Path(".ledgerwire/demo")


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help=f"Leave everything running, data under {KEPT}.")
    ] = False,
    falsify: Annotated[
        Sabotage | None,
        typer.Option("--sabotage", help="Falsify the books at the end: the judge must notice."),
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Bill a tenth of it.")] = False,
    profile: Annotated[str, typer.Option(help=f"Kind of company: {', '.join(KINDS)}.")] = "ca",
    seed: Annotated[int, typer.Option(help="Another seed bills another quarter.")] = 2026,
) -> None:
    """Play the main job from end to end against a simulated QuickBooks, and compare every cent."""
    with sentences(), stoppable():
        if profile not in KINDS:
            raise Stop(
                f"There is no company profile {profile!r}; there are {', '.join(KINDS)}.", code=2
            )
        show = Show(console())
        show.out.print("Ledgerwire, the main job from end to end", style="bold")
        show.say("Real Postgres and Valkey, API and worker as processes of their own, and a")
        show.say(f"simulated QuickBooks with {SEEDED['customers']} customers.")
        with _folder(keep) as folder, stage(folder, profile=profile) as set_up:
            play = Play(set_up, show, KINDS[profile], size=SMALL if small else Size(), seed=seed)
            code = _play(play, falsify=falsify)
            if keep:
                _stay(show, set_up, play)
        if code:
            raise typer.Exit(code)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """Give a fresh folder; it is kept if asked for, and else forgotten."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix="ledgerwire-demo-") as name:
            yield Path(name)
        return
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    yield KEPT.absolute()


def _play(play: Play, *, falsify: Sabotage | None) -> int:
    """Play everything; return the judge's exit code."""
    show = play.show
    show.say("In QuickBooks, credits and payments are not applied automatically and documents")
    show.say("keep our numbers, as we advise merchants. Limits are ten times QuickBooks' own.")
    play.run()
    play.history()
    play.one_invoice()
    if falsify is not None:
        show.heading("Sabotage")
        show.say(sabotage(play.stage.books, falsify))
    show.heading("The judge: billed, and in the books")
    code = play.judged()
    seconds = time.monotonic() - show.started
    verdict = "Every cent agrees" if code == 0 else "The books differ from what was billed"
    show.out.print(f"{verdict}. {seconds:.0f} seconds.", style="bold")
    return code


def _stay(show: Show, set_up: Stage, play: Play) -> None:
    """Leave everything running until somebody has seen enough."""
    show.heading("Everything is still running. Ctrl-C stops it.")
    rows = {
        "API": set_up.url,
        "API description": f"{set_up.url}/docs",
        "Previous History": f"{set_up.url}/console",
        "API key": play.key,
        "integration": play.integration_id,
        "operator key": set_up.operator_key,
        "QuickBooks (simulated)": f"{set_up.books.base_url}/_control/docs",
        "what was billed": str(play.truth.path),
        "logs": str(set_up.folder),
    }
    for name, value in rows.items():
        show.out.print(f"{name:>24}  {value}", markup=False)
    try:
        while True:
            set_up.children.watch()
            time.sleep(0.5)
    except KeyboardInterrupt:
        show.out.print("Stopping …")
