"""How a document of ours is recognised: the mark, derived as the guarantees say, on its own."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass

BETWEEN = "\x1f"


@dataclass(frozen=True)
class Marks:
    """Derives marks for one company and one billing system."""

    environment: str
    realm: str
    source_system: str

    def of(self, kind: str, billing_id: str) -> str:
        parts = (
            self.environment,
            self.realm,
            kind,
            self.source_system,
            billing_id,
            "create",
        )
        text = unicodedata.normalize("NFC", BETWEEN.join(parts))
        digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
        return f"[lw:{digest[:26]}]"
