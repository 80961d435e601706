"""An integration to tell billing records to."""

import httpx
import pytest


@pytest.fixture
async def billing(client: httpx.AsyncClient) -> str:
    """The address under which this test's billing records live."""
    made = await client.post(
        "/v1/integrations",
        json={
            "name": "Maple Books",
            "provider": "quickbooks_online",
            "mode": "full_synchronization",
        },
    )
    assert made.status_code == 201, made.text
    return f"/v1/integrations/{made.json()['id']}/billing"
