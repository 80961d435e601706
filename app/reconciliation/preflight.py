"""
Would an export go through: each thing that decides it, judged by itself. Pure.

Everything that was read comes in as a `Situation`; every check gives one finding at least, so that
what is in order is said too. Counts are of the documents in the chosen range.
"""

from collections.abc import Callable, Iterator

from app.reconciliation import company_checks as company
from app.reconciliation import mapping_checks as mapping
from app.reconciliation.situation import Check, Level, Situation

LOOKS: tuple[Callable[[Situation], Iterator[Check]], ...] = (
    company.subscription,
    company.plan_level,
    company.tax_model,
    company.custom_numbers,
    company.auto_apply,
    company.closed_books,
    company.currencies,
    mapping.imported,
    mapping.taxes,
    mapping.broken,
    mapping.items,
    mapping.deposit,
    mapping.credit_items,
    mapping.unreadable,
)


def judge(situation: Situation) -> list[Check]:
    """Return all findings, the worst first."""
    checks = [check for look in LOOKS for check in look(situation)]
    order = list(reversed(Level))
    return sorted(checks, key=lambda check: order.index(check.level))
