"""What the features looked like in training: kept in a bundle, to be held against every evening.

Ranks within a session cannot drift, since they are made anew every session; so it is raw values
that are kept. Of a stock feature the members of some sessions are counted together, and each of the
sessions against all of them: how far a single session of the training lay from the whole is what an
evening may lie without having drifted. Of a market feature, which has one value a session, runs of
`MARKET_SESSIONS` take the place of sessions. Sessions of a feature that looks far back resemble
each other: how many of them show something new is kept beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.audit.sample import SAMPLE_SESSIONS, day_values, declared
from gogooku.core.drift import edges_of, independent_looks, population_stability, shares_of
from gogooku.core.errors import DataError
from gogooku.core.files import write_json, write_parquet
from gogooku.core.metrics import DECILES
from gogooku.core.types import Dataset, IntArray
from gogooku.releases.score_distribution import SCORES_FILE, score_distribution
from gogooku.runs.folder import Run

DISTRIBUTION_FILE: Final = "distribution.parquet"
STOCK, MARKET = "stock", "market"
MARKET_SESSIONS: Final = 60
"""Sessions of a market feature that are compared at once."""
LEAST_GROUPS: Final = 5
"""Sessions, or runs of them, below which it is not known how far one of them usually lies."""
LONG_TRAINING: Final = 250
"""Sessions from which on a feature is judged however far it looks back: a year has seen much of it.
"""
LEAST_LOOKS: Final = 2
"""Times that the lookback of a feature must go into a shorter training: a beta of 60 sessions over
45 of them is little more than one value."""
_PERCENTILES: Final = 100
_FEATURES_AT_ONCE: Final = 32
"""Read of all sampled sessions together: 70 MB for 4,400 names."""

_Floats = npt.NDArray[np.float32]

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "feature": pl.String(),
    "role": pl.String(),
    "n": pl.Int64(),
    "null_share": pl.Float64(),
    "null_most": pl.Float64(),
    "edges": pl.List(pl.Float32()),
    "shares": pl.List(pl.Float64()),
    "fine_edges": pl.List(pl.Float32()),
    "fine_shares": pl.List(pl.Float64()),
    "usual": pl.Float64(),
    "looks": pl.Float64(),
}
"""A row per feature: known values; the share that was not known, of all and of the session with the
most; decile edges and the share in each bin, then the same for percentiles; and the largest index
(`gogooku.core.drift.population_stability`) of one session, or of one run of sessions of a market
feature, against all, and how many of them show something new (`independent_looks`). Lists are empty
where no value is known; ``usual`` is null there, where there are fewer than `LEAST_GROUPS` to take
it from, and where a training shorter than `LONG_TRAINING` has not `LEAST_LOOKS` lookbacks."""


def write_distributions(folder: Path, run: Run, dataset: Dataset, *, top_k: int) -> None:
    """Write both distributions of a bundle: of the features in training, of the scores in testing.

    Raises
    ------
    DataError
        The train part has no session with a universe, or a file is damaged.
    """
    write_parquet(feature_distribution(run, dataset), folder / DISTRIBUTION_FILE)
    write_json(folder / SCORES_FILE, score_distribution(run, dataset, top_k=top_k))


def feature_distribution(
    run: Run, dataset: Dataset, *, sessions: int = SAMPLE_SESSIONS
) -> pl.DataFrame:
    """Distribution of every feature over the train part of a run's last fold.

    Parameters
    ----------
    sessions : int
        Sessions of it to look at, evenly spread.

    Returns
    -------
    polars.DataFrame
        With `SCHEMA`, stock features first.
    """
    first, last = run.windows("train")[-1]
    trained = _sessions_between(dataset, first, last)
    filled = trained[dataset.valid_TN[trained].any(axis=1)]
    if not len(filled):
        raise DataError(
            f"run {run.run_id}: its train part ({first} to {last}) has no session with a universe "
            f"in dataset {dataset.folder.name}, so there is no distribution of its features"
        )
    places = np.round(np.linspace(0, len(filled) - 1, min(sessions, len(filled))))
    sample = filled[places.astype(np.int64)]
    span = len(trained)
    back = {name: one.lookback for name, one in declared(dataset).items()}

    def row_of(name: str, role: str, groups: Sequence[_Floats]) -> dict[str, Any]:
        return described(name, role, groups, span=span, lookback=back.get(name, 1))

    rows = [
        *(row_of(name, STOCK, days) for name, days in _stock_days(dataset, sample)),
        *(
            row_of(name, MARKET, _runs(dataset.market_TM[trained, m]))
            for m, name in enumerate(dataset.market_features)
        ),
    ]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def _sessions_between(dataset: Dataset, first: date, last: date) -> IntArray:
    days = dataset.sessions
    return np.flatnonzero((days >= np.datetime64(first)) & (days <= np.datetime64(last)))


def _stock_days(dataset: Dataset, sample: IntArray) -> Iterator[tuple[str, list[_Floats]]]:
    """Stock features with the values of each session; some are read at a time, to bound memory."""
    for begin in range(0, len(dataset.features), _FEATURES_AT_ONCE):
        names = dataset.features[begin : begin + _FEATURES_AT_ONCE]
        days = [
            values_FN[:, dataset.valid_TN[t]] for t, values_FN in day_values(dataset, names, sample)
        ]
        for f, name in enumerate(names):
            yield name, [day[f] for day in days]


def _runs(values_T: _Floats) -> list[_Floats]:
    """A market feature in whole runs of sessions; what is left at the start belongs to none."""
    count = len(values_T) // MARKET_SESSIONS
    if not count:
        return [values_T]
    return list(values_T[len(values_T) - count * MARKET_SESSIONS :].reshape(count, -1))


def described(
    name: str, role: str, groups: Sequence[_Floats], *, span: int | None = None, lookback: int = 1
) -> dict[str, Any]:
    """A row of `SCHEMA` from the values of each session in order, NaN where not known.

    Parameters
    ----------
    span : int, optional
        Sessions of the training that the groups are from; without, as many as groups.
    lookback : int
        Sessions that the feature looks back.
    """
    null = np.array([1.0 - np.isfinite(one).mean() if len(one) else 0.0 for one in groups])
    known = [one[np.isfinite(one)] for one in groups]
    pooled = np.concatenate(known)
    total = sum(map(len, groups))
    row: dict[str, Any] = {
        "feature": name,
        "role": role,
        "n": len(pooled),
        "null_share": 1.0 - len(pooled) / max(total, 1),
        "null_most": float(null.max()),
    }
    if not len(pooled):
        empty: dict[str, Any] = {name: [] for name, kind in SCHEMA.items() if kind == pl.List}
        return {**row, **empty, "usual": None, "looks": 0.0}
    edges, fine = edges_of(pooled, DECILES), edges_of(pooled, _PERCENTILES)
    shares = shares_of(pooled, edges)
    some = [one for one in known if len(one)]
    each = np.array([shares_of(one, edges) for one in some])
    largest = population_stability(shares, each, count=[len(one) for one in some]).max()
    sessions = len(some) if span is None else span
    enough = sessions >= min(LONG_TRAINING, LEAST_LOOKS * lookback)
    judged = enough and len(some) >= LEAST_GROUPS
    return {
        **row,
        "edges": edges.tolist(),
        "shares": shares.tolist(),
        "fine_edges": fine.tolist(),
        "fine_shares": shares_of(pooled, fine).tolist(),
        "usual": float(largest) if judged else None,
        "looks": independent_looks(each, shares),
    }
