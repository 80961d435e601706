"""Master customers of journal mode, set while the books can be read."""

from typing import Any

import pytest

from tests.journeys.world import Merchant, Refused


@pytest.fixture
async def journal(merchant: Merchant) -> Merchant:
    """A connected merchant in journal mode; nothing is imported."""
    await merchant.sign_up(mode="summarized_journal_entry")
    await merchant.connect()
    return merchant


async def set_master(merchant: Merchant, id_: str, name: str) -> dict[str, Any]:
    body = {"master_customer": {"id": id_, "name": name}}
    return dict(await merchant.call("PATCH", "", body))


async def test_the_books_are_asked_before_it_is_saved(journal: Merchant) -> None:
    customer = journal.simulator.documents("Customer")[0]

    made = await set_master(journal, customer["Id"], customer["DisplayName"])

    assert made["master_customers"] == [
        {"currency": None, "id": customer["Id"], "name": customer["DisplayName"]}
    ]


async def test_what_the_books_do_not_have_is_refused(journal: Merchant) -> None:
    customer = journal.simulator.documents("Customer")[0]
    before = len(journal.simulator.requests())

    refusals = []
    for id_, name in (("999999", "Nobody"), (customer["Id"], "Somebody else")):
        with pytest.raises(Refused) as refused:
            await set_master(journal, id_, name)
        refusals.append((refused.value.status, refused.value.problem["code"]))

    assert refusals == [(409, "master_customer_unknown"), (409, "master_customer_renamed")]
    assert len(journal.simulator.requests()) == before + 2


async def test_a_customer_put_away_in_the_books_is_refused(journal: Merchant) -> None:
    customer = journal.simulator.documents("Customer")[0]
    body = {
        "Id": customer["Id"],
        "SyncToken": customer["SyncToken"],
        "sparse": True,
        "Active": False,
    }
    journal.simulator.edit("update", "Customer", body)

    with pytest.raises(Refused) as refused:
        await set_master(journal, customer["Id"], customer["DisplayName"])

    assert refused.value.problem["code"] == "master_customer_inactive"


async def test_books_that_cannot_be_read_leave_it_to_the_first_use(journal: Merchant) -> None:
    customer = journal.simulator.documents("Customer")[0]
    journal.simulator.revoke_tokens()

    made = await set_master(journal, customer["Id"], customer["DisplayName"])

    assert len(made["master_customers"]) == 1
