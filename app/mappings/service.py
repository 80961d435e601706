"""What exports and imports ask of mappings: confirmed pairings that hold, and those that broke."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Account, Item, NamedEntry, TaxCode, TaxRate
from app.books import repository as books
from app.books.kinds import BookKind, R
from app.books.models import BookEntry
from app.mappings import models
from app.mappings.repository import MappingKind, mappings_of, price_codes_of
from app.mappings.roles import Chosen, Place, why_broken
from app.mappings.suggest import PriceCodes, said
from app.mappings.targets import (
    ROLES,
    TaxBooks,
    why_no_account,
    why_no_code,
    why_no_item,
    why_no_method,
    why_tax_broken,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTarget:
    """
    One rate of a mapped code, and the billing price code that it is.

    *price_code* is None for the rates of the code for untaxed lines.
    """

    price_code: str | None
    rate: TaxRate
    basis: str
    order: int

    @property
    def rate_id(self) -> str:
        return self.rate.external_id

    @property
    def percent(self) -> Decimal:
        """The present percentage; `percent_on` tells that of another day."""
        return self.rate.percent or ZERO

    def percent_on(self, day: date) -> Decimal:
        return self.rate.percent_on(day) or ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTarget:
    """A set of price codes and the tax code that lines with it carry."""

    price_codes: PriceCodes
    code: TaxCode
    rates: tuple[RateTarget, ...]

    @property
    def tax_code_id(self) -> str:
        return self.code.external_id

    def rate_of(self, price_code: str) -> RateTarget | None:
        return next((each for each in self.rates if each.price_code == price_code), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxMap:
    """The confirmed tax mappings that hold, and why the others do not."""

    mapped: Mapping[PriceCodes, TaxTarget]
    broken: Mapping[PriceCodes, str]

    def get(self, price_codes: Iterable[str]) -> TaxTarget | None:
        return self.mapped.get(frozenset(price_codes))

    def why_not(self, price_codes: Iterable[str]) -> str | None:
        """Return why lines with these taxes cannot go out, or None when they can."""
        key = frozenset(price_codes)
        if key in self.mapped:
            return None
        return self.broken.get(key) or f"No tax code is mapped to {said(key)}."

    def unmapped(self, sets: Iterable[PriceCodes]) -> list[PriceCodes]:
        """Return those of the sets that nothing valid is mapped to, each once, sorted."""
        return sorted({each for each in sets if each not in self.mapped}, key=sorted)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTarget:
    """The item that lines with a price code carry."""

    item_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodTarget:
    """Where payments of a billing method go; one of the two at least is set."""

    payment_method_id: str | None
    deposit_account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenMapping:
    """A confirmed mapping whose target is not what it was; *said* is its key for people."""

    kind: MappingKind
    key: str
    said: str
    target_id: str
    target_name: str
    reason: str


# ---------------------------------------------------------------- what holds


async def tax_books(session: AsyncSession, company_id: UUID) -> TaxBooks:
    rates = await books.tax_rates(session, company_id)
    return TaxBooks(
        codes=tuple(await books.tax_codes(session, company_id)),
        rates={rate.external_id: rate for rate in rates},
    )


async def tax_map(session: AsyncSession, company_id: UUID) -> TaxMap:
    """Return the tax mappings as they stand against the imported taxes."""
    imported = await tax_books(session, company_id)
    mapped: dict[PriceCodes, TaxTarget] = {}
    broken: dict[PriceCodes, str] = {}
    for row in await mappings_of(session, company_id, MappingKind.TAX):
        key = price_codes_of(row.key)
        reason = why_tax_broken(row.target_id, row.seen, imported)
        if reason is None:
            mapped[key] = tax_target(row, imported)
        else:
            broken[key] = reason
    return TaxMap(mapped=mapped, broken=broken)


def tax_target(row: models.Mapping, imported: TaxBooks) -> TaxTarget:
    """Return a mapping that holds, with the rates as they are now."""
    code = imported.code(row.target_id)
    assert code is not None  # noqa: S101 - it holds
    price_code_of = {rate_id: code for code, rate_id in row.extra.get("pairs", {}).items()}
    return TaxTarget(
        price_codes=price_codes_of(row.key),
        code=code,
        rates=tuple(
            RateTarget(
                price_code=price_code_of.get(part.rate_id),
                rate=imported.rates[part.rate_id],
                basis=part.basis,
                order=part.order,
            )
            for part in code.rates
        ),
    )


async def any_tax_code(session: AsyncSession, company_id: UUID) -> str | None:
    """Return the lowest id among the tax codes that sales can carry, or None without any."""
    imported = await tax_books(session, company_id)
    usable = [code.external_id for code in imported.codes if why_no_code(code, imported) is None]
    return min(usable, key=lambda id_: (len(id_), id_), default=None)


async def item_map(session: AsyncSession, company_id: UUID) -> Mapping[str, ItemTarget]:
    """Return the items by price code, of mappings that hold."""
    rows = await mappings_of(session, company_id, MappingKind.ITEM)
    items = await items_mapped(session, company_id, rows)
    return {
        row.key: ItemTarget(item_id=row.target_id, name=items[row.target_id].name)
        for row in rows
        if why_item_broken(row, items) is None
    }


async def account_roles(session: AsyncSession, company_id: UUID) -> Mapping[str, str]:
    """Return the accounts' ids by role, of those mappings that hold for single documents."""
    rows = await mappings_of(session, company_id, MappingKind.ACCOUNT)
    chart = await accounts_mapped(session, company_id, rows)
    return {
        row.key: row.target_id
        for row in rows
        if row.key in ROLES
        and why_account_broken(row, chart) is None
        and why_no_account(chart[row.target_id], row.key) is None
    }


