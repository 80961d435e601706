"""Secrets at rest: authenticated encryption with rotating keys, and keyed hashes."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class UnreadableSecret(Exception):
    """No key of the ring opens this ciphertext in this place."""


class BadKeyring(ValueError):
    """`ENCRYPTION_KEYS` is not `kid:base64,…` with 32-byte keys."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """
    Encrypts with its first key and decrypts with whichever key the ciphertext names (AES-256-GCM).

    *place* (the row's identity) is authenticated along: a ciphertext moved to another row is
    unreadable there.
    """

    keys: dict[str, bytes]

    @classmethod
    def parse(cls, setting: str) -> "Keyring":
        """Read `kid:base64,kid:base64`; the first one encrypts."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (piece.strip() for piece in setting.split(","))):
            kid, separator, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError as error:
                raise BadKeyring(f"The encryption key {kid!r} is not valid base64") from error
            if not separator or not kid or len(key) != KEY_BYTES:
                raise BadKeyring("ENCRYPTION_KEYS must be kid:base64 pairs of 32-byte keys")
            keys[kid] = key
        if not keys:
            raise BadKeyring("ENCRYPTION_KEYS holds no key")
        return cls(keys)

    @property
    def current(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self.keys))

    def encrypt(self, plaintext: str, *, place: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, plaintext.encode(), place.encode())
        return f"{self.current}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, ciphertext: str, *, place: str) -> str:
        """
        Return the plaintext.

        Raises:
            UnreadableSecret: The key is not in the ring, or the text belongs elsewhere.
        """
        kid, _, encoded = ciphertext.partition(":")
        if kid not in self.keys:
            raise UnreadableSecret(f"Encryption key {kid!r} is not configured")
        try:
            raw = base64.b64decode(encoded)
            opened = AESGCM(self.keys[kid]).decrypt(
                raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise UnreadableSecret("The secret does not belong to this place or key") from error
        return opened.decode()


def keyed_hash(value: str, key: str) -> str:
    """Return a hex HMAC-SHA256: finds a secret again without keeping it."""
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
