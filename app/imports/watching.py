"""What changes in the books mean for billing: renamed, made inactive, a mapping broken."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.kinds import BookKind, BookRecord, name_of
from app.books.repository import Stored, billing_ids_of
from app.imports.findings import Finding, linked_inactive, mapping_broken, renamed
from app.imports.lists import Watched
from app.mappings.repository import MappingKind
from app.mappings.service import broken_mappings

# Which mappings may have broken once a list was read; taxes are whole with the last of theirs.
CONCERNED = {
    BookKind.ITEM: (MappingKind.ITEM,),
    BookKind.TAX_CODE: (MappingKind.TAX,),
    BookKind.ACCOUNT: (MappingKind.ACCOUNT,),
    BookKind.PAYMENT_METHOD: (MappingKind.PAYMENT_METHOD,),
}


async def watch_entries(
    session: AsyncSession,
    company_id: UUID,
    kind: BookKind,
    stored: Stored,
    page: Sequence[BookRecord],
) -> Watched:
    """Tell of entries that were renamed, and of linked ones that were made inactive."""
    changed = [*stored.deactivated, *(change.external_id for change in stored.renamed)]
    linked = await billing_ids_of(session, company_id, kind, changed)
    names = {record.external_id: name_of(record) for record in page} if linked else {}
    findings = [
        renamed(kind.value, change, linked.get(change.external_id)) for change in stored.renamed
    ]
    findings += [
        linked_inactive(kind.value, external_id, names[external_id], linked[external_id])
        for external_id in stored.deactivated
        if external_id in linked
    ]
    return Watched(findings=findings)


async def watch_mappings(session: AsyncSession, company_id: UUID, kind: BookKind) -> list[Finding]:
    """Tell of the confirmed mappings that do not hold after this list was read."""
    broken = await broken_mappings(session, company_id, *CONCERNED.get(kind, ()))
    return [mapping_broken(each) for each in broken]
