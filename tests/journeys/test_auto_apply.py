"""Companies that settle documents by themselves: what QuickBooks did is seen, never doubled."""

from decimal import Decimal

from app.jobs.runner import Runner
from tests.journeys.world import Merchant

AUTOMATIC = {"SalesFormsPrefs.AutoApplyCredit": True, "SalesFormsPrefs.AutoApplyPayments": True}


async def test_a_credit_that_applied_itself_is_not_applied_again(
    merchant: Merchant, worker: Runner
) -> None:
    merchant.simulator.preferences(AUTOMATIC)
    await merchant.set_up()
    await merchant.invoice("i1", "100.00")
    await merchant.credit("n1", "30.00", {"i1": "30.00"})

    job = await merchant.exported()

    [application] = await merchant.records(job, kind="application")
    assert (application["state"], application["code"]) == ("skipped", "applied_by_quickbooks")
    [invoice] = merchant.documents("Invoice")
    assert invoice["Balance"] == Decimal("82.00")


async def test_a_payment_settles_what_is_left_and_says_so(
    merchant: Merchant, worker: Runner
) -> None:
    merchant.simulator.preferences(AUTOMATIC)
    await merchant.set_up()
    await merchant.invoice("i1", "100.00")
    await merchant.credit("n1", "30.00", {})
    await merchant.payment("p1", "112.00", {"i1": "112.00"})

    job = await merchant.exported()

    assert job["status"] == "succeeded_with_findings"
    [payment] = await merchant.records(job, kind="payment")
    assert (payment["state"], payment["code"]) == ("posted", "allocated_less"), payment
    assert "82.00 of 112.00" in payment["explanation"]
    assert payment["posted_amount"] == "112.00"
    [document] = merchant.documents("Payment")
    assert (document["TotalAmt"], document["UnappliedAmt"]) == (Decimal(112), Decimal(30))
    assert merchant.simulator.trial_balance(merchant.realm_id)["sum"] == 0
