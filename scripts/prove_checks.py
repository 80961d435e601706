"""
Breaks the project in one way after another, in a copy, and shows that a check catches each.

A check that cannot fail is worse than none. Nothing in this folder is touched: the tracked files
are copied with their uncommitted changes, and Python finds the copy first, not the editable
installation.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHOWN = 110


@dataclass(frozen=True)
class Break:
    """One way to break the project, the command that must notice, and what it must then say."""

    what: str
    command: tuple[str, ...]
    harm: Callable[[Path], None]
    evidence: str


def append(name: str, text: str) -> Callable[[Path], None]:
    """Return what adds *text* at the end of a file, which it makes when there is none."""

    def harm(copy: Path) -> None:
        with (copy / name).open("a") as file:
            file.write(text)

    return harm


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return what replaces the first *old* of a file."""

    def harm(copy: Path) -> None:
        text = (copy / name).read_text()
        if old not in text:
            raise SystemExit(f"{name} does not hold {old!r} any more: mend scripts/prove_checks.py")
        (copy / name).write_text(text.replace(old, new, 1))

    return harm


def second_head(copy: Path) -> None:
    """Add two revisions that follow the first one."""
    first = min((copy / "migrations" / "versions").glob("*.py"))
    found = re.search(r"^revision\b[^=]*= [\"'](\w+)", first.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{first.name} names no revision")
    for number in (1, 2):
        (first.parent / f"fork_{number}.py").write_text(
            f'revision = "fork{number}"\ndown_revision = "{found[1]}"\n\n\n'
            "def upgrade() -> None: ...\n\n\ndef downgrade() -> None: ...\n"
        )


TABLE = """

class Forgotten(Base):
    __tablename__ = "forgotten"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
GUARDED = "tests/kit/test_embedded.py::TestRefusals::test_data_of_another_major"


def check(name: str) -> tuple[str, ...]:
    return (sys.executable, "scripts/check.py", name)


BREAKS = [
    Break(
        "a line out of style",
        check("format"),
        append("app/kit/clock.py", "\n\nx  =  {'a':1}\n"),
        "clock.py",
    ),
    Break(
        "a lint error (an unused import)",
        check("lint"),
        append("app/kit/clock.py", "\nimport os\n"),
        "F401",
    ),
    Break(
        "a type error",
        check("types"),
        append("app/kit/clock.py", '\n\ndef broken() -> int:\n    return "no"\n'),
        "return-value",
    ),
    Break(
        "an import that points upwards (kit → jobs)",
        check("direction"),
        append("app/kit/clock.py", "\nimport app.jobs\n"),
        "app.kit.clock -> app.jobs",
    ),
    Break(
        "a room without a place",
        check("direction"),
        append("app/stray.py", ""),
        "app.stray",
    ),
    Break(
        "a second room that knows arq",
        check("direction"),
        append("app/kit/clock.py", "\nimport arq\n"),
        "arq",
    ),
    Break(
        "the program importing the simulator",
        check("direction"),
        append("app/main.py", "\nimport simulator\n"),
        "app.main -> simulator",
    ),
    Break(
        "a model changed without a migration",
        check("schema"),
        append("app/organizations/models.py", TABLE),
        "forgotten",
    ),
    Break(
        "two heads of the migrations",
        check("schema"),
        second_head,
        "one newest migration",
    ),
    Break(
        "a stale openapi.json",
        check("contract"),
        replace("openapi/openapi.json", '"title"', '"titel"'),
        "openapi",
    ),
    Break(
        "a setting that nobody explained",
        check("settings"),
        replace("app/settings.py", "    log_level:", "    mystery: int = 1\n    log_level:"),
        "MYSTERY",
    ),
    Break(
        "a Dockerfile that hadolint refuses",
        check("image"),
        append("Dockerfile", "RUN cd /tmp && sudo true\n"),
        "DL3004",
    ),
    Break(
        "a script that is no shell",
        check("scripts"),
        append("scripts/environment", "\nif\n"),
        "environment",
    ),
    Break(
        "a path of somebody's machine in a file",
        check("traces"),
        append("docs/operations.md", "\nSee /" + "home/ada/notes.\n"),
        "operations.md",
    ),
    Break(
        "code that a test guards",
        (sys.executable, "-m", "pytest", GUARDED),
        replace("app/kit/embedded.py", "if theirs != ours:", "if theirs is ours:"),
        "1 failed",
    ),
]


def run(command: tuple[str, ...], copy: Path) -> tuple[bool, str]:
    """Run a command on the copy; return whether it was content, and what it said."""
    done = subprocess.run(
        command,
        cwd=copy,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.returncode == 0, done.stdout


def lay_out(copy: Path) -> None:
    """Copy the tracked files as they are now, into a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  Whichever git is there.
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    for arguments in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *arguments], cwd=copy, check=True)  # noqa: S607  As above.
    content, said = run((sys.executable, "-c", "import app; print(app.__file__)"), copy)
    if not content or copy not in Path(said.strip()).parents:
        raise SystemExit(f"Python does not find the copy but {said.strip()}")


def restore(copy: Path) -> None:
    for arguments in (("checkout", "-q", "--", "."), ("clean", "-fdq")):
        subprocess.run(["git", *arguments], cwd=copy, check=True)  # noqa: S607  As above.


def first_line(said: str, evidence: str) -> str:
    lines = [line.strip() for line in said.splitlines() if evidence in line]
    return lines[0][:SHOWN] if lines else ""


def prove(case: Break, copy: Path, sound: dict[tuple[str, ...], bool]) -> str | None:
    """Return why the case proves nothing, or None after showing that it was caught."""
    if case.command not in sound:
        sound[case.command], said = run(case.command, copy)
        if not sound[case.command]:
            print(said)
    if not sound[case.command]:
        return "fails before anything was broken"
    case.harm(copy)
    content, said = run(case.command, copy)
    restore(copy)
    if content:
        return "was NOT caught"
    if case.evidence not in said:
        print(said)
        return f"failed without naming {case.evidence!r}"
    print(f"caught  {case.what}\n          {first_line(said, case.evidence)}", flush=True)
    return None


def main() -> int:
    failures = 0
    sound: dict[tuple[str, ...], bool] = {}
    with tempfile.TemporaryDirectory(prefix="ledgerwire-broken-") as folder:
        copy = Path(folder).resolve()
        lay_out(copy)
        for case in BREAKS:
            if (reason := prove(case, copy, sound)) is not None:
                failures += 1
                print(f"FAILED  {case.what}: {reason}", flush=True)
    print(f"{len(BREAKS) - failures} of {len(BREAKS)} breaks were caught.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
