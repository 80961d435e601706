"""Which account an amount goes to, and what stands in for a role that has none."""

from app.accounting.records import Account, Tracking
from app.journal.lines import NoPlace, Place
from app.journal.places import ChartPlaces
from app.mappings.chart import Chart
from app.mappings.roles import Chosen, Role
from app.mappings.roles import Place as MappedPlace

SALES = Account(external_id="1", name="Sales", full_name="Sales", type="Income")
NOTHING = Tracking()
COSTS = Account(external_id="2", name="Costs", full_name="Costs", type="Expense")


def places(tracking: Tracking = NOTHING, **chosen: Account) -> ChartPlaces:
    mapped = {
        MappedPlace.parse(text): Chosen(account_id=each.external_id, name=each.name)
        for text, each in chosen.items()
    }
    accounts = {each.external_id: each for each in (SALES, COSTS)}
    return ChartPlaces(Chart(home_currency="USD", accounts=accounts, chosen=mapped), tracking)


def test_discounts_and_write_offs_go_to_income_without_an_account_of_their_own() -> None:
    for role in (Role.DISCOUNT, Role.WRITE_OFF, Role.HOUSE_CREDIT):
        found = places(income=SALES).place(role, "4000", "USD")
        assert isinstance(found, Place)
        assert found.account_id == "1"


def test_an_account_of_their_own_comes_first() -> None:
    found = places(income=SALES, write_off=COSTS).place(Role.WRITE_OFF, "4000", "USD")

    assert isinstance(found, Place)
    assert found.account_id == "2"


def test_nothing_is_guessed() -> None:
    found = places(income=SALES).place(Role.TAX, "GST", "USD")

    assert isinstance(found, NoPlace)
    assert found.code == "unmapped_account"
    assert found.fixes


def test_class_and_location_stand_on_every_line() -> None:
    tracking = Tracking(class_id=None, line_class_id="7", location_id="8")

    found = places(tracking, income=SALES).place(Role.INCOME, None, "USD")

    assert isinstance(found, Place)
    assert (found.class_id, found.department_id) == ("7", "8")
