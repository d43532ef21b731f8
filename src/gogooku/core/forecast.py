"""Scores of names: the long form (rows), the dense form (arrays), and the way between them.

Long: one row per (date, code, horizon). Dense: an array [t, N, H], NaN where there is no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.errors import ContractError, DataError
from gogooku.core.panel import IntArray

Scores = npt.NDArray[np.float32]

FORECAST_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "code": pl.String(),
    "horizon": pl.Int32(),
    "score": pl.Float32(),
}


def long_form(
    scores_tNH: Scores, dates: DateArray, codes: Sequence[str], *, horizons: Sequence[int]
) -> pl.DataFrame:
    """Dense scores as rows of `FORECAST_SCHEMA`, sorted; NaN scores are left out."""
    rows, names, places = np.nonzero(~np.isnan(scores_tNH))
    columns = {
        "date": dates.astype("datetime64[D]")[rows],
        "code": pl.Series(codes, dtype=pl.String).gather(names),
        "horizon": np.asarray(horizons, dtype=np.int32)[places],
        "score": scores_tNH[rows, names, places],
    }
    return pl.DataFrame(columns, schema=dict(FORECAST_SCHEMA)).sort("date", "code", "horizon")


def joined(
    values: Mapping[str, Scores], dates: DateArray, codes: Sequence[str], *, horizons: Sequence[int]
) -> pl.DataFrame:
    """Several dense arrays [t, N, H] of the same places as columns: date, code, horizon, and each.

    A row for every place where the first has a value; null where another has none.
    """
    frames = [
        long_form(one, dates, codes, horizons=horizons).rename({"score": name})
        for name, one in values.items()
    ]
    first, *others = frames
    for one in others:
        first = first.join(one, on=["date", "code", "horizon"], how="left", maintain_order="left")
    return first


@dataclass(frozen=True)
class Places:
    """Where the rows of a long frame (date, code, horizon, ...) lie on dense axes.

    Attributes
    ----------
    indices : int64 [t]
        Indices into the sessions of those that the frame has, ascending.
    shape : (t, N, H)
    at : three int64 arrays, one place per row
        Positions on the axes of ``shape``.
    """

    indices: IntArray
    shape: tuple[int, int, int]
    at: tuple[IntArray, IntArray, IntArray]

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        sessions: DateArray,
        codes: Sequence[str],
        *,
        horizons: Sequence[int],
    ) -> Places:
        """Find the rows of a frame on axes.

        Parameters
        ----------
        frame : polars.DataFrame
            With date, code and horizon, in any order.
        sessions : array of dates [T], ascending
        codes : sequence of str, length N
        horizons : sequence of int, ascending, length H

        Raises
        ------
        ContractError
            Rows of dates, codes or horizons that are not on the axes.
        """
        dates = frame.get_column("date").to_numpy().astype("datetime64[D]")
        days, t = np.unique(dates, return_inverse=True)
        indices = np.searchsorted(sessions, days)
        wanted = frame.get_column("horizon").to_numpy()
        known = np.asarray(horizons, dtype=np.int64)
        h = np.searchsorted(known, wanted)
        strangers = {
            "dates": len(days) - int(_found(sessions, days, indices).sum()),
            "codes": len(set(frame.get_column("code").unique().to_list()) - set(codes)),
            "horizons": len(np.unique(wanted[~_found(known, wanted, h)])),
        }
        if any(strangers.values()):
            off = ", ".join(f"{count} {what}" for what, count in strangers.items() if count)
            raise ContractError(f"{off} of {frame.height} rows are not on the axes of the dataset")
        n = frame.get_column("code").cast(pl.Enum(list(codes))).to_physical().to_numpy()
        return cls(
            indices=indices.astype(np.int64),
            shape=(len(days), len(codes), len(known)),
            at=(t.astype(np.int64), n.astype(np.int64), h.astype(np.int64)),
        )

    def dense(self, column: pl.Series, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """A column of the frame as [t, N, H]; NaN where null, and where there is no row."""
        out = np.full(self.shape, np.nan, dtype=dtype)
        out[self.at] = column.fill_null(np.nan).to_numpy()
        return out


def _found(
    axis: npt.NDArray[Any], wanted: npt.NDArray[Any], at: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.bool_]:
    """Whether ``wanted`` is on an axis, at the place where a search put it."""
    if not len(axis):
        return np.zeros(len(wanted), dtype=bool)
    return np.asarray(axis[np.minimum(at, len(axis) - 1)] == wanted)


@dataclass(frozen=True)
class Forecast:
    """Scores made out of sample.

    Attributes
    ----------
    frame : polars.DataFrame
        (date, code, horizon, score), sorted, no nulls.
    trained_through : mapping of int to date
        Per horizon, the last date at which a label used in fitting or selection was resolved.
    """

    frame: pl.DataFrame
    trained_through: Mapping[int, date]

    def __post_init__(self) -> None:
        """Refuse repeated keys, nulls, and dates that touch what was trained on."""
        if dict(self.frame.schema) != dict(FORECAST_SCHEMA):
            raise DataError(f"forecast: schema is {self.frame.schema}")
        repeated = int(self.frame.select("date", "code", "horizon").is_duplicated().sum())
        if repeated:
            raise DataError(f"forecast: {repeated} rows repeat (date, code, horizon)")
        bad = int(self.frame.get_column("score").is_nan().sum())
        bad += int(self.frame.get_column("score").null_count())
        if bad:
            raise DataError(f"forecast: {bad} scores are missing")
        firsts = self.frame.group_by("horizon").agg(pl.col("date").min())
        for horizon, first in firsts.iter_rows():
            through = self.trained_through.get(horizon)
            if through is None:
                raise DataError(f"forecast: no trained_through for horizon {horizon}")
            if first <= through:
                raise DataError(
                    f"forecast: horizon {horizon} is scored from {first}, but labels resolved "
                    f"through {through} were used in fitting or selection"
                )

    @classmethod
    def of(
        cls,
        scores_tNH: Scores,
        dates: DateArray,
        codes: Sequence[str],
        *,
        horizons: Sequence[int],
        trained_through: Mapping[int, date],
    ) -> Forecast:
        """Make a forecast of dense scores [t, N, H]; NaN scores are left out."""
        frame = long_form(scores_tNH, dates, codes, horizons=horizons)
        return cls(frame=frame, trained_through=dict(trained_through))

    def wide(self) -> pl.DataFrame:
        """One row per (date, code) with ``score_1``, ``score_5``, ...; null where none was made."""
        horizons = sorted(self.frame.get_column("horizon").unique().to_list())
        made = self.frame.pivot(on="horizon", index=["date", "code"], values="score")
        named = {str(horizon): f"score_{horizon}" for horizon in horizons}
        return made.rename(named).select("date", "code", *named.values()).sort("date", "code")
