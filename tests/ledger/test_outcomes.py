from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest

from app.accounting.journal import JournalEntryDraft, JournalLine, Side
from app.accounting.records import BooksDocument, DocumentParts, Write
from app.jobs.work import WorkContext
from app.ledger.models import Posting
from app.ledger.settle import note_difference
from app.ledger.variance import variance_of
from tests.fake_provider import FakeProvider

DRAFT = JournalEntryDraft(
    number="S260301-INV-CAD",
    txn_date=date(2026, 3, 1),
    lines=(
        JournalLine(account_id="84", side=Side.DEBIT, amount=Decimal(100), customer_id="77"),
        JournalLine(account_id="79", side=Side.CREDIT, amount=Decimal(100)),
    ),
)


@dataclass
class OnlyProvider:
    """As much of a worker's context as the comparison needs."""

    provider: FakeProvider


def posting_of(write: Write) -> Posting:
    return Posting(
        kind=write.kind.value,
        verb=write.verb.value,
        body=write.body,
        target=None,
        hints={},
        expected_total=write.expected_total,
        expected_tax=write.expected_tax,
        posted_total=write.expected_total,
    )


@pytest.fixture
async def entered() -> tuple[FakeProvider, Posting, BooksDocument]:
    """A journal entry as sent, and as it stands in the books."""
    provider = FakeProvider()
    write = provider.prepare_create(DRAFT, marker="[lw:abcdefghijklmnopqrstuvwxy2]")
    answer = await provider.send(write, request_id="x1g00", permit=lambda: None)
    assert answer.document is not None
    return provider, posting_of(write), answer.document


def compared(provider: FakeProvider, posting: Posting, document: BooksDocument) -> str | None:
    note_difference(cast(WorkContext, OnlyProvider(provider)), posting, document)
    return variance_of(posting)


Entered = tuple[FakeProvider, Posting, BooksDocument]


class TestJournalEntry:
    def test_entry_as_sent_is_no_variance(self, entered: Entered) -> None:
        assert compared(*entered) is None

    def test_other_number_is_a_variance(self, entered: Entered) -> None:
        provider, posting, document = entered

        words = compared(provider, posting, replace(document, number="7"))

        assert words == "its number, date or lines are not those that were sent"

    def test_same_cents_on_another_account_are_a_variance(self, entered: Entered) -> None:
        provider, posting, document = entered
        moved: Any = (DRAFT.lines[0], replace(DRAFT.lines[1], account_id="80"))
        provider.parts_by_id[document.kind, document.external_id] = DocumentParts(journal=moved)

        assert compared(provider, posting, document) is not None
