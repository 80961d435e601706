"""The command `ledgerwire`: each subcommand is a function of `app.commands` or `app.demo`."""

import typer

from app.commands import contract, doctor, errors, probe, processes, sync, tenants
from app.demo.command import demo

RUN, OPERATE, USE, DEVELOP = "Run", "Operate", "Use the API", "Develop"


def build_cli() -> typer.Typer:
    """Return the program with all its commands."""
    cli = _group("Keeps a subscription billing system and QuickBooks Online in step, to the cent.")
    for run in (demo, processes.serve, processes.api, processes.worker):
        cli.command(rich_help_panel=RUN)(run)
    for operate in (tenants.migrate, doctor.doctor, probe.probe):
        cli.command(rich_help_panel=OPERATE)(operate)
    for name, group in _groups().items():
        cli.add_typer(group, name=name, rich_help_panel=OPERATE)
    cli.command("import", rich_help_panel=USE)(sync.import_)
    cli.command(rich_help_panel=USE)(sync.export)
    cli.command(rich_help_panel=USE)(sync.apply)
    cli.command(rich_help_panel=USE)(sync.history)
    cli.command(rich_help_panel=DEVELOP)(contract.openapi)
    cli.command(rich_help_panel=DEVELOP)(errors.errors)
    return cli


def _groups() -> dict[str, typer.Typer]:
    organizations = _group("Merchants: the units of isolation.")
    organizations.command("create")(tenants.create_organization)
    organizations.command("list")(tenants.list_organizations)
    keys = _group("API keys of an organization.")
    keys.command("create")(tenants.create_key)
    keys.command("list")(tenants.list_keys)
    keys.command("rotate")(tenants.rotate_key)
    keys.command("revoke")(tenants.revoke_key)
    encryption = _group("The sealing of stored tokens.")
    encryption.command("rotate")(tenants.rotate)
    return {"organizations": organizations, "keys": keys, "encryption": encryption}


def _group(help_text: str) -> typer.Typer:
    group = typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # A callback keeps a group a group, even with a single command.
    group.callback()(lambda: None)
    return group


def main() -> None:
    """Run the command line."""
    build_cli()(prog_name="ledgerwire")


if __name__ == "__main__":
    main()
