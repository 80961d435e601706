"""The work of jobs with the direction "import": company → billing."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.kinds import BookKind, BookRecord
from app.books.repository import Stored
from app.imports.documents import watch_documents
from app.imports.findings import Finding
from app.imports.linking import link_customers
from app.imports.lists import ListReading, Watched
from app.imports.plan import LINK_CUSTOMERS, operation_of, steps_of
from app.imports.sources import SOURCES
from app.imports.watching import watch_entries, watch_mappings
from app.jobs.work import JobView, StepView, WorkContext

DOCUMENTS = (BookKind.INVOICE, BookKind.PAYMENT)


class ImportWork:
    """
    Reads lists and documents of the books into ours (`app.jobs.work.Work`).

    It fills the imported lists and links; it never makes billing records, and never writes to the
    books.
    """

    def steps(self, resources: Sequence[str]) -> list[str]:
        return steps_of(resources)

    def operation_type(self, resources: Sequence[str]) -> str:
        return operation_of(resources)

    async def run(self, context: WorkContext, job: JobView, step: StepView) -> bool:
        """
        Go on with a step; return whether it is done.

        Raises:
            ProviderError: The books could not be read; everything read so far is kept.
            LeaseLost: The company was claimed by somebody else.
        """
        if step.name == LINK_CUSTOMERS:
            return await link_customers(context, job, step)
        source = SOURCES[step.name]

        async def watch_page(
            session: AsyncSession, stored: Stored, page: Sequence[BookRecord]
        ) -> Watched:
            if source.kind in DOCUMENTS:
                return await watch_documents(
                    session,
                    integration_id=job.integration_id,
                    company_id=context.company_id,
                    home=context.profile.home_currency,
                    page=page,
                )
            return await watch_entries(session, context.company_id, source.kind, stored, page)

        async def watch_end(session: AsyncSession) -> list[Finding]:
            return await watch_mappings(session, context.company_id, source.kind)

        reading = ListReading(
            context=context,
            job=job,
            step=step,
            source=source,
            watch_page=watch_page,
            watch_end=watch_end,
        )
        return await reading.run()
