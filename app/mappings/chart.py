"""Which account of the books an amount of billing goes to, in journal entries. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.accounting.records import Account
from app.mappings.roles import (
    CURRENCIES,
    RECEIVABLE_TYPE,
    TAX_PAYABLE,
    Chosen,
    Place,
    Role,
    Unfit,
    currency_unfit,
    why_broken,
    why_unfit,
)

# A place, the account chosen for it, and what chose it.
Candidate = tuple[Place, Chosen, str]
# The setting that stands behind every deposit mapping.
DEPOSIT_SETTING = "settings.accounts.deposit_account_id"
METHOD_MAPPING = "payment-method-mapping"
BROKEN_FIXES = (
    "Map to another account under account mappings.",
    "Or undo the change in the books, then import accounts.",
)
_GONE = Unfit(
    code="broken_mapping",
    reason="The account is no longer among the imported ones.",
    fixes=BROKEN_FIXES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedAccount:
    """
    The account for an amount. *decided_by* is the mapping that chose it (`income:4000`).

    *home* tells that it is kept in the company's home currency.
    """

    account_id: str
    name: str
    type: str
    currency: str
    home: bool
    decided_by: str

    @property
    def needs_customer(self) -> bool:
        """Whether a line on it must name a customer: the master customer of its currency."""
        return self.type == RECEIVABLE_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAccount:
    """There is no account for an amount: why, and what to do."""

    role: str
    key: str | None
    currency: str
    code: str
    reason: str
    fixes: tuple[str, ...]

    @property
    def fix(self) -> str:
        return self.fixes[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """
    The imported chart of accounts, and what is mapped to it.

    *deposits* are the deposit accounts of payment method mappings, by method. *system_tax_allowed*
    tells that the company was found to take entries on its own sales tax account.
    """

    home_currency: str
    accounts: Mapping[str, Account]
    chosen: Mapping[Place, Chosen]
    deposits: Mapping[str, str] = field(default_factory=dict)
    deposit_setting: str | None = None
    system_tax_allowed: bool = False

    def account_for(
        self, role: str, key: str | None = None, currency: str | None = None
    ) -> MappedAccount | MissingAccount:
        """
        Return the account that an amount goes to, or why there is none.

        The nearest mapping decides: that of the key, else the role's default. A refund without one
        goes where payments of its method are deposited. What is broken is never passed over for
        something more general.

        Args:
            role: One of `Role`; `tax_payable` is `tax`.
            key: See `roles.KEYS`; None where billing names none.
            currency: The entry's; the home currency unless told.
        """
        money = currency or self.home_currency
        wanted = Place(
            role=Role.TAX if role == TAX_PAYABLE else role,
            key=key,
            currency=money,
        )
        for place, chosen, decided_by in self._candidates(wanted):
            unfit = self.why_broken(place, chosen)
            account = self.accounts.get(chosen.account_id)
            if unfit is None and account is not None:
                unfit = currency_unfit(account, money, self.home_currency)
            if unfit is not None or account is None:
                return self._missing(wanted, unfit or _GONE)
            return self._mapped(account, decided_by)
        return self._unmapped(wanted)

    def why_broken(self, place: Place, chosen: Chosen) -> Unfit | None:
        """Return what became of a chosen account, or None when it still can take the place."""
        account = self.accounts.get(chosen.account_id)
        reason = why_broken(place, chosen, account)
        if reason is not None or account is None:
            return Unfit(code="broken_mapping", reason=reason or "", fixes=BROKEN_FIXES)
        return self.why_unfit(place, account)

    def why_unfit(self, place: Place, account: Account) -> Unfit | None:
        """Return why journal entries cannot use the account there, or None when they can."""
        return why_unfit(
            account,
            place,
            journal=True,
            home_currency=self.home_currency,
            system_tax_allowed=self.system_tax_allowed,
        )

    # -- inside

    def _candidates(self, wanted: Place) -> Iterator[Candidate]:
        """Yield what may decide, nearest first."""
        yield from self._of(wanted, wanted.role)
        if wanted.role == Role.REFUND:
            yield from self._of(wanted, Role.DEPOSIT)
        if wanted.role == Role.TAX:
            yield from self._at(Place(role=TAX_PAYABLE))

    def _of(self, wanted: Place, role: str) -> Iterator[Candidate]:
        key, currency = wanted.key, wanted.currency
        if key is not None:
            yield from self._at(Place(role=role, key=key, currency=currency))
            yield from self._at(Place(role=role, key=key))
            if role == Role.DEPOSIT and key in self.deposits:
                yield self._bare(self.deposits[key], METHOD_MAPPING)
        yield from self._at(Place(role=role, currency=currency))
        yield from self._at(Place(role=role))
        if role == Role.DEPOSIT and self.deposit_setting:
            yield self._bare(self.deposit_setting, DEPOSIT_SETTING)

    def _at(self, place: Place) -> Iterator[Candidate]:
        if (chosen := self.chosen.get(place)) is not None:
            yield place, chosen, place.text

    def _bare(self, account_id: str, decided_by: str) -> Candidate:
        account = self.accounts.get(account_id)
        chosen = Chosen(account_id=account_id, name=account.name if account else account_id)
        return Place(role=Role.DEPOSIT), chosen, decided_by

    def _mapped(self, account: Account, decided_by: str) -> MappedAccount:
        held = account.currency or self.home_currency
        return MappedAccount(
            account_id=account.external_id,
            name=account.full_name,
            type=account.type,
            currency=held,
            home=held == self.home_currency,
            decided_by=decided_by,
        )

    def _unmapped(self, wanted: Place) -> MissingAccount:
        place = wanted if wanted.role in CURRENCIES else Place(role=wanted.role, key=wanted.key)
        fixes = [f"Map an account to {place.said} under account mappings."]
        if wanted.key is not None:
            fixes.append(f"Or map a default: {wanted.role} without a key.")
        reason = f"No account is mapped to {place.said}."
        unmapped = Unfit(code="unmapped_account", reason=reason, fixes=tuple(fixes))
        return self._missing(wanted, unmapped)

    def _missing(self, wanted: Place, unfit: Unfit) -> MissingAccount:
        return MissingAccount(
            role=wanted.role,
            key=wanted.key,
            currency=wanted.currency or self.home_currency,
            code=unfit.code,
            reason=unfit.reason,
            fixes=unfit.fixes,
        )
