"""
Another amount in the books than was billed: both figures, and what was done about it. Pure.

What is to be done is kept with the posting (`hints["on_variance"]`) when it is drafted: the policy,
up to which difference a rounding line may follow, and, on the write that brings one, its amount.
"""

from dataclasses import replace
from decimal import Decimal

from app.jobs.records import Outcome
from app.kit.db import Json
from app.kit.money import as_text
from app.ledger.models import Posting

VARIANCE = "variance"
# Kept with a posting whose document has other lines than were sent.
DIFFERS = "differs"
COMPARE = "Open the document in QuickBooks and compare taxes and rounding."
OTHER_POLICY = "Set tax.variance of the integration to another policy if this comes up often."


def on_variance(
    policy: str,
    *,
    rounds_up_to: Decimal | None = None,
    added: Decimal | None = None,
    action: str | None = None,
) -> Json:
    """Return what is kept with a posting; *action* is that of the write a rounding line follows."""
    return {
        "policy": policy,
        "rounds_up_to": None if rounds_up_to is None else as_text(rounds_up_to),
        "added": None if added is None else as_text(added),
        "action": action,
    }


def with_variance(posting: Posting, outcome: Outcome) -> Outcome:
    """Return what a posted record shows; a difference is never passed over."""
    plan = posting.hints.get("on_variance") or {"policy": "flag"}
    if plan.get("added") and plan.get("action"):
        outcome = replace(outcome, action=plan["action"])
    said = variance_of(posting)
    if said is None:
        return outcome
    differing = _differing(posting)
    done, fixes = _done(plan, differing)
    details: Json = {
        "variance": {
            name: {
                "billed": as_text(billed),
                "in_books": as_text(posted),
                "difference": as_text(posted - billed),
            }
            for name, (billed, posted) in differing.items()
        },
        "policy": plan["policy"],
    }
    return replace(
        outcome,
        code=VARIANCE,
        cause="QuickBooks shows another amount than was billed.",
        explanation=f"{said}. {done}",
        fixes=fixes,
        details=details,
    )


def variance_of(posting: Posting) -> str | None:
    """Return the difference between what was billed and what the books show, in words."""
    parts = [
        f"{name}: billed {as_text(billed)}, in the books {as_text(posted)}"
        f" ({'+' if posted > billed else ''}{as_text(posted - billed)})"
        for name, (billed, posted) in _differing(posting).items()
    ]
    if posting.hints.get(DIFFERS):
        parts.append("its number, date or lines are not those that were sent")
    return "; ".join(parts) or None


def _differing(posting: Posting) -> dict[str, tuple[Decimal, Decimal]]:
    """Return what was billed and what the books show, where the two differ."""
    pairs = (
        ("total", posting.expected_total, posting.posted_total),
        ("tax", posting.expected_tax, posting.posted_tax),
    )
    return {
        name: (billed, posted)
        for name, billed, posted in pairs
        if billed is not None and posted is not None and billed != posted
    }


def _done(plan: Json, differing: dict[str, tuple[Decimal, Decimal]]) -> tuple[str, tuple[str, ...]]:
    """Return what was done, and what a person can do."""
    if plan["policy"] == "quickbooks":
        return "The figure of the books is accepted, as the settings say.", (OTHER_POLICY,)
    if plan["policy"] != "rounding_line":
        return "Nothing was changed; the difference is shown.", (COMPARE, OTHER_POLICY)
    if added := plan.get("added"):
        agree = "makes the totals agree" if "total" not in differing else "was not enough"
        return f"A rounding line of {added} {agree}.", (COMPARE,)
    if plan.get("rounds_up_to") is None:
        missing = "No rounding line was added: the settings name no rounding item, or no tax code "
        return f"{missing}is mapped to untaxed lines.", ("Set items.rounding_item_id.", COMPARE)
    billed, posted = differing.get("total", (Decimal(0), Decimal(0)))
    if abs(posted - billed) > Decimal(plan["rounds_up_to"]):
        limit = plan["rounds_up_to"]
        return f"It is more than {limit}, too much for a rounding line: flagged.", (COMPARE,)
    return "Nothing was changed; the difference is shown.", (COMPARE,)
