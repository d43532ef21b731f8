"""Many runs side by side: which is better, by how much, how sure, after how many tries.

All runs are compared on the sessions that all of them share, each against the first one, which is
chosen before anything is known. Every figure that is picked because it is the best is put next to
what picking alone would give: Holm's p-values over all tests of the table, Hansen's test of
superior ability over all runs, a ratio deflated by the registered number of tries, and the
probability of overfitting among the tries whose daily series are still there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.errors import ContractError, DataError, UsageError
from gogooku.core.metrics import (
    DRAW_SEED,
    FloatArray,
    has_dispersion,
    mean_estimate,
    number_or_none,
    ratio_estimate,
)
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.many_tests import (
    benjamini_hochberg,
    holm,
    model_confidence_set,
    stepwise_superior,
    superior_ability,
)
from gogooku.evaluate.overfitting import backtest_overfitting
from gogooku.evaluate.sharpe import expected_best_sharpe
from gogooku.evaluate.significance import paired_difference

DEFLATED = "rank_ic"
"""The measure whose ratio the ledger of trials has for every try."""
COLUMNS = ("date", "horizon", "year")
"""What the columns beside those of the runs are called: no run can be called that here."""
FEWEST_TRIES = 4
"""With fewer, a probability of overfitting says nothing."""
LEVEL = 0.05
"""Of the tests: a p-value below it is more than chance explains."""
BLOCKS = 10
"""Parts of the sessions that a probability of overfitting puts together in two halves."""


@dataclass(frozen=True)
class Tries:
    """What was tried on the sessions that are compared.

    Attributes
    ----------
    count : int
        Different settings, those that are compared among them.
    others : int
        Those among them that were judged by another kind of split: by cross-validation where the
        compared ones are out of time, or the other way round. They are counted, their ratios and
        series are no draws of the same figure and are not here.
    ratios : mapping of int to sequence of float
        By horizon, mean daily RankIC over its standard deviation, of each try that has one.
    daily : mapping of str to polars.DataFrame
        Daily measures of the tries that are still there, by what was tried.
    """

    count: int
    others: int = 0
    ratios: Mapping[int, Sequence[float]] = field(default_factory=dict)
    daily: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class AtHorizon:
    """What many tests at once say at one horizon.

    Attributes
    ----------
    n : int
        Shared sessions.
    superior : float
        p-value of "none is better than the first run" (Hansen 2005); NaN for too few sessions.
    better : tuple of str
        Runs that are better than the first one, step by step (Romano & Wolf 2005).
    among_best : tuple of str
        Model confidence set (Hansen, Lunde & Nason 2011): the best run is not among these with a
        chance of 5 % at most. A run that is equal to an earlier one is not asked.
    equal : tuple of str
        Runs whose daily measure is that of the first run; no test can compare them.
    overfitting : float
        Probability that the best of the tries on one half of the sessions is below the median on
        the other (PBO); NaN when there are fewer than `FEWEST_TRIES`, or too few sessions.
    tries : int
        Tries in that probability: those that have a daily measure on all shared sessions.
    """

    n: int
    superior: float
    better: tuple[str, ...]
    among_best: tuple[str, ...]
    equal: tuple[str, ...]
    overfitting: float
    tries: int


@dataclass(frozen=True)
class SideBySide:
    """Runs side by side.

    Attributes
    ----------
    metric : str
    first : str
        The run that the others are compared with.
    horizon : int
        What the sentence is about.
    tries, others : int
        As `Tries`.
    runs : polars.DataFrame
        (run, horizon, n, mean, error, low, high, ratio, deflated): ``deflated`` is the probability
        that the ratio is above the best one of so many worthless tries, with Newey-West errors;
        null for another measure than RankIC, or where it is not known.
    differences : polars.DataFrame
        (run, horizon, n, difference, error, low, high, p_value, p_holm, p_bh): run less the first
        one, with small-sample Newey-West errors; the p-values of Holm, and of Benjamini and
        Hochberg, are over the whole table.
    at : mapping of int to AtHorizon
    daily : mapping of int to polars.DataFrame
        By horizon, the measure on the shared sessions: date, and a column a run.
    """

    metric: str
    first: str
    horizon: int
    tries: int
    others: int
    runs: pl.DataFrame
    differences: pl.DataFrame
    at: Mapping[int, AtHorizon]
    daily: Mapping[int, pl.DataFrame]

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN becomes null."""
        return {
            "metric": self.metric,
            "first": self.first,
            "horizon": self.horizon,
            "tries": self.tries,
            "tries_of_another_split": self.others,
            "runs": self.runs.to_dicts(),
            "differences": self.differences.to_dicts(),
            "horizons": {
                f"h{horizon}": {
                    "n": one.n,
                    "superior": number_or_none(one.superior),
                    "better": list(one.better),
                    "among_best": list(one.among_best),
                    "equal": list(one.equal),
                    "overfitting": number_or_none(one.overfitting),
                    "tries_with_series": one.tries,
                }
                for horizon, one in self.at.items()
            },
        }


