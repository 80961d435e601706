"""The API from outside: what commands that could run on any machine use."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Self

from app.commands.terminal import Stop
from app.kit.http import Client, ConnectError, HTTPError, Response, user_agent

Answer = dict[str, Any]
NDJSON = "application/x-ndjson"
READ_SECONDS = 300.0
POLL_SECONDS = 0.4
ENDED = frozenset({"succeeded", "succeeded_with_findings", "failed", "cancelled"})


class Refused(Stop):
    """The API answered with a problem; its words are the message, *problem* is the document."""

    def __init__(self, method: str, path: str, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or "no reason was given"
        super().__init__(f"{method} {path} was refused ({status}): {detail}", _fixes(problem))
        self.status, self.problem = status, problem


def _fixes(problem: Mapping[str, Any]) -> list[str]:
    fields = [f"{each.get('pointer')}: {each.get('detail')}" for each in problem.get("errors", ())]
    return [*fields, *(str(fix) for fix in problem.get("fixes", ()))]


class Remote:
    """One caller of the API; every refusal becomes a sentence with its fixes."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}", "User-Agent": user_agent()}
        self._http = Client(
            base_url=self.url, headers=headers, timeout=READ_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Answer:
        """
        Return the answer's JSON; numbers with a point come as Decimal.

        Raises:
            Refused: The API refused.
            Stop: It cannot be reached.
        """
        sent = {name: value for name, value in params.items() if value is not None}
        content = None if body is None else json.dumps(body).encode()
        return _object(self._send(method, path, content, "application/json", sent))

    def lines(self, path: str, records: Iterator[Mapping[str, Any]]) -> list[Answer]:
        """POST records as NDJSON; return the answer's lines, the last of which has the counts."""
        content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        answer = self._send("POST", path, content.encode(), NDJSON, {})
        return [json.loads(line, parse_float=Decimal) for line in answer.text.splitlines() if line]

    def pages(self, path: str, **params: Any) -> Iterator[Answer]:
        """Return all rows of a list, page by page."""
        cursor = None
        while True:
            page = self.call("GET", path, cursor=cursor, limit=200, **params)
            yield from page["data"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        kind: str,
        params: Mapping[str, Any],
    ) -> Response:
        headers = {"Content-Type": kind} if content is not None else {}
        try:
            answer = self._http.request(
                method, path, content=content, headers=headers, params=dict(params)
            )
        except HTTPError as lost:
            # Only a refused connection's words: others may quote what was sent, the key included.
            reason = str(lost) if isinstance(lost, ConnectError) else type(lost).__name__
            raise Stop(
                f"{self.url} cannot be reached: {reason}.",
                ["Check the address (--url, LEDGERWIRE_URL), and that the API runs."],
            ) from lost
        if answer.is_error:
            raise Refused(method, path, answer.status_code, _problem(answer))
        return answer


def _problem(answer: Response) -> Answer:
    try:
        return _object(answer)
    except ValueError:
        return {"detail": answer.text[:200]}


def _object(answer: Response) -> Answer:
    if not answer.content:
        return {}
    found = json.loads(answer.text, parse_float=Decimal)
    return found if isinstance(found, dict) else {"data": found}


def follow(
    remote: Remote,
    integration_id: str,
    job_id: str,
    show: Callable[[Answer], None],
    *,
    seconds: float | None = None,
) -> Answer:
    """
    Watch a job to its end, calling *show* with it again and again; return it.

    Raises:
        Stop: It took longer than *seconds*; it goes on all the same.
    """
    path = f"/v1/integrations/{integration_id}/sync-jobs/{job_id}"
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        job = remote.call("GET", path)
        show(job)
        if job["status"] in ENDED:
            return job
        if deadline is not None and time.monotonic() > deadline:
            raise Stop(f"The job is still {job['status']} after {seconds:.0f} s: {job_id}.")
        time.sleep(POLL_SECONDS)


def progress_of(job: Answer) -> tuple[int, int | None]:
    """Return how many records of a job are done, and how many there are as far as is known."""
    counts = job.get("counts", {})
    total = counts.get("total")
    if not total:
        return 0, None
    return total - counts.get("waiting", 0), total
