from __future__ import annotations

from datetime import date
from decimal import Decimal

from simulator.books.company import Company
from simulator.profiles import PROFILES
from simulator.seed import AWKWARD, EMPLOYEES, VENDORS, seed
from tests.simulator.books.builders import Ticking


def filled(number: int = 1) -> Company:
    company = Company(realm_id="1", profile=PROFILES["ca"], clock=Ticking())
    seed(
        company,
        seed=number,
        customers=120,
        items=50,
        invoices=40,
        credit_memos=5,
        created_from=date(2025, 1, 1),
        created_to=date(2025, 12, 31),
        taken_names=("Taken Ltd.",),
    )
    return company


class TestSeed:
    def test_same_seed_same_company(self) -> None:
        first, second = filled(), filled()

        for entity in ("Customer", "Item", "Invoice", "Payment", "CreditMemo", "Vendor"):
            assert first.rows(entity) == second.rows(entity)
        assert filled(2).rows("Customer") != first.rows("Customer")

    def test_creation_times_rise_over_the_range(self) -> None:
        times = [row["MetaData"]["CreateTime"][:10] for row in filled().rows("Customer")]

        assert times == sorted(times)
        assert times[0] == "2025-01-01"
        assert times[-1] >= "2025-12-25"

    def test_every_kind_of_customer_is_there(self) -> None:
        rows = filled().rows("Customer")

        names = [row["DisplayName"] for row in rows]
        assert set(AWKWARD) <= set(names)
        assert any(row["Job"] for row in rows)
        assert any(not row["Active"] for row in rows)
        assert any("PrimaryEmailAddr" not in row for row in rows)

    def test_others_hold_names_too(self) -> None:
        company = filled()

        assert {row["DisplayName"] for row in company.rows("Vendor")} == {*VENDORS, "Taken Ltd."}
        assert {row["DisplayName"] for row in company.rows("Employee")} == set(EMPLOYEES)

    def test_books_balance(self) -> None:
        assert sum(filled().trial_balance().values(), Decimal(0)) == 0
