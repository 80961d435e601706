"""What a test may turn: every choice the reference leaves open, the pessimistic way by default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError


@dataclass
class Switches:
    """One flat set for the whole simulator; README explains each with its source."""

    # OAuth
    authorize: Literal["page", "approve", "deny"] = "page"
    authorize_realm: str | None = None
    access_token_seconds: int = 3600
    code_seconds: int = 300
    refresh_token_seconds: int = 8_726_400
    refresh_rotation_seconds: int = 86_400
    refresh_grace_seconds: int = 86_400
    rotate_every_refresh: bool = False
    reconnect_kills_old_tokens: bool = True
    code_reuse_kills_tokens: bool = True
    refresh_kills_old_access: bool = False

    # Throttling
    throttle: bool = True
    requests_per_minute: int = 500
    requests_per_second: int = 10
    batches_per_minute: int = 40
    batches_per_minute_realm: int = 120
    all_per_minute: int = 800
    throttle_status: Literal[429, 403] = 429
    throttle_format: Literal["xml", "json"] = "xml"
    throttle_retry_after: int | None = None
    throttle_counts_refused: bool = True
    other_app_requests_per_minute: int = 0
    other_app_batches_per_minute: int = 0

    # Idempotency
    requestid: Literal["honoured", "ignored"] = "honoured"
    requestid_forget_seconds: int | None = None
    requestid_replays_faults: bool = True
    requestid_other_body: Literal["replay", "fault"] = "replay"

    # Queries
    query_lag_seconds: float = 0
    query_doubled_apostrophe: bool = False
    query_bare_numbers: bool = False
    query_sku_filterable: bool = False
    default_order: Literal["recorded", "id"] = "recorded"
    total_count: Literal["recorded", "always", "never"] = "recorded"

    # Writes
    operation_void_for_payment: bool = False
    batch_void: bool = False
    batch_shuffle: bool = False
    batch_limit: int = 30
    cdc_old_since: Literal["clip", "refuse", "answer"] = "clip"

    # The request log
    log_bodies: bool = True
    log_limit: int = 50_000

    def to_json(self) -> dict[str, Any]:
        """All switches with their present values."""
        return asdict(self)

    def change(self, values: dict[str, Any]) -> None:
        """
        Set several switches, all or none.

        Raises:
            ValueError: A name is unknown or a value is not of its kind.
        """
        change_fields(self, values)


def change_fields(target: Any, values: dict[str, Any]) -> None:
    """
    Set fields of a dataclass instance, all or none.

    Raises:
        ValueError: A name is unknown or a value is not of the field's type.
    """
    unknown = sorted(set(values) - {item.name for item in fields(target)})
    if unknown:
        raise ValueError(f"unknown names: {', '.join(unknown)}")
    hints = get_type_hints(type(target))
    try:
        checked = {
            name: TypeAdapter(hints[name]).validate_python(value) for name, value in values.items()
        }
    except ValidationError as problem:
        raise ValueError(str(problem)) from problem
    for name, value in checked.items():
        setattr(target, name, value)
