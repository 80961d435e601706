"""The README's walk-through, pasted line by line into one bash."""

import re
import shutil
import subprocess

import httpx
import pytest

from tests.contract.served import FIRST_REALM, ROOT, Served

STEP = "::step::"

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="bash and curl walk through it"
)


def walkthrough() -> list[str]:
    """The lines of the walk-through; each is a command of its own."""
    readme = (ROOT / "README.md").read_text()
    begun = readme.partition("<!-- walkthrough:begin -->")[2]
    part = begun.partition("<!-- walkthrough:end -->")[0]
    blocks = re.findall(r"```bash\n(.*?)```", part, re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


@pytest.fixture(scope="module")
def walked(served: Served) -> list[tuple[str, int, str]]:
    """Each line with its exit code and what it printed."""
    lines = [
        line.replace("http://127.0.0.1:8400", served.url).replace(
            "http://127.0.0.1:8700", served.simulator_url
        )
        for line in walkthrough()
    ]
    script = "".join(f'{line}\necho "{STEP}$?"\n' for line in lines)
    done = subprocess.run(
        ["bash", "--norc", "-o", "pipefail"],  # noqa: S607
        input=script,
        capture_output=True,
        text=True,
        cwd=served.folder,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.split(rf"{STEP}(\d+)\n", done.stdout)[:-1]
    answers = list(zip(lines, map(int, found[1::2]), found[0::2], strict=True))
    assert done.stderr == "", done.stdout[-6000:]
    return answers


def printed(walked: list[tuple[str, int, str]], part: str) -> str:
    """What the last line with this text printed."""
    return next(output for line, _, output in reversed(walked) if part in line)


def test_every_line_succeeds(walked: list[tuple[str, int, str]]) -> None:
    assert [(line, output) for line, code, output in walked if code != 0] == []


def test_the_browser_is_led_there_and_back(
    walked: list[tuple[str, int, str]], served: Served
) -> None:
    chain = printed(walked, "curl -sS -L")

    assert re.findall(r"HTTP/1\.1 (\d+)", chain) == ["303", "302", "302", "200"]
    assert f"{served.simulator_url}/connect/oauth2" in chain
    assert f"{served.url}/v1/oauth/quickbooks/callback" in chain
    assert '"status": "connected"' in printed(walked, "$BOOKS/connection")


def test_the_month_is_posted_once_and_to_the_cent(walked: list[tuple[str, int, str]]) -> None:
    assert printed(walked, "field status") == "succeeded\n"
    assert printed(walked, "field amounts").count("'difference': '0.00'") == 2
    assert printed(walked, "field counts unchanged") == "4\n"
    assert "invoice,post,inv_1,2026-0001" in printed(walked, "records.csv")


def test_the_books_hold_what_was_billed(walked: list[tuple[str, int, str]], served: Served) -> None:
    url = f"{served.simulator_url}/_control/companies/{FIRST_REALM}/documents/Invoice"
    invoices = httpx.get(url, trust_env=False).json()

    assert [(row["TotalAmt"], row["Balance"]) for row in invoices] == [(112.0, 0)]


def test_the_lines_need_nothing_that_is_not_required() -> None:
    """No jq: bash, curl and python3 are all that is asked for."""
    programs = {word for line in walkthrough() for word in re.findall(r"(?:^|\| |\$\()(\w+)", line)}

    known = {"call", "field", "show", "curl", "python3", "sed", "grep", "cut", "mktemp", "echo"}
    assert {word for word in programs if word.islower()} <= known
