"""Composing writes on a link's present state: the operation's name and the exact bytes."""

from app.accounting.ports import AccountingProvider
from app.accounting.records import Draft, Kind, LookHints, Verb
from app.exports.decisions import Send
from app.kit.db import Json
from app.ledger.identity import operation_name
from app.ledger.models import Link
from app.ledger.postings import Remark


class Composer:
    """Turns drafts into sends; what the bytes look like is the provider's business."""

    def __init__(self, provider: AccountingProvider) -> None:
        self._provider = provider

    def create(
        self,
        link: Link,
        draft: Draft,
        *,
        content_hash: str,
        hints: LookHints,
        currency: str | None = None,
        remark: Remark | None = None,
        on_variance: Json | None = None,
    ) -> Send:
        return Send(
            write=self._provider.prepare_create(draft, marker=link.marker),
            operation=operation_name(Verb.CREATE),
            content_hash=content_hash,
            hints=hints,
            currency=currency,
            remark=remark,
            on_variance=on_variance,
        )

    def update(
        self,
        link: Link,
        draft: Draft,
        *,
        verb: Verb = Verb.UPDATE,
        content_hash: str,
        hints: LookHints,
        currency: str | None = None,
        remark: Remark | None = None,
        on_variance: Json | None = None,
    ) -> Send:
        token = link.sync_token or "0"
        return Send(
            write=self._provider.prepare_update(
                draft, external_id=link.external_id or "", sync_token=token, marker=link.marker
            ),
            operation=operation_name(verb, sync_token=token, content_hash=content_hash),
            content_hash=content_hash,
            hints=hints,
            currency=currency,
            remark=remark,
            on_variance=on_variance,
        )

    def remove(self, link: Link, verb: Verb, *, content_hash: str) -> Send:
        """Void or delete the link's document."""
        token = link.sync_token or "0"
        return Send(
            write=self._provider.prepare_removal(
                Kind(link.kind), verb, external_id=link.external_id or "", sync_token=token
            ),
            operation=operation_name(verb, sync_token=token),
            content_hash=content_hash,
            hints=LookHints(),
            currency=link.currency,
        )
