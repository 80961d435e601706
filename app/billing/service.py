"""Billing records are taken in: one by one or in bulk, the newest word wins."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing import repository
from app.billing.checks import KnownCodes, checked, price_codes_in
from app.billing.kinds import PRICED, BillingKind, KindSpec
from app.billing.models import BillingRecord
from app.billing.repository import Kept, Prepared
from app.billing.schemas import AnyRecord, Charge, Tax
from app.integrations.models import Integration
from app.kit.errors import AppError, Conflict, FieldProblem, Invalid, NotFound
from app.kit.web import invalid_request

# `(session, integration, kind, billing ids) -> {billing id: {quickbooks, link, postings}}`
PostingStatus = Callable[
    [AsyncSession, Integration, str, list[str]], Awaitable[dict[str, dict[str, Any]]]
]
# So many records are read and checked in a thread before the event loop has its turn again.
SPELL = 250
# So many are in memory as records at once.
WINDOW = 1000
# A record of a batch with more mistakes than this is described as a whole; of fewer, so many are
# told. Both keep the answer, and the work for it, in proportion to what was sent.
DESCRIBED = 1000
TOLD = 10
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record of a request."""

    billing_id: str | None
    status: str  # created | updated | unchanged | stale | refused
    revision: int = 0
    problem: AppError | None = None


# ------------------------------------------------------------------------ deciding what is new


@dataclass(slots=True)
class Intake:
    """
    Decides, record after record, what is new.

    *kept* is what is stored, *owners* who has which price code of which kind, *codes* the same the
    other way round; they follow what was taken, so a record that stands twice in a batch is an
    update of itself. *pending* is what must be written.
    """

    kept: dict[str, Kept]
    owners: dict[tuple[str, str], tuple[str, str | None]] = field(default_factory=dict)
    codes: dict[tuple[str, str], str] = field(default_factory=dict)
    pending: dict[str, tuple[Prepared, int]] = field(default_factory=dict)

    def take(self, prepared: Prepared) -> Result:
        """
        Take a record in.

        Raises:
            Conflict: Its price code belongs to another record.
        """
        record = prepared.record
        before = self.kept.get(record.billing_id)
        if before is not None and record.updated_at < before.updated_at:
            return Result(record.billing_id, "stale", before.revision)
        self._claim_price_code(record)
        status, revision = _verdict(prepared, before)
        if status != "unchanged" or before is None or record.updated_at > before.updated_at:
            self.pending[record.billing_id] = (prepared, revision)
            self.kept[record.billing_id] = Kept(
                record.updated_at, prepared.content_hash, revision, record.metadata
            )
        return Result(record.billing_id, status, revision)

    def _claim_price_code(self, record: AnyRecord) -> None:
        """A charge of kind `tax` and a declared tax may share a code: they are the same tax."""
        if not isinstance(record, Charge | Tax):
            return
        own, other = (
            (BillingKind.CHARGE.value, BillingKind.TAX.value)
            if isinstance(record, Charge)
            else (BillingKind.TAX.value, BillingKind.CHARGE.value)
        )
        code, charge_kind = record.price_code, getattr(record, "kind", None)
        holder = self.owners.get((own, code))
        if holder is not None and holder[0] != record.billing_id:
            raise price_code_taken(code, own, holder[0])
        holder = self.owners.get((other, code))
        if holder is not None and "tax" not in {holder[1], charge_kind}:
            raise price_code_taken(code, other, holder[0])
        self.own(own, code, record.billing_id, charge_kind)

    def own(self, kind: str, code: str, billing_id: str, charge_kind: str | None) -> None:
        """Note whose price code this is; the one the record had before is free again."""
        before = self.codes.get((kind, billing_id))
        if before is not None:
            self.owners.pop((kind, before), None)
        self.owners[kind, code] = (billing_id, charge_kind)
        self.codes[kind, billing_id] = code


def _verdict(prepared: Prepared, before: Kept | None) -> tuple[str, int]:
    if before is None:
        return "created", 1
    if prepared.content_hash != before.content_hash:
        return "updated", before.revision + 1
    same = prepared.body.get("metadata", {}) == before.metadata
    return ("unchanged" if same else "updated"), before.revision


def price_code_taken(code: str, kind: str, billing_id: str) -> Conflict:
    detail = f"The price code {code!r} belongs to the {kind} {billing_id!r} already."
    return Conflict(
        detail,
        code="price_code_taken",
        errors=[FieldProblem("/price_code", detail, "price_code_taken")],
        fixes=["Give each charge and each tax a price code of its own."],
        extra={"held_by": {"kind": kind, "billing_id": billing_id}},
    )


# --------------------------------------------------------------------------------- one record


async def put_record(
    session: AsyncSession, integration: Integration, spec: KindSpec, record: AnyRecord
) -> Result:
    """
    Store one record, if it is not older than what is there.

    Raises:
        Invalid: It contradicts itself.
        Conflict: Its price code belongs to another record.
    """
    known = await repository.known_codes(session, integration.id, price_codes_in(record))
    prepared = await asyncio.to_thread(lambda: repository.prepare(checked(record, known)))
    intake = await _open_intake(session, integration.id, spec.kind, [prepared])
    result = intake.take(prepared)
    await _write(session, integration, spec.kind, intake)
    return result


def addressed(record: AnyRecord, billing_id: str) -> AnyRecord:
    """
    Return the record under the id of its address.

    Raises:
        Invalid: It names another id itself.
    """
    if record.billing_id and record.billing_id != billing_id:
        detail = "This is not the billing_id of the address."
        raise Invalid(detail, errors=[FieldProblem("/billing_id", detail)])
    return record.model_copy(update={"billing_id": billing_id})


