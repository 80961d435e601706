"""Account mappings: a role's accounts, by key and currency; listed, suggested and saved."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Account
from app.books import repository
from app.books.service import Books
from app.connections.findings import journal_findings
from app.integrations.masters import MasterCustomer, masters_of
from app.integrations.schemas import Mode
from app.integrations.service import settings_of
from app.kit.errors import FieldProblem, Invalid
from app.mappings import billing_side, models
from app.mappings.chart import BROKEN_FIXES, Chart, MappedAccount
from app.mappings.proposals import Choice, Proposal, propose_account, propose_account_called
from app.mappings.repository import MappingKind, add_mapping, get_mapping, mappings_of
from app.mappings.roles import (
    CURRENCIES,
    INSTEAD_OF_INCOME,
    KEYS,
    RECEIVABLE_TYPE,
    Place,
    Role,
    Unfit,
    types_for,
    why_unfit,
)
from app.mappings.service import chosen_of, method_target
from app.mappings.suggest import Status
from app.mappings.targets import ROLES, why_no_account
from app.mappings.words import WrongTarget, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """
    A place for an account as the mapping table shows it.

    *said* is what billing calls the key. *effective* is the account that a journal entry would use
    today, through a default too; None when there is none, or in the other mode.
    """

    place: Place
    mapping_id: UUID | None
    status: Status
    allowed_types: tuple[str, ...]
    target: Choice | None = None
    said: str | None = None
    name_matches: bool = False
    reason: str | None = None
    choices: tuple[Choice, ...] = ()
    fixes: tuple[str, ...] = ()
    effective: MappedAccount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What account mappings are judged by."""

    chart: Chart
    mapped: dict[Place, models.Mapping]
    masters: dict[str, MasterCustomer]
    journal: bool

    def why_unfit(self, place: Place, account: Account) -> Unfit | None:
        """Return why the account cannot take the place in the integration's mode."""
        return why_unfit(
            account,
            place,
            journal=self.journal,
            home_currency=self.chart.home_currency,
            system_tax_allowed=self.chart.system_tax_allowed,
        )

    def why_no_master(self, place: Place, account: Account) -> Unfit | None:
        """Return what a receivable account lacks in journal mode: somebody to name on its lines."""
        currency = place.currency or self.chart.home_currency
        needed = self.journal and place.role == Role.RECEIVABLE
        if not needed or account.type != RECEIVABLE_TYPE or currency in self.masters:
            return None
        return Unfit(
            code="master_customer_missing",
            reason=f"Entries on {account.name!r} name a customer, and the integration has no "
            f"master customer for {currency}.",
            fixes=(
                f"Set the integration's master customer for {currency}, with its name and id.",
                "Or map receivable to a clearing account of type Other Current Asset or Bank.",
            ),
        )


async def load_chart(session: AsyncSession, books: Books) -> Chart:
    """Return what journal entries ask for accounts: the imported chart and its mappings."""
    return (await load_ground(session, books)).chart


async def load_ground(session: AsyncSession, books: Books) -> Ground:
    company, integration = books.company, books.integration
    accounts = await repository.accounts(session, company.id)
    rows = await mappings_of(session, company.id, MappingKind.ACCOUNT)
    methods = await mappings_of(session, company.id, MappingKind.PAYMENT_METHOD)
    home = books.profile.home_currency if books.profile else ""
    deposits = {row.key: method_target(row).deposit_account_id for row in methods}
    chart = Chart(
        home_currency=home,
        accounts={account.external_id: account for account in accounts},
        chosen={Place.parse(row.key): chosen_of(row) for row in rows},
        deposits={method: account for method, account in deposits.items() if account},
        deposit_setting=settings_of(integration).accounts.deposit_account_id,
        system_tax_allowed=journal_findings(company).system_tax_account is True,
    )
    return Ground(
        chart=chart,
        mapped={Place.parse(row.key): row for row in rows},
        masters=masters_of(integration.master_customers, home),
        journal=integration.mode == Mode.SUMMARIZED_JOURNAL_ENTRY,
    )


# ---------------------------------------------------------------- listed


