"""The provider over real HTTP, against a stand-in that knows nothing of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from app.accounting.errors import (
    AccessExpired,
    DuplicateFound,
    OutcomeUnknown,
    ReconnectRequired,
    RetryLater,
    StaleDocument,
)
from app.accounting.records import (
    ApplicationDraft,
    Applied,
    CreationWindow,
    CustomerDraft,
    DraftLine,
    ItemDraft,
    Kind,
    LookHints,
    PaymentDraft,
    SalesDraft,
    TaxModel,
    TaxPart,
    TaxTreatment,
    Verb,
)
from tests.providers.quickbooks.opened import REDIRECT, Connected, connected_fixture
from tests.simulator_server import SimulatorServer, simulator_fixture

T = TypeVar("T")
TODAY = date(2026, 3, 2)

simulator = simulator_fixture(
    scope="module",
    profile="ca",
    customers=12,
    items=5,
    invoices=4,
    redirect_uri=[REDIRECT],
    # Keeping within the limits is the gate's business, which is a stub here.
    switch={"throttle": False},
)
connected = connected_fixture()


async def all_of(pages: AsyncIterator[list[T]]) -> list[T]:
    return [row async for page in pages for row in page]


def window() -> CreationWindow:
    return CreationWindow(
        starts_at=datetime(2000, 1, 1, tzinfo=UTC),
        ends_at=datetime.now(UTC) + timedelta(days=1),
    )


async def a_customer(connected: Connected, name: str) -> str:
    return (await connected.create(CustomerDraft(display_name=name))).external_id


async def an_invoice(connected: Connected, customer_id: str, number: str) -> SalesDraft:
    """Return a draft of 100.00 under the first single sales tax that the company has."""
    items = await all_of(connected.provider.items(window()))
    codes = await all_of(connected.provider.tax_codes())
    rates = {rate.external_id: rate for rate in await all_of(connected.provider.tax_rates())}
    code = next(code for code in codes if code.kind == "single" and code.active)
    percent = rates[code.rates[0].rate_id].percent or Decimal(0)
    tax = (Decimal(100) * percent / 100).quantize(Decimal("0.01"))
    return SalesDraft(
        kind=Kind.INVOICE,
        customer_id=customer_id,
        number=number,
        txn_date=TODAY,
        due_date=TODAY + timedelta(days=30),
        lines=(
            DraftLine(
                amount=Decimal("100.00"),
                item_id=next(item.external_id for item in items if item.type == "Service"),
                description="Pro plan 🚀 (Adam's)",
                tax_code_id=code.external_id,
                quantity=Decimal(3),
                unit_price=Decimal("33.33"),
            ),
        ),
        tax_parts=(
            TaxPart(
                rate_id=code.rates[0].rate_id, percent=percent, net=Decimal("100.00"), amount=tax
            ),
        ),
        tax_total=tax,
        total=Decimal("100.00") + tax,
        treatment=TaxTreatment.EXCLUDED,
    )


class TestLists:
    async def test_profile(self, connected: Connected) -> None:
        profile = await connected.provider.company()

        assert (profile.country, profile.home_currency) == ("CA", "CAD")
        assert (profile.tax_model, profile.needs_expense_account) == (TaxModel.GLOBAL, True)
        assert profile.custom_numbers

    async def test_imports(self, connected: Connected, simulator: SimulatorServer) -> None:
        provider = connected.provider

        customers = await all_of(provider.customers(window()))
        invoices = await all_of(provider.documents(Kind.INVOICE, window()))

        assert len(customers) == len(simulator.documents("Customer"))
        assert len(invoices) == len(simulator.documents("Invoice"))
        assert {code.kind for code in await all_of(provider.tax_codes())} >= {"single", "group"}
        for rows in (
            provider.items(window()),
            provider.accounts(),
            provider.tax_rates(),
            provider.tax_agencies(),
            provider.payment_methods(),
            provider.terms(),
        ):
            assert await all_of(rows)
        for rows in (provider.classes(), provider.departments()):
            assert isinstance(await all_of(rows), list)

    async def test_names(self, connected: Connected) -> None:
        customer = await connected.create(CustomerDraft(display_name="Adam's \\ Shop"))

        [found] = await connected.provider.find_named(Kind.CUSTOMER, "Adam's \\ Shop")
        holders = await connected.provider.name_holders("Adam's \\ Shop")

        assert found.external_id == customer.external_id
        assert [(each.holder, each.external_id) for each in holders] == [
            ("customer", customer.external_id)
        ]
        with pytest.raises(DuplicateFound):
            await connected.create(CustomerDraft(display_name="Adam's \\ Shop"))

    async def test_item_is_made_and_retired(self, connected: Connected) -> None:
        accounts = await all_of(connected.provider.accounts())
        by_class = {each.classification: each.external_id for each in accounts if each.active}
        income = next(each.external_id for each in accounts if each.type == "Income")
        item = await connected.create(
            ItemDraft(
                name="Smoke item", income_account_id=income, expense_account_id=by_class["Expense"]
            )
        )
        write = connected.provider.prepare_removal(
            Kind.ITEM, Verb.DELETE, external_id=item.external_id, sync_token=item.sync_token
        )

        answer = await connected.send(write)

        assert answer.document is not None
        assert not answer.document.active
        [found] = await connected.provider.find_named(Kind.ITEM, "Smoke item")
        assert found.external_id == item.external_id


class TestInvoice:
    async def test_life(self, connected: Connected) -> None:
        provider, marker = connected.provider, connected.marker()
        customer = await a_customer(connected, "Invoice life")
        draft = await an_invoice(connected, customer, "SMK-1")

        document = await connected.create(draft, marker)
        assert (document.total, document.tax) == (draft.total, draft.tax_total)
        assert (document.number, document.marker) == ("SMK-1", marker)

        hints = LookHints(number="SMK-1", customer_id=customer, txn_date=TODAY)
        found = await provider.find_marked(Kind.INVOICE, marker, hints)
        assert [each.fingerprint for each in found] == [document.fingerprint]
        assert len(await provider.find_numbered(Kind.INVOICE, "SMK-1")) == 1
        dated = [page async for page in provider.documents_between(Kind.INVOICE, TODAY, TODAY)]
        assert document.external_id in {each.external_id for page in dated for each in page}
        ids = [document.external_id, "999999"]
        known = [page async for page in provider.documents_with_ids(Kind.INVOICE, ids)]
        assert [[each.external_id for each in page] for page in known] == [[document.external_id]]
        assert sum(line.amount for line in provider.parts(document).lines) > 0

        update = provider.prepare_update(
            replace(draft, due_date=TODAY + timedelta(days=60)),
            external_id=document.external_id,
            sync_token=document.sync_token,
            marker=marker,
        )
        assert not provider.matches(update, document)
        changed = (await connected.send(update)).document
        assert changed is not None
        assert provider.matches(update, changed)
        assert changed.total == draft.total
        with pytest.raises(StaleDocument):
            await connected.send(update)

        void = provider.prepare_removal(
            Kind.INVOICE,
            Verb.VOID,
            external_id=changed.external_id,
            sync_token=changed.sync_token,
        )
        await connected.send(void)
        voided = await provider.read(Kind.INVOICE, changed.external_id)
        assert voided is not None
        assert (voided.voided, voided.marker) == (True, marker)
        assert provider.matches(void, voided)

    async def test_same_request_id_writes_once(
        self, connected: Connected, simulator: SimulatorServer
    ) -> None:
        draft = await an_invoice(connected, await a_customer(connected, "Twice"), "SMK-2")
        write = connected.provider.prepare_create(draft, marker=connected.marker())

        first = await connected.send(write, "xsameg00")
        second = await connected.send(write, "xsameg00")

        assert first.document == second.document

    async def test_marked_since(self, connected: Connected) -> None:
        marker = connected.marker()
        draft = await an_invoice(connected, await a_customer(connected, "Since"), "SMK-3")
        await connected.create(draft, marker)

        since = datetime.now(UTC) - timedelta(hours=1)
        found = await all_of(connected.provider.marked_since(Kind.INVOICE, since))

        assert marker in {each.marker for each in found}


class TestMoney:
    async def test_payment_is_applied_changed_and_voided(self, connected: Connected) -> None:
        provider, marker = connected.provider, connected.marker()
        customer = await a_customer(connected, "Payer")
        invoice = await connected.create(await an_invoice(connected, customer, "SMK-4"))
        applied = Applied(
            kind=Kind.INVOICE, external_id=invoice.external_id, amount=Decimal("60.00")
        )
        draft = PaymentDraft(
            customer_id=customer,
            txn_date=TODAY,
            amount=Decimal("60.00"),
            allocations=(applied,),
            reference="ch_1",
        )

        payment = await connected.create(draft, marker)
        assert (payment.applied, payment.unapplied, payment.total) == ((applied,), 0, 60)
        after = await provider.read(Kind.INVOICE, invoice.external_id)
        assert after is not None
        assert after.fingerprint == invoice.fingerprint
        assert after.balance == (invoice.total or 0) - 60
        looked = await provider.find_marked(Kind.PAYMENT, marker, LookHints(reference="ch_1"))
        assert [each.external_id for each in looked] == [payment.external_id]

        update = provider.prepare_update(
            replace(draft, allocations=(replace(applied, amount=Decimal("50.00")),)),
            external_id=payment.external_id,
            sync_token=payment.sync_token,
            marker=marker,
        )
        changed = (await connected.send(update)).document
        assert changed is not None
        assert changed.unapplied == 10
        assert provider.matches(update, changed)

        void = provider.prepare_removal(
            Kind.PAYMENT, Verb.VOID, external_id=payment.external_id, sync_token=changed.sync_token
        )
        voided = (await connected.send(void)).document
        assert voided is not None
        assert provider.matches(void, voided)

    async def test_credit_is_applied_and_deleted(self, connected: Connected) -> None:
        provider = connected.provider
        customer = await a_customer(connected, "Credited")
        draft = await an_invoice(connected, customer, "SMK-5")
        invoice = await connected.create(draft)
        credit = await connected.create(replace(draft, kind=Kind.CREDIT_MEMO, number="CN-5"))
        spare = await connected.create(replace(draft, kind=Kind.CREDIT_MEMO, number="CN-6"))

        application = await connected.create(
            ApplicationDraft(
                customer_id=customer,
                txn_date=TODAY,
                amount=draft.total,
                invoice_id=invoice.external_id,
                credit_memo_id=credit.external_id,
            )
        )

        assert application.total == 0
        assert {each.kind for each in application.applied} == {Kind.INVOICE, Kind.CREDIT_MEMO}
        used = await provider.read(Kind.CREDIT_MEMO, credit.external_id)
        assert used is not None
        assert used.unapplied == 0
        delete = provider.prepare_removal(
            Kind.CREDIT_MEMO,
            Verb.DELETE,
            external_id=spare.external_id,
            sync_token=spare.sync_token,
        )
        assert (await connected.send(delete)).document is None
        assert await provider.read(Kind.CREDIT_MEMO, spare.external_id) is None


class TestTrouble:
    async def test_old_access_token_is_renewed(
        self, connected: Connected, simulator: SimulatorServer
    ) -> None:
        simulator.expire_tokens()

        assert (await connected.provider.company()).country == "CA"

        simulator.expire_tokens()
        write = connected.provider.prepare_create(
            CustomerDraft(display_name="Renewed"), marker=connected.marker()
        )
        with pytest.raises(AccessExpired):
            await connected.send(write, "xrenewg00")
        await connected.provider.renew_access()
        assert (await connected.send(write, "xrenewg00")).document is not None

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ({"throttled": True}, RetryLater),
            ({"fault": {"code": "10000", "status": 500}, "when": "after"}, OutcomeUnknown),
            ({"html": True, "status": 502}, OutcomeUnknown),
            ({"cut": "before_answer", "when": "after"}, OutcomeUnknown),
            ({"cut": "mid_answer", "when": "after"}, OutcomeUnknown),
            ({"torn": True, "when": "after"}, OutcomeUnknown),
        ],
    )
    async def test_trouble_with_a_write_is_told_apart_and_the_repeat_writes_once(
        self,
        connected: Connected,
        simulator: SimulatorServer,
        action: dict[str, Any],
        expected: type[Exception],
    ) -> None:
        marker, serial = connected.marker(), connected.serial
        name = f"Troubled {serial}"
        write = connected.provider.prepare_create(CustomerDraft(display_name=name), marker=marker)
        rule = {"match": {"method": "POST", "path": "/customer", "times": 1}, "action": action}
        simulator.add_faults(rule)

        with pytest.raises(expected):
            await connected.send(write, f"xtrouble{serial}")
        simulator.clear_faults()
        document = (await connected.send(write, f"xtrouble{serial}")).document

        assert document is not None
        rows = [row for row in simulator.documents("Customer") if row["DisplayName"] == name]
        assert [row["Id"] for row in rows] == [document.external_id]

    async def test_revoked_connection_needs_the_merchant(
        self, connected: Connected, simulator: SimulatorServer
    ) -> None:
        tokens = connected.tokens.tokens
        await connected.tokens.authorization.revoke(tokens.refresh_token)
        await connected.tokens.authorization.revoke(tokens.refresh_token)

        with pytest.raises(ReconnectRequired):
            await connected.provider.company()
