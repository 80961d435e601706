"""Adds billing records, links and documents to the report."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from app.accounting.records import BooksDocument, DocumentParts, Kind
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.arithmetic import UnreadableDocument, read_document
from app.billing.models import BillingRecord
from app.exports.negative import negated
from app.exports.sales import content_of
from app.exports.tax import PriceCodes, TaxTarget, UnmappedTaxes, lay_out
from app.kit.money import ZERO
from app.ledger.states import LinkState
from app.reconciliation.compare import Billed, Known
from app.reconciliation.ground import TAKEN_BACK, Ground, is_credited, kind_of
from app.reconciliation.report import Report


class Tally:
    """The counting of one reconciliation."""

    def __init__(self, ground: Ground, report: Report) -> None:
        self._ground = ground
        self._report = report
        self._targets: dict[date, dict[PriceCodes, TaxTarget]] = {}

    def count_billed(self, row: BillingRecord, document: BooksDocument | None = None) -> Billed:
        """Count a record; a refund may leave it to what it pays back in which currency it is."""
        billed = self._billed(row)
        if row.currency is None and document is not None and document.currency:
            billed = replace(billed, currency=document.currency)
        self._report.bill(billed)
        if billed.stands and billed.tax:
            for rate_id, amount in self._billed_taxes(billed):
                self._report.tax(billed.kind, billed.currency, rate_id).billed += amount
        return billed

    def _billed(self, row: BillingRecord) -> Billed:
        record = billing_rows.parse(row)
        sums = None
        if isinstance(record, billing.Invoice | billing.CreditNote):
            try:
                sums = read_document(record, self._ground.facts.tax_codes)
            except UnreadableDocument:
                sums = None
        sign = -1 if is_credited(row) else 1
        return Billed(
            kind=kind_of(row),
            billing_id=row.billing_id,
            number=row.number,
            customer=row.customer_billing_id,
            day=row.record_date,
            currency=row.currency or self._ground.facts.profile.home_currency,
            amount=sign * (row.amount or ZERO),
            tax=None if row.tax is None else sign * row.tax,
            stands=row.status not in TAKEN_BACK,
            content_hash=content_of(row),
            sums=negated(sums) if sums is not None and sign < 0 else sums,
        )

    def _billed_taxes(self, billed: Billed) -> list[tuple[str | None, Decimal]]:
        """Return the billed tax per rate of the books, as the mappings say."""
        facts = self._ground.facts
        if not facts.taxed_by_code or billed.sums is None or billed.day is None:
            return [(None, billed.tax or ZERO)]
        if billed.day not in self._targets:
            self._targets = {billed.day: facts.tax_targets(billed.day)}
        try:
            layout = lay_out(billed.sums, self._targets[billed.day], inclusive=False)
        except UnmappedTaxes:
            return [(None, billed.tax or ZERO)]
        return [(part.rate_id, part.amount) for part in layout.parts]

    def count_posted(self, billed: Billed, link: Known) -> None:
        if link.posted or link.state == LinkState.LIVE.value:
            sums = self._report.of(billed.kind, billed.currency).posted
            sums.add(link.posted, (link.tax or ZERO) if link.posted else ZERO)

    def count_books(
        self,
        kind: Kind,
        document: BooksDocument,
        currency: str,
        parts: DocumentParts | None = None,
    ) -> None:
        if document.voided:
            return
        tax = document.tax or ZERO
        self._report.of(kind, currency).in_books.add(document.total or ZERO, tax)
        if not tax:
            return
        if not self._ground.facts.taxed_by_code:
            self._report.tax(kind, currency, None).in_books += tax
            return
        for part in (parts or self._ground.provider.parts(document)).taxes:
            self._report.tax(kind, currency, part.rate_id).in_books += part.amount
