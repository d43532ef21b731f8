"""`gogooku keys`: who may read from the server."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gogooku.commands.again import already
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.wall import WallClock
from gogooku.serve.keys import KEY_HEADER, add_key, keys_path, read_keys, revoke_key


def add(home: Path, name: str, *, expires: date | None, rate: float, clock: WallClock) -> Answer:
    """Make a key and show it, once; its hash is kept.

    Raises
    ------
    UsageError
        The name is none, or taken; the expiry is past; the rate is out of bounds.
    DataError
        The file of the keys is damaged.
    BusyError
        Another process is writing it.
    """
    path = keys_path(home)
    text, made = add_key(path, name, expires=expires, rate=rate, now=clock.now())
    until = f", valid through {made.expires}" if made.expires else ", without an expiry"
    return Answer(
        facts={"key": text, **made.to_json(), "file": str(path)},
        parts=[
            f"Key {name}{until}, {made.rate:g} requests a second. It is shown now and never again:",
            text,
            f"Send it as {KEY_HEADER}: KEY, or as Authorization: Bearer KEY.",
        ],
    )


def revoke(home: Path, name: str, *, clock: WallClock) -> Answer:
    """Let a key in no more.

    Raises
    ------
    UsageError
        There is no key of that name.
    DataError
        The file of the keys is damaged.
    """
    before = {key.name for key in read_keys(keys_path(home)) if key.revoked}
    made = revoke_key(keys_path(home), name, now=clock.now())
    said = f"Key {name} is revoked; a server that runs lets it in for a second more at most."
    if name in before:
        said = f"Key {name} is {already('revoked')}"
    return Answer(facts=made.to_json(), parts=[said])


def listed(home: Path, *, clock: WallClock) -> Answer:
    """Keys of a home with their state; their hashes are not shown.

    Raises
    ------
    DataError
        The file of the keys is damaged.
    """
    now = clock.now()
    keys = [
        {
            "name": key.name,
            "state": "valid" if key.is_valid(now) else "revoked" if key.revoked else "expired",
            "expires": None if key.expires is None else str(key.expires),
            "rate": key.rate,
        }
        for key in read_keys(keys_path(home))
    ]
    rows = [tuple(one.values()) for one in keys]
    return Answer(
        facts={"keys": keys},
        parts=[table("keys", ["name", "state", "valid through", "requests a second"], rows)],
    )