async def account_rows(session: AsyncSession, books: Books) -> list[AccountRow]:
    """
    Return every place for an account, with its account or a suggestion.

    In journal mode these are the roles, every accounting code of charges, every tax, every payment
    method and every foreign currency in use; else the roles of single documents. What is mapped
    beyond them is shown too.
    """
    ground = await load_ground(session, books)
    said = await _places(session, books, journal=ground.journal)
    for place in ground.mapped:
        said.setdefault(place, [])
    rows = [_row(ground, place, words) for place, words in said.items()]
    return sorted(rows, key=lambda row: row.place.text)


async def _places(session: AsyncSession, books: Books, *, journal: bool) -> dict[Place, list[str]]:
    """Return the places that are to be mapped, each with what billing calls it beside its key."""
    if not journal:
        return {Place(role=role): [] for role in ROLES}
    integration_id = books.integration.id
    found: dict[Place, list[str]] = {Place(role=role.value): [] for role in Role}
    for charge in await billing_side.charges(session, integration_id):
        if charge.kind != "tax" and charge.accounting_code:
            role = Role.DISCOUNT if charge.kind == "discount" else Role.INCOME
            place = Place(role=role.value, key=charge.accounting_code)
            found.setdefault(place, []).append(charge.name or charge.price_code)
    for tax in await billing_side.tax_words(session, integration_id):
        found[Place(role=Role.TAX.value, key=tax.price_code)] = [tax.name] if tax.name else []
    for method in await billing_side.methods_in_use(session, integration_id):
        found[Place(role=Role.DEPOSIT.value, key=method)] = []
    if books.profile and books.profile.multicurrency:
        for currency in await billing_side.currencies_in_use(session, integration_id):
            if currency != books.profile.home_currency:
                found[Place(role=Role.RECEIVABLE.value, currency=currency)] = []
    return found


def _row(ground: Ground, place: Place, words: list[str]) -> AccountRow:
    row = ground.mapped.get(place)
    said = ", ".join(words[:5]) or None
    if row is not None:
        return _mapped(ground, place, row, said)
    return _proposed(ground, place, words, said)


def _mapped(ground: Ground, place: Place, row: models.Mapping, said: str | None) -> AccountRow:
    account = ground.chart.accounts.get(row.target_id)
    broken = ground.chart.why_broken(place, chosen_of(row)) if ground.journal else None
    reason, fixes = (broken.reason, broken.fixes) if broken else (None, ())
    if not ground.journal and (reason := _why_broken_for_documents(ground, place, row)):
        fixes = BROKEN_FIXES
    status = Status.BROKEN if reason else Status.CONFIRMED
    if reason is None and account is not None:
        lacking = ground.why_no_master(place, account)
        reason, fixes = (lacking.reason, lacking.fixes) if lacking else (None, ())
    name = account.full_name if account else row.target_name
    return AccountRow(
        place=place,
        mapping_id=row.id,
        status=status,
        allowed_types=types_for(place.role, journal=ground.journal),
        target=Choice(row.target_id, name),
        said=said,
        name_matches=account is not None and place.key in {account.number, account.name},
        reason=reason,
        fixes=fixes,
        effective=_effective(ground, place),
    )


def _why_broken_for_documents(ground: Ground, place: Place, row: models.Mapping) -> str | None:
    """Return what became of an account in the mode in which each document stands by itself."""
    unfit = ground.chart.why_broken(place, chosen_of(row))
    if unfit is not None and unfit.code == "broken_mapping":
        return unfit.reason
    account = ground.chart.accounts[row.target_id]
    return why_no_account(account, place.text) if place.text in ROLES else None


def _proposed(ground: Ground, place: Place, words: Sequence[str], said: str | None) -> AccountRow:
    allowed = types_for(place.role, journal=ground.journal)
    possible = [
        account
        for account in ground.chart.accounts.values()
        if ground.why_unfit(place, account) is None
    ]
    proposal = _proposal(place, words, possible, allowed)
    return AccountRow(
        place=place,
        mapping_id=None,
        status=proposal.status,
        allowed_types=allowed,
        target=proposal.target,
        said=said,
        name_matches=proposal.name_matches,
        reason=proposal.reason,
        choices=proposal.choices,
        fixes=proposal.fixes,
        effective=_effective(ground, place),
    )


