"""`probe`: asks a real company what the documentation of QuickBooks leaves open."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from app.accounting.errors import NotSent, ProviderError
from app.bootstrap import Collaborators, NothingToProbe
from app.commands.tenants import MOST, on_the_database
from app.commands.terminal import Stop, console, sentences, settings_of_environment, stoppable
from app.connections.findings import answers_of, save_findings
from app.connections.rotation import organization_of, try_former_refresh_token
from app.connections.tokens import OpenConnection, tokens_for
from app.organizations import service

Answers = list[dict[str, Any]]


def probe(
    integration: Annotated[UUID, typer.Option(help="A connected integration of your sandbox.")],
    burst: Annotated[bool, typer.Option(help="Run into the limit of calls a second, once.")] = True,
    old_refresh_token: Annotated[
        bool,
        typer.Option("--old-refresh-token", help="Try a replaced one; may cost the connection."),
    ] = False,
    yes_production: Annotated[
        bool, typer.Option("--yes-production", help="Yes, write into live books.")
    ] = False,
) -> None:
    """
    Ask a company what the documentation leaves open, and take back what was written for it.

    Writes one customer, about ten invoices of 1.00 and two journal entries; they are deleted again,
    the customer is made inactive. The answers are printed and kept under DATA_DIR; what they say
    of journal entries is kept with the company too.
    """
    with sentences(), stoppable():
        settings = settings_of_environment()
        if settings.is_production and not yes_production:
            raise Stop(
                "This would write into live books.",
                ["Connect a sandbox company, or say --yes-production."],
            )

        async def ask(made: Collaborators) -> Answers:
            return await _ask(made, integration, burst=burst, old=old_refresh_token)

        answers = on_the_database(ask)
        path = _save(settings.data_dir, settings.quickbooks_environment, answers)
        _show(answers, path)


async def _ask(made: Collaborators, integration_id: UUID, *, burst: bool, old: bool) -> Answers:
    try:
        connection = await _opened(made, integration_id)
        prober = made.probers[connection.provider](
            connection.company,
            tokens=connection.tokens,
            gate=made.gates(connection.company_id),
        )
        answers = [asdict(finding) for finding in await prober.run(burst=burst)]
        async with made.db.transaction(connection.organization_id) as session:
            await save_findings(session, connection.company_id, answers_of(answers))
        if old:
            answers.append(await _former_token(made, connection))
    except NothingToProbe as lacking:
        raise Stop(str(lacking)) from lacking
    except NotSent as unreachable:
        raise Stop("QuickBooks cannot be reached.", ["Run `ledgerwire doctor`."]) from unreachable
    except ProviderError as error:
        words = error.fault.message or str(error)
        raise Stop(f"QuickBooks does not answer: {words}", ["Check the connection."]) from error
    return answers


async def _opened(made: Collaborators, integration_id: UUID) -> OpenConnection:
    rows = await service.list_organizations(made.db, before=None, limit=MOST)
    found = await organization_of(made.db, [row.id for row in rows], integration_id)
    if found is None:
        raise Stop(
            "This integration is not connected to a company.",
            ["Connect it first; its id is in `GET /v1/integrations`."],
        )
    organization_id, company_id = found
    return await tokens_for(
        made.db,
        organization_id,
        company_id,
        authorizations=made.authorizations,
        keyring=made.keyring,
        waits=made.waits,
    )


async def _former_token(made: Collaborators, connection: OpenConnection) -> dict[str, Any]:
    answer = await try_former_refresh_token(
        made.db,
        connection,
        authorization=made.authorizations[connection.provider],
        keyring=made.keyring,
    )
    return {"question": "old_refresh_token", "answer": answer, "details": {}}


def _save(folder: Path, environment: str, answers: Answers) -> Path:
    moment = datetime.now(UTC)
    path = folder / f"probe-{moment:%Y%m%d-%H%M%S}.json"
    report = {"asked_at": moment.isoformat(), "environment": environment, "answers": answers}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _show(answers: Answers, path: Path) -> None:
    out = console()
    for each in answers:
        details = ", ".join(f"{key}: {value}" for key, value in each["details"].items())
        line = f"{each['question']:>30}  {each['answer']}"
        out.print(f"{line}  ({details[:80]})" if details else line, markup=False)
    out.print(f"Kept in {path}.", markup=False)
