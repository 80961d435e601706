"""What was imported of a company, list by list."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from app.accounting.records import (
    Account,
    BooksDocument,
    Customer,
    Entry,
    Item,
    NamedEntry,
    TaxAgency,
    TaxCode,
    TaxRate,
)
from app.books import examples, repository
from app.books.kinds import BookKind, R
from app.books.schemas import (
    AccountRow,
    BookRow,
    CustomerRow,
    DocumentRow,
    ItemRow,
    NamedRow,
    PaymentRow,
    TaxAgencyRow,
    TaxCodeRateRow,
    TaxCodeRow,
    TaxRateRow,
    TermRow,
)
from app.books.service import BookFilter, Listed, ListedPage, books_of, list_entries
from app.kit.answers import example
from app.kit.fields import CurrencyCode, Instant, Text
from app.kit.web import Cursor, Limit, Page, Route, refusals
from app.organizations.access import Reader, Tenant

router = APIRouter(
    prefix="/v1/integrations/{integration_id}/books",
    tags=["Books"],
    route_class=Route,
    responses=refusals(401, 403, 404, 409, 422),
)
RowT = TypeVar("RowT", bound=BookRow)


class BookQuery:
    """The filters and paging that every list has."""

    def __init__(
        self,
        integration_id: UUID,
        tenant: Reader,
        name: Annotated[Text | None, Query(max_length=500, description="Part of the name")] = None,
        active: Annotated[bool | None, Query()] = None,
        updated_since: Annotated[
            Instant | None, Query(description="Seen to change by an import since then")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> None:
        self.integration_id, self.tenant = integration_id, tenant
        self.name, self.active, self.updated_since = name, active, updated_since
        self.limit, self.cursor = limit, cursor

    async def company_id(self) -> UUID:
        return (await books_of(self.tenant.session, self.integration_id)).company.id

    async def page(
        self,
        kind: BookKind,
        record_type: type[R],
        *,
        linked: bool | None = None,
        said: Mapping[str, str | None] | None = None,
    ) -> ListedPage[R]:
        chosen = BookFilter(
            name=self.name,
            active=self.active,
            linked=linked,
            updated_since=self.updated_since,
            said=said or {},
        )
        return await list_entries(
            self.tenant.session,
            await self.company_id(),
            kind,
            record_type,
            chosen,
            limit=self.limit,
            cursor=self.cursor,
        )


def _one(row: dict[str, Any]) -> dict[Any, Any]:
    return example({"data": [row], "next_cursor": None})


Asked = Annotated[BookQuery, Depends()]
Linked = Annotated[bool | None, Query(description="Linked to a billing record or not")]


def shown(row_type: type[RowT], entry: Listed[R], **more: object) -> RowT:
    """Return the row of an entry: fields of the same name, and *more*."""
    record = entry.record
    values: dict[str, object] = {
        name: getattr(record, name) for name in row_type.model_fields if hasattr(record, name)
    }
    values["created_in_books_at"] = record.created_at
    values["updated_in_books_at"] = record.updated_at if isinstance(record, Entry) else None
    values["changed_at"] = entry.changed_at
    values["billing_id"] = entry.billing_id
    return row_type.model_validate(values | more)


def page_of(row_type: type[RowT], page: ListedPage[R]) -> Page[RowT]:
    rows = [shown(row_type, entry) for entry in page.entries]
    return Page[RowT](data=rows, next_cursor=page.next_cursor)


@router.get(
    "/customers",
    operation_id="list_books_customers",
    responses=_one(examples.CUSTOMERS),
    summary="Imported customers",
)
async def customers(asked: Asked, linked: Linked = None) -> Page[CustomerRow]:
    page = await asked.page(BookKind.CUSTOMER, Customer, linked=linked)
    return page_of(CustomerRow, page)


@router.get(
    "/items",
    operation_id="list_books_items",
    responses=_one(examples.ITEMS),
    summary="Imported items",
)
async def items(asked: Asked, linked: Linked = None) -> Page[ItemRow]:
    return page_of(ItemRow, await asked.page(BookKind.ITEM, Item, linked=linked))


@router.get(
    "/accounts",
    operation_id="list_books_accounts",
    responses=_one(examples.ACCOUNTS),
    summary="The imported chart of accounts",
)
async def accounts(
    asked: Asked,
    type: Annotated[Text | None, Query(description="Such as Bank or Income")] = None,
    number: Annotated[Text | None, Query(description="The account's number, exactly")] = None,
    currency: Annotated[CurrencyCode | None, Query()] = None,
) -> Page[AccountRow]:
    """
    The whole chart, whenever its accounts were created: inactive ones are shown as inactive.

    An import reads it whole, whatever its range, so that no older account is missing.
    """
    said = {"type": type, "number": number, "currency": currency}
    return page_of(AccountRow, await asked.page(BookKind.ACCOUNT, Account, said=said))


@router.get(
    "/tax-codes",
    operation_id="list_books_tax_codes",
    responses=_one(examples.TAX_CODES),
    summary="Imported tax codes with their sales rates",
)
async def tax_codes(asked: Asked) -> Page[TaxCodeRow]:
    page = await asked.page(BookKind.TAX_CODE, TaxCode)
    rates, agencies = await _rates_and_agencies(asked.tenant, await asked.company_id())
    rows = [
        shown(TaxCodeRow, entry, rates=_rates_of(entry.record, rates, agencies))
        for entry in page.entries
    ]
    return Page[TaxCodeRow](data=rows, next_cursor=page.next_cursor)


async def _rates_and_agencies(
    tenant: Tenant, company_id: UUID
) -> tuple[Mapping[str, TaxRate], Mapping[str, str]]:
    rates = await repository.tax_rates(tenant.session, company_id)
    agencies = await repository.tax_agencies(tenant.session, company_id)
    return (
        {rate.external_id: rate for rate in rates},
        {agency.external_id: agency.name for agency in agencies},
    )


def _rates_of(
    code: TaxCode, rates: Mapping[str, TaxRate], agencies: Mapping[str, str]
) -> list[TaxCodeRateRow]:
    rows = []
    for part in code.rates:
        rate = rates.get(part.rate_id)
        rows.append(
            TaxCodeRateRow(
                external_id=part.rate_id,
                name=rate.name if rate else part.name,
                percent=rate.percent if rate else None,
                agency=agencies.get(rate.agency_id or "") if rate else None,
            )
        )
    return rows


@router.get(
    "/tax-rates",
    operation_id="list_books_tax_rates",
    responses=_one(examples.TAX_RATES),
    summary="Imported tax rates",
)
async def tax_rates(asked: Asked) -> Page[TaxRateRow]:
    return page_of(TaxRateRow, await asked.page(BookKind.TAX_RATE, TaxRate))


@router.get(
    "/tax-agencies",
    operation_id="list_books_tax_agencies",
    responses=_one(examples.TAX_AGENCIES),
    summary="Imported tax agencies",
)
async def tax_agencies(asked: Asked) -> Page[TaxAgencyRow]:
    return page_of(TaxAgencyRow, await asked.page(BookKind.TAX_AGENCY, TaxAgency))


@router.get(
    "/payment-methods",
    operation_id="list_books_payment_methods",
    responses=_one(examples.PAYMENT_METHODS),
    summary="Imported payment methods",
)
async def payment_methods(asked: Asked) -> Page[NamedRow]:
    return page_of(NamedRow, await asked.page(BookKind.PAYMENT_METHOD, NamedEntry))


@router.get(
    "/classes",
    operation_id="list_books_classes",
    responses=_one(examples.CLASSES),
    summary="Imported classes",
)
async def classes(asked: Asked) -> Page[NamedRow]:
    return page_of(NamedRow, await asked.page(BookKind.CLASS, NamedEntry))


@router.get(
    "/departments",
    operation_id="list_books_departments",
    responses=_one(examples.DEPARTMENTS),
    summary="Imported departments (QuickBooks shows them as locations)",
)
async def departments(asked: Asked) -> Page[NamedRow]:
    return page_of(NamedRow, await asked.page(BookKind.DEPARTMENT, NamedEntry))


@router.get(
    "/terms",
    operation_id="list_books_terms",
    responses=_one(examples.TERMS),
    summary="Imported payment terms",
)
async def terms(asked: Asked) -> Page[TermRow]:
    return page_of(TermRow, await asked.page(BookKind.TERM, NamedEntry))


@router.get(
    "/invoices",
    operation_id="list_books_invoices",
    responses=_one(examples.INVOICES),
    summary="Imported invoices: opening documents",
)
async def invoices(asked: Asked, linked: Linked = None) -> Page[DocumentRow]:
    page = await asked.page(BookKind.INVOICE, BooksDocument, linked=linked)
    return page_of(DocumentRow, page)


@router.get(
    "/payments",
    operation_id="list_books_payments",
    responses=_one(examples.PAYMENTS),
    summary="Imported payments: opening documents",
)
async def payments(asked: Asked, linked: Linked = None) -> Page[PaymentRow]:
    page = await asked.page(BookKind.PAYMENT, BooksDocument, linked=linked)
    return page_of(PaymentRow, page)
