"""
Every check that is not a test, one after the other: ``python scripts/check.py [NAME …]``.

All of them run, whatever fails, so that one call shows everything that is wrong. The project is
the current folder, which lets ``prove_checks`` run them on a broken copy.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

PYTHON = sys.executable
BIN = Path(PYTHON).parent
# The command of this project, as the code in the current folder has it.
LEDGERWIRE = [PYTHON, "-c", "import sys; from app.cli import main; sys.exit(main())"]
# Where a person's or a machine's files live; a path below these means nothing to anybody else.
FOREIGN_PATH = re.compile(r"(?<![\w./~$}>-])/(?:home|root|Users|work|mnt|srv)/[\w.-]+")
REGISTRY = re.compile(
    r"(?:--(?:extra-)?index-url|--find-links)[= ]\S*//|https?://\S+/simple/?(?=[\s\"'])"
)
TEXT_LIMIT = 2_000_000
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD"}


class Failed(Exception):
    """A check that does not hold; its message is shown."""


def run(*command: str, **settings: str) -> str:
    """Run a command of this project's environment; its output is the reason when it fails."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": os.getcwd(), **settings},
    )
    if done.returncode != 0:
        raise Failed(done.stdout.strip() or f"exit code {done.returncode}")
    return done.stdout


def check_format() -> None:
    run("ruff", "format", "--check", "--quiet", "--diff", ".")


def check_lint() -> None:
    run("ruff", "check", "--quiet", ".")


def check_types() -> None:
    run(PYTHON, "-m", "mypy", "--no-error-summary")


def check_direction() -> None:
    run("lint-imports", "--no-cache")


def check_schema() -> None:
    """One head, and the models say what the migrations make; on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="ledgerwire-check-") as folder:
        run(*LEDGERWIRE, "migrate", "--check", DATA_DIR=folder, DATABASE_URL="", REDIS_URL="")


def check_contract() -> None:
    """The committed OpenAPI document is the one that the code makes."""
    with tempfile.TemporaryDirectory(prefix="ledgerwire-check-") as folder:
        run(*LEDGERWIRE, "openapi", "--check", DATA_DIR=folder)


def check_settings() -> None:
    """Each setting is explained in .env.example, and nothing else is."""
    listing = "from app.settings import Settings; print(*Settings.model_fields)"
    read = {name.upper() for name in run(PYTHON, "-c", listing).split()}
    example = Path(".env.example").read_text()
    explained = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) - COMPOSE_ONLY
    table = set(
        re.findall(r"^\| `([A-Z_]+)`", Path("docs/operations.md").read_text(), re.MULTILINE)
    )
    for place, names in ((".env.example", explained), ("docs/operations.md", table)):
        if names != read:
            missing, extra = sorted(read - names), sorted(names - read)
            raise Failed(f"{place} lacks {missing or 'nothing'} and has {extra or 'nothing'} extra")


def check_image() -> None:
    run("hadolint", "Dockerfile")


def check_scripts() -> None:
    for script in tracked():
        if script.suffix == "" and script.parent.name in {"scripts", ".ci"}:
            run("sh", "-n", str(script))


def check_traces() -> None:
    """No tracked file names a package registry or a path of the machine it was written on."""
    # Not when it is a folder such as "/" or "/app", whose name stands in many a line.
    here = [place for place in (os.getcwd(), str(Path.home())) if place.count("/") > 1]
    found = []
    for path in tracked():
        if not path.is_file() or path.stat().st_size > TEXT_LIMIT:
            continue
        text = path.read_text(errors="ignore")
        for number, line in enumerate(text.splitlines(), start=1):
            hosts = [host for host in registry_hosts() if host in line]
            places = [place for place in here if place in line]
            pattern = FOREIGN_PATH.search(line) or REGISTRY.search(line)
            if hosts or places or pattern:
                found.append(f"{path}:{number}: {line.strip()[:120]}")
    if found:
        raise Failed("\n".join(found))


def registry_hosts() -> set[str]:
    """Return the hosts this machine takes packages from, as far as its settings name them."""
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX")
    urls = " ".join(os.environ.get(name, "") for name in names).split()
    return {host for url in urls if (host := urlsplit(url).hostname)}


def tracked() -> list[Path]:
    listed = run("git", "ls-files", "-z", "--cached")
    return [Path(name) for name in listed.split("\0") if name]


CHECKS: dict[str, Callable[[], None]] = {
    "format": check_format,
    "lint": check_lint,
    "types": check_types,
    "direction": check_direction,
    "schema": check_schema,
    "contract": check_contract,
    "settings": check_settings,
    "image": check_image,
    "scripts": check_scripts,
    "traces": check_traces,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return the exit code."""
    if unknown := set(names) - set(CHECKS):
        print(f"No check is called {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}.")
        return 2
    failures = 0
    for name in names or CHECKS:
        started = time.monotonic()
        try:
            CHECKS[name]()
        except Failed as failure:
            failures += 1
            print(f"FAILED  {name}\n{failure}\n", flush=True)
        else:
            print(f"ok      {name}  ({time.monotonic() - started:.1f} s)", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
