"""Mappings of items, accounts and payment methods: listed, suggested and saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import String, any_, cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Account, Item, NamedEntry
from app.books import repository
from app.books.kinds import BookKind
from app.books.models import BookEntry
from app.books.names import fold_name
from app.books.service import Books
from app.kit.errors import Conflict, FieldProblem, Invalid
from app.mappings import billing_side, models
from app.mappings.proposals import Choice, Proposal, propose_item, propose_method
from app.mappings.repository import MappingKind, add_mapping, get_mapping, mappings_of
from app.mappings.service import (
    items_mapped,
    method_target,
    methods_mapped,
    why_item_broken,
    why_method_broken,
)
from app.mappings.suggest import Status
from app.mappings.targets import ROLES, why_no_account, why_no_item, why_no_method

BROKEN_FIXES = ("Map to another one.", "Or undo the change in the books, then import again.")


class WrongTarget(Conflict):
    """The entry of the books cannot be mapped to."""

    code = "target_not_selectable"
    title = "This cannot be mapped to"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordRow:
    """
    A billing word as its mapping table shows it.

    *key* is a price code, a role or a method; *said* is the charge's name, *deposit* where
    payments of a method go.
    """

    mapping_id: UUID | None
    key: str
    status: Status
    target: Choice | None = None
    deposit: Choice | None = None
    said: str | None = None
    plan: str | None = None
    name_matches: bool = False
    reason: str | None = None
    choices: tuple[Choice, ...] = ()
    fixes: tuple[str, ...] = ()


def _proposed(
    key: str, proposal: Proposal, *, said: str | None = None, plan: str | None = None
) -> WordRow:
    return WordRow(
        mapping_id=None,
        key=key,
        status=proposal.status,
        target=proposal.target,
        said=said,
        plan=plan,
        name_matches=proposal.name_matches,
        reason=proposal.reason,
        choices=proposal.choices,
        fixes=proposal.fixes,
    )


def _mapped(
    row: models.Mapping,
    reason: str | None,
    name: str | None,
    *,
    deposit: Choice | None = None,
    said: str | None = None,
    plan: str | None = None,
) -> WordRow:
    target = Choice(row.target_id, name or row.target_name) if row.target_id else None
    wanted = said or row.key
    return WordRow(
        mapping_id=row.id,
        key=row.key,
        status=Status.BROKEN if reason else Status.CONFIRMED,
        target=target,
        deposit=deposit,
        said=said,
        plan=plan,
        name_matches=target is not None and target.name == wanted,
        reason=reason,
        fixes=BROKEN_FIXES if reason else (),
    )


# ---------------------------------------------------------------- items


async def item_rows(session: AsyncSession, books: Books) -> list[WordRow]:
    """Return the charges that are no taxes, and what else is mapped, by price code."""
    charges = {
        charge.price_code: charge
        for charge in await billing_side.charges(session, books.integration.id)
        if charge.kind != "tax"
    }
    mapped = await _by_key(session, books, MappingKind.ITEM)
    items = await items_mapped(session, books.company.id, mapped.values())
    namesakes = await _items_named(
        session,
        books.company.id,
        {charge.item_name for key, charge in charges.items() if key not in mapped},
    )
    rows: list[WordRow] = []
    for key in sorted({*charges, *mapped}):
        charge, row = charges.get(key), mapped.get(key)
        said, plan = (charge.item_name, charge.plan) if charge else (None, None)
        if row is not None:
            item = items.get(row.target_id)
            name = item.name if item else None
            rows.append(_mapped(row, why_item_broken(row, items), name, said=said, plan=plan))
        elif said is not None:
            proposal = propose_item(said, namesakes.get(fold_name(said), ()))
            rows.append(_proposed(key, proposal, said=said, plan=plan))
    return rows


async def _items_named(
    session: AsyncSession, company_id: UUID, names: set[str]
) -> dict[str, list[Item]]:
    """Return the items with these folded names; those in a category under their full name too."""
    keys = sorted({fold_name(name.rsplit(":", 1)[-1]) for name in names})
    found = await repository.records_of(
        session,
        company_id,
        BookKind.ITEM,
        Item,
        BookEntry.name_key == any_(cast(keys, ARRAY(String))),
    )
    named: dict[str, list[Item]] = {}
    for item in found:
        for key in {fold_name(item.name), fold_name(item.full_name)}:
            named.setdefault(key, []).append(item)
    return named


async def item_target(session: AsyncSession, books: Books, item_id: str) -> Choice:
    """
    Return the item that lines are to carry.

    Raises:
        Invalid: No such item was imported.
        WrongTarget: Lines cannot carry it.
    """
    item = await repository.item(session, books.company.id, item_id)
    if item is None:
        raise unknown("/item_id", f"No item with the id {item_id!r} was imported.", "items")
    _refuse(why_no_item(item), "Choose another item.")
    return Choice(item.external_id, item.name)


# ---------------------------------------------------------------- accounts


async def account_target(
    session: AsyncSession, books: Books, account_id: str, *, role: str, pointer: str
) -> Choice:
    """
    Return the account that is to take the role.

    Raises:
        Invalid: No such account was imported.
        WrongTarget: It is inactive, or of a type that cannot take the role.
    """
    account = await repository.account(session, books.company.id, account_id)
    if account is None:
        detail = f"No account with the id {account_id!r} was imported."
        raise unknown(pointer, detail, "accounts")
    allowed = list(ROLES[role])
    _refuse(
        why_no_account(account, role),
        f"Choose an active account of type {' or '.join(allowed)}.",
        allowed_types=allowed,
    )
    return Choice(account.external_id, account.full_name)


# ---------------------------------------------------------------- payment methods


async def method_rows(session: AsyncSession, books: Books) -> list[WordRow]:
    """Return the methods that payments name, and what else is mapped."""
    mapped = await _by_key(session, books, MappingKind.PAYMENT_METHOD)
    methods, deposits = await methods_mapped(session, books.company.id, mapped.values())
    imported = await repository.payment_methods(session, books.company.id)
    used = await billing_side.methods_in_use(session, books.integration.id)
    rows: list[WordRow] = []
    for key in sorted({*used, *mapped}):
        row = mapped.get(key)
        if row is None:
            rows.append(_proposed(key, propose_method(key, imported)))
            continue
        rows.append(_method_row(row, methods, deposits))
    return rows


def _method_row(
    row: models.Mapping, methods: Mapping[str, NamedEntry], deposits: Mapping[str, Account]
) -> WordRow:
    account_id = method_target(row).deposit_account_id
    account = deposits.get(account_id or "")
    deposit = Choice(account_id, account.full_name if account else "") if account_id else None
    method = methods.get(row.target_id)
    reason = why_method_broken(row, methods, deposits)
    return _mapped(row, reason, method.name if method else None, deposit=deposit)


async def payment_method_target(
    session: AsyncSession, books: Books, payment_method_id: str
) -> Choice:
    """
    Return the payment method that payments are to carry.

    Raises:
        Invalid: No such payment method was imported.
        WrongTarget: It is inactive.
    """
    method = await repository.record_with_id(
        session, books.company.id, BookKind.PAYMENT_METHOD, NamedEntry, payment_method_id
    )
    if method is None:
        detail = f"No payment method with the id {payment_method_id!r} was imported."
        raise unknown("/payment_method_id", detail, "accounts")
    _refuse(why_no_method(method), "Choose another payment method.")
    return Choice(method.external_id, method.name)


# ---------------------------------------------------------------- saving


async def save_word(
    session: AsyncSession,
    books: Books,
    kind: MappingKind,
    key: str,
    *,
    target: Choice | None,
    deposit: Choice | None = None,
    confirmed_by: str,
) -> WordRow:
    """
    Keep a new mapping.

    Raises:
        AlreadyMapped: There is one for this word.
    """
    row = await add_mapping(
        session,
        organization_id=books.company.organization_id,
        company_id=books.company.id,
        kind=kind,
        key=key,
        target_id=target.external_id if target else "",
        target_name=target.name if target else "",
        extra={"deposit_account_id": deposit.external_id} if deposit else {},
        seen={"name": target.name} if target else {},
        confirmed_by=confirmed_by,
    )
    return _mapped(row, None, None, deposit=deposit)


async def change_word(
    session: AsyncSession,
    books: Books,
    kind: MappingKind,
    mapping_id: UUID,
    *,
    target: Choice | None,
    deposit: Choice | None = None,
    confirmed_by: str,
) -> WordRow:
    """
    Map a word to something else.

    Raises:
        NotFound: There is no such mapping.
    """
    row = await get_mapping(session, books.company.id, kind, mapping_id)
    row.target_id, row.target_name = (target.external_id, target.name) if target else ("", "")
    row.extra = {"deposit_account_id": deposit.external_id} if deposit else {}
    row.seen, row.confirmed_by = ({"name": target.name} if target else {}), confirmed_by
    await session.flush()
    return _mapped(row, None, None, deposit=deposit)


async def save_exact(
    session: AsyncSession,
    books: Books,
    kind: MappingKind,
    rows: Sequence[WordRow],
    *,
    confirmed_by: str,
) -> int:
    """Save the suggestions whose names match exactly; return how many."""
    exact = [row for row in rows if row.status is Status.SUGGESTED and row.name_matches]
    for row in exact:
        await save_word(session, books, kind, row.key, target=row.target, confirmed_by=confirmed_by)
    return len(exact)


async def _by_key(
    session: AsyncSession, books: Books, kind: MappingKind
) -> dict[str, models.Mapping]:
    return {row.key: row for row in await mappings_of(session, books.company.id, kind)}


def unknown(pointer: str, detail: str, resource: str) -> Invalid:
    """Return the refusal of an id that is not among the imported ones."""
    return Invalid(
        detail,
        code="unknown_target",
        errors=[FieldProblem(pointer, detail)],
        fixes=[f"Import {resource} first.", "Choose one of the imported entries."],
    )


def _refuse(reason: str | None, fix: str, **extra: object) -> None:
    if reason is not None:
        raise WrongTarget(reason, fixes=[fix], extra=extra)
