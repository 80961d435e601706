"""Every check of preflight, one situation at a time."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from app.accounting.records import Account, Item, TaxModel
from app.integrations.schemas import IntegrationSettings
from app.mappings.repository import MappingKind, tax_key
from app.mappings.service import BrokenMapping
from app.reconciliation.preflight import judge
from app.reconciliation.situation import Check, Level, Needs, Situation
from tests.fake_provider import build_profile

GST = frozenset({"GST"})
UNTAXED: frozenset[str] = frozenset()


def account(external_id: str, type_: str, *, active: bool = True) -> Account:
    return Account(
        external_id=external_id, name="Sales", full_name="Sales", type=type_, active=active
    )


def build_needs(**changes: Any) -> Needs:
    """Three invoices of March, taxed with GST."""
    values: dict[str, Any] = {
        "documents": 3,
        "numbered": 3,
        "taxed": 3,
        "on_days": Counter({date(2026, 3, 1): 1, date(2026, 3, 20): 2}),
        "currencies": Counter({"CAD": 3}),
        "tax_sets": Counter({GST: 3}),
        "price_codes": Counter({"plan": 3}),
    }
    return Needs(**(values | changes))


def build_situation(
    profile: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **changes: Any
) -> Situation:
    """A Canadian company in which everything is in order."""
    values: dict[str, Any] = {
        "profile": build_profile(**({"subscription": "PAID", "plan": "Plus"} | (profile or {}))),
        "settings": IntegrationSettings.model_validate(settings or {}),
        "needs": build_needs(),
        "imported": True,
        "accounts": {"1": account("1", "Income"), "2": account("2", "Bank")},
        "items": {},
        "roles": {},
        "why_unmapped": lambda _: None,
    }
    return Situation(**(values | changes))


def found(situation: Situation, code: str) -> Check:
    (check,) = [each for each in judge(situation) if each.code == code]
    return check


def assert_level(situation: Situation, code: str, level: Level, documents: int = 0) -> None:
    check = found(situation, code)
    assert (check.level, check.documents) == (level, documents), check
    assert check.fix or check.level is Level.PASS


def test_all_in_order_passes() -> None:
    checks = judge(build_situation())
    assert {check.level for check in checks} == {Level.PASS}
    assert len({check.code for check in checks}) == len(checks)


def test_the_worst_comes_first() -> None:
    situation = build_situation({"custom_numbers": False, "subscription": "EXPIRED"})
    levels = [check.level for check in judge(situation)]
    assert levels[:3] == [Level.BLOCK, Level.WARN, Level.PASS]


class TestCompany:
    @pytest.mark.parametrize("said", ["EXPIRED", "Cancelled", "SUSPENDED"])
    def test_an_ended_subscription_blocks_everything(self, said: str) -> None:
        assert_level(build_situation({"subscription": said}), "subscription", Level.BLOCK, 3)

    @pytest.mark.parametrize("said", ["PAID", "TRIAL", None])
    def test_a_running_one_passes(self, said: str | None) -> None:
        assert_level(build_situation({"subscription": said}), "subscription", Level.PASS)

    def test_a_small_plan_without_multicurrency(self) -> None:
        needs = build_needs(currencies=Counter({"CAD": 1, "USD": 2}))
        situation = build_situation({"plan": "QuickBooks Online Simple Start"}, needs=needs)
        assert_level(situation, "plan", Level.WARN, 2)
        assert_level(situation, "multicurrency", Level.BLOCK, 2)

    def test_foreign_documents_without_a_rate(self) -> None:
        needs = build_needs(currencies=Counter({"USD": 2}), without_rate=Counter({"USD": 2}))
        situation = build_situation({"multicurrency": True}, needs=needs)
        assert_level(situation, "multicurrency", Level.PASS)
        assert_level(situation, "exchange_rate", Level.WARN, 2)

    @pytest.mark.parametrize("model", [TaxModel.US_NONE, TaxModel.US_AST_UNSET])
    def test_taxed_documents_where_sales_tax_is_off(self, model: TaxModel) -> None:
        situation = build_situation({"tax_model": model, "country": "US"})
        assert_level(situation, "sales_tax_not_set_up", Level.BLOCK, 3)

    def test_untaxed_documents_where_sales_tax_is_off(self) -> None:
        situation = build_situation({"tax_model": TaxModel.US_NONE}, needs=build_needs(taxed=0))
        assert_level(situation, "sales_tax_not_set_up", Level.WARN)

    def test_numbers_that_quickbooks_gives(self) -> None:
        off = {"custom_numbers": False}
        assert_level(build_situation(off), "custom_numbers", Level.WARN, 3)
        wanted = build_situation(off, {"documents": {"send_number": False}})
        assert_level(wanted, "custom_numbers", Level.PASS)

    def test_automatic_application(self) -> None:
        situation = build_situation({"auto_apply_payments": True}, needs=build_needs(payments=2))
        assert_level(situation, "auto_apply", Level.WARN, 2)

    def test_the_closing_date_within_the_range(self) -> None:
        closed = {"books_closed_until": date(2026, 3, 1)}
        assert_level(build_situation(closed), "closed_books", Level.BLOCK, 1)
        moved = build_situation(closed, {"closed_books": "first_open_day"})
        assert_level(moved, "closed_books", Level.WARN, 1)

    def test_the_closing_date_before_the_range(self) -> None:
        situation = build_situation({"books_closed_until": date(2026, 2, 28)})
        assert_level(situation, "closed_books", Level.PASS)


class TestMappings:
    def test_nothing_imported(self) -> None:
        assert_level(build_situation(imported=False), "lists_not_imported", Level.BLOCK, 3)

    def test_an_unmapped_tax_names_its_reason(self) -> None:
        situation = build_situation(why_unmapped=lambda codes: "Not mapped." if codes else None)
        assert_level(situation, "unmapped_tax", Level.BLOCK, 3)
        assert "Not mapped." in found(situation, "unmapped_tax").consequence

    def test_american_companies_need_no_mapped_tax(self) -> None:
        profile = {"tax_model": TaxModel.US_AST, "country": "US"}
        checks = judge(build_situation(profile, why_unmapped=lambda _: "Not mapped."))
        assert not {"unmapped_tax", "untaxed_mapping"} & {check.code for check in checks}

    @pytest.mark.parametrize(("documents", "level"), [(0, Level.WARN), (2, Level.BLOCK)])
    def test_untaxed_lines_without_a_code(self, documents: int, level: Level) -> None:
        needs = build_needs(tax_sets=Counter({UNTAXED: documents}))
        situation = build_situation(
            needs=needs, why_unmapped=lambda codes: None if codes else "Not mapped."
        )
        assert_level(situation, "untaxed_mapping", level, documents)

    @pytest.mark.parametrize(
        ("kind", "key", "documents"),
        [
            (MappingKind.ITEM, "plan", 3),
            (MappingKind.PAYMENT_METHOD, "card", 1),
            (MappingKind.TAX, tax_key(["HST"]), 0),
        ],
    )
    def test_a_broken_mapping(self, kind: MappingKind, key: str, documents: int) -> None:
        broken = BrokenMapping(
            kind=kind, key=key, said=key, target_id="9", target_name="Old", reason="It is gone."
        )
        situation = build_situation(needs=build_needs(methods=Counter(["card"])), broken=[broken])
        level = Level.BLOCK if documents else Level.WARN
        assert_level(situation, "broken_mapping", level, documents)

    def test_a_price_code_that_nothing_is_known_of(self) -> None:
        assert_level(build_situation(unknown=["plan"]), "unknown_item", Level.BLOCK, 3)

    def test_new_items_without_an_income_account(self) -> None:
        assert_level(build_situation(to_create=["plan"]), "item_account", Level.BLOCK, 3)

    @pytest.mark.parametrize(
        ("chosen", "level"),
        [
            (account("1", "Income"), Level.PASS),
            (account("1", "Income", active=False), Level.BLOCK),
            (account("1", "Bank"), Level.BLOCK),
        ],
        ids=["fits", "inactive", "of the wrong type"],
    )
    def test_the_income_account_of_new_items(self, chosen: Account, level: Level) -> None:
        situation = build_situation(
            settings={"items": {"income_account_id": "1"}},
            accounts={"1": chosen},
            to_create=["plan"],
        )
        assert_level(situation, "item_account", level, 3 if level is Level.BLOCK else 0)

    def test_items_that_may_not_be_created(self) -> None:
        settings = {"items": {"create_missing": False}}
        situation = build_situation(settings=settings, to_create=["plan"])
        assert_level(situation, "no_item", Level.BLOCK, 3)

    def test_an_inactive_deposit_account(self) -> None:
        situation = build_situation(
            settings={"accounts": {"deposit_account_id": "2"}},
            accounts={"2": account("2", "Bank", active=False)},
            needs=build_needs(payments=2),
        )
        assert_level(situation, "deposit_account", Level.BLOCK, 2)

    def test_credit_lines_without_an_item(self) -> None:
        situation = build_situation(needs=build_needs(reasons=Counter(["write_off"])))
        assert_level(situation, "no_credit_item", Level.BLOCK, 1)

    def test_an_inactive_fallback_item(self) -> None:
        item = Item(external_id="5", name="Other", full_name="Other", type="Service", active=False)
        situation = build_situation(
            settings={"items": {"fallback_item_id": "5"}}, items={"5": item}
        )
        assert_level(situation, "fallback_item", Level.WARN)

    def test_documents_that_do_not_add_up(self) -> None:
        situation = build_situation(needs=build_needs(unreadable=1))
        assert_level(situation, "document_does_not_add_up", Level.BLOCK, 1)
