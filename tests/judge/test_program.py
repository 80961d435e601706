"""``python -m judge`` over HTTP: exit codes, the table, the report."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from judge.__main__ import main
from judge.books import Books
from tests.judge.ledger import before, books, entries


class Served:
    """Books behind a small control plane."""

    def __init__(self) -> None:
        self.books = books()

    def answer(self, path: str) -> object:
        name = path.rpartition("/")[2]
        if name == "trial-balance":
            return {"accounts": self.books.balances, "sum": 0}
        if name == "tax-accounts":
            return self.books.tax_accounts
        return self.books.of(name)


@pytest.fixture
def served() -> Iterator[tuple[str, Served]]:
    held = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(held.answer(self.path), default=float).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", held
    server.shutdown()
    thread.join()
    server.server_close()


def arguments(url: str, folder: Path) -> list[str]:
    pushed = folder / "billed.ndjson"
    pushed.write_text("".join(json.dumps(entry) + "\n" for entry in entries()))
    where = ["--books", url, "--realm", "9130"]
    return ["compare", *where, "--pushed", str(pushed), "--before", str(folder / "before.json")]


def snapshot(url: str, held: Served, folder: Path) -> None:
    held.books = before()
    where = ["--books", url, "--realm", "9130"]
    assert main(["snapshot", *where, "--out", str(folder / "before.json")]) == 0
    held.books = books()


def test_agreement_is_exit_code_zero(
    served: tuple[str, Served], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, held = served
    snapshot(url, held, tmp_path)

    assert main(arguments(url, tmp_path)) == 0
    assert "Everything agrees, to the cent." in capsys.readouterr().out


def test_a_difference_is_exit_code_one_and_named(
    served: tuple[str, Served], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, held = served
    snapshot(url, held, tmp_path)
    held.books.documents["Invoice"].pop(0)
    report = tmp_path / "report.json"

    assert main([*arguments(url, tmp_path), "--json", str(report)]) == 1
    assert "Invoice i1 is missing in the books" in capsys.readouterr().out
    found = json.loads(report.read_text())
    assert found["agrees"] is False
    assert found["findings"][0]["which"] == "i1"


def test_unreadable_books_are_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--books", "http://127.0.0.1:9", "--realm", "1"]

    assert main(["snapshot", *where, "--out", str(tmp_path / "x.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_books_survive_being_kept(tmp_path: Path, served: tuple[str, Served]) -> None:
    from judge.books import load, read_books, save

    read = read_books(served[0], "9130")
    save(read, tmp_path / "kept.json")

    again: Books = load(tmp_path / "kept.json")
    assert again.balances == read.balances
    assert len(again.of("Invoice")) == 2
