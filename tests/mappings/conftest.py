"""A connected company for each test."""

from uuid import UUID

import httpx
import pytest

from app.kit.db import Database
from tests.imported import Connected, connect


@pytest.fixture
async def maple(db: Database, client: httpx.AsyncClient, tenant: tuple[UUID, str]) -> Connected:
    return await connect(db, client, tenant[0])
