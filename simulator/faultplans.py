"""Which rule a call meets. Rules are tried in the order in which they were added."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.exchange import Call
from simulator.faultrules import Action, Match, Rule
from simulator.wire import Json


@dataclass
class Armed:
    """A rule with its counters and its die."""

    rule: Rule
    seen: int = 0
    fired: int = 0
    die: random.Random = field(default_factory=random.Random)

    def meets(self, call: Call) -> bool:
        """Count a fitting call; True when the rule fires on it."""
        match = self.rule.match
        if match.times is not None and self.fired >= match.times:
            return False
        if not _fits(match, call):
            return False
        self.seen += 1
        if match.nth is not None and self.seen not in _numbers(match.nth):
            return False
        if match.probability < 1 and self.die.random() >= match.probability:
            return False
        self.fired += 1
        return True

    def to_json(self) -> Json:
        """The rule and what became of it."""
        return {**self.rule.model_dump(mode="json"), "seen": self.seen, "fired": self.fired}


class FaultPlan:
    """The armed rules."""

    def __init__(self) -> None:
        self._rules: dict[str, Armed] = {}
        self._number = 0

    def add(self, rules: Iterable[Rule]) -> list[str]:
        """Arm rules, behind those that are there, and return their ids."""
        ids = []
        for rule in rules:
            self._number += 1
            named = rule.model_copy(update={"id": rule.id or f"rule-{self._number}"})
            self._rules[named.id] = Armed(named, die=random.Random(named.match.seed))
            ids.append(named.id)
        return ids

    def remove(self, rule_id: str) -> bool:
        """Disarm one rule; False when there is none such."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Disarm all rules."""
        self._rules.clear()

    def meet(self, call: Call) -> tuple[str, Action] | None:
        """The first rule that fires on *call*; later ones do not even count it."""
        for rule_id, armed in self._rules.items():
            if armed.meets(call):
                return rule_id, armed.rule.action
        return None

    def to_json(self) -> list[Json]:
        """All rules with their counters."""
        return [armed.to_json() for armed in self._rules.values()]


def _fits(match: Match, call: Call) -> bool:
    patterns = (
        (match.method, call.method),
        (match.path, call.path),
        (match.realm, call.realm_id or ""),
        (match.entity, call.entity or ""),
        (match.operation, call.operation),
        (match.requestid, call.request_id or ""),
    )
    if not all(_found(pattern, text) for pattern, text in patterns):
        return False
    return match.body is None or _found(match.body, call.body.decode(errors="replace"))


def _found(pattern: str | None, text: str) -> bool:
    return pattern is None or re.search(pattern, text, re.IGNORECASE) is not None


def _numbers(nth: int | list[int]) -> list[int]:
    return nth if isinstance(nth, list) else [nth]
