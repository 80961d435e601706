"""Tokens renewed once over all processes, saved before use, and never believed dead too soon."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from app.accounting.errors import CompanyUnavailable, OutcomeUnknown, ReconnectRequired
from app.accounting.ports import TokenSet
from app.bootstrap import Collaborators
from app.connections.errors import NotConnected
from app.connections.models import Company, Connection
from app.connections.profiles import parse_profile, profile_json, profile_of, save_profile
from app.connections.sealing import ACCESS, REFRESH, rotate_encryption, seal, unseal
from app.connections.tokens import StoredTokens, mark_reauthorization_required, tokens_for
from app.kit.db import Database, build_engine
from app.kit.secrets import Keyring, UnreadableSecret
from tests.connections.conftest import Merchant, Merchants, news, stored_connection
from tests.fakes import FakeAuthorization, build_profile


@dataclass
class Waits:
    refresh_lease: float = 3.0


@dataclass
class Bench:
    """A connected merchant, and token sources over whatever engine a test likes."""

    merchant: Merchant
    db: Database
    keyring: Keyring
    authorization: FakeAuthorization
    connection_id: Any

    def tokens(self, db: Database | None = None, *, lease: float = 3.0) -> StoredTokens:
        return StoredTokens(
            db=db or self.db,
            organization_id=self.merchant.organization_id,
            connection_id=self.connection_id,
            authorization=self.authorization,
            keyring=self.keyring,
            waits=Waits(lease),
        )

    async def set(self, **values: Any) -> None:
        async with self.db.transaction(self.merchant.organization_id) as session:
            await session.execute(update(Connection).values(**values))

    async def age(self, left: int = 60) -> None:
        """Leave the access token *left* seconds of its hour."""
        now = func.clock_timestamp()
        await self.set(
            access_expires_at=now + text(f"interval '{left} seconds'"),
            refreshed_at=now - text("interval '1 hour'"),
        )

    async def row(self) -> Connection:
        found = await stored_connection(self.db, self.merchant)
        assert found is not None
        return found

    async def stored(self, column: str) -> str:
        sealed = getattr(await self.row(), column)
        return unseal(self.keyring, self.connection_id, column, sealed)


@pytest.fixture
async def bench(
    merchant: Merchant, collaborators: Collaborators, authorization: FakeAuthorization
) -> Bench:
    assert news(await merchant.connect())["status"] == "connected"
    row = await stored_connection(collaborators.db, merchant)
    assert row is not None
    return Bench(merchant, collaborators.db, collaborators.keyring, authorization, row.id)


@pytest.fixture
async def engines(database_url: str) -> AsyncIterator[list[Database]]:
    """Three engines, as three processes would have."""
    made = [Database(build_engine(database_url, pool_size=4)) for _ in range(3)]
    yield made
    for db in made:
        await db.dispose()


class TestAccessToken:
    async def test_fresh_one_is_used_as_it_is(self, bench: Bench) -> None:
        assert await bench.tokens().access_token() == await bench.stored(ACCESS)
        assert bench.authorization.refreshes == 0

    async def test_five_minutes_before_its_end_it_is_renewed(self, bench: Bench) -> None:
        await bench.age(left=290)
        before = await bench.row()

        token = await bench.tokens().access_token()

        after = await bench.row()
        assert bench.authorization.realm_of(token) is not None
        assert token == await bench.stored(ACCESS)
        assert await bench.stored(REFRESH) == bench.authorization.grants[0].current
        assert after.generation == before.generation + 1
        assert after.refresh_lease_owner is None
        assert bench.authorization.refreshes == 1

    async def test_earlier_it_is_not(self, bench: Bench) -> None:
        await bench.age(left=320)

        await bench.tokens().access_token()

        assert bench.authorization.refreshes == 0

    async def test_short_lived_tokens_are_used_for_half_their_life(self, bench: Bench) -> None:
        """
        A server that issues tokens for a minute must not be asked on each call.
        """
        bench.authorization.expires_in = 60
        await bench.age()
        tokens = bench.tokens()

        for _ in range(5):
            await tokens.access_token()
        await bench.tokens().access_token()

        assert bench.authorization.refreshes == 1

    async def test_cached_one_needs_no_database(self, bench: Bench) -> None:
        tokens = bench.tokens()
        first = await tokens.access_token()
        await bench.set(access_token=None)

        assert await tokens.access_token() == first

    async def test_after_disconnecting_there_is_none(self, bench: Bench) -> None:
        await bench.merchant.api.post(
            f"/v1/integrations/{bench.merchant.integration_id}/disconnect"
        )

        with pytest.raises(NotConnected):
            await bench.tokens().access_token()


class TestRenew:
    async def test_refused_token_is_replaced(self, bench: Bench) -> None:
        tokens = bench.tokens()
        stale = await tokens.access_token()

        fresh = await tokens.renew(stale)

        assert fresh != stale
        assert await tokens.access_token() == fresh
        assert bench.authorization.refreshes == 1

    async def test_siblings_newer_token_is_taken(self, bench: Bench) -> None:
        slow, quick = bench.tokens(), bench.tokens()
        stale = await slow.access_token()
        fresh = await quick.renew(stale)

        assert await slow.renew(stale) == fresh
        assert bench.authorization.refreshes == 1

    async def test_many_callers_with_one_stale_token_renew_once(self, bench: Bench) -> None:
        tokens = bench.tokens()
        stale = await tokens.access_token()
        bench.authorization.delay = 0.05

        fresh = await asyncio.gather(*(tokens.renew(stale) for _ in range(10)))

        assert len(set(fresh)) == 1
        assert bench.authorization.refreshes == 1


class TestRace:
    async def test_eight_tasks_over_three_engines_refresh_once(
        self, bench: Bench, engines: list[Database]
    ) -> None:
        await bench.age()
        bench.authorization.delay = 0.3
        sources = [bench.tokens(engines[number % 3]) for number in range(8)]

        got = await asyncio.gather(*(source.access_token() for source in sources))

        assert bench.authorization.refreshes == 1
        assert set(got) == {await bench.stored(ACCESS)}

    async def test_race_of_refused_tokens_refreshes_once(
        self, bench: Bench, engines: list[Database]
    ) -> None:
        stale = await bench.stored(ACCESS)
        bench.authorization.delay = 0.2
        sources = [bench.tokens(engines[number % 3]) for number in range(6)]

        got = await asyncio.gather(*(source.renew(stale) for source in sources))

        assert bench.authorization.refreshes == 1
        assert stale not in got

    async def test_no_transaction_is_open_during_the_call(self, bench: Bench) -> None:
        seen: list[int] = []

        class Watching(FakeAuthorization):
            async def refresh(self, refresh_token: str) -> TokenSet:
                async with bench.db.engine.connect() as connection:
                    seen.append(
                        await connection.scalar(
                            text(
                                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
                                " AND datname = current_database() AND pid <> pg_backend_pid()"
                            )
                        )
                        or 0
                    )
                return await bench.authorization.refresh(refresh_token)

        await bench.age()
        watching = bench.tokens()
        watching._authorization = Watching()

        await watching.access_token()

        assert seen == [0]


class TestCrash:
    async def test_lease_of_a_dead_process_runs_out(self, bench: Bench) -> None:
        """
        Received and not saved: the server has rotated, the row has the former token.
        """
        await bench.age()
        await bench.authorization.refresh(await bench.stored(REFRESH))
        await bench.set(
            refresh_lease_owner="dead",
            refresh_lease_until=func.clock_timestamp() + text("interval '0.5 seconds'"),
        )

        token = await bench.tokens(lease=1.0).access_token()

        assert bench.authorization.realm_of(token) is not None
        assert (await bench.row()).status == "connected"

    async def test_live_lease_is_waited_for(self, bench: Bench) -> None:
        await bench.age()
        await bench.set(
            refresh_lease_owner="alive",
            refresh_lease_until=func.clock_timestamp() + text("interval '60 seconds'"),
        )
        waiting = asyncio.ensure_future(bench.tokens(lease=1.0).access_token())
        await asyncio.sleep(0.2)
        assert not waiting.done()

        fresh = bench.tokens()
        await bench.set(refresh_lease_until=None)
        expected = await fresh.access_token()

        assert await waiting == expected
        assert bench.authorization.refreshes == 1

    async def test_cancelled_caller_still_saves_what_arrives(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.delay = 0.2
        caller = asyncio.ensure_future(bench.tokens().access_token())
        await asyncio.sleep(0.1)

        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.sleep(0.5)

        assert await bench.stored(REFRESH) == bench.authorization.grants[0].current

    async def test_lost_answers_are_asked_for_again_with_the_same_token(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.lost = 1

        token = await bench.tokens(lease=1.0).access_token()

        assert bench.authorization.refreshes == 2
        assert bench.authorization.realm_of(token) is not None

    async def test_long_silence_is_not_death(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.troubles = [OutcomeUnknown() for _ in range(3)]

        with pytest.raises(CompanyUnavailable):
            await bench.tokens(lease=1.0).access_token()

        row = await bench.row()
        assert (row.status, row.refresh_lease_owner) == ("connected", None)
        assert await bench.tokens().access_token()

    async def test_late_answer_does_not_overwrite_newer_tokens(self, bench: Bench) -> None:
        """
        A slow process whose lease was taken over must not write the older tokens.
        """
        await bench.age()
        slow = bench.tokens(lease=1.0)
        bench.authorization.delay = 0.6
        late = asyncio.ensure_future(slow.access_token())
        await asyncio.sleep(0.2)
        await bench.set(refresh_lease_until=func.clock_timestamp() - text("interval '1 second'"))
        bench.authorization.delay = 0.0
        winner = await bench.tokens().access_token()

        assert await late == winner
        assert await bench.stored(ACCESS) == winner


class TestDeath:
    async def test_invalid_grant_marks_the_connection(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.grants[0].revoked = True

        with pytest.raises(ReconnectRequired):
            await bench.tokens().access_token()

        shown = await bench.merchant.connection()
        assert (shown["status"], shown["reason"]) == ("reauthorization_required", "revoked")
        assert "choose the same company" in shown["fix"]
        with pytest.raises(ReconnectRequired):
            await bench.tokens().access_token()
        assert bench.authorization.refreshes == 1

    async def test_invalid_grant_with_newer_tokens_stored_is_not_believed(
        self, bench: Bench
    ) -> None:
        await bench.age()
        connection_id = bench.connection_id

        class Overtaken(FakeAuthorization):
            """Answers invalid_grant, and meanwhile a sibling has stored new tokens."""

            async def refresh(self, refresh_token: str) -> TokenSet:
                self.refreshes += 1
                if self.refreshes == 1:
                    tokens = await bench.authorization.refresh(refresh_token)
                    await bench.set(
                        access_token=seal(
                            bench.keyring, connection_id, ACCESS, tokens.access_token
                        ),
                        refresh_token=seal(
                            bench.keyring, connection_id, REFRESH, tokens.refresh_token
                        ),
                        generation=Connection.generation + 1,
                    )
                    raise ReconnectRequired(explanation="invalid_grant")
                return await bench.authorization.refresh(refresh_token)

        overtaken = bench.tokens()
        overtaken._authorization = Overtaken()

        token = await overtaken.access_token()

        assert bench.authorization.realm_of(token) is not None
        assert (await bench.row()).status == "connected"

    async def test_our_own_refused_secret_marks_nothing(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.troubles = [CompanyUnavailable(explanation="invalid_client")]

        with pytest.raises(CompanyUnavailable):
            await bench.tokens().access_token()

        row = await bench.row()
        assert (row.status, row.refresh_lease_owner) == ("connected", None)

    async def test_lost_encryption_key_marks_nothing(self, bench: Bench) -> None:
        bench.keyring = Keyring({"other": b"0" * 32})

        with pytest.raises(CompanyUnavailable, match="ENCRYPTION_KEYS"):
            await bench.tokens().access_token()

        assert (await bench.row()).status == "connected"

    async def test_old_generation_cannot_mark_the_connection(self, bench: Bench) -> None:
        row = await bench.row()
        where = (bench.db, bench.merchant.organization_id, bench.connection_id)

        assert not await mark_reauthorization_required(
            *where, "refused", generation=row.generation - 1
        )
        assert await mark_reauthorization_required(*where, "refused", generation=row.generation)
        assert not await mark_reauthorization_required(*where, "refused")

    async def test_reconnecting_brings_it_back(self, bench: Bench) -> None:
        await mark_reauthorization_required(
            bench.db, bench.merchant.organization_id, bench.connection_id, "refused"
        )

        assert news(await bench.merchant.connect())["status"] == "connected"

        assert (await bench.merchant.connection())["reason"] is None
        assert await bench.tokens().access_token()


class TestTokensFor:
    async def open(self, bench: Bench, company_id: Any) -> Any:
        return await tokens_for(
            bench.db,
            bench.merchant.organization_id,
            company_id,
            authorizations={"quickbooks_online": bench.authorization},
            keyring=bench.keyring,
            waits=Waits(),
        )

    async def test_opens_the_company(self, bench: Bench) -> None:
        row = await bench.row()

        found = await self.open(bench, row.company_id)

        assert found.connection_id == row.id
        assert (found.company.environment, found.company.realm_id) == ("simulator", "4620816365")
        assert found.profile.time_zone == "America/Toronto"
        assert await found.tokens.access_token() == await bench.stored(ACCESS)

    async def test_company_without_a_connection(self, bench: Bench) -> None:
        with pytest.raises(NotConnected):
            await self.open(bench, bench.connection_id)

    async def test_disconnected_and_dead_ones_say_which(self, bench: Bench) -> None:
        company_id = (await bench.row()).company_id
        await bench.set(status="reauthorization_required", reason="revoked")
        with pytest.raises(ReconnectRequired) as dead:
            await self.open(bench, company_id)
        await bench.set(status="disconnected", reason="requested")
        with pytest.raises(NotConnected):
            await self.open(bench, company_id)

        assert not isinstance(dead.value, NotConnected)
        assert "ended this connection" in dead.value.explanation


class TestSealing:
    def test_a_token_of_another_row_or_column_is_unreadable(self, bench: Bench) -> None:
        sealed = seal(bench.keyring, bench.connection_id, ACCESS, "secret")

        with pytest.raises(UnreadableSecret):
            unseal(bench.keyring, bench.connection_id, REFRESH, sealed)
        with pytest.raises(UnreadableSecret):
            unseal(bench.keyring, bench.merchant.integration_id, ACCESS, sealed)

    async def test_rows_swapped_in_the_database_open_nothing(
        self, bench: Bench, merchants: Merchants
    ) -> None:
        """
        Whoever can write the table cannot give one merchant another one's books.
        """
        other = await merchants.merchant("Other")
        await other.connect("777")
        theirs = await stored_connection(bench.db, other)
        assert theirs is not None

        await bench.set(access_token=theirs.access_token, refresh_token=theirs.refresh_token)

        with pytest.raises(CompanyUnavailable):
            await bench.tokens().access_token()

    async def test_rotation_moves_every_token_to_the_first_key(
        self, bench: Bench, merchants: Merchants
    ) -> None:
        other = await merchants.merchant("Other")
        await other.connect("777")
        access = await bench.stored(ACCESS)
        ring = Keyring({"k2": b"2" * 32, **bench.keyring.keys})

        done = await rotate_encryption(bench.db, ring)

        row = await bench.row()
        only_new = Keyring({"k2": b"2" * 32})
        assert (done.rotated, done.current, done.unreadable) == (2, 0, 0)
        assert unseal(only_new, row.id, ACCESS, row.access_token or "") == access
        assert (await rotate_encryption(bench.db, only_new)).current == 2

    async def test_rotation_counts_what_it_cannot_open(self, bench: Bench) -> None:
        done = await rotate_encryption(bench.db, Keyring({"k9": b"9" * 32}))

        assert (done.rotated, done.unreadable) == (0, 1)
        assert await bench.tokens().access_token()


class TestDisconnect:
    async def end(self, bench: Bench) -> dict[str, Any]:
        answer = await bench.merchant.api.post(
            f"/v1/integrations/{bench.merchant.integration_id}/disconnect"
        )
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def test_destroys_the_tokens_and_revokes_them(self, bench: Bench) -> None:
        refresh = await bench.stored(REFRESH)

        shown = await self.end(bench)

        row = await bench.row()
        assert (row.access_token, row.refresh_token) == (None, None)
        assert bench.authorization.revoked == [refresh]
        assert (shown["status"], shown["reason"]) == ("disconnected", "requested")
        assert shown["company"]["external_id"] == "4620816365"

    async def test_repeating_it_changes_nothing(self, bench: Bench) -> None:
        first = await self.end(bench)

        assert await self.end(bench) == first
        assert len(bench.authorization.revoked) == 1

    async def test_never_connected(self, merchant: Merchant) -> None:
        answer = await merchant.api.post(f"/v1/integrations/{merchant.integration_id}/disconnect")

        assert answer.json()["status"] == "not_connected"

    async def test_silent_provider_does_not_keep_the_tokens(self, bench: Bench) -> None:
        class Silent(FakeAuthorization):
            async def revoke(self, token: str) -> None:
                raise OutcomeUnknown

        bench.merchant.api._transport.app.state.authorizations = {  # type: ignore[attr-defined]
            "quickbooks_online": Silent()
        }

        assert (await self.end(bench))["status"] == "disconnected"
        assert (await bench.row()).refresh_token is None

    async def test_refresh_under_way_saves_nothing_afterwards(self, bench: Bench) -> None:
        await bench.age()
        bench.authorization.delay = 0.3
        refreshing = asyncio.ensure_future(bench.tokens().access_token())
        await asyncio.sleep(0.1)

        await self.end(bench)

        with pytest.raises(ReconnectRequired):
            await refreshing
        assert (await bench.row()).refresh_token is None

    async def test_company_is_released(self, bench: Bench) -> None:
        await self.end(bench)

        async with bench.db.transaction(bench.merchant.organization_id) as session:
            assert await session.scalar(select(Company.held)) is False


class TestProfiles:
    def test_survives_its_column(self) -> None:
        profile = build_profile()

        assert parse_profile(profile_json(profile)) == profile

    def test_field_of_a_newer_version_is_passed_over(self) -> None:
        kept = {**profile_json(build_profile()), "from_the_future": 1}

        assert parse_profile(kept) == build_profile()

    async def test_saved_and_read(self, bench: Bench) -> None:
        async with bench.db.transaction(bench.merchant.organization_id) as session:
            company = (await session.scalars(select(Company))).one()
            await save_profile(session, company.id, build_profile("Renamed"))
            await session.refresh(company)

        assert profile_of(company).name == "Renamed"
