"""The panel: what was known of every listed name at every session's clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, DateArray
from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

PANEL_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "code": pl.String(),
    "sector": pl.String(),
    "market": pl.String(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume_shares": pl.Float64(),
    "turnover_value": pl.Float64(),
    "adjustment_factor": pl.Float64(),
    "limit_up": pl.Boolean(),
    "limit_down": pl.Boolean(),
    "leaving": pl.Boolean(),
}
"""Declared columns of a panel: raw prices, null where the name did not trade. ``leaving`` says that
the list of the next session, known at the clock, no longer has the name."""


@dataclass(frozen=True)
class Past:
    """The sessions before a window: what is needed of them to number, age and adjust old rows.

    Attributes
    ----------
    sessions : array of dates [P]
    decisions : datetime64[us] [P]
        UTC, ascending.
    split_n, split_session : int [S]
        Names and sessions (from the first of the history) at which the adjustment changed, sorted
        by both.
    split_growth : float64 [S]
        Product of the adjustment factors from there on.
    """

    sessions: DateArray
    decisions: npt.NDArray[np.datetime64]
    split_n: IntArray
    split_session: IntArray
    split_growth: FloatArray

    def __len__(self) -> int:
        """Sessions before the window."""
        return len(self.sessions)

    def growth(self, n: IntArray, session: IntArray) -> FloatArray:
        """Product of the adjustment factors of a name up to a session of the history."""
        width = len(self) + 1
        keys = self.split_n * width + self.split_session
        found = np.searchsorted(keys, n * width + np.maximum(session, 0), side="right") - 1
        mine = found >= 0
        mine[mine] = self.split_n[found[mine]] == n[mine]
        out = np.ones(len(n))
        out[mine] = self.split_growth[found[mine]]
        return out


NO_PAST = Past(
    sessions=np.array([], dtype="datetime64[D]"),
    decisions=np.array([], dtype="datetime64[us]"),
    split_n=np.array([], dtype=np.int64),
    split_session=np.array([], dtype=np.int64),
    split_growth=np.array([], dtype=np.float64),
)
"""The window is the whole history."""


@dataclass(frozen=True)
class Superseded:
    """Bars that a correction replaced later.

    Attributes
    ----------
    t, n : int [S]
        Session and name of each.
    until : int [S]
        First session that knows the correction, descending: of several versions of a bar the one
        that was corrected first comes last.
    values : mapping of str to float64 [S]
        Columns of the panel.
    """

    t: IntArray
    n: IntArray
    until: IntArray
    values: Mapping[str, FloatArray]

    def since(self, first: int) -> Superseded:
        """Those of the sessions from ``first`` on, numbered from there."""
        kept = self.t >= first
        values = {name: column[kept] for name, column in self.values.items()}
        return Superseded(self.t[kept] - first, self.n[kept], self.until[kept] - first, values)


@dataclass(frozen=True)
class Panel:
    """The joined point-in-time frame: one row per listed (date, code), sorted by both axes.

    Attributes
    ----------
    frame : polars.DataFrame
        With `PANEL_SCHEMA`.
    sessions : array of dates, shape [T]
        Sessions of the exchange in the covered range, ascending; all of the history, or its last.
    codes : tuple of str, length N
        All codes of the history by first listed session, then code: a new listing comes last, so
        that places never change.
    market : polars.DataFrame or None
        Market index bars, one row per session (date, open, high, low, close); None where the
        source has no index.
    clock : Clock
        When decisions are taken.
    slack_seconds : mapping of str to float
        Per source, the smallest time between a joined value becoming known and the decision.
    decisions : datetime64[us] [T]
        UTC, ascending; only needed to cut windows.
    past : Past
        The sessions of the history before the first one here.
    superseded : Superseded or None
        Bars that a correction replaced.
    seen_at : int or None
        The session that looks: `dense` gives bars without the corrections that it could not know.
        None: all corrections are known.
    """

    frame: pl.DataFrame
    sessions: DateArray
    codes: tuple[str, ...]
    market: pl.DataFrame | None
    clock: Clock
    slack_seconds: Mapping[str, float]
    decisions: npt.NDArray[np.datetime64] = field(
        default_factory=lambda: np.array([], dtype="datetime64[us]")
    )
    past: Past = NO_PAST
    superseded: Superseded | None = None
    seen_at: int | None = None

    def __post_init__(self) -> None:
        """Refuse undeclared columns, duplicates, disorder and rows outside the axes."""
        if dict(self.frame.schema) != dict(PANEL_SCHEMA):
            raise DataError(f"panel: columns are {self.frame.schema}, declared {PANEL_SCHEMA}")
        negative = {name: s for name, s in self.slack_seconds.items() if s < 0}
        if negative:
            raise DataError(f"panel: values joined before they were known: {negative}")
        place = self._place_of_rows()
        steps = np.diff(place)
        if (steps <= 0).any():
            row = int(np.flatnonzero(steps <= 0)[0]) + 1
            raise DataError(
                f"panel: {int((steps <= 0).sum())} rows repeat a (date, code) or are out of order, "
                f"first {self.frame.row(row)[:2]}"
            )
        object.__setattr__(self, "_place", place)

    def _place_of_rows(self) -> IntArray:
        dates = self.frame.get_column("date").to_numpy().astype("datetime64[D]")
        t = np.searchsorted(self.sessions, dates)
        codes = self.frame.get_column("code").cast(pl.Enum(list(self.codes)))
        n = codes.to_physical().to_numpy().astype(np.int64)
        inside = t < len(self.sessions)
        inside &= self.sessions[np.minimum(t, len(self.sessions) - 1)] == dates
        if not inside.all():
            first = dates[~inside][0]
            raise DataError(f"panel: {int((~inside).sum())} rows off the sessions, first {first}")
        return np.asarray(t.astype(np.int64) * len(self.codes) + n)

    @property
    def shape(self) -> tuple[int, int]:
        """(T, N)."""
        return len(self.sessions), len(self.codes)

    def listed(self) -> BoolArray:
        """Whether a (session, code) is a row, shape [T, N]."""
        out = np.zeros(len(self.sessions) * len(self.codes), dtype=bool)
        out[self._place] = True  # type: ignore[attr-defined]
        return out.reshape(self.shape)

    def dense(self, column: str) -> FloatArray:
        """A numeric or Boolean column as float64 [T, N]; NaN where null or not listed."""
        values = self.frame.get_column(column).cast(pl.Float64).fill_null(math.nan).to_numpy()
        out = np.full(len(self.sessions) * len(self.codes), np.nan)
        out[self._place] = values  # type: ignore[attr-defined]
        whole = out.reshape(self.shape)
        old = self.superseded
        if old is not None and self.seen_at is not None and column in old.values:
            still = (old.until > self.seen_at) & (old.t < len(self.sessions))
            whole[old.t[still], old.n[still]] = old.values[column][still]
        return whole

    def window(self, first: int, stop: int) -> Panel:
        """The sessions from ``first`` to before ``stop``, as the last of them sees them."""
        if (first, stop) == (0, len(self.sessions)):
            return replace(self, seen_at=stop - 1)
        days = self.sessions[first:stop]
        inside = pl.col("date").is_between(days[0].item(), days[-1].item())
        market = self.market
        seen = self if self.superseded is None else replace(self, seen_at=stop - 1)
        return replace(
            self,
            frame=self.frame.filter(inside),
            sessions=days,
            decisions=self.decisions[first:stop],
            market=market if market is None else market.filter(inside),
            past=seen._past_before(first) if first else self.past,
            superseded=None if self.superseded is None else self.superseded.since(first),
            seen_at=len(days) - 1,
        )

    def _past_before(self, first: int) -> Past:
        before = np.nan_to_num(self.dense("adjustment_factor")[:first], nan=1.0)
        session, n = np.nonzero(before != 1.0)
        own = pl.DataFrame(
            {"n": n, "session": session + len(self.past), "factor": before[session, n]}
        ).sort("n", "session")
        names, end = own.get_column("n").to_numpy(), np.full(own.height, len(self.past))
        grown = own.select(pl.col("factor").cum_prod().over("n")).to_series().to_numpy()
        splits = pl.DataFrame(
            {
                "n": np.concatenate([self.past.split_n, names]),
                "session": np.concatenate([self.past.split_session, own["session"].to_numpy()]),
                "growth": np.concatenate(
                    [self.past.split_growth, grown * self.past.growth(names, end)]
                ),
            }
        ).sort("n", "session")
        return Past(
            sessions=np.concatenate([self.past.sessions, self.sessions[:first]]),
            decisions=np.concatenate([self.past.decisions, self.decisions[:first]]),
            split_n=splits.get_column("n").to_numpy(),
            split_session=splits.get_column("session").to_numpy(),
            split_growth=splits.get_column("growth").to_numpy(),
        )

    def dense_labels(
        self, column: str, *, known: Sequence[str] = ()
    ) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
        """A text column as integers [T, N] (-1 where null or not listed) and its values.

        Values are numbered by first session, then text, after those that are ``known`` from the
        history before, so that a new value changes no number.
        """
        firsts = self.frame.group_by(column).agg(pl.col("date").min()).drop_nulls(column)
        new = firsts.filter(~pl.col(column).is_in(list(known))).sort("date", column)
        names = (*known, *new.get_column(column).to_list())
        series = self.frame.get_column(column)
        kinds = series.cast(pl.Enum(list(names))).to_physical().cast(pl.Int32).fill_null(-1)
        out = np.full(len(self.sessions) * len(self.codes), -1, dtype=np.int32)
        out[self._place] = kinds.to_numpy()  # type: ignore[attr-defined]
        return out.reshape(self.shape), names
