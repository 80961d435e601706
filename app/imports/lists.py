"""Reading one list of the books into ours: page by page, resumed where the last slice stopped."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounting.errors import RecordRejected
from app.accounting.records import CreationWindow
from app.books.kinds import BookRecord
from app.books.repository import Stored, deactivate_missing, store_page
from app.imports.ahead import ahead
from app.imports.findings import Finding, list_refused, save_findings
from app.imports.plan import window_of
from app.imports.progress import Progress
from app.imports.sources import ListSource, WholeList, WindowedList
from app.jobs.repository import save_cursor
from app.jobs.work import JobView, StepView, WorkContext
from app.kit.db import database_now


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of looking at a stored page."""

    linked: int = 0
    findings: list[Finding] = field(default_factory=list)


WatchPage = Callable[[AsyncSession, Stored, Sequence[BookRecord]], Awaitable[Watched]]
WatchEnd = Callable[[AsyncSession], Awaitable[list[Finding]]]


@dataclass(slots=True, kw_only=True)
class ListReading:
    """
    One step: a list of the books on its way into ours.

    Each page is stored in one transaction with the cursor and with what *watch_page* makes of it;
    *watch_end* is asked in the last one, when the whole list is stored.
    """

    context: WorkContext
    job: JobView
    step: StepView
    source: ListSource
    watch_page: WatchPage
    watch_end: WatchEnd

    async def run(self) -> bool:
        """Go on until the list is read or it is time to give way; return whether it is read."""
        progress = Progress.load(self.step.cursor)
        if isinstance(self.source, WindowedList):
            return await self._read_window(self.source, progress)
        try:
            return await self._read_whole(self.source, progress)
        except RecordRejected as refusal:
            if not self.source.optional:
                raise
            await self._finish(progress, [list_refused(self.source.kind.value, str(refusal))])
            return True

    async def _read_window(self, source: WindowedList, progress: Progress) -> bool:
        window = progress.window or await self._freeze(progress)
        if window.starts_at < window.ends_at:
            rest = CreationWindow(
                starts_at=window.starts_at, ends_at=window.ends_at, skip=progress.read
            )
            async with aclosing(ahead(source.read(self.context.provider, rest))) as pages:
                async for page in pages:
                    await self._store(progress, page)
                    if self.context.give_way():
                        return False
        await self._finish(progress)
        return True

    async def _freeze(self, progress: Progress) -> CreationWindow:
        """Fix the window in the step's first slice."""
        async with self.context.transaction() as session:
            progress.window = window_of(
                self.job.range_from,
                self.job.range_to,
                time_zone=self.context.profile.time_zone,
                now=await database_now(session),
            )
            await save_cursor(session, self.step.id, cursor=progress.dump())
        return progress.window

    async def _read_whole(self, source: WholeList, progress: Progress) -> bool:
        """Read from the top each time; what an earlier slice stored is only noted as seen."""
        seen: list[str] = []
        async with aclosing(ahead(source.read(self.context.provider))) as pages:
            async for page in pages:
                fresh = page[max(progress.read - len(seen), 0) :]
                seen += [record.external_id for record in page]
                if fresh:
                    await self._store(progress, fresh)
                if fresh and self.context.give_way():
                    return False
        await self._finish(progress, seen=seen)
        return True

    async def _store(self, progress: Progress, page: Sequence[BookRecord]) -> None:
        async with self.context.transaction() as session:
            stored = await store_page(
                session,
                organization_id=self.context.organization_id,
                company_id=self.context.company_id,
                kind=self.source.kind,
                records=page,
            )
            progress.read += len(page)
            progress.add(stored)
            watched = await self.watch_page(session, stored, page)
            progress.counts["linked"] += watched.linked
            await self._save(session, progress, watched.findings)

    async def _finish(
        self,
        progress: Progress,
        findings: Sequence[Finding] = (),
        *,
        seen: Sequence[str] = (),
    ) -> None:
        """End the list; only one that was seen whole, and not empty, tells what vanished."""
        async with self.context.transaction() as session:
            gone: list[str] = []
            if seen:
                gone = await deactivate_missing(
                    session, self.context.company_id, self.source.kind, seen
                )
            progress.counts["deactivated"] += len(gone)
            progress.counts["total"] += len(gone)
            found = [*findings, *await self.watch_end(session)]
            await self._save(session, progress, found)

    async def _save(
        self, session: AsyncSession, progress: Progress, findings: Sequence[Finding]
    ) -> None:
        progress.counts["findings"] += await save_findings(
            session, self.job, self.step, findings, position=progress.counts["findings"]
        )
        await save_cursor(
            session, self.step.id, cursor=progress.dump(), counts=dict(progress.counts)
        )
