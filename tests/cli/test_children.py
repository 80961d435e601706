"""Child processes: started again when they die, given up when they die again and again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.children import Child, Children
from app.commands.terminal import Stop

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def watch_for_ever(child: Child, children: Children) -> None:
    while True:
        until(lambda: child.ended() is not None)
        children.watch()


def test_a_dead_child_is_started_again() -> None:
    with Children(patience=5) as children:
        child = children.start(Child("sleeper", SLEEP, {}))
        first = pid_of(child)
        os.kill(first, signal.SIGKILL)
        until(lambda: child.ended() is not None)

        children.watch()

        assert child.ended() is None
        assert pid_of(child) != first


def test_a_child_that_dies_again_and_again_is_given_up(tmp_path: Path) -> None:
    with Children(patience=5) as children:
        child = children.start(Child("dier", [sys.executable, "-c", "exit(3)"], {}, tmp_path / "l"))

        with pytest.raises(Stop, match=r"dier ended 5 times.*exit code 3"):
            watch_for_ever(child, children)


def test_all_are_stopped_at_the_end_even_those_that_will_not() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    with Children(patience=0.5) as children:
        willing = children.start(Child("willing", SLEEP, {}))
        child = children.start(
            Child("stubborn", [sys.executable, "-c", f"{stubborn}; time.sleep(60)"], {})
        )
        time.sleep(0.3)

    assert willing.ended() is not None
    assert child.ended() is not None


@pytest.mark.slow
def test_serve_runs_everything_heals_its_worker_and_stops_cleanly(tmp_path: Path) -> None:
    import psutil

    from app.commands.processes import answers
    from app.demo.stage import _free_port

    port = _free_port()
    log = (tmp_path / "serve.log").open("wb")
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
        env={**os.environ, "DATA_DIR": str(tmp_path / "data"), "LOG_FORMAT": "json"},
        stdout=log,
        stderr=log,
    )
    try:
        head = psutil.Process(server.pid)
        until_slow(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        family = head.children(recursive=True)
        worker = next(each for each in family if "worker" in each.cmdline())
        worker.kill()
        until_slow(
            lambda: any(
                "worker" in each.cmdline() and each.pid != worker.pid
                for each in head.children()
                if each.is_running() and each.status() != psutil.STATUS_ZOMBIE
            )
        )
        family = head.children(recursive=True)
    finally:
        server.send_signal(signal.SIGINT)
        code = server.wait(60)
        log.close()

    assert code == 0
    assert psutil.wait_procs(family, timeout=20)[1] == []


def until_slow(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
