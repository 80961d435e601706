"""Which account of the books an amount goes to, as the account mappings say."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import Tracking
from app.books.service import Books
from app.journal.lines import NoPlace, Place
from app.mappings.accounts import load_chart
from app.mappings.chart import Chart, MappedAccount
from app.mappings.roles import KEYS, Role

# Without an account of their own these go where their charges' income does.
INSTEAD_OF_INCOME = frozenset({Role.DISCOUNT, Role.WRITE_OFF, Role.HOUSE_CREDIT})
UNMAPPED = "unmapped_account"


@dataclass(frozen=True, slots=True)
class ChartPlaces:
    """
    Accounts by role, key and currency (implements `app.journal.lines.Places`).

    *tracking* is the class and location that everything of the integration carries.
    """

    chart: Chart
    tracking: Tracking

    def place(self, role: Role, key: str | None, currency: str) -> Place | NoPlace:
        found = self.chart.account_for(role, key if role in KEYS else None, currency)
        if isinstance(found, MappedAccount):
            return Place(
                account_id=found.account_id,
                name=found.name,
                receivable=found.needs_customer,
                home=found.home,
                currency=found.currency,
                class_id=self.tracking.line_class_id or self.tracking.class_id,
                department_id=self.tracking.location_id,
            )
        if role in INSTEAD_OF_INCOME and found.code == UNMAPPED:
            return self.place(Role.INCOME, key, currency)
        return NoPlace(code=found.code, reason=found.reason, fixes=found.fixes)


async def load_places(session: AsyncSession, books: Books, tracking: Tracking) -> ChartPlaces:
    """Load the imported accounts and what is mapped to them."""
    return ChartPlaces(await load_chart(session, books), tracking)
