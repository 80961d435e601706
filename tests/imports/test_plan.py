"""Steps of an import, and days into instants."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.plan import operation_of, steps_of, window_of

LATER = datetime(2100, 1, 1, tzinfo=UTC)
ZONES = ["America/Vancouver", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "UTC"]


def test_items_bring_taxes_before_them() -> None:
    assert steps_of(["items"]) == ["tax agencies", "tax rates", "tax codes", "items"]


def test_customers_are_linked_last() -> None:
    assert steps_of(["customers"]) == ["customers", "link customers"]


def test_documents_come_after_their_customers() -> None:
    steps = steps_of(["payments", "invoices", "customers", "accounts"])

    assert steps[0] == "accounts"
    assert steps[-4:] == ["customers", "link customers", "invoices", "payments"]


def test_the_operation_names_what_was_ticked() -> None:
    assert operation_of(["customers"]) == "Import Customers"
    assert operation_of(["taxes", "customers"]) == "Import Customers, Taxes"


@pytest.mark.parametrize(
    ("day", "starts", "hours"),
    [
        (date(2026, 3, 8), "2026-03-08T08:00:00+00:00", 23),  # clocks go forward
        (date(2026, 11, 1), "2026-11-01T07:00:00+00:00", 25),  # and back
        (date(2026, 1, 15), "2026-01-15T08:00:00+00:00", 24),
    ],
)
def test_a_day_of_the_companys_clocks(day: date, starts: str, hours: int) -> None:
    window = window_of(day, day, time_zone="America/Vancouver", now=LATER)

    assert window.starts_at.isoformat() == starts
    assert window.ends_at - window.starts_at == timedelta(hours=hours)


def test_a_day_whose_midnight_the_clocks_skip() -> None:
    """
    In São Paulo 2018-11-04 began at 01:00, which is 03:00 UTC.
    """
    day = date(2018, 11, 4)

    window = window_of(day, day, time_zone="America/Sao_Paulo", now=LATER)

    assert window.starts_at == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert window.ends_at - window.starts_at == timedelta(hours=23)


def test_the_window_ends_now_at_the_latest() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)

    window = window_of(date(2026, 3, 1), date(2026, 3, 31), time_zone="UTC", now=now)

    assert window.ends_at == now


def test_without_days_it_is_everything_until_now() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)

    window = window_of(None, None, time_zone="America/Vancouver", now=now)

    assert window.starts_at == datetime(2000, 1, 1, 8, tzinfo=UTC)
    assert window.ends_at == now


SECONDS = st.integers(min_value=978_307_200, max_value=2_051_222_400)  # 2001 to 2035


@given(st.sampled_from(ZONES), SECONDS)
def test_every_instant_is_inside_its_own_day_and_no_other(zone: str, second: int) -> None:
    moment = datetime.fromtimestamp(second, UTC)
    day = moment.astimezone(ZoneInfo(zone)).date()

    for shift in (-1, 0, 1):
        other = day + timedelta(days=shift)
        window = window_of(other, other, time_zone=zone, now=LATER)
        assert (window.starts_at <= moment < window.ends_at) is (shift == 0)
