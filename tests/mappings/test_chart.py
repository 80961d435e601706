"""Which account an amount goes to: the nearest mapping decides, and nothing broken is passed."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.mappings.chart import DEPOSIT_SETTING, METHOD_MAPPING, Chart, MappedAccount, MissingAccount
from app.mappings.roles import Chosen, Place
from tests.imported import build_account

ACCOUNTS = {
    account.external_id: account
    for account in (
        build_account("1", "Sales"),
        build_account("2", "Usage", number="4100"),
        build_account("3", "Checking", "Bank"),
        build_account("4", "US checking", "Bank", currency="USD"),
        build_account("5", "A/R", "Accounts Receivable", currency="CAD"),
        build_account("6", "A/R USD", "Accounts Receivable", currency="USD"),
        build_account("7", "GST", "Other Current Liability", sub_type="OtherCurrentLiabilities"),
        build_account("8", "GST/HST", "Other Current Liability", sub_type="GlobalTaxPayable"),
        build_account("9", "Old sales", active=False),
        build_account("10", "Stripe", "Other Current Asset"),
    )
}


def chart(chosen: Mapping[str, str], **more: Any) -> Chart:
    return Chart(
        home_currency="CAD",
        accounts=ACCOUNTS,
        chosen={
            Place.parse(text): Chosen(account_id=account_id, name="as chosen")
            for text, account_id in chosen.items()
        },
        **more,
    )


def found(
    chart: Chart, role: str, key: str | None = None, currency: str | None = None
) -> tuple[str, str]:
    """Return the account and what decided, or the code of what is missing and its reason."""
    answer = chart.account_for(role, key, currency)
    if isinstance(answer, MappedAccount):
        return answer.account_id, answer.decided_by
    assert answer.fixes
    return answer.code, answer.reason


@pytest.mark.parametrize(
    "text", ["income", "income:4000", "income:a:b@c", "deposit@USD:stripe", "receivable@USD"]
)
def test_place_is_kept_as_text(text: str) -> None:
    assert Place.parse(text).text == text


def test_key_before_default() -> None:
    mapped = chart({"income": "1", "income:4100": "2"})

    assert found(mapped, "income", "4100") == ("2", "income:4100")
    assert found(mapped, "income", "other") == ("1", "income")
    assert found(mapped, "income") == ("1", "income")


def test_nothing_mapped_says_what_to_map() -> None:
    answer = chart({}).account_for("income", "4000")

    assert isinstance(answer, MissingAccount)
    assert (answer.code, answer.reason) == (
        "unmapped_account",
        "No account is mapped to income of '4000'.",
    )
    assert "income of '4000'" in answer.fix


def test_currency_before_the_rest() -> None:
    mapped = chart({"deposit": "3", "deposit@USD": "4", "receivable": "5", "receivable@USD": "6"})

    assert found(mapped, "deposit", "wire", "USD")[0] == "4"
    assert found(mapped, "deposit", "wire", "EUR")[0] == "3"
    assert found(mapped, "receivable", None, "USD")[0] == "6"
    assert found(mapped, "receivable")[0] == "5"


@pytest.mark.parametrize(
    ("chosen", "role", "currency"),
    [
        ({"receivable": "5"}, "receivable", "USD"),
        ({"deposit:x": "4"}, "deposit", "CAD"),
        ({"deposit:x": "4"}, "deposit", "EUR"),
    ],
)
def test_account_of_another_currency(chosen: dict[str, str], role: str, currency: str) -> None:
    key = "x" if role == "deposit" else None

    code, reason = found(chart(chosen), role, key, currency)

    assert code == "account_currency_differs"
    assert currency in reason


def test_receivable_needs_a_customer_and_a_clearing_account_none() -> None:
    receivable = chart({"receivable": "5"}).account_for("receivable")
    clearing = chart({"receivable": "10"}).account_for("receivable", None, "USD")

    assert isinstance(receivable, MappedAccount)
    assert isinstance(clearing, MappedAccount)
    assert (receivable.needs_customer, clearing.needs_customer) == (True, False)
    assert (clearing.home, clearing.currency) == (True, "CAD")


@pytest.mark.parametrize("account_id", ["3", "9", "99"])
def test_broken_mapping_never_falls_back_to_the_default(account_id: str) -> None:
    mapped = chart({"income": "1", "income:4000": account_id})

    assert found(mapped, "income", "4000")[0] == "broken_mapping"


def test_account_of_another_type_than_was_chosen_is_broken() -> None:
    mapped = Chart(
        home_currency="CAD",
        accounts=ACCOUNTS,
        chosen={Place(role="receivable"): Chosen(account_id="10", name="Stripe", type="Bank")},
    )

    code, reason = found(mapped, "receivable")

    assert code == "broken_mapping"
    assert "it was Bank" in reason


def test_deposits_follow_payment_method_mappings_and_the_setting() -> None:
    mapped = chart({}, deposits={"stripe": "10"}, deposit_setting="3")

    assert found(mapped, "deposit", "stripe") == ("10", METHOD_MAPPING)
    assert found(mapped, "deposit", "wire") == ("3", DEPOSIT_SETTING)


def test_refund_leaves_from_where_its_method_is_deposited() -> None:
    mapped = chart({"deposit:stripe": "10", "deposit": "3"})

    assert found(mapped, "refund", "stripe")[0] == "10"
    assert found(mapped, "refund")[0] == "3"
    assert found(chart({"refund": "3", "deposit:stripe": "10"}), "refund", "stripe")[0] == "3"


def test_tax_under_its_older_name() -> None:
    mapped = chart({"tax_payable": "7"})

    assert found(mapped, "tax", "GST") == ("7", "tax_payable")
    assert found(mapped, "tax_payable") == ("7", "tax_payable")


def test_system_tax_account_is_refused_until_the_books_are_known_to_take_it() -> None:
    assert found(chart({"tax": "8"}), "tax", "GST")[0] == "system_tax_account"
    assert found(chart({"tax": "8"}, system_tax_allowed=True), "tax", "GST")[0] == "8"
