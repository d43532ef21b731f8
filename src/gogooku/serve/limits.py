"""How often a key may ask, and how often an address may be wrong about its key."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

BURST_SECONDS: Final = 2.0
"""Seconds of its rate that a key may ask at once after a rest."""
WRONG_KEYS: Final = 5
"""Wrong keys of an address before it has to wait."""
WRONG_SECONDS: Final = 60.0
"""How long wrong keys are remembered, and how long an address waits."""
_MOST_REMEMBERED = 10_000


@dataclass
class TokenBucket:
    """Tokens that come at a rate; a request takes one.

    Attributes
    ----------
    rate : float
        Tokens a second.
    at : float
        When it was last looked at, in seconds of a clock that never goes back.
    """

    rate: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.room

    @property
    def room(self) -> float:
        """Tokens that it holds at most."""
        return max(1.0, self.rate * BURST_SECONDS)

    def take(self, now: float) -> float:
        """Take a token; the seconds until there is one, 0 if it was taken."""
        self.tokens = min(self.room, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.rate


class Rates:
    """A bucket per key."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait(self, name: str, rate: float, now: float) -> float:
        """Seconds until a key may ask, 0 if it may now."""
        bucket = self._buckets.get(name)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[name] = TokenBucket(rate, now)
            _forget_old(self._buckets)
        return bucket.take(now)


@dataclass
class _Wrong:
    count: int
    since: float


class WrongKeys:
    """Wrong keys by address.

    After a few an address has to wait, whatever key it sends: so guesses teach nothing. Keys that
    were right from there before the wait go on, since many may share one address.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds that an address has to wait, 0 if it need not."""
        one = self._wrong.get(address)
        if one is None or one.count < WRONG_KEYS:
            return 0.0
        return max(0.0, one.since + WRONG_SECONDS - now)

    def count(self, address: str, now: float) -> int:
        """Count a wrong key; how many there were within the time that is remembered."""
        one = self._wrong.get(address)
        if one is None or now - one.since >= WRONG_SECONDS:
            one = self._wrong[address] = _Wrong(0, now)
            self._wrong.move_to_end(address)
            _forget_old(self._wrong)
        one.count += 1
        return one.count

    def passed(self, address: str, name: str) -> None:
        """Remember that a key was right from an address."""
        self._right[address, name] = None
        self._right.move_to_end((address, name))
        _forget_old(self._right)

    def has_passed(self, address: str, name: str) -> bool:
        """Whether a key was right from an address."""
        return (address, name) in self._right


def _forget_old(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > _MOST_REMEMBERED:
        kept.popitem(last=False)


def whole_seconds(wait: float) -> str:
    """A wait as ``Retry-After`` states it."""
    return str(max(1, math.ceil(wait)))
