"""Everything the simulator remembers, and the one door through which a call is answered."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict

from simulator.api import Api, wrong_path
from simulator.books.company import Company
from simulator.clock import Clock
from simulator.exchange import Answer, Call
from simulator.faultplans import FaultPlan
from simulator.faultrules import BatchAction
from simulator.gateway import Gateway, Turned
from simulator.oauth.endpoints import OAuthEndpoints
from simulator.oauth.grants import App, Grant, Grants
from simulator.profiles import PROFILES
from simulator.realm import Realm
from simulator.requestlog import RequestLog
from simulator.seed import seed
from simulator.switches import Switches
from simulator.wire import html_page

NO_BATCH_FAULTS = BatchAction()


class Seeding(BaseModel):
    """A reproducible data set: how many objects, created between which days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 1
    customers: int = 0
    items: int = 0
    invoices: int = 0
    credit_memos: int = 0
    paid_share: float = 0.6
    inactive: bool = True
    sub_customers: bool = True
    awkward: bool = True
    taken_names: tuple[str, ...] = ()
    created_from: date = date(2024, 1, 1)
    created_to: date = date(2025, 12, 31)


@dataclass(frozen=True, slots=True)
class CompanySpec:
    """How a company was made, so that a reset can make it again."""

    realm_id: str
    profile: str = "ca"
    seeding: Seeding = field(default_factory=Seeding)


@dataclass(frozen=True, slots=True)
class Postponed:
    """An accepted call that is carried out later, although its sender was told otherwise."""

    due: datetime
    call: Call
    realm: Realm


class World:
    """The simulator's whole state."""

    def __init__(
        self, *, app: App, companies: list[CompanySpec], clock: Clock, switches: Switches
    ) -> None:
        self.clock = clock
        self.switches = switches
        self.plan = FaultPlan()
        self.log = RequestLog(switches)
        self._app = app
        self._specs = companies
        self._initial_switches = copy.copy(switches)
        self._start()

    def _start(self) -> None:
        self.realms: dict[str, Realm] = {}
        self._made: dict[str, CompanySpec] = {}
        self._postponed: list[Postponed] = []
        self.grants = Grants(self.clock, self.switches)
        self.grants.apps[self._app.client_id] = self._app
        self.oauth = OAuthEndpoints(self.grants, self.switches, self.company_names)
        self.gateway = Gateway(self.grants, self.clock, self.switches)
        self.api = Api(self.clock, self.switches)
        for spec in self._specs:
            self.add_company(spec)

    def reset(self) -> None:
        """Back to the state after the start: companies made anew, everything else forgotten."""
        self.clock.reset()
        self.switches.change(self._initial_switches.to_json())
        self.plan.clear()
        self.log.clear()
        self._start()

    def add_company(self, spec: CompanySpec) -> Realm:
        """
        Found a company and fill it.

        Raises:
            ValueError: The realm exists, or there is no such profile.
        """
        if spec.realm_id in self.realms:
            raise ValueError(f"realm {spec.realm_id} exists")
        if spec.profile not in PROFILES:
            raise ValueError(f"no profile {spec.profile}; there are {', '.join(PROFILES)}")
        company = Company(
            realm_id=spec.realm_id, profile=PROFILES[spec.profile], clock=self.clock.now
        )
        realm = Realm(company, spec.realm_id, self.clock, self.switches)
        self.realms[spec.realm_id] = realm
        self._made[spec.realm_id] = spec
        self.fill(realm, spec.seeding)
        return realm

    def fill(self, realm: Realm, seeding: Seeding) -> None:
        """Add seeded customers and items to a company."""
        if not (seeding.customers or seeding.items):
            return
        try:
            seed(realm.company, **seeding.model_dump())
        finally:
            realm.touched()

    def company_names(self) -> list[tuple[str, str]]:
        """Realm id and name of each company, in the order in which they were added."""
        return [(realm_id, realm.name) for realm_id, realm in self.realms.items()]

    def profile_of(self, realm_id: str) -> str:
        """The profile a company was made from."""
        return self._made[realm_id].profile

    def count(self, call: Call) -> None:
        """Add an arriving call to the rates of its company."""
        realm = self.realms.get(call.realm_id or "")
        if realm is not None:
            realm.rates.add(batch=call.operation == "batch")

    def answer(self, call: Call, batch: BatchAction = NO_BATCH_FAULTS) -> Answer:
        """Carry a classified call out, at once and undisturbed."""
        if call.realm_id is not None:
            entered = self.enter(call)
            if isinstance(entered, Answer):
                return entered
            self._hurry(call, entered)
            return self.api.answer(call, entered, batch)
        if call.operation != "unknown":
            return self.oauth.answer(call)
        if call.path.startswith("/v3/"):
            return self.api.refusal(wrong_path(call))
        return page(404)

    def enter(self, call: Call) -> Realm | Answer:
        """The company a call may work on, or the gateway's refusal; counts towards the limits."""
        opened = self.gateway.open(call)
        if isinstance(opened, Turned):
            return opened.answer
        realm = self.realms.get(call.realm_id or "")
        if realm is None or realm.condition == "no_access":
            return self.gateway.forbidden()
        if not realm.throttle.admit(opened.client_id, batch=call.operation == "batch"):
            realm.counters.throttled += 1
            return self.gateway.throttled()
        return realm

    def postpone(self, call: Call, realm: Realm, seconds: float) -> None:
        """Carry *call* out when *seconds* have passed on the simulator's clock."""
        due = self.clock.now() + timedelta(seconds=seconds)
        self._postponed.append(Postponed(due, replace(call), realm))

    def keep(self, call: Call, answer: Answer) -> None:
        """Let *answer* be the first one to the request id of *call*, to be replayed."""
        realm = self.realms.get(call.realm_id or "")
        if realm is not None:
            realm.request_ids.keep(call.request_id, call.body, answer.status, answer.body)

    def settle(self) -> None:
        """
        Carry out what is due. Called before every call, which nobody can tell from a timer,
        since the books are only seen through calls.
        """
        now = self.clock.now()
        due = [item for item in self._postponed if item.due <= now]
        if not due:
            return
        self._postponed = [item for item in self._postponed if item.due > now]
        for item in sorted(due, key=lambda postponed: postponed.due):
            self._apply(item)

    @property
    def postponed(self) -> int:
        """How many accepted calls still wait to be carried out."""
        return len(self._postponed)

    def _hurry(self, call: Call, realm: Realm) -> None:
        """A repeated request id meets its first call although that one still waits."""
        key = call.request_id
        if key is None or realm.request_ids.mode(call.requestid_mode) == "ignored":
            return
        waiting = [
            item for item in self._postponed if item.realm is realm and item.call.request_id == key
        ]
        for item in waiting:
            self._postponed.remove(item)
            self._apply(replace(item, due=min(item.due, self.clock.now())))

    def _apply(self, item: Postponed) -> None:
        with self.clock.at(item.due):
            self.api.answer(item.call, item.realm, NO_BATCH_FAULTS)

    def grant_of(self, call: Call) -> Grant | None:
        """The grant behind the token that a call carries, if there is one."""
        _, _, token = call.headers.get("authorization", "").partition(" ")
        return self.grants.find(token)


def page(status: int) -> Answer:
    """An HTML page as a proxy would send it."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Unknown"
    return Answer(status, html_page(status, title), "text/html")
