"""Account mappings as the API shows and takes them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.kit.fields import CurrencyCode, Text
from app.kit.web import Strict
from app.mappings.accounts import AccountRow
from app.mappings.schemas import BookId, ChoiceOut, WordOut

RoleName = Literal[
    "income",
    "expense",
    "deposit",
    "receivable",
    "tax_payable",
    "tax",
    "discount",
    "refund",
    "write_off",
    "house_credit",
    "rounding",
]
AccountKey = Annotated[Text, Field(min_length=1, max_length=500)]


class AccountMappingOut(WordOut):
    role: str
    key: str | None = Field(
        description="An accounting code (income, discount), a tax's price code or a payment method"
        " (deposit, refund); null is the role's default"
    )
    currency: str | None = Field(description="Only for documents of this currency")
    said: str | None = Field(description="What billing calls the key")
    allowed_types: list[str]
    account_id: str | None
    account_name: str | None
    effective_account_id: str | None = Field(
        description="Journal mode: where entries go today, through a default too; null: refused"
    )
    effective_account_name: str | None

    @classmethod
    def of(cls, row: AccountRow) -> "AccountMappingOut":
        return cls(
            id=row.mapping_id,
            status=row.status,
            name_matches=row.name_matches,
            reason=row.reason,
            choices=[ChoiceOut.of(choice) for choice in row.choices],
            fixes=list(row.fixes),
            role=row.place.role,
            key=row.place.key,
            currency=row.place.currency,
            said=row.said,
            allowed_types=list(row.allowed_types),
            account_id=row.target.external_id if row.target else None,
            account_name=row.target.name if row.target else None,
            effective_account_id=row.effective.account_id if row.effective else None,
            effective_account_name=row.effective.name if row.effective else None,
        )


class AccountMappingIn(Strict):
    """A role, what tells its accounts apart if one is not enough, and the account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"role": "deposit", "key": "stripe", "account_id": "1150040003"}]
        }
    )

    role: RoleName
    key: AccountKey | None = Field(
        default=None,
        description="Of income and discount an accounting code, of tax a price code, of deposit"
        " and refund a payment method; left out: the role's default",
    )
    currency: CurrencyCode | None = Field(
        default=None, description="Of receivable, deposit and refund: for this currency only"
    )
    account_id: BookId


class AccountMappingPatch(Strict):
    """Another account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"account_id": "9"}]})

    account_id: BookId
