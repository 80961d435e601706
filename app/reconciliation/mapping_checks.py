"""What imported lists, mappings and settings mean for an export. Pure."""

from collections.abc import Iterator

from app.accounting.records import TaxModel
from app.mappings.repository import MappingKind, price_codes_of
from app.mappings.service import BrokenMapping
from app.mappings.targets import why_no_account, why_no_item
from app.reconciliation.situation import Check, Level, Needs, Situation, counted


def imported(at: Situation) -> Iterator[Check]:
    if at.imported:
        return
    yield Check(
        code="lists_not_imported",
        level=Level.BLOCK if at.needs.documents else Level.WARN,
        subject="Customers, items and accounts",
        consequence="Nothing was imported of this company yet, so nothing can be found in it.",
        fix="Import customers, items and accounts first.",
        documents=at.needs.documents,
    )


def taxes(at: Situation) -> Iterator[Check]:
    if at.profile.tax_model not in {TaxModel.GLOBAL, TaxModel.US_MANUAL}:
        return
    missing = False
    for price_codes, documents in sorted(
        at.needs.tax_sets.items(), key=lambda each: sorted(each[0])
    ):
        if not price_codes or (why := at.why_unmapped(price_codes)) is None:
            continue
        missing = True
        yield Check(
            code="unmapped_tax",
            level=Level.BLOCK,
            subject=f"Tax {' + '.join(sorted(price_codes))}",
            consequence=f"{why} {counted(documents)} of the range would be refused.",
            fix="Map it under tax mappings; if the code is new in QuickBooks, import taxes first.",
            documents=documents,
        )
    if not missing:
        yield Check(
            code="unmapped_tax",
            level=Level.PASS,
            subject="Tax mappings",
            consequence="Every tax of the range is mapped.",
        )
    yield from _untaxed(at)


def _untaxed(at: Situation) -> Iterator[Check]:
    if at.profile.tax_model is not TaxModel.GLOBAL:
        return
    why, documents = at.why_unmapped(frozenset()), at.needs.tax_sets[frozenset()]
    if why is None:
        yield Check(
            code="untaxed_mapping",
            level=Level.PASS,
            subject="Untaxed lines",
            consequence="They have a tax code.",
        )
        return
    yield Check(
        code="untaxed_mapping",
        level=Level.BLOCK if documents else Level.WARN,
        subject="Untaxed lines",
        consequence=f"Outside the US untaxed lines carry a code too, and none is mapped: "
        f"{counted(documents)} of the range would be refused.",
        fix="Map the empty set of price codes to the code for untaxed lines.",
        documents=documents,
    )


def broken(at: Situation) -> Iterator[Check]:
    for broken in at.broken:
        documents = _concerned(at.needs, broken)
        if broken.kind is MappingKind.TAX and documents:
            continue  # The check of taxes names it, with the same reason.
        yield Check(
            code="broken_mapping",
            level=Level.BLOCK if documents else Level.WARN,
            subject=f"The {broken.kind.value.replace('_', ' ')} mapping of {broken.said}",
            consequence=f"{broken.reason} Needed by {counted(documents)} of the range.",
            fix="Confirm the mapping as it is now, or map to something else.",
            documents=documents,
        )


def _concerned(needs: Needs, broken: BrokenMapping) -> int:
    match broken.kind:
        case MappingKind.ITEM:
            return needs.price_codes[broken.key]
        case MappingKind.PAYMENT_METHOD:
            return needs.methods[broken.key]
        case MappingKind.TAX:
            return needs.tax_sets[price_codes_of(broken.key)]
    return 0


# ------------------------------------------------------------------------------ items, accounts


def items(at: Situation) -> Iterator[Check]:
    for code in at.unknown:
        yield Check(
            code="unknown_item",
            level=Level.BLOCK,
            subject=f"Price code {code!r}",
            consequence="There is neither an item nor a charge for it: "
            f"{counted(at.needs.price_codes[code])} of the range would be refused.",
            fix="Push the charge, map the price code to an item, or set a fallback item.",
            documents=at.needs.price_codes[code],
        )
    if at.to_create:
        yield from _new_items(at)
    elif not at.unknown:
        yield Check(
            code="items",
            level=Level.PASS,
            subject="Items",
            consequence="Every price code of the range has its item.",
        )