def side_by_side(
    daily: Mapping[str, pl.DataFrame],
    *,
    tries: Tries,
    metric: str = "rank_ic",
    horizon: int | None = None,
) -> SideBySide:
    """Compare runs on the sessions that all of them share, each with the first one.

    Parameters
    ----------
    daily : mapping of run name to polars.DataFrame
        `gogooku.evaluate.skill.Skill.daily` of each run, in the order in which they are shown.
    tries : Tries
        What the ledger of trials says of these sessions.
    metric : str
        A column of those frames; `gogooku.evaluate.definitions` says which way is better.
    horizon : int, optional
        What the sentence is about; 5 sessions where the runs share it, else the first one.

    Raises
    ------
    UsageError
        Fewer than two runs, one that is called as one of `COLUMNS`, no such measure, or no such
        horizon.
    DataError
        Runs share no session.
    """
    shared = _shared(daily, metric)
    sign_of(metric)
    chosen = horizon if horizon is not None else (5 if 5 in shared else min(shared))
    if chosen not in shared:
        raise UsageError(
            f"compare: the runs share no session at horizon {chosen}; they do at "
            f"{', '.join(map(str, shared))}"
        )
    first, *others = daily
    rows, tests, at = [], [], {}
    for one, frame in shared.items():
        series = {run: frame.get_column(run).to_numpy() for run in daily}
        rows += [_run(run, one, series[run], tries, metric) for run in daily]
        tests += [_difference(run, one, series[run], series[first]) for run in others]
        at[one] = _at(one, frame, series, tries, metric)
    made = [row["p_value"] for row in tests]
    adjusted = zip(tests, holm(made), benjamini_hochberg(made), strict=True)
    tests = [{**row, "p_holm": strict, "p_bh": share} for row, strict, share in adjusted]
    return SideBySide(
        metric=metric,
        first=first,
        horizon=chosen,
        tries=tries.count,
        others=tries.others,
        runs=_frame(rows),
        differences=_frame(tests),
        at=at,
        daily=shared,
    )


def sign_of(metric: str) -> float:
    """1 where more of a measure is better or neither way is, -1 where less is.

    Raises
    ------
    UsageError
        It is no measure of a run.
    """
    try:
        return -1.0 if definition_of(metric).higher_is_better is False else 1.0
    except ContractError as fault:
        raise UsageError(f"compare: {metric} is no measure of which more or less is better") from (
            fault
        )


def series_of(frame: pl.DataFrame, name: str, metric: str) -> pl.DataFrame:
    """A daily measure as (date, horizon, value), sessions without one left out.

    Raises
    ------
    UsageError
        There is no such measure.
    """
    known = [
        column
        for column, kind in frame.schema.items()
        if column not in ("date", "horizon", "num_names") and kind.is_numeric()
    ]
    if metric not in known:
        raise UsageError(
            f"compare: run {name} has no measure {metric!r}; it has {', '.join(known)}"
        )
    value = pl.col(metric).cast(pl.Float64).fill_nan(None).alias(name)
    return frame.select("date", "horizon", value).drop_nulls().sort("date", "horizon")


def _shared(daily: Mapping[str, pl.DataFrame], metric: str) -> dict[int, pl.DataFrame]:
    """By horizon, the sessions that all runs have: date, and a column a run."""
    if len(daily) < 2:
        raise UsageError(f"compare: needs at least two runs, got {', '.join(daily) or 'none'}")
    taken = [name for name in daily if name in COLUMNS]
    if taken:
        raise UsageError(
            f"compare: a run called {', '.join(taken)} would be taken for the column of that "
            "name; call it by its run id"
        )
    frames = [series_of(frame, name, metric) for name, frame in daily.items()]
    together = frames[0]
    for frame in frames[1:]:
        together = together.join(frame, on=["date", "horizon"])
    if together.is_empty():
        spans = [
            f"{name} {frame.item(0, 'date')} to {frame.item(-1, 'date')}"
            for name, frame in zip(daily, frames, strict=True)
            if frame.height
        ]
        raise DataError(
            f"compare: {len(daily)} runs share no session at any horizon ({'; '.join(spans)}); "
            "compare runs that were tested on the same dates"
        )
    return {
        int(str(key)): block.drop("horizon").sort("date")
        for (key,), block in sorted(together.group_by("horizon"), key=lambda pair: pair[0])
    }


