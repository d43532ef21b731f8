"""Reading a dataset without ever holding it whole: some sessions' values, all of one day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.files import readable
from gogooku.core.types import Dataset, Feature, IntArray, Role
from gogooku.dataset.reading import files_of
from gogooku.dataset.state import feature_files
from gogooku.features.catalogue import CATALOGUE

Floats = npt.NDArray[np.float32]

SAMPLE_SESSIONS = 120
"""Sessions, evenly spread over those with a universe, that cross-sectional checks look at."""


def declared(dataset: Dataset) -> dict[str, Feature]:
    """The declaration of each feature of a dataset; those without one are left out."""
    known = {feature.name: feature for feature in CATALOGUE}
    names = (*dataset.features, *dataset.market_features)
    return {name: known[name] for name in names if name in known}


def is_mask(name: str, features: dict[str, Feature]) -> bool:
    """Whether a feature is a 0/1 fact, by its role or its unit."""
    one = features.get(name)
    return one is not None and (one.role is Role.MASK or one.unit == "flag")


def filled_sessions(dataset: Dataset) -> IntArray:
    """Positions of the sessions with a universe."""
    return np.flatnonzero(dataset.valid_TN.any(axis=1))


def spread_sessions(dataset: Dataset, count: int = SAMPLE_SESSIONS) -> IntArray:
    """At most ``count`` sessions with a universe, evenly spread, first and last included."""
    filled = filled_sessions(dataset)
    places = np.linspace(0, len(filled) - 1, min(count, len(filled)))
    return filled[np.round(places).astype(np.int64)]


def day_values(
    dataset: Dataset, names: Sequence[str], sessions: IntArray
) -> Iterator[tuple[int, Floats]]:
    """Raw values of stock features on some sessions: position and float32 [F, N], in order of time.

    NaN where null or not listed. One file is read at a time, and of it only those sessions.

    Raises
    ------
    DataError
        A file is damaged.
    """
    dates = pl.Series(dataset.sessions[sessions]).cast(pl.Date)
    kinds, files = pl.Enum(list(dataset.codes)), files_of(dataset)
    for path in feature_files(dataset.folder, files):
        files.path(path.relative_to(dataset.folder).as_posix())
        with readable(path):
            rows = (
                pl.scan_parquet(path)
                .select("date", "code", *names)
                .filter(pl.col("date").is_in(dates.implode()))
                .collect()
            )
        days = rows.get_column("date").to_numpy().astype("datetime64[D]")
        at_t = np.searchsorted(dataset.sessions, days)
        at_n = rows.get_column("code").cast(kinds).to_physical().to_numpy()
        known = rows.select(pl.col(names).cast(pl.Float32)).to_numpy()  # nulls become NaN
        for t in np.unique(at_t):
            here = at_t == t
            values = np.full((len(names), len(dataset.codes)), np.nan, dtype=np.float32)
            values[:, at_n[here]] = known[here].T
            yield int(t), values


@dataclass(frozen=True)
class Sample:
    """Raw values over universe members on some sessions.

    Attributes
    ----------
    names : tuple of str [F]
    sessions : int [S]
        Ascending positions.
    days : list of float32 [F, n]
        A column per member of that session.
    """

    names: tuple[str, ...]
    sessions: IntArray
    days: list[Floats]

    def pooled(self, f: int, picked: npt.NDArray[np.bool_]) -> Floats:
        """Known values of one feature over some of the sessions."""
        parts = [day[f] for day, use in zip(self.days, picked, strict=True) if use]
        values = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
        return values[np.isfinite(values)]


def take_sample(dataset: Dataset, count: int = SAMPLE_SESSIONS) -> Sample:
    """Read the sample of a dataset, at most 600 MB at full size."""
    names = dataset.features
    sessions: list[int] = []
    days: list[Floats] = []
    for t, values_FN in day_values(dataset, names, spread_sessions(dataset, count)):
        sessions.append(t)
        days.append(np.ascontiguousarray(values_FN[:, dataset.valid_TN[t]]))
    return Sample(names=names, sessions=np.array(sessions, dtype=np.int64), days=days)
