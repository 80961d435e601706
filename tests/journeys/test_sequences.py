"""
Whatever happens, in whatever order: nothing stands in the books twice, they balance, and each
billing record is there with its cents or says why not.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import app.exports.drafts
import app.exports.plan
import app.exports.sales
import app.exports.service
import app.ledger.refusals
from app.exports.decisions import Settle
from app.jobs.records import Outcome
from tests.journeys.cases import Case, Town
from tests.journeys.conftest import _cases
from tests.journeys.sequences import FIRST, Broken, Model, Step, sequences

CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
SEARCHED = int(os.environ.get("SEQUENCES", "500"))


async def played(town: Town, steps: list[Step]) -> None:
    """Play a sequence on a day and with a customer of its own, and check what must hold."""
    model = Model(await Case(town, next(_cases)).with_customer())
    for step in steps:
        await model.take(step)
    await model.check()


@settings(max_examples=4, suppress_health_check=CALM, derandomize=True, deadline=None)
@given(steps=sequences(8, 12))
async def test_nothing_twice_nothing_unbalanced_nothing_unexplained(
    town: Town, steps: list[Step]
) -> None:
    await played(town, steps)


@pytest.mark.slow
@settings(max_examples=SEARCHED, suppress_health_check=CALM, deadline=None)
@given(steps=sequences(18, 24))
async def test_a_long_search_finds_nothing(town: Town, steps: list[Step]) -> None:
    await played(town, steps)


# ------------------------------------------------------------------------- planted bugs

Patch = pytest.MonkeyPatch


def a_cent_more(patch: Patch) -> None:
    right = app.exports.sales.sales_draft

    def wrong(*args: Any, **kwargs: Any) -> Any:
        draft = right(*args, **kwargs)
        first, *others = draft.lines
        dearer = replace(first, amount=first.amount + Decimal("0.01"))
        return replace(draft, lines=(dearer, *others), total=draft.total + Decimal("0.01"))

    patch.setattr(app.exports.sales, "sales_draft", wrong)


def voids_forgotten(patch: Patch) -> None:
    async def wrong(*_: Any) -> Any:
        return Settle(outcome=Outcome(state="unchanged"))

    patch.setattr(app.exports.sales.RemovalDecider, "__call__", wrong)


def allocations_forgotten(patch: Patch) -> None:
    patch.setattr(app.exports.drafts, "allocations", lambda *_: ())


def edits_overwritten(patch: Patch) -> None:
    patch.setattr(
        app.ledger.refusals, "_moved_on", lambda link, finding: finding.current is not None
    )


def deleted_ones_written_again(patch: Patch) -> None:
    right = app.exports.sales._by_state

    def wrong(link: Any, content: str) -> Any:
        return None if link.state == "missing" else right(link, content)

    patch.setattr(app.exports.sales, "_by_state", wrong)
    patch.setattr(
        app.exports.sales.SalesDecider,
        "_is_new",
        staticmethod(lambda link: link.state in {"missing", "absent"}),
    )


def records_lost(patch: Patch) -> None:
    right = app.exports.service.save_plan

    async def wrong(session: Any, job: Any, plan: Any, steps: Any) -> int:
        for key in [key for key in plan.records if key[1] == "payment"]:
            del plan.records[key]
        return await right(session, job, plan, steps)

    patch.setattr(app.exports.service, "save_plan", wrong)


PLANTED: tuple[tuple[Callable[[Patch], None], list[Step]], ...] = (
    (a_cent_more, [("export", 0, 1)]),
    (voids_forgotten, [("export", 0, 1), ("void", 0, 1)]),
    (allocations_forgotten, [("pay", 0, 5_000)]),
    (edits_overwritten, [("export", 0, 1), ("books_edit", 0, 7_700), ("edit", 0, 5_000)]),
    (
        deleted_ones_written_again,
        [("export", 0, 1), ("books_delete", 0, 1), ("edit", 0, 5_000)],
    ),
    (records_lost, [("pay", 0, 5_000)]),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "steps"), PLANTED, ids=lambda each: getattr(each, "__name__", "")
)
async def test_a_planted_bug_is_caught(
    town: Town, monkeypatch: Patch, plant: Callable[[Patch], None], steps: list[Step]
) -> None:
    await played(town, [FIRST, *steps])  # Without the bug nothing is wrong with it.
    plant(monkeypatch)

    with pytest.raises(Broken):
        await played(town, [FIRST, *steps])
