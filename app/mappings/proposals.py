"""Which item, account or payment method of the books fits a billing word; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.accounting.records import Account, Item, NamedEntry
from app.books.names import fold_name
from app.mappings.suggest import Status
from app.mappings.targets import why_no_item, why_no_method

T = TypeVar("T", Item, NamedEntry, Account)

# Where several accounts may take a role, the one of this sub-type is the usual one.
_USUAL = {
    "deposit": ("UndepositedFunds",),
    "refund": ("UndepositedFunds",),
    "tax_payable": ("GlobalTaxPayable", "SalesTaxPayable"),
    "income": ("ServiceFeeIncome",),
    "receivable": ("AccountsReceivable",),
    "discount": ("DiscountsRefundsGiven",),
    "write_off": ("BadDebts",),
}
MOST_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the books that a person may choose."""

    external_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed for a billing word."""

    status: Status
    target: Choice | None = None
    name_matches: bool = False
    reason: str | None = None
    choices: tuple[Choice, ...] = ()
    fixes: tuple[str, ...] = ()


def propose_item(name: str, namesakes: Sequence[Item]) -> Proposal:
    """Return the item for a charge; *name* is what the charge's item should be called."""
    usable = [item for item in namesakes if why_no_item(item) is None]
    return _by_name(
        name,
        usable,
        lambda item: {item.name, item.full_name},
        missing=f"No item in the books is named {name!r}.",
        fixes=("Choose an item.", "Or let the export use the fallback item or create one."),
    )


def propose_method(method: str, methods: Sequence[NamedEntry]) -> Proposal:
    """Return the payment method of the books for a billing method."""
    usable = [each for each in methods if why_no_method(each) is None]
    return _by_name(
        method,
        usable,
        lambda each: {each.name},
        missing=f"No payment method in the books is named {method!r}.",
        fixes=(
            "Choose a payment method or a deposit account.",
            "Without one, payments go out bare.",
        ),
    )


def propose_account_called(
    words: Sequence[str], possible: Sequence[Account], allowed_types: Sequence[str]
) -> Proposal:
    """
    Return the account that is called like a billing word: by its number first, then by its name.

    *words* are what billing calls it, its own key first.
    """
    numbered = [each for each in possible if each.number == words[0]]
    if len(numbered) == 1:
        return Proposal(
            status=Status.SUGGESTED,
            target=Choice(numbered[0].external_id, numbered[0].full_name),
            name_matches=True,
            reason=f"Its account number is {words[0]}.",
        )
    if not numbered:
        proposals = [_account_named(word, possible, allowed_types) for word in words]
        return next(
            (each for each in proposals if each.status is not Status.UNMAPPED), proposals[0]
        )
    return Proposal(
        status=Status.AMBIGUOUS,
        reason=f"{len(numbered)} accounts have the number {words[0]}.",
        choices=tuple(Choice(each.external_id, each.full_name) for each in numbered),
        fixes=("Choose one of them.",),
    )


def _account_named(
    name: str, possible: Sequence[Account], allowed_types: Sequence[str]
) -> Proposal:
    return _by_name(
        name,
        possible,
        lambda each: {each.name, each.full_name},
        missing=f"No account that fits has the number or the name {name!r}.",
        fixes=(
            f"Choose an account of type {' or '.join(allowed_types)}.",
            "Or map the role without a key: it takes whatever has no account of its own.",
        ),
    )


def _by_name(
    name: str,
    usable: Sequence[T],
    names_of: Callable[[T], set[str]],
    *,
    missing: str,
    fixes: tuple[str, ...],
) -> Proposal:
    exact = [each for each in usable if name in names_of(each)]
    close = [each for each in usable if fold_name(name) in set(map(fold_name, names_of(each)))]
    found = exact or close
    if not found:
        return Proposal(status=Status.UNMAPPED, reason=missing, fixes=fixes)
    choices = tuple(Choice(each.external_id, each.name) for each in found[:MOST_CHOICES])
    if len(found) > 1:
        return Proposal(
            status=Status.AMBIGUOUS,
            reason=f"{len(found)} entries in the books are named like {name!r}.",
            choices=choices,
            fixes=("Choose one of them.",),
        )
    if exact:
        return Proposal(status=Status.SUGGESTED, target=choices[0], name_matches=True)
    return Proposal(
        status=Status.SUGGESTED,
        target=choices[0],
        reason="The names differ in case or spacing only.",
        fixes=("Confirm this pairing.",),
    )


def propose_account(
    role: str, possible: Sequence[Account], allowed_types: Sequence[str]
) -> Proposal:
    """Return the account for a role: the only possible one, or the usual one; a person confirms."""
    usual = [each for each in possible if each.sub_type in _USUAL.get(role, ())]
    found = usual if len(usual) == 1 else possible
    choices = tuple(Choice(each.external_id, each.full_name) for each in possible[:MOST_CHOICES])
    if len(found) == 1:
        one = Choice(found[0].external_id, found[0].full_name)
        why = "It is the only account that can take this role."
        if len(possible) > 1:
            why = "It is the usual account for this role."
        return Proposal(
            status=Status.SUGGESTED,
            target=one,
            reason=why,
            choices=choices,
            fixes=("Confirm this account, or choose another one.",),
        )
    allowed = " or ".join(allowed_types)
    if not found:
        return Proposal(
            status=Status.UNMAPPED,
            reason=f"The imported chart has no active account of type {allowed}.",
            fixes=("Import accounts.", f"Or create an account of type {allowed} in the books."),
        )
    return Proposal(
        status=Status.AMBIGUOUS,
        reason=f"{len(found)} accounts can take this role.",
        choices=choices,
        fixes=("Choose one of them.",),
    )
