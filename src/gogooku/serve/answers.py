"""Answers of the server: bytes that are made once, packed once, and marked with their hash."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from gogooku.core.errors import UsageError

JSON: Final = "application/json"
_LEAST_PACKED = 1_000
"""Bytes below which an answer fits a packet as it is."""
_LEVEL = 6

Headers = tuple[tuple[bytes, bytes], ...]


class RefusedError(UsageError):
    """A request that gets no answer: why, with the status and headers that say so in HTTP."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Answer:
    """What is sent: the bytes, and as what.

    Attributes
    ----------
    body : bytes
    status : int
    content_type : str
    headers : mapping of str to str
        Beside those that every answer has.
    packed : bytes, optional
        The same by gzip; None where that gains nothing.
    tag : str
        Hash of the body, which a client may ask by; empty for what is not worth asking about.
    """

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    packed: bytes | None = None
    tag: str = ""

    @property
    def num_bytes(self) -> int:
        """What it takes in memory."""
        return len(self.body) + len(self.packed or b"")

    @cached_property
    def plain_head(self) -> Headers:
        """Headers of the body as it is."""
        return self._head(packed=False)

    @cached_property
    def packed_head(self) -> Headers:
        """Headers of the packed body."""
        return self._head(packed=True)

    @cached_property
    def same_head(self) -> Headers:
        """Headers that say that a client has it already."""
        return tuple(
            one for one in self.plain_head if one[0] in (b"etag", b"vary", b"cache-control")
        )

    def matches(self, tags: bytes) -> bool:
        """Whether a client that has these tags has this body."""
        if not self.tag:
            return False
        given = {one.strip().removeprefix("W/") for one in tags.decode("latin-1").split(",")}
        return "*" in given or not given.isdisjoint({f'"{self.tag}"', f'"{self.tag}-gzip"'})

    def _head(self, *, packed: bool) -> Headers:
        body = self.packed if packed and self.packed is not None else self.body
        said = {
            "content-type": self.content_type,
            "content-length": str(len(body)),
            "x-content-type-options": "nosniff",
            "cache-control": "private, no-cache" if self.tag else "no-store",
            "vary": "accept-encoding",
            **self.headers,
        }
        if packed:
            said["content-encoding"] = "gzip"
        if self.tag:
            said["etag"] = f'"{self.tag}-gzip"' if packed else f'"{self.tag}"'
        return tuple((name.encode(), text.encode()) for name, text in said.items())


@dataclass(frozen=True)
class Later:
    """An answer that takes time to make: it is made beside the requests."""

    make: Callable[[], Answer]


def prepared(
    body: bytes, *, content_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer that is sent often: packed and hashed now."""
    packed = gzip.compress(body, _LEVEL, mtime=0) if len(body) >= _LEAST_PACKED else None
    return Answer(
        body,
        content_type=content_type,
        headers=dict(headers or {}),
        packed=packed if packed is not None and len(packed) < len(body) else None,
        tag=hashlib.sha256(body).hexdigest()[:32],
    )


def json_bytes(value: Any) -> bytes:
    """A value as JSON; what JSON lacks is text."""
    return json.dumps(value, ensure_ascii=False, default=str, allow_nan=False).encode()


def said(value: Any) -> Answer:
    """An answer of the moment: neither packed nor marked."""
    return Answer(json_bytes(value))


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Why a request gets nothing else."""
    return Answer(json_bytes({"detail": detail}), status=status, headers=dict(headers or {}))
