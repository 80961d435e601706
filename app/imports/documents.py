"""Opening documents: which billing record is which document that stood in the books before us."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import String, any_, cast, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument
from app.billing.models import BillingRecord
from app.books.kinds import BookKind, BookRecord
from app.books.repository import billing_ids_of, plan_afresh
from app.imports.findings import Finding
from app.imports.linking import NewLink, keeper_of, link_many, taken_billing_ids
from app.imports.lists import Watched
from app.kit.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDocument:
    """A billing invoice or payment without a document."""

    billing_id: str
    number: str
    customer: str | None
    amount: Decimal
    currency: str | None
    content_hash: str


def match_document(
    document: BooksDocument,
    billed: Sequence[BilledDocument],
    *,
    customer: str | None,
    home: str,
) -> BilledDocument | Finding | None:
    """
    Return the billing record that the document is, a finding, or None: it is kept as external.

    Number, amount, currency and customer must all be the same. *customer* is the billing customer
    that the document's customer is linked to. What comes close is a finding, never a link.
    """
    same_money = [
        each
        for each in billed
        if each.amount == document.total and (each.currency or home) == (document.currency or home)
    ]
    same = [each for each in same_money if customer is not None and each.customer == customer]
    if len(same) == 1:
        return same[0]
    if len(same) > 1:
        return _finding(
            document,
            same,
            "several_matches",
            f"{len(same)} billing records have its number, amount and customer",
        )
    if same_money:
        return _finding(
            document,
            same_money,
            "document_other_customer",
            "the billing record with its number and amount belongs to another customer, or the"
            " two customers are not linked yet",
        )
    if billed:
        return _finding(
            document,
            billed,
            "document_differs",
            f"billing has its number with the amount {billed[0].amount.normalize():f}, and the"
            f" books say {document.total}",
        )
    return None


def _finding(
    document: BooksDocument, billed: Sequence[BilledDocument], code: str, why: str
) -> Finding:
    kind = document.kind.value
    return Finding(
        code=code,
        kind=kind,
        billing_id=billed[0].billing_id,
        external_id=document.external_id,
        name=document.number,
        cause="match",
        explanation=f"The {kind} {document.number!r} in the books was not linked: {why}.",
        fixes=(
            "Link the customers if they are the same, then import again.",
            "Or correct the number or the amount on one side.",
        ),
        details={"billing_ids": [each.billing_id for each in billed[:20]]},
    )


async def watch_documents(
    session: AsyncSession,
    *,
    integration_id: UUID,
    company_id: UUID,
    home: str,
    page: Sequence[BookRecord],
) -> Watched:
    """Link the page's documents that billing has too; what carries our marker is the ledger's."""
    documents = [each for each in page if isinstance(each, BooksDocument) and _is_opening(each)]
    if not documents:
        return Watched()
    kind = documents[0].kind.value
    taken = await billing_ids_of(
        session, company_id, kind, (each.external_id for each in documents)
    )
    documents = [each for each in documents if each.external_id not in taken]
    billed = await _billed(session, integration_id, company_id, kind, documents)
    customers = await billing_ids_of(
        session,
        company_id,
        BookKind.CUSTOMER.value,
        {each.customer_id for each in documents if each.number in billed and each.customer_id},
    )
    pairs, findings = _match(documents, billed, customers, home)
    keeper = await keeper_of(session, integration_id, company_id)
    return Watched(linked=await link_many(session, keeper, kind, pairs), findings=findings)


def _is_opening(document: BooksDocument) -> bool:
    """Tell whether billing could have it: numbered, worth something, not voided, not our own."""
    return bool(
        document.number and document.total and not document.voided and document.marker is None
    )


def _match(
    documents: Iterable[BooksDocument],
    billed: Mapping[str, Sequence[BilledDocument]],
    customers: Mapping[str, str],
    home: str,
) -> tuple[list[NewLink], list[Finding]]:
    """Return links and findings; a billing record is never linked twice."""
    pairs: dict[str, NewLink] = {}
    findings: list[Finding] = []
    for document in documents:
        found = match_document(
            document,
            billed.get(document.number or "", ()),
            customer=customers.get(document.customer_id or ""),
            home=home,
        )
        if isinstance(found, Finding):
            findings.append(found)
        elif found is not None and found.billing_id in pairs:
            findings.append(
                _finding(
                    document,
                    [found],
                    "second_document",
                    f"the document {pairs[found.billing_id].external_id} in the books has the"
                    " same number, amount and customer, and was linked",
                )
            )
        elif found is not None:
            pairs[found.billing_id] = _pair(found, document)
    return list(pairs.values()), findings


def _pair(billed: BilledDocument, document: BooksDocument) -> NewLink:
    """Return the link; with billing's present content, so that it is not exported again."""
    return NewLink(
        billing_id=billed.billing_id,
        external_id=document.external_id,
        sync_token=document.sync_token,
        number=document.number,
        content_hash=billed.content_hash,
        fingerprint=document.fingerprint,
        total=document.total,
        tax=document.tax,
        currency=document.currency,
        unapplied=document.balance if document.unapplied is None else document.unapplied,
    )


async def _billed(
    session: AsyncSession,
    integration_id: UUID,
    company_id: UUID,
    kind: str,
    documents: Iterable[BooksDocument],
) -> dict[str, list[BilledDocument]]:
    """Return the billing records without a document that have these numbers, by number."""
    numbers = sorted({each.number for each in documents if each.number})
    await plan_afresh(session)
    answer = await session.execute(
        select(
            BillingRecord.billing_id,
            BillingRecord.number,
            BillingRecord.customer_billing_id,
            BillingRecord.amount,
            BillingRecord.currency,
            BillingRecord.content_hash,
        )
        .where(
            BillingRecord.integration_id == integration_id,
            BillingRecord.kind == kind,
            BillingRecord.number == any_(cast(numbers, ARRAY(String))),
            BillingRecord.status.is_distinct_from("void"),
            BillingRecord.status.is_distinct_from("cancelled"),
        )
        .order_by(BillingRecord.billing_id)
    )
    rows = answer.all()
    taken = await taken_billing_ids(session, company_id, kind, [row.billing_id for row in rows])
    found: dict[str, list[BilledDocument]] = {}
    for billing_id, number, customer, amount, currency, content_hash in rows:
        if billing_id in taken:
            continue
        found.setdefault(number or "", []).append(
            BilledDocument(
                billing_id=billing_id,
                number=number or "",
                customer=customer,
                amount=ZERO if amount is None else amount,
                currency=currency,
                content_hash=content_hash,
            )
        )
    return found