async def get_record(
    session: AsyncSession, integration: Integration, spec: KindSpec, billing_id: str
) -> BillingRecord:
    """
    Return a stored record.

    Raises:
        NotFound: There is none with this id here.
    """
    found = await repository.load(session, integration.id, spec.kind, [billing_id])
    if billing_id not in found:
        raise NotFound(
            f"There is no {spec.noun} with this billing_id here.", code="billing_record_not_found"
        )
    return found[billing_id]


# --------------------------------------------------------------------------------- in bulk


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was not taken."""

    billing_id: str | None
    problem: AppError


async def put_records(
    session: AsyncSession,
    integration: Integration,
    spec: KindSpec,
    sources: Sequence[T],
    decode: Callable[[T], object],
) -> list[Result]:
    """
    Store many records, each on its own; results come in the order of *sources*.

    *decode* turns a source into a JSON value, or raises Invalid. Reading and checking happens in
    a thread, so that other requests are answered meanwhile. Rows are written in the order of their
    ids, so that batches which overlap wait for each other instead of dying.
    """
    order = list(range(len(sources)))
    if spec.kind not in PRICED:
        keys = await _in_spells(sources, lambda source: _key(source, decode))
        order.sort(key=lambda index: keys[index])
    results: dict[int, Result] = {}
    for start in range(0, len(order), WINDOW):
        window = order[start : start + WINDOW]
        taken = await _put_window(
            session, integration, spec, [sources[index] for index in window], decode
        )
        results.update(zip(window, taken, strict=True))
    return [results[index] for index in range(len(sources))]


async def _put_window(
    session: AsyncSession,
    integration: Integration,
    spec: KindSpec,
    sources: Sequence[T],
    decode: Callable[[T], object],
) -> list[Result]:
    read = await _in_spells(sources, lambda source: _read(spec, source, decode))
    codes: set[str] = set()
    for entry in read:
        if not isinstance(entry, Refused):
            codes |= price_codes_in(entry)
    known = await repository.known_codes(session, integration.id, codes)
    ready = await _in_spells(read, lambda entry: _check(entry, known))
    prepared = [entry for entry in ready if isinstance(entry, Prepared)]
    intake = await _open_intake(session, integration.id, spec.kind, prepared)
    results = [_take(intake, entry) for entry in ready]
    await _write(session, integration, spec.kind, intake)
    return results


def _key(source: T, decode: Callable[[T], object]) -> str:
    try:
        return _named(decode(source)) or ""
    except AppError:
        return ""


async def _in_spells(entries: Sequence[T], work: Callable[[T], U]) -> list[U]:
    done: list[U] = []
    for start in range(0, len(entries), SPELL):
        done += await asyncio.to_thread(_each, work, entries[start : start + SPELL])
    return done


def _each(work: Callable[[T], U], entries: Sequence[T]) -> list[U]:
    return [work(entry) for entry in entries]


def _read(spec: KindSpec, source: T, decode: Callable[[T], object]) -> AnyRecord | Refused:
    value: object = None
    try:
        value = decode(source)
        record = spec.model.model_validate(value)
    except ValidationError as error:
        return Refused(_named(value), _invalid(error))
    except AppError as problem:
        return Refused(None, problem)
    if not record.billing_id:
        detail = "A record in a batch needs its billing_id."
        return Refused(None, Invalid(detail, errors=[FieldProblem("/billing_id", detail)]))
    return record


def _named(value: object) -> str | None:
    """Return the id that an unsound record claims to have, in characters that can be sent."""
    claimed = value.get("billing_id") if isinstance(value, dict) else None
    if not isinstance(claimed, str):
        return None
    return claimed[:255].encode("utf-8", "replace").decode()


def _invalid(error: ValidationError) -> Invalid:
    if error.error_count() > DESCRIBED:
        detail = f"This record has {error.error_count()} mistakes: more than can be told."
        return Invalid(detail, errors=[FieldProblem("/", detail)])
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return invalid_request(
        RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found[:TOLD]])
    )


def _check(entry: AnyRecord | Refused, known: KnownCodes) -> Prepared | Refused:
    if isinstance(entry, Refused):
        return entry
    try:
        return repository.prepare(checked(entry, known))
    except AppError as problem:
        return Refused(entry.billing_id, problem)


def _take(intake: Intake, entry: Prepared | Refused) -> Result:
    if isinstance(entry, Refused):
        return Result(entry.billing_id, "refused", problem=entry.problem)
    try:
        return intake.take(entry)
    except AppError as problem:
        return Result(entry.record.billing_id, "refused", problem=problem)


# ------------------------------------------------------------------------------------- shared


async def _open_intake(
    session: AsyncSession,
    integration_id: UUID,
    kind: BillingKind,
    prepared: Iterable[Prepared],
) -> Intake:
    records = [entry.record for entry in prepared]
    if kind in PRICED:
        await repository.lock_price_codes(session, integration_id)
    ids = [record.billing_id for record in records]
    intake = Intake(await repository.load_kept(session, integration_id, kind, ids))
    if kind in PRICED:
        codes = {record.price_code for record in records if isinstance(record, Charge | Tax)}
        for code, owner, billing_id, status in await repository.code_owners(
            session, integration_id, codes
        ):
            intake.own(owner, code, billing_id, status)
    return intake


async def _write(
    session: AsyncSession, integration: Integration, kind: BillingKind, intake: Intake
) -> None:
    await repository.write(
        session,
        integration.organization_id,
        integration.id,
        kind,
        list(intake.pending.values()),
    )
