"""`import`, `export`, `history`: sync jobs over the REST API, from any machine."""

import json
import os
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from app.commands.remote import Answer, Remote, follow, progress_of
from app.commands.terminal import Stop, console, sentences

Integration = Annotated[
    str, typer.Option(help="Id of the integration; may be left out if there is only one.")
]
Url = Annotated[str, typer.Option(envvar="LEDGERWIRE_URL", help="Address of the API.")]
Key = Annotated[
    str,
    typer.Option(envvar="LEDGERWIRE_KEY", help="API key; better in the environment than here."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the job as JSON.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Watch the job to its end.")]
DEFAULT_URL = "http://127.0.0.1:8400"
IMPORTED = ("customers", "items", "accounts")
EXPORTED = ("customers", "items", "invoices", "payments", "credits")
Resources = Annotated[
    list[str] | None, typer.Option("--resource", help="May be repeated; all by default.")
]
Day = Annotated[str | None, typer.Option(help="YYYY-MM-DD, included.")]
# Exit codes, so that scripts can tell what happened.
EXIT_FINDINGS, EXIT_FAILED = 3, 4
EXITS = {"succeeded": 0, "succeeded_with_findings": EXIT_FINDINGS}


def import_(
    resource: Resources = None,
    created_from: Day = None,
    created_to: Day = None,
    integration: Integration = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Import from the books: customers, items with taxes, accounts; invoices, payments.

    Exit code 0: all went through; 3: with findings; 4: failed or cancelled.
    """
    request = {
        "direction": "import",
        "resources": resource or list(IMPORTED),
        "created_from": _day(created_from),
        "created_to": _day(created_to),
    }
    _run(request, integration, url, key, wait=wait, as_json=as_json)


def export(
    date_from: Day = None,
    date_to: Day = None,
    resource: Resources = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only plan; `apply` posts exactly that plan.")
    ] = False,
    integration: Integration = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Export to the books what is dated from one day to another.

    Exit code 0: all went through; 3: with findings; 4: failed or cancelled.
    """
    request = {
        "direction": "export",
        "resources": resource or list(EXPORTED),
        "date_from": _day(date_from),
        "date_to": _day(date_to),
        "dry_run": dry_run or None,
    }
    _run(request, integration, url, key, wait=wait, as_json=as_json)


def apply(
    job: Annotated[str, typer.Argument(help="Id of the dry run.")],
    integration: Integration = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Post exactly what a dry run foresaw, or say what has changed since.

    Exit code 0: all went through; 1: the plan has changed; 3: with findings; 4: failed.
    """
    with sentences(), _remote(url, key) as remote:
        chosen = _integration(remote, integration)
        path = f"/v1/integrations/{chosen}/sync-jobs/{job}/apply"
        _follow(remote, chosen, remote.call("POST", path), wait=wait, as_json=as_json)


def history(
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many jobs.")] = 20,
    integration: Integration = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Show Previous History, newest first."""
    with sentences(), _remote(url, key) as remote:
        chosen = _integration(remote, integration)
        path = f"/v1/integrations/{chosen}/sync-jobs"
        jobs = remote.call("GET", path, limit=limit)["data"]
        if as_json:
            typer.echo(json.dumps(jobs, indent=2, default=str, ensure_ascii=False))
        else:
            console().print(history_table(jobs))


def _run(
    request: dict[str, Any], integration: str, url: str, key: str, *, wait: bool, as_json: bool
) -> None:
    with sentences(), _remote(url, key) as remote:
        chosen = _integration(remote, integration)
        body = {name: value for name, value in request.items() if value is not None}
        job = remote.call("POST", f"/v1/integrations/{chosen}/sync-jobs", body)
        _follow(remote, chosen, job, wait=wait, as_json=as_json)


def _follow(remote: Remote, chosen: str, job: Answer, *, wait: bool, as_json: bool) -> None:
    """Show the job, at its end if that is waited for, and exit as it ended."""
    if wait:
        job = _watched(remote, chosen, job, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(job, indent=2, default=str, ensure_ascii=False))
    else:
        console().print(history_table([job]))
        if wait and job.get("dry_run"):
            _tell_plan(remote, chosen, job)
        _tell_findings(remote, chosen, job)
    if wait and (code := EXITS.get(job["status"], EXIT_FAILED)):
        raise typer.Exit(code)


def _tell_plan(remote: Remote, chosen: str, job: Answer) -> None:
    """Say what the plan would do, and what it would cost."""
    path = f"/v1/integrations/{chosen}/sync-jobs/{job['id']}/plan"
    summary = remote.call("GET", path, limit=1)["summary"]
    actions = [
        f"{number} to {name}"
        for name, number in summary["actions"].items()
        if number and name not in {"total", "unchanged"}
    ]
    calls = summary["calls"]
    console().print(f"Planned: {', '.join(actions) or 'nothing'}. Nothing was posted.")
    console().print(
        f"It takes {calls['single']} calls, {calls['batch']} batches and {calls['read']} reads:"
        f" about {calls['minutes']} min. Post it with: ledgerwire apply {job['id']}"
    )


def _remote(url: str, key: str) -> Remote:
    if not key:
        raise Stop(
            "An API key is needed.",
            ["Set LEDGERWIRE_KEY, or make a key: ledgerwire keys create ORGANIZATION --name …"],
            code=2,
        )
    return Remote(url, key)


def _integration(remote: Remote, wanted: str) -> str:
    """Return the integration's id; without one named, the only one there is."""
    if wanted:
        return wanted
    found = remote.call("GET", "/v1/integrations", limit=2)["data"]
    if len(found) != 1:
        raise Stop(
            "There is no integration yet." if not found else "There are several integrations.",
            ["Name one with --integration."],
            code=2,
        )
    return str(found[0]["id"])


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as wrong:
        raise typer.BadParameter(f"{text!r} is not a day like 2026-03-31.") from wrong


def _watched(remote: Remote, integration: str, job: Answer, *, quiet: bool) -> Answer:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
    )
    out = console(errors=True)
    hidden = quiet or not os.isatty(2)
    with Progress(*columns, console=out, transient=True, disable=hidden) as progress:
        task = progress.add_task(job["operation_type"], total=None, state=job["status"])

        def show(now: Answer) -> None:
            done, total = progress_of(now)
            waits = now.get("paused")
            state = f"paused: {waits['explanation']}" if waits else now["status"]
            progress.update(task, completed=done, total=total, state=state)

        return follow(remote, integration, job["id"], show)


def _tell_findings(remote: Remote, integration: str, job: Answer) -> None:
    """Say what did not go through, and why."""
    out = console(errors=True)
    if failure := job.get("failure"):
        out.print(f"{failure['cause']} {failure['explanation']}", style="red", markup=False)
        for fix in failure["fixes"]:
            out.print(f"  • {fix}", markup=False)
    path = f"/v1/integrations/{integration}/sync-jobs/{job['id']}/records"
    for state in ("conflict", "rejected", "blocked", "unknown", "parked"):
        if not job["counts"].get(state):
            continue
        for row in remote.call("GET", path, state=state, limit=20)["data"]:
            name = f"{row['kind']} {row['billing_number'] or row['billing_id']}"
            out.print(f"{name}: {state}. {row['explanation'] or row['cause']}", markup=False)
            for fix in row["fixes"]:
                out.print(f"  • {fix}", markup=False)


def said(counts: dict[str, int]) -> str:
    """Return a job's counts as words, those that are not zero."""
    shown = [f"{number} {name}" for name, number in counts.items() if number and name != "total"]
    return f"{counts.get('total', 0)} records: {', '.join(shown) or 'nothing to do'}"


def history_table(jobs: Sequence[Answer]) -> Table:
    """Return jobs as Previous History shows them."""
    table = Table(title="Previous History", title_justify="left")
    for name in ("Queued", "Operation", "Range", "Status", "Records"):
        table.add_column(name)
    for name in ("Kind", "Billed", "Posted", "Difference"):
        table.add_column(name, justify="left" if name == "Kind" else "right")
    for job in jobs:
        amounts = job["amounts"]
        days = job["range"]
        table.add_row(
            str(job["queued_at"])[:19].replace("T", " "),
            job["operation_type"],
            f"{days['date_from']}\n{days['date_to']}",
            job["status"],
            said(job["counts"]),
            "\n".join(f"{row['kind']} {row['currency']}" for row in amounts),
            *(
                "\n".join(row[name] for row in amounts)
                for name in ("billed", "posted", "difference")
            ),
        )
    return table
