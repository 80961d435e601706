"""Which billing customer is which customer of the books; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.books.names import fold_email, fold_name
from app.imports.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledCustomer:
    """A billing customer without a link; where billing is silent, *currency* is the home one."""

    billing_id: str
    name: str
    currency: str
    email: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What makes two customers look alike: folded name and currency."""
        return fold_name(self.name), self.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCustomer:
    """A customer of the books whose folded name is the billing customer's."""

    external_id: str
    sync_token: str | None
    name: str
    currency: str
    email: str | None
    active: bool
    linked_to: str | None

    @property
    def said(self) -> dict[str, object]:
        return {
            "external_id": self.external_id,
            "name": self.name,
            "currency": self.currency,
            "email": self.email,
            "active": self.active,
            "billing_id": self.linked_to,
        }


def match_customer(
    billed: BilledCustomer, namesakes: Sequence[BookCustomer], *, rivals: int
) -> BookCustomer | Finding | None:
    """
    Return the customer to link, a finding, or None when the books know nobody of that name.

    It links only if exactly one active, unlinked customer has the name and currency, e-mails do
    not conflict, and no other unlinked billing customer looks the same (*rivals*).
    """
    unlinked = [each for each in namesakes if each.linked_to is None]
    free = [each for each in unlinked if each.active and each.currency == billed.currency]
    if not namesakes:
        return None
    if not free:
        return _nobody_free(billed, namesakes, unlinked)
    if len(free) > 1:
        return _finding(
            billed,
            "several_matches",
            f"{len(free)} customers in the books are named like {billed.name!r}.",
            free,
        )
    if rivals:
        return _finding(
            billed,
            "several_billing_customers",
            f"{rivals + 1} billing customers are named like the one customer {free[0].name!r} in"
            " the books.",
            free,
        )
    if emails_conflict(billed.email, free[0].email):
        return _finding(
            billed,
            "email_conflict",
            f"The customer {free[0].name!r} in the books has the same name as {billed.billing_id},"
            " and another e-mail address.",
            free,
        )
    return free[0]


def _nobody_free(
    billed: BilledCustomer, namesakes: Sequence[BookCustomer], unlinked: Sequence[BookCustomer]
) -> Finding:
    if not unlinked:
        taken = namesakes[0]
        return _finding(
            billed,
            "match_linked_elsewhere",
            f"The customer {taken.name!r} in the books is linked to the billing customer"
            f" {taken.linked_to} already. Names are unique in the books.",
            namesakes,
        )
    if not any(each.active for each in unlinked):
        return _finding(
            billed,
            "match_inactive",
            f"The customer {unlinked[0].name!r} in the books has the name of {billed.billing_id},"
            " and is inactive.",
            unlinked,
        )
    return _finding(
        billed,
        "match_other_currency",
        f"The customer {unlinked[0].name!r} in the books has the name of {billed.billing_id}, and"
        f" another currency than {billed.currency}.",
        unlinked,
    )


def _finding(
    billed: BilledCustomer, code: str, explanation: str, namesakes: Sequence[BookCustomer]
) -> Finding:
    return Finding(
        code=code,
        kind="customer",
        billing_id=billed.billing_id,
        external_id=namesakes[0].external_id if len(namesakes) == 1 else None,
        name=billed.name,
        explanation=f"{explanation} They were not linked.",
        fixes=(
            "If it is the same customer, link it under customer mappings.",
            "If not, give one of the two another name.",
        ),
        cause="match",
        details={"candidates": [each.said for each in namesakes[:20]]},
    )


def emails_conflict(one: str | None, other: str | None) -> bool:
    """Tell whether both have addresses and none in common; a field may hold several."""
    mine, theirs = _addresses(one), _addresses(other)
    return bool(mine and theirs and not mine & theirs)


def _addresses(field: str | None) -> set[str]:
    parts = re.split(r"[,;\s]+", field or "")
    return {folded for part in parts if (folded := fold_email(part))}
