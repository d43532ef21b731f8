"""Keys of the server: who may read, until when, and how often. Only hashes are kept.

Two places: ``GOGOOKU_API_KEYS``, SHA-256 hashes separated by commas; and a file of the home,
``keys.json``, whose entries have a name, an expiry and a rate, and can be changed while the server
runs. Neither ever holds a key, and none is stored, logged or echoed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import locked, read_json, write_json
from gogooku.core.findings import short
from gogooku.core.wall import JST

KEY_HEADER: Final = "X-API-Key"
KEYS_FILE: Final = "keys.json"
RATE: Final = 100.0
"""Requests a second of a key that states no rate of its own."""
_KEY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_KEY_BYTES = 32
_MOST_RATE = 1_000_000.0
_DAYS: Final = ("expires", "revoked")
_KNOWN = frozenset({"name", "sha256", "expires", "rate", "revoked"})


@dataclass(frozen=True)
class Key:
    """A key that lets its holder in.

    Attributes
    ----------
    name : str
        How logs call it.
    sha256 : str
    expires : date, optional
        Last day on which it is valid, in Tokyo.
    rate : float
        Requests a second.
    revoked : date, optional
        Since when it is valid no more.
    """

    name: str
    sha256: str
    expires: date | None = None
    rate: float = RATE
    revoked: date | None = None

    @property
    def until(self) -> datetime | None:
        """The instant at which it ends."""
        if self.expires is None:
            return None
        return datetime.combine(self.expires, time(), tzinfo=JST) + timedelta(days=1)

    def is_valid(self, now: datetime) -> bool:
        """Whether it lets in now."""
        return self.revoked is None and (self.until is None or now < self.until)

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "expires": None if self.expires is None else str(self.expires),
            "rate": self.rate,
            "revoked": None if self.revoked is None else str(self.revoked),
        }


class KeyRing:
    """Keys by their hash.

    The digest of what a client sends is looked up: how long that takes says nothing about a key,
    since nobody can choose a text whose digest is near to a given one.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self.all = tuple(keys)
        self._by_hash = {key.sha256: key for key in self.all}

    def find(self, key: str, now: datetime) -> Key | None:
        """The valid key that a text is; None for any other text."""
        found = self._by_hash.get(hash_key(key)) if key else None
        return found if found is not None and found.is_valid(now) else None


def hash_key(key: str) -> str:
    """SHA-256 of a server key, as it is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def parse_key_hashes(text: str) -> tuple[str, ...]:
    """Read comma-separated SHA-256 hashes of keys; none is an empty tuple.

    Raises
    ------
    UsageError
        One is not a SHA-256 in hexadecimal, or that of an empty key. The text itself is not
        repeated: it may be a key by mistake.
    """
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if hash_key("") in found:
        raise UsageError(
            "serve: GOGOOKU_API_KEYS holds the hash of an empty key, so the variable that it was "
            "made from was empty; make it again from a key that is not"
        )
    wrong = sum(_HASH.fullmatch(one) is None for one in found)
    if wrong:
        raise UsageError(
            f"serve: {wrong} of {len(found)} entries of GOGOOKU_API_KEYS are not SHA-256 hashes in "
            "hexadecimal (64 digits); it takes hashes of keys, never keys"
        )
    return found


def keys_path(home: Path) -> Path:
    """Where the keys of a home are kept."""
    return home / KEYS_FILE


def keys_mark(path: Path) -> tuple[int, int, int] | None:
    """A value that changes when the file of the keys does; None where there is none."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return facts.st_ctime_ns, facts.st_ino, facts.st_size


def key_ring(hashes: Iterable[str], path: Path) -> KeyRing:
    """The keys of the environment and of a file, which need not be there.

    Raises
    ------
    DataError
        The file is damaged, names a key twice, or can be read by others than its owner.
    """
    given = [Key(f"environment-{place}", one) for place, one in enumerate(hashes, start=1)]
    return KeyRing([*given, *read_keys(path)])


def require_keys(ring: KeyRing, path: Path) -> None:
    """Refuse to serve nobody.

    Raises
    ------
    UsageError
        There is no key.
    """
    if not ring.all:
        raise UsageError(
            f"serve: no keys; make one: gogooku keys add NAME (kept as a hash in {path}), or set "
            "GOGOOKU_API_KEYS to the comma-separated SHA-256 hashes of keys that may read: "
            "GOGOOKU_API_KEYS=$(printf %s 'my key' | sha256sum | cut -d' ' -f1)"
        )


