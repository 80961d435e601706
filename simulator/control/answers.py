"""Answers with exact decimals."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from simulator.wire import dumps


def json_answer(value: Any, status: int = 200) -> Response:
    """*value* as JSON; decimals are numbers with all their digits."""
    return Response(dumps(value), status, media_type="application/json")
