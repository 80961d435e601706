"""Tax mappings: what is mapped, what is not, and saving what a person or a name decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import TaxCode, TaxModel, TaxRate
from app.books.service import Books
from app.kit.errors import Conflict, FieldProblem, Invalid
from app.mappings import billing_side, models
from app.mappings.repository import (
    MappingKind,
    add_mapping,
    get_mapping,
    mappings_of,
    price_codes_of,
    tax_key,
)
from app.mappings.service import tax_books
from app.mappings.suggest import (
    UNTAXED,
    Pair,
    PriceCodes,
    Status,
    TaxWord,
    names_match,
    pair_up,
    plans_without_rate,
    rates_without_plan,
    said,
    suggest,
)
from app.mappings.targets import TaxBooks, is_zero, seen_of_code, why_no_code, why_tax_broken

# Where the books take tax per code, and nothing can be posted without one.
REQUIRED = frozenset({TaxModel.GLOBAL, TaxModel.US_MANUAL})


class NotSelectable(Conflict):
    """Lines cannot carry this tax code."""

    code = "tax_code_not_selectable"
    title = "This tax code cannot be chosen"


class DoesNotFit(Conflict):
    """The code's rates and the price codes are not one to one."""

    code = "tax_code_does_not_fit"
    title = "This tax code does not fit these price codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """A set of price codes as the mapping table shows it; *documents* have lines with it."""

    mapping_id: UUID | None
    price_codes: tuple[str, ...]
    status: Status
    tax_code_id: str | None
    tax_code_name: str | None
    rates: tuple[tuple[TaxRate, str | None], ...]
    name_matches: bool
    reason: str | None
    choices: tuple[TaxCode, ...]
    fixes: tuple[str, ...]
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxTable:
    """The whole mapping table, and what has no partner."""

    model: TaxModel | None
    required: bool
    rows: list[TaxRow]
    plans_without_rate: list[TaxWord]
    rates_without_plan: list[TaxRate]


async def tax_table(session: AsyncSession, books: Books) -> TaxTable:
    """Return every set of taxes in use, declared or mapped, with its mapping or a suggestion."""
    imported = await tax_books(session, books.company.id)
    words = await billing_side.tax_words(session, books.integration.id)
    mapped = {
        price_codes_of(row.key): row
        for row in await mappings_of(session, books.company.id, MappingKind.TAX)
    }
    model = books.profile.tax_model if books.profile else None
    documents = await _documents(session, books, words)
    sets = _sets_to_show(documents, mapped, words, untaxed=model is TaxModel.GLOBAL)
    rows = [
        _row(key, mapped.get(key), imported, documents.get(key, 0))
        for key in sorted(sets, key=sorted)
    ]
    paired_codes = frozenset(code for key in mapped for code in key)
    paired_rates = frozenset(
        rate_id for row in mapped.values() for rate_id in row.extra.get("pairs", {}).values()
    )
    return TaxTable(
        model=model,
        required=model in REQUIRED,
        rows=rows,
        plans_without_rate=plans_without_rate(words, imported, paired_codes),
        rates_without_plan=rates_without_plan(words, imported, paired_rates),
    )


async def _documents(
    session: AsyncSession, books: Books, words: Sequence[TaxWord]
) -> dict[PriceCodes, int]:
    """Return how many documents have lines with each set."""
    used = await billing_side.sets_in_use(
        session, books.integration.id, [word.price_code for word in words]
    )
    return {each.price_codes: each.documents for each in used}


def _sets_to_show(
    documents: Mapping[PriceCodes, int],
    mapped: Mapping[PriceCodes, models.Mapping],
    words: Sequence[TaxWord],
    *,
    untaxed: bool,
) -> set[PriceCodes]:
    """Return the sets; a declared tax that stands in none of them is shown alone."""
    sets = {*documents, *mapped} - {UNTAXED}
    met = {code for each in sets for code in each}
    sets |= {frozenset({word.price_code}) for word in words if word.price_code not in met}
    if untaxed or UNTAXED in mapped:
        sets.add(UNTAXED)
    return sets


def _row(
    key: PriceCodes, mapping: models.Mapping | None, imported: TaxBooks, documents: int
) -> TaxRow:
    return (
        _suggested_row(key, imported, documents)
        if mapping is None
        else mapped_row(mapping, imported, documents=documents)
    )


def _suggested_row(key: PriceCodes, imported: TaxBooks, documents: int) -> TaxRow:
    found = suggest(key, imported)
    return TaxRow(
        mapping_id=None,
        price_codes=tuple(sorted(key)),
        status=found.status,
        tax_code_id=found.code.external_id if found.code else None,
        tax_code_name=found.code.name if found.code else None,
        rates=_rates(found.code, found.pairs, imported) if found.code else (),
        name_matches=found.name_matches,
        reason=found.reason,
        choices=found.choices,
        fixes=found.fixes,
        documents=documents,
    )


def mapped_row(mapping: models.Mapping, imported: TaxBooks, *, documents: int = 0) -> TaxRow:
    """Return a saved mapping as it stands against the imported taxes."""
    broken = why_tax_broken(mapping.target_id, mapping.seen, imported)
    code = imported.code(mapping.target_id)
    pairs = tuple(Pair(code, rate) for code, rate in mapping.extra.get("pairs", {}).items())
    fixes = ("Confirm it as it is now, or map to another tax code.",) if broken else ()
    return TaxRow(
        mapping_id=mapping.id,
        price_codes=tuple(sorted(price_codes_of(mapping.key))),
        status=Status.BROKEN if broken else Status.CONFIRMED,
        tax_code_id=mapping.target_id,
        tax_code_name=code.name if code else mapping.target_name,
        rates=_rates(code, pairs, imported) if code else (),
        name_matches=bool(pairs) and names_match(pairs, imported.rates),
        reason=broken,
        choices=(),
        fixes=fixes,
        documents=documents,
    )


def _rates(
    code: TaxCode, pairs: Sequence[Pair], imported: TaxBooks
) -> tuple[tuple[TaxRate, str | None], ...]:
    price_code_of = {pair.rate_id: pair.price_code for pair in pairs}
    return tuple(
        (imported.rates[part.rate_id], price_code_of.get(part.rate_id))
        for part in code.rates
        if part.rate_id in imported.rates
    )


# ---------------------------------------------------------------- saving


async def map_taxes(
    session: AsyncSession,
    books: Books,
    *,
    price_codes: PriceCodes,
    tax_code_id: str,
    pairs: Sequence[Pair] | None,
    confirmed_by: str,
) -> TaxRow:
    """
    Confirm a pairing that a person chose.

    Raises:
        Invalid: No such tax code was imported, or the pairs are not about it.
        NotSelectable: Lines cannot carry the code.
        DoesNotFit: Its rates and the price codes are not one to one, or names do not tell which is
            which.
        AlreadyMapped: The set has a mapping.
    """
    imported = await tax_books(session, books.company.id)
    code = selectable(tax_code_id, imported)
    mapping = await add_mapping(
        session,
        organization_id=books.company.organization_id,
        company_id=books.company.id,
        kind=MappingKind.TAX,
        key=tax_key(price_codes),
        target_id=code.external_id,
        target_name=code.name,
        extra={"pairs": paired(price_codes, code, pairs, imported)},
        seen=seen_of_code(code, imported),
        confirmed_by=confirmed_by,
    )
    return mapped_row(mapping, imported)


async def remap_taxes(
    session: AsyncSession,
    books: Books,
    mapping_id: UUID,
    *,
    tax_code_id: str | None,
    pairs: Sequence[Pair] | None,
    confirmed_by: str,
) -> TaxRow:
    """
    Change a mapping, or confirm it as the books are now; raises as `map_taxes`.

    Raises:
        NotFound: There is no such mapping.
    """
    mapping = await get_mapping(session, books.company.id, MappingKind.TAX, mapping_id)
    imported = await tax_books(session, books.company.id)
    code = selectable(tax_code_id or mapping.target_id, imported)
    mapping.extra = {"pairs": paired(price_codes_of(mapping.key), code, pairs, imported)}
    mapping.target_id, mapping.target_name = code.external_id, code.name
    mapping.seen, mapping.confirmed_by = seen_of_code(code, imported), confirmed_by
    await session.flush()
    return mapped_row(mapping, imported)


async def confirm_exact(session: AsyncSession, books: Books, *, confirmed_by: str) -> int:
    """Save the suggestions whose names match exactly; *untaxed* is always left to a person."""
    table = await tax_table(session, books)
    saved = 0
    for row in table.rows:
        if row.status is Status.SUGGESTED and row.name_matches and row.tax_code_id:
            await map_taxes(
                session,
                books,
                price_codes=frozenset(row.price_codes),
                tax_code_id=row.tax_code_id,
                pairs=None,
                confirmed_by=confirmed_by,
            )
            saved += 1
    return saved


def selectable(tax_code_id: str, imported: TaxBooks) -> TaxCode:
    code = imported.code(tax_code_id)
    if code is None:
        detail = f"No tax code with the id {tax_code_id!r} was imported."
        raise Invalid(
            detail,
            code="unknown_tax_code",
            errors=[FieldProblem("/tax_code_id", detail)],
            fixes=["Import taxes first.", "Choose one of the imported tax codes."],
        )
    if reason := why_no_code(code, imported):
        raise NotSelectable(
            reason, fixes=["Choose another tax code.", "Import taxes if it was changed."]
        )
    return code


def paired(
    price_codes: PriceCodes, code: TaxCode, pairs: Sequence[Pair] | None, imported: TaxBooks
) -> dict[str, str]:
    """Return which rate each price code is."""
    if price_codes == UNTAXED:
        if not is_zero(code, imported):
            raise DoesNotFit(
                f"The tax code {code.name!r} would put tax on lines that have none.",
                fixes=["Choose a code whose rates are all zero."],
            )
        return {}
    rates = imported.rates_of(code) or []
    if len(rates) != len(price_codes):
        raise DoesNotFit(
            f"The tax code {code.name!r} has {len(rates)} rates, and {said(price_codes)} are"
            f" {len(price_codes)} taxes.",
            fixes=["Choose a code with one rate for each price code."],
        )
    if pairs is not None:
        return _checked_pairs(price_codes, {rate.external_id for rate in rates}, pairs)
    found = pair_up(price_codes, rates)
    if found is None:
        names = ", ".join(repr(rate.name) for rate in rates)
        raise DoesNotFit(
            f"It cannot be told which of {said(price_codes)} is which of the rates {names}.",
            code="pairs_needed",
            fixes=["Say it in `pairs`."],
        )
    return {pair.price_code: pair.rate_id for pair in found}


def _checked_pairs(
    price_codes: PriceCodes, rate_ids: set[str], pairs: Sequence[Pair]
) -> dict[str, str]:
    chosen = {pair.price_code: pair.rate_id for pair in pairs}
    whole = set(chosen) == price_codes and set(chosen.values()) == rate_ids
    if not whole or len(pairs) != len(price_codes):
        detail = "Each price code and each rate of the tax code must stand in exactly one pair."
        raise Invalid(detail, errors=[FieldProblem("/pairs", detail)])
    return chosen
