"""What a probe's questions and answers are made of."""

import base64
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question and what the company answered; *details* are plain words and figures."""

    question: str
    answer: str
    details: dict[str, str] = field(default_factory=dict)


def new_request_id() -> str:
    return f"p{secrets.token_hex(16)}"


def new_marker() -> str:
    """Return something as long and as odd as our marker, which it is not."""
    letters = base64.b32encode(secrets.token_bytes(17)).decode().lower()
    return f"[lp:{letters[:26]}]"
