"""What an export would make now: the same plan and the same lines, and nothing is kept or sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import repository as billing_rows
from app.books.service import Books
from app.connections.findings import journal_findings
from app.exports.decisions import Refusal
from app.exports.facts import load_facts
from app.integrations.masters import masters_of
from app.integrations.service import settings_of
from app.jobs.records import Outcome
from app.journal import store
from app.journal.deciding import Composed, EntryRules, compose
from app.journal.deltas import Group
from app.journal.periods import Length, periods_of, windows
from app.journal.places import load_places
from app.journal.planning import Scope, days_with_something, groups_of
from app.kit.errors import Conflict, refuse_reversed

MOST_DAYS = 92


@dataclass(frozen=True, slots=True)
class Previewed:
    """One entry as it would be made, or why it would not be."""

    group: Group
    sequence: int
    number: str
    composed: Composed | None
    outcome: Outcome | None


async def preview(
    session: AsyncSession, books: Books, first: date, last: date, *, today: date
) -> list[Previewed]:
    """
    Return the entries that an export of the days would make now.

    Master customers are taken as they are set; an export looks them up in the books.

    Raises:
        Invalid: The range is reversed.
        Conflict: The company was not read yet, or these are too many days at once.
    """
    refuse_reversed(first, last)
    profile = books.profile
    if profile is None:
        raise Conflict("The company was not read yet.", code="not_connected")
    if (last - first).days >= MOST_DAYS:
        raise Conflict(
            f"At most {MOST_DAYS} days are shown at once.",
            code="too_many_days",
            fixes=["Ask for fewer days."],
        )
    integration, company = books.integration, books.company
    settings = settings_of(integration).journal
    scope = Scope(
        organization_id=integration.organization_id,
        company_id=company.id,
        integration_id=integration.id,
        profile=profile,
        codes=await billing_rows.price_codes(session, integration.id),
        length=Length(settings.period),
        number_prefix=settings.number_prefix,
    )
    facts = await load_facts(session, integration.id, company.id, profile)
    rules = EntryRules(
        facts=facts,
        places=await load_places(session, books, facts.tracking),
        today=today,
        masters=dict(masters_of(integration.master_customers, profile.home_currency)),
        plain_tax_lines=journal_findings(company).plain_tax_lines,
    )
    days = await days_with_something(session, scope, first, last)
    found: list[Previewed] = []
    for _, begin, end in windows(first, last, periods_of(days, scope.length)):
        groups, present, loaded = await groups_of(session, scope, begin, end)
        kept = [each for each in present if each.entry.id not in loaded.let_go]
        found += [_previewed(rules, scope, group, kept) for group in groups]
    return found


def _previewed(
    rules: EntryRules, scope: Scope, group: Group, present: Sequence[store.Standing]
) -> Previewed:
    last = max(
        (each.entry.sequence for each in present if store.group_key(each.entry) == group.key),
        default=0,
    )
    sequence = last + 1
    number = group.key.number(sequence, scope.number_prefix)
    if group.problems:
        error = group.problems[0].error
        outcome = Outcome(
            state="rejected",
            code=error.code,
            cause=error.cause,
            explanation=error.explanation,
            fixes=(error.fix,),
        )
        return Previewed(group, sequence, number, None, outcome)
    try:
        composed = compose(rules, group.key, sequence, group.members, number=number)
    except Refusal as refusal:
        return Previewed(group, sequence, number, None, refusal.decision.outcome)
    return Previewed(group, sequence, number, composed, None)
