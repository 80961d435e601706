"""What the reference leaves open about the books, as switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args, get_type_hints


@dataclass
class Rules:
    """
    What the reference leaves open, each the pessimistic way unless it says otherwise.

    A company has its own copy; a test may change it at any time.
    """

    docnumber_when_custom_off: Literal["replace", "keep"] = "replace"
    """Fate of a sent DocNumber while CustomTxnNumbers is false."""
    warn_duplicate_docnum: bool = True
    """The company's switch behind 6140."""
    refuse_four_byte: bool = True
    """Emoji and other characters outside the basic plane are refused with 500."""
    inactive_blocks_name: bool = True
    """A name stays taken after its holder was made inactive, although that one is renamed."""
    over_application_code: Literal["6000", "620"] = "6000"
    """Code for applying more than is open."""
    flatten_addresses: bool = True
    """An updated document gives its address back as Line1 to Line4."""
    auto_apply_in_answer: bool = True
    """False: the answer of a create is from before QuickBooks linked it by itself."""
    delete_linked: Literal["refuse", "unlink"] = "refuse"
    """Deleting a document that has payments."""
    several_receivable_lines: bool = False
    """Whether a journal entry may have more than one A/R or A/P line."""
    journal_tax_accounts: bool = False
    """Whether a journal entry may post to an agency's tax account without a tax code."""
    journal_needs_tax_code: bool = False
    """GLOBAL: whether a journal line on an income or expense account needs a tax code (6000)."""
    journal_duplicate_docnum: Literal["keep", "refuse"] = "keep"
    """A journal entry with a number that another one has: taken as it is, or refused with 6140."""
    manual_code_alone: Literal["zero", "compute"] = "zero"
    """US-MANUAL: a header code without amounts."""
    ast_missing_code: Literal["TAX", "NON"] = "TAX"
    """US-AST: what a line without code counts as."""
    ast_difference: Decimal = Decimal("0.00")
    """US-AST: added to what automated sales tax computes, when no override is sent."""
    ast_override: bool = True
    """US-AST: whether an explicit TotalTax is kept."""
    us_refuses_global_calculation: bool = True
    """US companies: a sent GlobalTaxCalculation is a fault; else it is ignored."""

    def change(self, values: Mapping[str, Any]) -> None:
        """
        Set several rules, all or none.

        Raises:
            ValueError: A name is unknown or a value is not of its kind.
        """
        hints = get_type_hints(Rules)
        unknown = sorted(set(values) - set(hints))
        if unknown:
            raise ValueError(f"unknown rules: {', '.join(unknown)}")
        checked = {name: _checked(name, hints[name], value) for name, value in values.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """All rules with their present values."""
        return asdict(self)


def _checked(name: str, kind: Any, value: Any) -> Any:
    if kind is Decimal and not isinstance(value, bool):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise ValueError(f"{name} must be a number") from None
    allowed = (True, False) if kind is bool else get_args(kind)
    if not any(value is word or (isinstance(word, str) and value == word) for word in allowed):
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}")
    return value
