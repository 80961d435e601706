"""``python -m simulator``: serve a small QuickBooks Online on a loopback port."""

from __future__ import annotations

import argparse
import gc
import json
import secrets
import sys
from datetime import date

from simulator.app import create_app
from simulator.clock import Clock
from simulator.control.world_routes import describe
from simulator.oauth.grants import App
from simulator.profiles import PROFILES
from simulator.server import listen, serve
from simulator.switches import Switches
from simulator.wire import loads
from simulator.world import CompanySpec, Seeding, World


def main(arguments: list[str] | None = None) -> None:
    """Run until stopped; one line of JSON on standard output says when and where."""
    options = _parser().parse_args(arguments)
    switches = Switches()
    for assignment in options.switch:
        name, _, value = assignment.partition("=")
        switches.change({name: _value(value)})
    if options.auto_approve:
        switches.authorize = "approve"
    clock = Clock(scale=options.clock_scale)
    world = World(
        app=App(options.client_id, options.client_secret, options.redirect_uri),
        companies=_companies(options),
        clock=clock,
        switches=switches,
    )
    listener = listen(options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    base_url = options.base_url or f"http://{host}:{listener.getsockname()[1]}"

    def ready() -> None:
        sys.stdout.write(json.dumps(describe(world, base_url)) + "\n")
        sys.stdout.flush()

    if options.warm:
        for realm in world.realms.values():
            realm.warm()
    # The seeded rows stay; the collector need not walk through them again and again.
    gc.freeze()
    serve(create_app(world, base_url), listener, ready)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--base-url", help="how clients reach it, when not by host and port")
    parser.add_argument("--profile", default="ca", choices=sorted(PROFILES))
    parser.add_argument(
        "--realm", action="append", default=[], help="company id; repeat for several companies"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--customers", type=int, default=0)
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--invoices", type=int, default=0)
    parser.add_argument("--credit-memos", type=int, default=0)
    parser.add_argument("--created-from", type=date.fromisoformat, default=date(2024, 1, 1))
    parser.add_argument("--created-to", type=date.fromisoformat, default=date(2025, 12, 31))
    parser.add_argument("--client-id", default="ABsimulator" + secrets.token_hex(12))
    parser.add_argument("--client-secret", default=secrets.token_hex(20))
    parser.add_argument("--redirect-uri", action="append", default=[], help="repeatable")
    parser.add_argument("--auto-approve", action="store_true", help="no consent page")
    parser.add_argument("--warm", action="store_true", help="serialise all rows before listening")
    parser.add_argument("--clock-scale", type=float, default=1.0)
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="see README"
    )
    return parser


def _companies(options: argparse.Namespace) -> list[CompanySpec]:
    seeding = Seeding(
        seed=options.seed,
        customers=options.customers,
        items=options.items,
        invoices=options.invoices,
        credit_memos=options.credit_memos,
        created_from=options.created_from,
        created_to=options.created_to,
    )
    realms = options.realm or ["4620816365291234567"]
    return [CompanySpec(realm_id, options.profile, seeding) for realm_id in realms]


def _value(text: str) -> object:
    try:
        return loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
