"""Answers kept for repeated requests: the first one is given again, byte by byte."""

from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.errors import Conflict, FieldProblem, Invalid
from app.kit.secrets import Keyring, UnreadableSecret
from app.kit.web import Replayed, RequestWork, body_hash
from app.organizations.models import KeptAnswer

LONGEST_KEY = 255
MAX_KEPT_BODY = 16 * 1024 * 1024
# Begins a body that is sealed; no JSON begins like this.
SEALED = b"sealed:"


async def answer_once(
    request: Request, work: RequestWork, session: AsyncSession, organization_id: UUID
) -> None:
    """
    Claim the request's Idempotency-Key, or give the answer it already had.

    Raises:
        Replayed: It was answered before.
        Conflict: It is being answered, or was used for something else.
        Invalid: It is empty or too long.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid(
            f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.",
            errors=[FieldProblem("header:Idempotency-Key", "Too short or too long.")],
        )
    keyring: Keyring = request.app.state.keyring
    fingerprint = await body_hash(request)
    claim = (
        insert(KeptAnswer)
        .values(
            organization_id=organization_id,
            key=key,
            route=f"{request.method} {request.url.path}",
            body_hash=fingerprint,
        )
        .on_conflict_do_nothing()
        .returning(KeptAnswer.id)
    )
    claimed = (await session.execute(claim)).scalar()
    if claimed is None:
        kept = await session.scalar(select(KeptAnswer).where(KeptAnswer.key == key))
        raise _repeat(kept, fingerprint, keyring)

    async def keep(session: AsyncSession, response: Response) -> None:
        body = bytes(getattr(response, "body", b""))
        if work.secret:
            body = sealed(keyring, claimed, body)
        await session.execute(
            update(KeptAnswer)
            .where(KeptAnswer.id == claimed)
            .values(
                status=response.status_code,
                content_type=response.headers.get("content-type"),
                location=response.headers.get("location"),
                body=body[:MAX_KEPT_BODY],
            )
        )

    work.before_commit.append(keep)


def _repeat(kept: KeptAnswer | None, fingerprint: str, keyring: Keyring) -> Exception:
    if kept is None or kept.status is None:
        return Conflict(
            "The first request with this Idempotency-Key is still being answered.",
            code="idempotency_in_progress",
            fixes=["Repeat the request in a moment."],
        )
    if kept.body_hash != fingerprint:
        return Conflict(
            "This Idempotency-Key was used before for a different request.",
            code="idempotency_key_reused",
            fixes=["Use a fresh Idempotency-Key for a different request."],
            extra={"first_request": kept.route, "first_resource": kept.location},
        )
    headers = {"Idempotent-Replayed": "true"}
    if kept.location:
        headers["Location"] = kept.location
    try:
        body = opened(keyring, kept.id, kept.body or b"")
    except UnreadableSecret:
        return Conflict(
            "The first answer to this Idempotency-Key can no longer be shown.",
            code="idempotency_answer_gone",
            fixes=["Send the request again with a fresh Idempotency-Key."],
        )
    return Replayed(
        Response(body, status_code=kept.status, headers=headers, media_type=kept.content_type)
    )


# -------------------------------------------------------------------------------------- sealing


def sealed(keyring: Keyring, kept_id: UUID, body: bytes) -> bytes:
    """Return a body as it is kept when it holds a secret."""
    return SEALED + keyring.encrypt(body.decode(), place=_place(kept_id)).encode()


def opened(keyring: Keyring, kept_id: UUID, body: bytes) -> bytes:
    """
    Return the body as it was sent.

    Raises:
        UnreadableSecret: It was sealed with a key that is no longer there.
    """
    if not body.startswith(SEALED):
        return body
    return keyring.decrypt(body.removeprefix(SEALED).decode(), place=_place(kept_id)).encode()


async def reseal_kept(session: AsyncSession, keyring: Keyring) -> int:
    """Seal the organization's kept answers with the ring's first key; return how many moved."""
    start = func.substring(KeptAnswer.body, 1, len(SEALED)) == SEALED
    moved = 0
    for row in await session.scalars(select(KeptAnswer).where(start).with_for_update()):
        body = row.body or b""
        if body.removeprefix(SEALED).partition(b":")[0] == keyring.current.encode():
            continue
        try:
            row.body = sealed(keyring, row.id, opened(keyring, row.id, body))
        except UnreadableSecret:
            row.body = SEALED + f"{keyring.current}:".encode()  # Nobody can open it any more.
        moved += 1
    return moved


def _place(kept_id: UUID) -> str:
    return f"kept_answers:{kept_id}:body"
