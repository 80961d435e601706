"""
Documents that do not exist yet: what earlier lines of a plan would leave in the books.

While a dry run looks at a record, links stand as they would after the lines before it. They are
written into a transaction that is always rolled back, so every question that an export asks of the
ledger gets the answer it will get then, and nothing of it stays. An id that the books have not
given yet is a placeholder that names the billing record.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.records import BooksDocument, Kind, Verb
from app.billing import repository as billing_rows
from app.billing import schemas as billing
from app.billing.models import BillingRecord
from app.exports.decisions import Send
from app.exports.drafts import book_name
from app.exports.facts import ExportFacts
from app.jobs.models import PlanLine, Record
from app.jobs.plans import said_id
from app.kit.db import Json
from app.kit.money import ZERO
from app.ledger.identity import SEPARATOR
from app.ledger.links import lock_links
from app.ledger.models import Link
from app.ledger.states import LinkState

SUFFIX = ":sync_token"
FIGURES = ("total", "tax", "unapplied")
PLACEHOLDER = re.compile(rb'"(\{\{(?:[^"\\]|\\.)*?\}\})"')
Needs = dict[str, Json]


def placeholder(kind: str, billing_id: str) -> str:
    """Return what stands for the id of a record's document that is not in the books yet."""
    return f"{{{{{kind}:{said_id(billing_id)}}}}}"


def token_placeholder(kind: str, billing_id: str) -> str:
    """Return what stands for the SyncToken that the document will have then."""
    return f"{{{{{kind}:{said_id(billing_id)}{SUFFIX}}}}}"


def is_placeholder(external_id: str) -> bool:
    return external_id.startswith("{{")


# ------------------------------------------------------------------------------- what a line does


def effect_of(link: Link, record: Record, decision: Send, row: BillingRecord | None) -> Json:
    """Return what the link will show once this write stands in the books."""
    write = decision.write
    if write.verb in {Verb.VOID, Verb.DELETE}:
        return {"state": LinkState.VOIDED.value}
    hints = decision.hints
    effect: Json = {
        "state": LinkState.LIVE.value,
        "sync_token": token_placeholder(record.kind, record.billing_id),
        "content_hash": decision.content_hash,
        "number": hints.name or hints.number or record.billing_number,
        "total": _figure(write.expected_total),
        "tax": _figure(write.expected_tax),
        "unapplied": _figure(_left_open(write.expected_total, row)),
        "currency": decision.currency,
    }
    if write.verb is Verb.CREATE:
        effect["external_id"] = placeholder(record.kind, record.billing_id)
    return effect


def effect_of_link(link: Link) -> Json:
    """Return the same for a document that was there already."""
    return {
        "state": link.state,
        "external_id": link.external_id,
        "sync_token": link.sync_token,
        "number": link.number,
        "content_hash": link.content_hash,
    }


def _left_open(total: Decimal | None, row: BillingRecord | None) -> Decimal | None:
    """Return what will be open of a document after everything that billing says settles it."""
    if total is None or row is None:
        return total
    document = billing_rows.parse(row)
    if isinstance(document, billing.Payment):
        return total - sum((part.amount for part in document.allocations), ZERO)
    if isinstance(document, billing.CreditNote):
        return total - sum((part.amount for part in document.applications), ZERO)
    return total