async def payment_methods(
    session: AsyncSession, company_id: UUID
) -> Mapping[str, PaymentMethodTarget]:
    """Return where payments go by billing method, of mappings that hold."""
    rows = await mappings_of(session, company_id, MappingKind.PAYMENT_METHOD)
    methods, chart = await methods_mapped(session, company_id, rows)
    return {
        row.key: method_target(row)
        for row in rows
        if why_method_broken(row, methods, chart) is None
    }


def method_target(row: models.Mapping) -> PaymentMethodTarget:
    return PaymentMethodTarget(
        payment_method_id=row.target_id or None,
        deposit_account_id=row.extra.get("deposit_account_id"),
    )


# ---------------------------------------------------------------- what broke


async def broken_mappings(
    session: AsyncSession, company_id: UUID, *kinds: MappingKind
) -> list[BrokenMapping]:
    """Return the confirmed mappings of these kinds that do not hold any more."""
    found: list[BrokenMapping] = []
    for kind in kinds:
        rows = await mappings_of(session, company_id, kind)
        why = await _judge(session, company_id, kind, rows)
        found += [_described(kind, row, reason) for row in rows if (reason := why(row)) is not None]
    return found


async def _judge(
    session: AsyncSession, company_id: UUID, kind: MappingKind, rows: list[models.Mapping]
) -> Callable[[models.Mapping], str | None]:
    """Return what tells why a mapping of the kind is broken."""
    match kind:
        case MappingKind.TAX:
            imported = await tax_books(session, company_id)
            return lambda row: why_tax_broken(row.target_id, row.seen, imported)
        case MappingKind.ITEM:
            items = await items_mapped(session, company_id, rows)
            return lambda row: why_item_broken(row, items)
        case MappingKind.ACCOUNT:
            chart = await accounts_mapped(session, company_id, rows)
            return lambda row: why_account_broken(row, chart)
        case MappingKind.PAYMENT_METHOD:
            methods, deposits = await methods_mapped(session, company_id, rows)
            return lambda row: why_method_broken(row, methods, deposits)


def _described(kind: MappingKind, row: models.Mapping, reason: str) -> BrokenMapping:
    words = repr(row.key)
    if kind is MappingKind.TAX:
        words = said(price_codes_of(row.key))
    elif kind is MappingKind.ACCOUNT:
        words = Place.parse(row.key).said
    return BrokenMapping(
        kind=kind,
        key=row.key,
        said=words,
        target_id=row.target_id,
        target_name=row.target_name,
        reason=reason,
    )


def why_item_broken(row: models.Mapping, items: Mapping[str, Item]) -> str | None:
    item = items.get(row.target_id)
    return why_no_item(item) if item else "The item is no longer among the imported ones."


def why_account_broken(row: models.Mapping, chart: Mapping[str, Account]) -> str | None:
    """Return what became of the account, in whichever mode it may be used."""
    return why_broken(Place.parse(row.key), chosen_of(row), chart.get(row.target_id))


def chosen_of(row: models.Mapping) -> Chosen:
    """Return the account as it was when it was chosen."""
    return Chosen(account_id=row.target_id, name=row.target_name, type=row.seen.get("type"))


def why_method_broken(
    row: models.Mapping, methods: Mapping[str, NamedEntry], deposits: Mapping[str, Account]
) -> str | None:
    target = method_target(row)
    method = methods.get(target.payment_method_id or "")
    account = deposits.get(target.deposit_account_id or "")
    if target.payment_method_id and method is None:
        return "The payment method is no longer among the imported ones."
    if target.deposit_account_id and account is None:
        return "The deposit account is no longer among the imported ones."
    return (why_no_method(method) if method else None) or (
        why_no_account(account, "deposit") if account else None
    )


# ---------------------------------------------------------------- what they point to


async def items_mapped(
    session: AsyncSession, company_id: UUID, rows: Iterable[models.Mapping]
) -> dict[str, Item]:
    """Return the items that the mappings point to, by id."""
    ids = [row.target_id for row in rows]
    return await _with_ids(session, company_id, BookKind.ITEM, Item, ids)


async def accounts_mapped(
    session: AsyncSession, company_id: UUID, rows: Iterable[models.Mapping]
) -> dict[str, Account]:
    """Return the accounts that the mappings point to, by id."""
    ids = [row.target_id for row in rows]
    return await _with_ids(session, company_id, BookKind.ACCOUNT, Account, ids)


async def methods_mapped(
    session: AsyncSession, company_id: UUID, rows: Iterable[models.Mapping]
) -> tuple[dict[str, NamedEntry], dict[str, Account]]:
    """Return the payment methods and deposit accounts that the mappings point to, by id."""
    targets = [method_target(row) for row in rows]
    methods = [target.payment_method_id for target in targets if target.payment_method_id]
    deposits = [target.deposit_account_id for target in targets if target.deposit_account_id]
    return (
        await _with_ids(session, company_id, BookKind.PAYMENT_METHOD, NamedEntry, methods),
        await _with_ids(session, company_id, BookKind.ACCOUNT, Account, deposits),
    )


async def _with_ids(
    session: AsyncSession,
    company_id: UUID,
    kind: BookKind,
    record_type: type[R],
    external_ids: list[str],
) -> dict[str, R]:
    found = await books.records_of(
        session, company_id, kind, record_type, BookEntry.external_id.in_(external_ids)
    )
    return {each.external_id: each for each in found}
