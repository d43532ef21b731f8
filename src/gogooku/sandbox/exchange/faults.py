"""Faults on demand: what a network and a busy vendor do, seeded, per query.

At most `MAX_IN_ROW` answers to one query are faulty in a row, so a patient client gets through. A
fault that changes data (a field left out, a page repeated or emptied) is never followed by another
one: the next answer to the same query is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_IN_ROW: Final = 2
EXTRA_FIELD: Final = "SandboxExtra"
"""Name of the field that no specification knows."""


class Fault(StrEnum):
    """What the shell around the exchange has to do with an answer."""

    STALL = "stall"
    """Never answer: the client's patience ends first."""
    RESET = "reset"
    """Send half of the body, then break the connection."""


class FaultKind(StrEnum):
    """Everything that can go wrong with an answer."""

    TOO_MANY = "429"
    """Refused twice in a row, whatever the rate."""
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    STALL = "stall"
    RESET = "reset"
    CUT_GZIP = "cut_gzip"
    """A gzip body that ends early, its length said to be right."""
    REPEATED_PAGE = "repeated_page"
    """The page before once more, with the key that was just sent."""
    DROPPED_PAGE = "dropped_page"
    """No rows, and the key of the page after."""
    EXTRA_FIELD = "extra_field"
    MISSING_FIELD = "missing_field"
    """One field left out of every row; the next answer to the query has it again."""
    NULL_KEY = "null_key"
    """The last page says ``"pagination_key": null``."""


ANYWHERE: Final = frozenset(
    {
        FaultKind.TOO_MANY,
        FaultKind.SERVER_ERROR,
        FaultKind.BAD_GATEWAY,
        FaultKind.UNAVAILABLE,
        FaultKind.GATEWAY_TIMEOUT,
        FaultKind.STALL,
        FaultKind.RESET,
    }
)
"""Kinds that every answer can have."""
_CHANGES_DATA: Final = frozenset(
    {FaultKind.REPEATED_PAGE, FaultKind.DROPPED_PAGE, FaultKind.MISSING_FIELD}
)


@dataclass(frozen=True)
class FaultPlan:
    """Which answers are faulty.

    Attributes
    ----------
    rate : float
        Share of the answers, 0 to 1.
    kinds : tuple of FaultKind
        Drawn with equal chances among those that fit the answer.
    """

    rate: float
    kinds: tuple[FaultKind, ...] = tuple(FaultKind)
    seed: int = 0


@dataclass
class _Query:
    asked: int = 0
    in_row: int = 0
    storm: bool = False
    spared: bool = False


@dataclass
class FaultSource:
    """Decides answer by answer; the same requests meet the same faults, in any order of queries.

    Attributes
    ----------
    made : dict
        Faults so far by kind.
    """

    plan: FaultPlan | None
    made: dict[FaultKind, int] = field(default_factory=dict)
    _queries: dict[str, _Query] = field(default_factory=dict)

    def draw(self, query: str, fitting: Collection[FaultKind]) -> FaultKind | None:
        """Fault of the next answer to a query, one of those that fit it; mostly None."""
        if self.plan is None:
            return None
        state = self._queries.setdefault(query, _Query())
        state.asked += 1
        kind = self._choose(state, query, fitting)
        state.storm = kind is FaultKind.TOO_MANY and not state.storm
        state.spared = kind in _CHANGES_DATA
        state.in_row = 0 if kind is None else state.in_row + 1
        if kind is not None:
            self.made[kind] = self.made.get(kind, 0) + 1
        return kind

    def _choose(
        self, state: _Query, query: str, fitting: Collection[FaultKind]
    ) -> FaultKind | None:
        assert self.plan is not None
        if state.spared or state.in_row >= MAX_IN_ROW:
            return None
        if state.storm:
            return FaultKind.TOO_MANY
        text = f"{self.plan.seed} {query} {state.asked}"
        digest = hashlib.sha256(text.encode()).digest()
        kinds = [kind for kind in self.plan.kinds if kind in fitting]
        if int.from_bytes(digest[:8], "big") / 2**64 >= self.plan.rate or not kinds:
            return None
        return kinds[int.from_bytes(digest[8:16], "big") % len(kinds)]
