"""Base columns that are made when they are read: one of a whole market is large, none is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gogooku.core.types import FloatArray

Maker = Callable[[], FloatArray]


@dataclass(frozen=True)
class Lazy(Mapping[str, FloatArray]):
    """Columns by name; each is made anew whenever it is read."""

    makers: Mapping[str, Maker]

    def __getitem__(self, name: str) -> FloatArray:
        """One column."""
        return self.makers[name]()

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter(self.makers)

    def __len__(self) -> int:
        """Columns."""
        return len(self.makers)
