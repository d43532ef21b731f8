"""What a page shows of a backtest: its account session by session, and where the result came from.

The frames are those that a backtest keeps, by their names (`gogooku.portfolio.attribute` and
`gogooku.portfolio.risk_report` say what is in each). What a market lacks the data for is not there,
and the part of the page that would show it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from gogooku.evaluate.svg import MOST_POINTS, even_places
from gogooku.evaluate.verdict import Figures
from gogooku.evaluate.words import NONE, Text

NAMES_SCHEMA: Final = {"code": pl.String, "name_en": pl.String, "name_ja": pl.String}


@dataclass(frozen=True)
class Account:
    """A backtest, as frames and facts.

    Attributes
    ----------
    daily : polars.DataFrame
        ``date``, ``equity``, ``benchmark``, ``turnover``, ``cost``, ``cost_bps``.
    frames : mapping of str to polars.DataFrame
        The others, by name.
    facts : mapping
        ``currency``, ``sessions_per_year``, ``statistics``, ``attribution``, ``tail``.
    rules : mapping
        Name of a simple rule that stands beside the account to its measures, named as those of the
        account.
    names : polars.DataFrame
        `NAMES_SCHEMA`: what companies are called.
    """

    daily: pl.DataFrame
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    names: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NAMES_SCHEMA))

    def frame(self, name: str) -> pl.DataFrame | None:
        """A frame of that name; None where it is not there or has no row."""
        found = self.frames.get(name)
        return None if found is None or found.is_empty() else found

    def fact(self, *path: str) -> Any:
        """A fact within facts; None where it is not there."""
        found: Any = self.facts
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    @property
    def currency(self) -> str:
        """Of its money."""
        return str(self.facts.get("currency", ""))

    @property
    def year(self) -> float:
        """Sessions in a year."""
        return float(self.facts["sessions_per_year"])

    def company(self) -> Mapping[str, Text]:
        """Code to what the company is called; codes that nobody names are not there."""
        return {
            code: Text(english or japanese or NONE, japanese or english or NONE)
            for code, english, japanese in self.names.select(*NAMES_SCHEMA).iter_rows()
        }


def thinned(frame: pl.DataFrame, *, most: int = MOST_POINTS) -> pl.DataFrame:
    """At most so many rows, evenly spread, the first and the last among them."""
    return frame[even_places(frame.height, most=most)]


def running(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Running sums of columns by session, with ``date``."""
    return frame.sort("date").select("date", pl.col(*columns).cum_sum())
