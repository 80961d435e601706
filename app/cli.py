"""The command `ledgerwire`: each subcommand is a function of `app.commands`."""

import typer

from app.commands import contract, processes, tenants
from app.demo.command import demo

PANELS = {"run": "Run", "operate": "Operate", "use": "Use the API", "develop": "Develop"}


def build_cli() -> typer.Typer:
    """Return the program with all its commands."""
    cli = typer.Typer(
        name="ledgerwire",
        help="Keeps a subscription billing system and QuickBooks Online in step, to the cent.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for run in (demo, processes.serve, processes.api, processes.worker):
        cli.command(rich_help_panel=PANELS["run"])(run)
    cli.command(rich_help_panel=PANELS["operate"])(tenants.migrate)
    cli.command(rich_help_panel=PANELS["develop"])(contract.openapi)
    return cli


def main() -> None:
    """Run the command line."""
    build_cli()()


if __name__ == "__main__":
    main()
