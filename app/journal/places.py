"""Which account of the books each role means, from the confirmed account mappings."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Account, CompanyProfile
from app.books import repository as books
from app.journal.components import Role
from app.journal.lines import NoPlace, Place
from app.mappings import service as mappings

RECEIVABLE = "Accounts Receivable"


@dataclass(frozen=True, slots=True)
class RolePlaces:
    """Accounts by role alone (implements `app.journal.lines.Places`)."""

    roles: Mapping[str, str]
    accounts: Mapping[str, Account]
    home_currency: str

    def place(self, role: Role, key: str | None, currency: str) -> Place | NoPlace:
        name = "tax_payable" if role is Role.TAX else role.value
        account = self.accounts.get(self.roles.get(name, ""))
        if account is None or not account.active:
            return NoPlace("unmapped_account", f"No account is mapped to {role}.", ("Map one.",))
        own = account.currency or self.home_currency
        return Place(
            account_id=account.external_id,
            name=account.full_name,
            receivable=account.type == RECEIVABLE,
            home=own == self.home_currency,
            currency=own,
        )


async def load_places(
    session: AsyncSession, company_id: UUID, profile: CompanyProfile
) -> RolePlaces:
    """Load the accounts and which role each has."""
    chart = await books.accounts(session, company_id)
    return RolePlaces(
        roles=await mappings.account_roles(session, company_id),
        accounts={account.external_id: account for account in chart},
        home_currency=profile.home_currency,
    )