def _proposal(
    place: Place, words: Sequence[str], possible: list[Account], allowed: tuple[str, ...]
) -> Proposal:
    if place.key is None:
        return propose_account(place.role, possible, allowed)
    names = [place.key, *(word for word in words if place.role == Role.TAX)]
    return propose_account_called(names, possible, allowed)


def _effective(ground: Ground, place: Place) -> MappedAccount | None:
    if not ground.journal or place.role not in set(Role):
        return None
    found = ground.chart.account_for(place.role, place.key, place.currency)
    if isinstance(found, MappedAccount):
        return found
    if place.role in INSTEAD_OF_INCOME and found.code == "unmapped_account":
        return _effective(ground, Place(role=Role.INCOME.value, key=place.key))
    return None


# ---------------------------------------------------------------- saved


def place_asked(role: str, key: str | None, currency: str | None) -> Place:
    """
    Return the place that a request means.

    Raises:
        Invalid: The role takes no key, or is not told apart by currency.
    """
    if key is not None and role not in KEYS:
        detail = f"The role {role} takes no key: there is one account for it."
        raise Invalid(detail, code="key_not_taken", errors=[FieldProblem("/key", detail)])
    if currency is not None and role not in CURRENCIES:
        detail = f"The role {role} is not told apart by currency."
        raise Invalid(detail, code="currency_not_taken", errors=[FieldProblem("/currency", detail)])
    return Place(role=role, key=key, currency=currency)


async def save_account(
    session: AsyncSession, books: Books, place: Place, account_id: str, *, confirmed_by: str
) -> AccountRow:
    """
    Keep a new mapping.

    Raises:
        Invalid: No such account was imported.
        WrongTarget: It cannot take the place; the code says why.
        AlreadyMapped: There is an account for it.
    """
    ground = await load_ground(session, books)
    await _keep(session, books, place, _account(ground, place, account_id), confirmed_by)
    return await _shown(session, books, place)


async def _keep(
    session: AsyncSession, books: Books, place: Place, account: Account, confirmed_by: str
) -> None:
    await add_mapping(
        session,
        organization_id=books.company.organization_id,
        company_id=books.company.id,
        kind=MappingKind.ACCOUNT,
        key=place.text,
        target_id=account.external_id,
        target_name=account.full_name,
        seen=_seen(account),
        confirmed_by=confirmed_by,
    )


async def change_account(
    session: AsyncSession, books: Books, mapping_id: UUID, account_id: str, *, confirmed_by: str
) -> AccountRow:
    """
    Map a place to another account, or confirm the present one as it is now.

    Raises:
        NotFound: There is no such mapping.
        Invalid, WrongTarget: As for a new one.
    """
    row = await get_mapping(session, books.company.id, MappingKind.ACCOUNT, mapping_id)
    place = Place.parse(row.key)
    account = _account(await load_ground(session, books), place, account_id)
    row.target_id, row.target_name = account.external_id, account.full_name
    row.seen, row.confirmed_by = _seen(account), confirmed_by
    await session.flush()
    return await _shown(session, books, place)


async def save_exact_accounts(
    session: AsyncSession, books: Books, rows: Iterable[AccountRow], *, confirmed_by: str
) -> int:
    """Save the suggestions whose number or name is exactly billing's; return how many."""
    ground, saved = await load_ground(session, books), 0
    for row in rows:
        if row.status is Status.SUGGESTED and row.name_matches and row.target:
            account = _account(ground, row.place, row.target.external_id)
            await _keep(session, books, row.place, account, confirmed_by)
            saved += 1
    return saved


def _account(ground: Ground, place: Place, account_id: str) -> Account:
    account = ground.chart.accounts.get(account_id)
    if account is None:
        detail = f"No account with the id {account_id!r} was imported."
        raise unknown("/account_id", detail, "accounts")
    unfit = ground.why_unfit(place, account) or ground.why_no_master(place, account)
    if unfit is not None:
        allowed = list(types_for(place.role, journal=ground.journal))
        raise WrongTarget(
            unfit.reason, code=unfit.code, fixes=unfit.fixes, extra={"allowed_types": allowed}
        )
    return account


async def _shown(session: AsyncSession, books: Books, place: Place) -> AccountRow:
    return _row(await load_ground(session, books), place, [])


def _seen(account: Account) -> dict[str, str]:
    return {"name": account.full_name, "type": account.type}