def _new_items(at: Situation) -> Iterator[Check]:
    documents = sum(at.needs.price_codes[code] for code in at.to_create)
    names = ", ".join(at.to_create[:10])
    if not at.settings.items.create_missing:
        yield Check(
            code="no_item",
            level=Level.BLOCK,
            subject=f"{len(at.to_create)} price codes without an item: {names}",
            consequence="Creating items is turned off, so their documents would be refused.",
            fix="Map the price codes, set a fallback item, or allow creating items.",
            documents=documents,
        )
        return
    yield Check(
        code="items",
        level=Level.PASS,
        subject=f"{len(at.to_create)} items to be created: {names}",
        consequence="A service item is created for each.",
        documents=documents,
    )
    wanted = ["income", "expense"] if at.profile.needs_expense_account else ["income"]
    for role in wanted:
        yield _item_account(at, role, documents)


def _item_account(at: Situation, role: str, documents: int) -> Check:
    set_id = getattr(at.settings.items, f"{role}_account_id")
    account_id = set_id or at.roles.get(role)
    why = "It is not set." if account_id is None else _why_account(at, account_id, role)
    if why is None:
        return Check(
            code="item_account",
            level=Level.PASS,
            subject=f"The {role} account of new items",
            consequence="It can be used.",
        )
    return Check(
        code="item_account",
        level=Level.BLOCK,
        subject=f"The {role} account of new items",
        consequence=f"{why} {len(at.to_create)} items could not be created, and their documents "
        "would be refused.",
        fix=f"Set items.{role}_account_id, or map the role {role}.",
        documents=documents,
    )


def _why_account(at: Situation, account_id: str, role: str) -> str | None:
    account = at.accounts.get(account_id)
    if account is None:
        return f"The account {account_id} is not among the imported ones."
    return why_no_account(account, role)


def deposit(at: Situation) -> Iterator[Check]:
    account_id = at.settings.accounts.deposit_account_id
    why = _why_account(at, account_id, "deposit") if account_id else None
    if why is None:
        yield Check(
            code="deposit_account",
            level=Level.PASS,
            subject="Deposit account",
            consequence="Payments go to it." if account_id else "Payments go to undeposited funds.",
        )
        return
    documents = at.needs.payments
    yield Check(
        code="deposit_account",
        level=Level.BLOCK if documents else Level.WARN,
        subject="Deposit account",
        consequence=f"{why} {counted(documents).capitalize()} of the range would be refused.",
        fix="Set accounts.deposit_account_id to an active bank account, or leave it out.",
        documents=documents,
    )


def credit_items(at: Situation) -> Iterator[Check]:
    items = at.settings.items
    chosen = {
        "credit_note": items.credit_item_id,
        "house_credit": items.house_credit_item_id,
        "write_off": items.write_off_item_id,
    }
    for reason, documents in sorted(at.needs.reasons.items()):
        item_id = chosen[reason] or items.fallback_item_id
        why = "No item is set for it." if item_id is None else _why_item(at, item_id)
        if why is not None:
            yield Check(
                code="no_credit_item",
                level=Level.BLOCK,
                subject=f"Lines of {reason.replace('_', ' ')}s without a price code",
                consequence=f"{why} {counted(documents).capitalize()} would be refused.",
                fix="Set the item of this reason, or a fallback item.",
                documents=documents,
            )
    fallback = items.fallback_item_id
    if fallback and (why := _why_item(at, fallback)) is not None:
        yield Check(
            code="fallback_item",
            level=Level.WARN,
            subject="Fallback item",
            consequence=f"{why} Documents that need it would be refused.",
            fix="Set items.fallback_item_id to an active item.",
        )


def _why_item(at: Situation, item_id: str) -> str | None:
    item = at.items.get(item_id)
    return why_no_item(item) if item else f"The item {item_id} is not among the imported ones."


def unreadable(at: Situation) -> Iterator[Check]:
    if at.needs.unreadable:
        yield Check(
            code="document_does_not_add_up",
            level=Level.BLOCK,
            subject="Documents that do not add up",
            consequence=f"{counted(at.needs.unreadable)} would be refused; each record says why.",
            fix="Correct them in the billing system.",
            documents=at.needs.unreadable,
        )
