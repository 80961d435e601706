"""Which billing customer is which customer of the books."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imports.customers import BilledCustomer, BookCustomer, emails_conflict, match_customer
from app.imports.findings import Finding


def billed(
    name: str = "Acme", *, currency: str = "CAD", email: str | None = None
) -> BilledCustomer:
    return BilledCustomer(billing_id="cus_1", name=name, currency=currency, email=email)


def booked(
    external_id: str = "58",
    *,
    currency: str = "CAD",
    email: str | None = None,
    active: bool = True,
    linked_to: str | None = None,
) -> BookCustomer:
    return BookCustomer(
        external_id=external_id,
        sync_token="0",
        name="Acme",
        currency=currency,
        email=email,
        active=active,
        linked_to=linked_to,
    )


def test_one_active_unlinked_namesake_is_the_customer() -> None:
    assert match_customer(billed(), [booked()], rivals=0) == booked()


def test_inactive_and_linked_namesakes_do_not_stand_in_the_way() -> None:
    others = [booked("1", active=False), booked("2", linked_to="cus_9"), booked("3")]

    assert match_customer(billed(), others, rivals=0) == booked("3")


def test_nobody_of_that_name_is_no_finding() -> None:
    assert match_customer(billed(), [], rivals=0) is None


@pytest.mark.parametrize(
    ("namesakes", "rivals", "code"),
    [
        ([booked("1"), booked("2")], 0, "several_matches"),
        ([booked()], 1, "several_billing_customers"),
        ([booked(email="other@acme.example")], 0, "email_conflict"),
        ([booked(active=False)], 0, "match_inactive"),
        ([booked(currency="USD")], 0, "match_other_currency"),
        ([booked(linked_to="cus_9")], 0, "match_linked_elsewhere"),
    ],
)
def test_everything_else_is_a_finding_with_candidates(
    namesakes: list[BookCustomer], rivals: int, code: str
) -> None:
    found = match_customer(billed(email="ap@acme.example"), namesakes, rivals=rivals)

    assert isinstance(found, Finding)
    assert found.code == code
    assert found.details is not None
    assert [each["external_id"] for each in found.details["candidates"]] == [
        each.external_id for each in namesakes
    ]
    assert found.fixes


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (None, "a@x.example", False),
        ("a@x.example", "", False),
        ("A@x.example", "a@X.example", False),
        ("a@x.example", "b@x.example, a@x.example", False),
        ("a@x.example", "b@x.example", True),
    ],
)
def test_emails_conflict_only_if_both_speak_and_share_none(
    one: str | None, other: str | None, conflict: bool
) -> None:
    assert emails_conflict(one, other) is conflict
    assert emails_conflict(other, one) is conflict


@given(
    st.lists(
        st.builds(
            booked,
            st.uuids().map(str),
            currency=st.sampled_from(["CAD", "USD"]),
            email=st.sampled_from([None, "a@x.example", "b@x.example"]),
            active=st.booleans(),
            linked_to=st.sampled_from([None, "cus_9"]),
        ),
        max_size=5,
    ),
    st.integers(min_value=0, max_value=2),
)
def test_a_link_is_never_guessed(namesakes: list[BookCustomer], rivals: int) -> None:
    found = match_customer(billed(email="a@x.example"), namesakes, rivals=rivals)

    free = [
        each
        for each in namesakes
        if each.active and each.linked_to is None and each.currency == "CAD"
    ]
    if isinstance(found, BookCustomer):
        assert free == [found]
        assert rivals == 0
        assert found.email != "b@x.example"
    elif namesakes:
        assert isinstance(found, Finding)
