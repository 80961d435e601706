"""The demonstration as a program: every kind of company agrees, and every falsification shows."""

import subprocess
import sys

import pytest

from app.demo.kinds import KINDS
from app.demo.sabotage import Sabotage

pytestmark = pytest.mark.slow


def played(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", "demo", "--small", *arguments]
    return subprocess.run(  # noqa: S603  Our own program.
        command, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("profile", KINDS)
def test_every_kind_of_company_agrees(profile: str) -> None:
    done = played("--profile", profile)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "Everything agrees, to the cent." in done.stdout


@pytest.mark.parametrize("falsified", Sabotage)
@pytest.mark.parametrize("profile", KINDS)
def test_every_falsification_is_noticed(profile: str, falsified: Sabotage) -> None:
    done = played("--profile", profile, "--sabotage", falsified)

    assert done.returncode == 1, done.stdout[-4000:] + done.stderr
    assert "differences:" in done.stdout
