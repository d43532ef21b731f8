"""Bodies of a server that is not trusted, taken apart within limits.

Whatever lies outside them is a `DataError` that says what it is; what is too large is `TooLarge`,
which is not asked for again. The limits are far above what the vendor sends: a page holds some
thousand rows (a few MB), a monthly file some hundred MB at most.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from typing import Any, Final

from gogooku.core.errors import DataError, TerminalError

PAGE_BYTES: Final = 64 << 20
"""Largest page, compressed or not."""
FILE_BYTES: Final = 1 << 30
"""Largest monthly file, unpacked."""
PACKED_FILE_BYTES: Final = 256 << 20
"""Largest monthly file as it is sent."""
MEMBERS: Final = 65_536
"""Most gzip members of a body: a file of 1 GiB packed in blocks of 64 KiB has a quarter of it."""
OBJECTS: Final = 500_000
"""Most objects and lists of a page: each takes a hundred times the memory of its two characters."""
CELLS: Final = 50_000_000
"""Most cells of a monthly file; the largest of the vendor has some twenty million."""
DEPTH: Final = 32
"""Deepest nesting of a cell."""
FIELDS: Final = 1_000
"""Most names of fields in an answer; the widest of the vendor has some hundred."""
NAME_CHARACTERS: Final = 200
KEY_CHARACTERS: Final = 2_000
"""Longest page key or cursor: it goes back as a part of an address."""
_FEED_BYTES: Final = 1 << 16
_PART_BYTES: Final = 16 << 20
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class TooLarge(TerminalError):  # noqa: N818 - named after what is wrong
    """An answer exceeds a limit; nothing was made of it, and asking again would not help."""


def too_large(what: str, limit: str) -> TooLarge:
    """The error of an answer that is larger than a limit."""
    return TooLarge(
        f"{what} is more than {limit}, the limit; nothing was made of it, what was fetched before "
        "is kept. No answer of the vendor is nearly as large: check JQUANTS_BASE_URL."
    )


def unpacked(body: bytes, *, limit: int = FILE_BYTES) -> bytes:
    """Undo gzip, of one or more members, in parts, so that a small body cannot fill the memory.

    Takes time in proportion to the two lengths and the number of members.

    Raises
    ------
    OSError, EOFError, zlib.error
        It is no gzip, or cut.
    TooLarge
        It would unpack to more than ``limit`` bytes, or has more than `MEMBERS` members.
    """
    view = memoryview(body)
    parts: list[bytes] = []
    place, room, members = 0, limit, 0
    while place < len(view):
        members += 1
        if members > MEMBERS:
            raise too_large("a body of that many gzip members", f"{MEMBERS:,}")
        place, found = _member(view, place, room)
        room -= sum(map(len, found))
        if room < 0:
            raise too_large("a body, unpacked,", f"{limit >> 20:,} MiB")
        parts += found
        place = _past_padding(view, place)
    return b"".join(parts)


def _member(view: memoryview, place: int, room: int) -> tuple[int, list[bytes]]:
    """Unpack one member from a place on: where it ends, and its parts; not much above the room."""
    member = zlib.decompressobj(wbits=31)
    parts = []
    while not member.eof:
        feed: bytes | memoryview = member.unconsumed_tail
        if not feed:
            feed = view[place : place + _FEED_BYTES]
            place += len(feed)
        part = member.decompress(feed, _PART_BYTES)
        if not part and not len(feed) and not member.eof:
            raise EOFError("it ends before the end-of-stream marker was reached")
        if part:
            parts.append(part)
            room -= len(part)
        if room < 0:
            break
    return place - len(member.unused_data), parts


def _past_padding(view: memoryview, place: int) -> int:
    """The place after the zero bytes that may follow a member."""
    while place < len(view) and not view[place]:
        chunk = bytes(view[place : place + _FEED_BYTES])
        place += len(chunk) - len(chunk.lstrip(b"\0"))
    return place


def load_json(body: bytes) -> Any:
    """Read JSON as the standard has it: UTF-8, each name once, finite numbers, whole characters.

    Raises
    ------
    DataError
        It is not such JSON, or nested too deeply to be read at all (see `refuse_deep`).
    """
    if body.count(b"{") + body.count(b"[") > OBJECTS:
        raise DataError(f"more than {OBJECTS:,} objects and lists, the limit of a page")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeDecodeError:
        raise DataError("not readable as JSON (it is not UTF-8 text)") from None
    except UnicodeEncodeError:
        raise DataError("not readable as JSON (half a character, a lone surrogate)") from None
    except RecursionError:
        raise DataError("not readable as JSON (nested too deeply)") from None
    except ValueError as fault:
        raise DataError(f"not readable as JSON ({_why(body, fault)})") from None
    return value


def _why(body: bytes, fault: ValueError) -> str:
    start = body[:64].lstrip()
    if not start:
        return "it is empty"
    if start.startswith(b"<"):
        return "it is a web page, as of a proxy or a login"
    if "integer string conversion" in str(fault):
        return "a whole number of thousands of digits"
    return str(fault)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def refuse_deep(value: Any) -> None:
    """Refuse a value that is nested more than `DEPTH` deep."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH:
            raise DataError(f"a value that is nested more than {DEPTH} deep")
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]


def refuse_names(names: Sequence[str], *, reserved: str) -> None:
    """Refuse names of fields that are too many, too long, not printable, or taken by ourselves."""
    if len(names) > FIELDS:
        raise DataError(f"{len(names):,} different fields, more than {FIELDS:,}")
    for name in names:
        if len(name) > NAME_CHARACTERS or not name.isprintable() or name == reserved:
            raise DataError(f"a field that is named {name[:40]!r}, which cannot be one")


def checked_key(value: object, *, name: str) -> str | None:
    """A page key or cursor; absent, null and empty are None."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise DataError(f"{name!r} is not a text")
    if len(value) > KEY_CHARACTERS or not (value.isascii() and value.isprintable()):
        raise DataError(f"{name!r} is not a short plain text")
    return value
