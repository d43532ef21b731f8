"""Where an answer came from: the address and the key, as a mark that gives neither away.

What is remembered of the vendor (plan, window, refused days, poll cursors) holds only for the key
and the address that it was learned from. The store keeps a mark of the two: the first 32 bits of a
slow salted hash, enough to know another key by, and useless for guessing one (every guess costs the
slow hash, and one in four billion wrong keys has the same mark).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

_ROUNDS: Final = 50_000
_SALT_BYTES: Final = 16
_MARK_BYTES: Final = 4


@dataclass(frozen=True)
class Origin:
    """An address and a key; ``base_url`` may be shown, the key is not in its text."""

    base_url: str
    key: str = field(repr=False)

    def mark(self) -> str:
        """A new mark, ``salt:hash`` in hex; each has a salt of its own."""
        salt = secrets.token_hex(_SALT_BYTES)
        return f"{salt}:{self._hash(salt)}"

    def made(self, mark: str) -> bool:
        """Whether a mark is of this address and key; one that is not readable is of none."""
        salt, _, found = mark.partition(":")
        return bool(found) and hmac.compare_digest(found.encode(), self._hash(salt).encode())

    def _hash(self, salt: str) -> str:
        what = f"{self.base_url.rstrip('/')}\n{self.key}".encode()
        return hashlib.pbkdf2_hmac("sha256", what, salt.encode(), _ROUNDS)[:_MARK_BYTES].hex()
