"""Mappings as the API shows and takes them; each `*_id` but `id` is an id in QuickBooks."""

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.accounting.records import TaxModel
from app.kit.fields import ExternalId, Key
from app.kit.web import Page, Strict
from app.mappings.proposals import Choice
from app.mappings.suggest import Status
from app.mappings.taxes import TaxRow, TaxTable
from app.mappings.words import WordRow

T = TypeVar("T")
BookId = Annotated[ExternalId, Field(examples=["9"])]


class ChoiceOut(BaseModel):
    """An entry of the books that may be chosen."""

    external_id: str
    name: str

    @classmethod
    def of(cls, choice: Choice) -> "ChoiceOut":
        return cls(external_id=choice.external_id, name=choice.name)


# ---------------------------------------------------------------- taxes


class MappedRateOut(BaseModel):
    """A rate of the tax code, and the price code that it is."""

    external_id: str
    name: str
    percent: Decimal | None
    price_code: str | None


class TaxMappingOut(BaseModel):
    """A set of price codes; the empty set is *untaxed*."""

    id: UUID | None = Field(description="Null until it is saved")
    price_codes: list[str] = Field(examples=[["GST", "PST BC"]])
    tax_code_id: str | None
    tax_code_name: str | None
    rates: list[MappedRateOut]
    status: Status
    name_matches: bool = Field(description="Each tax rate is named exactly like its price code")
    reason: str | None
    choices: list[ChoiceOut] = Field(description="Tax codes to choose from when it is ambiguous")
    fixes: list[str]
    documents: int = Field(description="Billing documents that have lines with this set")

    @classmethod
    def of(cls, row: TaxRow) -> "TaxMappingOut":
        return cls(
            id=row.mapping_id,
            price_codes=list(row.price_codes),
            tax_code_id=row.tax_code_id,
            tax_code_name=row.tax_code_name,
            rates=[
                MappedRateOut(
                    external_id=rate.external_id,
                    name=rate.name,
                    percent=rate.percent,
                    price_code=price_code,
                )
                for rate, price_code in row.rates
            ],
            status=row.status,
            name_matches=row.name_matches,
            reason=row.reason,
            choices=[
                ChoiceOut(external_id=code.external_id, name=code.name) for code in row.choices
            ],
            fixes=list(row.fixes),
            documents=row.documents,
        )


class PlanOut(BaseModel):
    """A tax of billing whose price code names no tax rate."""

    plan: str | None
    price_code: str
    name: str | None


class RateOut(BaseModel):
    """A tax rate that no tax of billing is named like."""

    external_id: str
    name: str
    percent: Decimal | None


class TaxMappings(Page[TaxMappingOut]):
    """The mapping table, what has no partner, and whether exports need it."""

    model: TaxModel | None = Field(description="How the company computes sales tax")
    required: bool
    plans_without_rate: list[PlanOut]
    rates_without_plan: list[RateOut]

    @classmethod
    def of_table(
        cls, table: TaxTable, rows: list[TaxMappingOut], next_cursor: str | None
    ) -> "TaxMappings":
        return cls(
            data=rows,
            next_cursor=next_cursor,
            model=table.model,
            required=table.required,
            plans_without_rate=[
                PlanOut(plan=word.plan, price_code=word.price_code, name=word.name)
                for word in table.plans_without_rate
            ],
            rates_without_plan=[
                RateOut(external_id=rate.external_id, name=rate.name, percent=rate.percent)
                for rate in table.rates_without_plan
            ],
        )


class PairIn(Strict):
    """Says which rate a price code is."""

    price_code: Key
    rate_id: BookId


class TaxMappingIn(Strict):
    """A set of price codes and the tax code for lines with it; the empty set is *untaxed*."""

    price_codes: list[Key] = Field(max_length=50, examples=[["GST", "PST BC"]])
    tax_code_id: BookId
    pairs: list[PairIn] | None = Field(
        default=None,
        max_length=50,
        description="Which price code is which rate; needed only where names do not tell",
    )


class TaxMappingPatch(Strict):
    """Another tax code; without one, the mapping is confirmed as the books are now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tax_code_id": "8"}, {}]})

    tax_code_id: BookId | None = None
    pairs: list[PairIn] | None = Field(default=None, max_length=50)


class SuggestIn(Strict):
    """*exact* saves the unambiguous name matches, *none* saves nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"confirm": "none"}, {"confirm": "exact"}]}
    )

    confirm: Literal["none", "exact"] = "none"


class Suggested(BaseModel, Generic[T]):
    """The table after suggesting, and how many mappings were saved."""

    confirmed: int
    data: list[T]


# ---------------------------------------------------------------- items, accounts, methods


class WordOut(BaseModel):
    """What every mapping of a billing word shows."""

    id: UUID | None = Field(description="Null until it is saved")
    status: Status
    name_matches: bool
    reason: str | None
    choices: list[ChoiceOut]
    fixes: list[str]


def _common(row: WordRow) -> dict[str, object]:
    return {
        "id": row.mapping_id,
        "status": row.status,
        "name_matches": row.name_matches,
        "reason": row.reason,
        "choices": [ChoiceOut.of(choice) for choice in row.choices],
        "fixes": list(row.fixes),
    }


class ItemMappingOut(WordOut):
    price_code: str
    item_name: str | None = Field(description="What billing calls the item")
    plan: str | None
    item_id: str | None
    mapped_item_name: str | None

    @classmethod
    def of(cls, row: WordRow) -> "ItemMappingOut":
        return cls.model_validate(
            _common(row)
            | {
                "price_code": row.key,
                "item_name": row.said,
                "plan": row.plan,
                "item_id": row.target.external_id if row.target else None,
                "mapped_item_name": row.target.name if row.target else None,
            }
        )


class ItemMappingIn(Strict):
    """A charge by its price code, and its item in the books."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"price_code": "PRO-MONTHLY", "item_id": "3"}]}
    )

    price_code: Key
    item_id: BookId


class ItemMappingPatch(Strict):
    """Another item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_id": "4"}]})

    item_id: BookId


class MethodMappingOut(WordOut):
    method: str
    payment_method_id: str | None
    payment_method_name: str | None
    deposit_account_id: str | None
    deposit_account_name: str | None

    @classmethod
    def of(cls, row: WordRow) -> "MethodMappingOut":
        return cls.model_validate(
            _common(row)
            | {
                "method": row.key,
                "payment_method_id": row.target.external_id if row.target else None,
                "payment_method_name": row.target.name if row.target else None,
                "deposit_account_id": row.deposit.external_id if row.deposit else None,
                "deposit_account_name": row.deposit.name if row.deposit else None,
            }
        )


class MethodTargets(Strict):
    """Where payments of the method go; one of the two at least."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"payment_method_id": "4"}]})

    payment_method_id: BookId | None = None
    deposit_account_id: BookId | None = None


class MethodMappingIn(MethodTargets):
    """A payment method of billing, and where its payments go."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"method": "visa", "payment_method_id": "3", "deposit_account_id": "1150040003"}
            ]
        }
    )

    method: Key