def _run(
    run: str, horizon: int, series: FloatArray, tries: Tries, metric: str
) -> dict[str, object]:
    mean, ratio = mean_estimate(series, horizon=horizon), ratio_estimate(series, horizon=horizon)
    return {
        "run": run,
        "horizon": horizon,
        "n": mean.n,
        "mean": mean.value,
        "error": mean.error,
        "low": mean.low,
        "high": mean.high,
        "ratio": ratio.value,
        "deflated": deflated_ratio(ratio.value, ratio.error, tries, horizon, metric),
    }


def deflated_ratio(ratio: float, error: float, tries: Tries, horizon: int, metric: str) -> float:
    """Probability that a ratio is above the best one of so many worthless tries.

    The deflated Sharpe ratio (Bailey & Lopez de Prado 2014) with the Newey-West error of the ratio
    in place of theirs, which takes sessions as independent: labels of neighbours overlap.
    """
    from scipy import stats

    ratios = np.asarray(tries.ratios.get(horizon, ()), dtype=np.float64)
    ratios = ratios[np.isfinite(ratios)]
    if metric != DEFLATED or not error > 0.0 or (tries.count > 1 and len(ratios) < 2):
        return math.nan
    variance = float(ratios.var(ddof=1)) if tries.count > 1 else 0.0
    best = expected_best_sharpe(trials=max(tries.count, 1), variance=variance)
    return float(stats.norm.cdf((ratio - best) / error))


def _difference(run: str, horizon: int, ours: FloatArray, theirs: FloatArray) -> dict[str, Any]:
    return {
        "run": run,
        "horizon": horizon,
        **paired_difference(ours, theirs, horizon=horizon).row(),
    }


def _at(
    horizon: int,
    frame: pl.DataFrame,
    series: Mapping[str, FloatArray],
    tries: Tries,
    metric: str,
) -> AtHorizon:
    first, *others = series
    equal = tuple(run for run in others if not has_dispersion(series[run] - series[first]))
    tested = [run for run in others if run not in equal]
    superior = math.nan
    better: tuple[str, ...] = ()
    if tested:
        sign = sign_of(metric)
        table = np.stack([sign * series[run] for run in tested], axis=1)
        benchmark = sign * series[first]
        superior = superior_ability(
            benchmark, table, horizon=horizon, seed=DRAW_SEED, level=LEVEL
        ).p_value
        found = stepwise_superior(benchmark, table, horizon=horizon, seed=DRAW_SEED, level=LEVEL)
        better = tuple(tested[place] for place in found)
    probability, count = overfitting_of(horizon, frame.select("date"), tries, metric)
    return AtHorizon(
        n=frame.height,
        superior=superior,
        better=better,
        among_best=_among_best(horizon, series, sign_of(metric)),
        equal=equal,
        overfitting=probability,
        tries=count,
    )


def _among_best(horizon: int, series: Mapping[str, FloatArray], sign: float) -> tuple[str, ...]:
    distinct: dict[str, FloatArray] = {}
    for run, values in series.items():
        if all(has_dispersion(values - other) for other in distinct.values()):
            distinct[run] = values
    if len(distinct) < 2:
        return tuple(distinct)
    table = sign * np.stack(list(distinct.values()), axis=1)
    found = model_confidence_set(table, horizon=horizon, seed=DRAW_SEED, level=LEVEL)
    return tuple(run for place, run in enumerate(distinct) if place in found.best)


def overfitting_of(
    horizon: int, days: pl.DataFrame, tries: Tries, metric: str
) -> tuple[float, int]:
    """PBO over the tries that have the measure on all shared sessions, and how many they are.

    A try whose measure never changes has no ratio and is none of them.
    """
    columns = []
    for name, frame in tries.daily.items():
        if metric not in frame.columns:
            continue
        mine = series_of(frame, name, metric).filter(horizon=horizon)
        there = days.join(mine, on="date", maintain_order="left")
        values = there.get_column(name).to_numpy()
        if there.height == days.height and has_dispersion(values):
            columns.append(sign_of(metric) * values)
    if len(columns) < FEWEST_TRIES:
        return math.nan, len(columns)
    found = backtest_overfitting(np.stack(columns, axis=1), blocks=BLOCKS, measure="mean")
    return found.probability, len(columns)


def _frame(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Rows as a frame; NaN becomes null."""
    frame = pl.DataFrame(rows)
    floats = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    return frame.with_columns(pl.col(floats).fill_nan(None), pl.col("horizon").cast(pl.Int32))