def read_keys(path: Path) -> list[Key]:
    """The keys of a file; none where it is not there.

    Raises
    ------
    DataError
        As `key_ring`.
    """
    if not os.path.lexists(path):
        return []
    mode = stat.S_IMODE(path.lstat().st_mode)
    if mode & 0o077:
        raise DataError(
            f"{path}: can be read by others than its owner (mode {mode:o}); make it private: "
            f"chmod 600 {path}"
        )
    entries = read_json(path).get("keys")
    if not isinstance(entries, list):
        raise DataError(f"{path}: has no list of keys; it is damaged. See gogooku keys")
    found = [_key(entry, f"{path}: entry {place}") for place, entry in enumerate(entries, start=1)]
    for name in (key.name for key in found):
        if sum(key.name == name for key in found) > 1:
            raise DataError(f"{path}: names the key {name} twice; remove one of the entries")
    return found


def _key(entry: object, where: str) -> Key:
    """One entry of the file; what is wrong is named, its hash is not repeated."""
    if not isinstance(entry, Mapping) or not entry.keys() <= _KNOWN:
        raise DataError(f"{where}: is no key; it holds name, sha256, expires, rate and revoked")
    name, digest = str(entry.get("name", "")), str(entry.get("sha256", ""))
    if not _KEY_NAME.fullmatch(name):
        raise DataError(
            f"{where}: {short(name)} is no name of a key (a letter, then letters, digits, . _ -)"
        )
    if not _HASH.fullmatch(digest) or digest == hash_key(""):
        raise DataError(
            f"{where} ({name}): sha256 is no SHA-256 in hexadecimal of a key that is not empty"
        )
    rate = entry.get("rate", RATE)
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0 < rate <= _MOST_RATE:
        raise DataError(
            f"{where} ({name}): rate is {short(rate)}, expected requests a second, above 0 and at "
            f"most {_MOST_RATE:,.0f}"
        )
    days = {part: _day(entry.get(part), f"{where} ({name}): {part}") for part in _DAYS}
    return Key(name, digest, rate=float(rate), **days)


def _day(text: object, where: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(str(text))
    except ValueError as fault:
        raise DataError(f"{where} is {short(text)}, expected a date, YYYY-MM-DD") from fault


def add_key(
    path: Path, name: str, *, expires: date | None, rate: float, now: datetime
) -> tuple[str, Key]:
    """Make a key, keep its hash, and give the key, which nothing else will ever show.

    Raises
    ------
    UsageError
        The name is none, or taken; the expiry is past; the rate is out of bounds.
    DataError
        The file is damaged.
    BusyError
        Another process is writing it.
    """
    if not _KEY_NAME.fullmatch(name):
        raise UsageError(
            f"{short(name)} is no name of a key: a letter, then letters, digits, . _ -"
        )
    if not 0 < rate <= _MOST_RATE:
        raise UsageError(f"--rate {rate:g}: must be above 0 and at most {_MOST_RATE:,.0f}")
    if expires is not None and expires < now.astimezone(JST).date():
        raise UsageError(f"--expires {expires}: is past")
    text = secrets.token_urlsafe(_KEY_BYTES)
    made = Key(name, hash_key(text), expires=expires, rate=rate)
    with locked(path):
        known = read_keys(path)
        if any(key.name == name for key in known):
            raise UsageError(f"{name}: there is a key of that name already; take another name")
        _write(path, [*known, made])
    return text, made


def revoke_key(path: Path, name: str, *, now: datetime) -> Key:
    """Let a key in no more; a server that runs looks once a second.

    Raises
    ------
    UsageError
        There is no key of that name.
    DataError
        The file is damaged.
    """
    with locked(path):
        known = read_keys(path)
        if all(key.name != name for key in known):
            there = ", ".join(key.name for key in known) or "none"
            raise UsageError(f"{short(name)}: there is no key of that name (there are: {there})")
        day = now.astimezone(UTC).date()
        changed = [
            Key(key.name, key.sha256, key.expires, key.rate, key.revoked or day)
            if key.name == name
            else key
            for key in known
        ]
        _write(path, changed)
    return next(key for key in changed if key.name == name)


def _write(path: Path, keys: Iterable[Key]) -> None:
    before = os.umask(0o077)
    try:
        write_json(path, {"kind": "keys", "keys": [key.to_json() for key in keys]})
    finally:
        os.umask(before)


def key_given(headers: Mapping[bytes, bytes]) -> str:
    """The key that a request sends; empty where it sends none.

    By ``X-API-Key``, by ``Authorization: Bearer``, or as a browser asks a person for it
    (``Authorization: Basic``): the password, whatever the name of the user.
    """
    direct = headers.get(KEY_HEADER.lower().encode())
    if direct is not None:
        return direct.decode("latin-1").strip()
    kind, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "basic":
        return _password(text.strip())
    return text.strip() if kind.lower() == "bearer" else ""


def _password(text: str) -> str:
    """The password of a name and a password in base64; what is none is taken as it is."""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return text
    return password or user