def _figure(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


# ------------------------------------------------------------------------------------ standing in


async def stand_in(
    session: AsyncSession,
    facts: ExportFacts,
    job_id: UUID,
    records: Sequence[Record],
    *,
    before: int,
) -> Needs:
    """
    Let the links that these records may ask for stand as after the plan's lines *before* theirs.

    Return the placeholders in use, each with the record it stands for. To be rolled back.
    """
    names = _names(facts, records)
    effects = await _effects(session, job_id, names, before=before)
    needs: Needs = {}
    by_kind: dict[str, dict[str, Json]] = {}
    for (kind, billing_id), effect in effects.items():
        by_kind.setdefault(kind, {})[billing_id] = effect
    for kind, of_kind in by_kind.items():
        links = await lock_links(session, facts.keeper, kind, list(of_kind))
        for billing_id, effect in of_kind.items():
            _show(links[billing_id], effect)
            needs |= _placeholders(kind, billing_id)
    await session.flush()
    return needs


def _show(link: Link, effect: Mapping[str, Any]) -> None:
    for name, value in effect.items():
        setattr(link, name, Decimal(value) if name in FIGURES and value is not None else value)


def _placeholders(kind: str, billing_id: str) -> Needs:
    need = {"kind": kind, "billing_id": billing_id}
    return {
        placeholder(kind, billing_id): need | {"of": "id"},
        token_placeholder(kind, billing_id): need | {"of": "sync_token"},
    }


async def _effects(
    session: AsyncSession, job_id: UUID, names: set[str], *, before: int
) -> dict[tuple[str, str], Json]:
    """Return the effects of earlier lines that may matter: named ones, items, removals."""
    lowered = {name.lower() for name in names}
    rows = await session.execute(
        select(PlanLine.kind, PlanLine.billing_id, PlanLine.effect)
        .where(
            PlanLine.job_id == job_id,
            PlanLine.position < before,
            PlanLine.effect.is_not(None),
            or_(
                PlanLine.subject.in_(names),
                PlanLine.kind == Kind.ITEM.value,
                PlanLine.action.in_((Verb.VOID.value, Verb.DELETE.value)),
                # Two records of one name: the document goes to the first.
                and_(
                    PlanLine.action == "link",
                    func.lower(PlanLine.effect["number"].astext).in_(lowered),
                ),
            ),
        )
        .order_by(PlanLine.position)
    )
    found: dict[tuple[str, str], Json] = {}
    for kind, billing_id, effect in rows:
        found[kind, billing_id] = found.get((kind, billing_id), {}) | (effect or {})
    return found


def _names(facts: ExportFacts, records: Sequence[Record]) -> set[str]:
    """Return every text by which these records may name another: ids are among them."""
    names: set[str] = set()
    for record in records:
        names |= {part for part in record.billing_id.split(SEPARATOR) if part}
        names |= {text for text in (record.customer, record.billing_number) if text}
    for row in facts.ahead.rows.values():
        names |= set(_texts(row.body))
    return names | {book_name(name) for name in names}


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def document_of(link: Link) -> BooksDocument:
    """Return a document that is not in the books yet, as far as the plan knows it."""
    kind = Kind(link.kind)
    return BooksDocument(
        kind=kind,
        external_id=link.external_id or "",
        sync_token=link.sync_token or "",
        number=link.number,
        total=link.total,
        tax=link.tax,
        balance=None if kind is Kind.PAYMENT else link.unapplied,
        unapplied=link.unapplied,
        currency=link.currency,
    )


# ------------------------------------------------------------------------------ in a write's bytes


def needed_by(body: bytes, known: Mapping[str, Json]) -> list[Json]:
    """Return the records whose placeholders stand in a body."""
    found = {json.loads(b'"' + text + b'"') for text in PLACEHOLDER.findall(body)}
    return [known[name] for name in sorted(found) if name in known]


def resolved(body: bytes, needs: Sequence[Mapping[str, str]], links: Mapping[Any, Link]) -> bytes:
    """Return a planned body with the ids and tokens that its documents have by now."""
    for need in needs:
        kind, billing_id = need["kind"], need["billing_id"]
        link = links.get((kind, billing_id))
        if link is None:
            continue
        by_token = need["of"] == "sync_token"
        name = token_placeholder(kind, billing_id) if by_token else placeholder(kind, billing_id)
        value = link.sync_token if by_token else link.external_id
        body = body.replace(_quoted(name), _quoted(value or ""))
    return body


def _quoted(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()
