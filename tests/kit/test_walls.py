"""Tenants are kept apart by the database itself, although the login is a superuser."""

from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.bootstrap import tables
from app.kit.db import Base, Database
from app.kit.ids import new_id
from app.organizations.models import ApiKey, Organization


async def make_organization(db: Database, name: str) -> UUID:
    organization_id = new_id()
    async with db.door() as session:
        session.add(Organization(id=organization_id, name=name))
    async with db.transaction(organization_id) as session:
        session.add(
            ApiKey(
                id=new_id(),
                organization_id=organization_id,
                name=name,
                prefix=name,
                key_hash="-",
                scopes=["read"],
            )
        )
    return organization_id


def tenant_tables() -> list[str]:
    tables()
    return sorted(
        table.name for table in Base.metadata.tables.values() if "organization_id" in table.c
    )


async def test_the_login_is_a_superuser(db: Database) -> None:
    """Otherwise the tests below would prove less than they say."""
    async with db.engine.connect() as connection:
        wanted = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert await connection.scalar(wanted) is True


async def test_each_sees_its_own_only(db: Database) -> None:
    ours, theirs = await make_organization(db, "ours"), await make_organization(db, "theirs")

    async with db.transaction(ours) as session:
        seen = (await session.scalars(select(ApiKey.organization_id))).all()

    assert seen == [ours]
    assert theirs not in seen


async def test_without_a_tenant_nothing_is_seen(db: Database) -> None:
    await make_organization(db, "ours")

    async with db.engine.begin() as connection:
        await connection.execute(text("SET LOCAL ROLE ledgerwire_app"))
        assert await connection.scalar(text("SELECT count(*) FROM api_keys")) == 0
        assert await connection.scalar(text("SELECT count(*) FROM organizations")) == 0


async def test_nobody_writes_into_another_organization(db: Database) -> None:
    ours, theirs = await make_organization(db, "ours"), await make_organization(db, "theirs")

    with pytest.raises(DBAPIError, match="row-level security"):
        async with db.transaction(ours) as session:
            session.add(
                ApiKey(
                    id=new_id(),
                    organization_id=theirs,
                    name="stolen",
                    prefix="stolen",
                    key_hash="-",
                    scopes=["admin"],
                )
            )


async def test_nobody_points_into_another_organization(db: Database) -> None:
    """The foreign keys carry the organization, so even an owner cannot cross them."""
    tables()
    crossing = [
        f"{table.name}.{constraint.name}"
        for table in Base.metadata.tables.values()
        if table.name in tenant_tables()
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name != "organizations"
        and "organization_id" not in constraint.column_keys
    ]

    assert crossing == []


async def test_every_tenant_table_is_walled_in(db: Database) -> None:
    async with db.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
                " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid"
                "   AND p.polname = 'tenant')"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind = 'r'"
            )
        )
        walls = {name: (forced, policies) for name, forced, policies in rows}

    for table in [*tenant_tables(), "organizations"]:
        assert walls[table] == (True, 1), table


async def test_the_door_opens_few_tables_only(db: Database) -> None:
    await make_organization(db, "ours")
    allowed = {"organizations", "api_keys", "pending_authorizations", "companies", "lanes"}
    allowed |= {"jobs", "postings", "connections"}  # To count them; see the next test.

    for table in tenant_tables():
        if table in allowed:
            continue
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.door() as session:
                await session.execute(text(f"SELECT 1 FROM {table}"))  # noqa: S608 - our own names


async def test_the_door_counts_work_without_seeing_whose_or_what(db: Database) -> None:
    for table, column in (
        ("jobs", "organization_id"),
        ("jobs", "requested_by"),
        ("postings", "body"),
        ("postings", "organization_id"),
        ("connections", "access_token"),
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.door() as session:
                await session.execute(text(f"SELECT {column} FROM {table}"))  # noqa: S608


async def test_history_of_postings_is_only_added_to(db: Database) -> None:
    ours = await make_organization(db, "ours")

    for statement in ("UPDATE posting_events SET cause = ''", "DELETE FROM posting_events"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.transaction(ours) as session:
                await session.execute(text(statement))


async def test_the_tenant_does_not_outlive_its_transaction(db: Database) -> None:
    ours = await make_organization(db, "ours")
    async with db.transaction(ours):
        pass

    async with db.engine.connect() as connection:
        left = await connection.execute(
            text("SELECT current_user, current_setting('app.organization_id', true)")
        )
        user, tenant = left.one()

    assert user != "ledgerwire_app"
    assert not tenant
