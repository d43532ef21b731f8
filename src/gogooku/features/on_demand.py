"""Base columns that are made when they are read: of a whole market no two lie in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gogooku.core.types import FloatArray

Maker = Callable[[], FloatArray]


@dataclass(frozen=True)
class OnDemand(Mapping[str, FloatArray]):
    """Base columns by name, each with what makes it; nothing is kept."""

    makers: Mapping[str, Maker]

    def __getitem__(self, name: str) -> FloatArray:
        """Make one column."""
        return self.makers[name]()

    def __iter__(self) -> Iterator[str]:
        """Names of the base columns."""
        return iter(self.makers)

    def __len__(self) -> int:
        """Number of base columns."""
        return len(self.makers)
