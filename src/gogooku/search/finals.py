"""After the last trial: finalists with more seeds, luck, the unseen folds, and the neighbourhood.

The pick is made on the folds of the search alone. Then, once, it and the run as it is are fitted on
the later folds, and compared there session by session; the first sessions of these, into which
labels of the search reach, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.config import leaves
from gogooku.core.errors import ConfigError
from gogooku.core.metrics import (
    FloatArray,
    has_dispersion,
    mean_estimate,
    number_or_none,
    ratio_estimate,
)
from gogooku.core.space import Value
from gogooku.core.types import PURGE_SESSIONS
from gogooku.evaluate.overfitting import backtest_overfitting
from gogooku.evaluate.report_luck import SURE
from gogooku.evaluate.side_by_side import BLOCKS, DEFLATED, FEWEST_TRIES, Tries, deflated_ratio
from gogooku.evaluate.significance import paired_difference
from gogooku.runs.config import LabelOrder, TrainConfig
from gogooku.runs.job import Job
from gogooku.search.counted import Counted, by_session
from gogooku.search.fits import Failed, Fits
from gogooku.search.objective import Worth, series_of, worth_of
from gogooku.search.record import TrialRecord
from gogooku.search.trial import Ground


@dataclass(frozen=True)
class Finalist:
    """A trial that was fitted again with more seeds.

    Attributes
    ----------
    number : int
    values : mapping of str to value
    config : TrainConfig
    daily : polars.DataFrame
        `gogooku.search.objective.DAILY_SCHEMA`, on the folds of the search.
    worth : Worth
    """

    number: int
    values: Mapping[str, Value]
    config: TrainConfig
    daily: pl.DataFrame
    worth: Worth


@dataclass(frozen=True)
class Luck:
    """How much of the pick's RankIC on the folds of the search may be luck.

    Attributes
    ----------
    tries : int
        By the ledger, on these sessions, of this search and of everything before; of a search on
        permuted labels, which are no tries, its own trials.
    ratio, deflated : float
        Mean over deviation of its daily RankIC, and the probability that the true one is above the
        best of so many worthless tries.
    overfitting : float
        Probability that the best trial on one half of the sessions is below the median on the
        other; NaN with too few trials.
    counted : int
        Trials in that probability.
    """

    tries: int
    ratio: float
    deflated: float
    overfitting: float
    counted: int

    @property
    def sure(self) -> bool:
        """Whether the pick is above what luck explains."""
        return self.deflated > SURE


@dataclass(frozen=True)
class Neighbour:
    """The pick with one knob a step away.

    Attributes
    ----------
    knob : str
    value : value
        What it was set to.
    worth : float
        NaN where it failed.
    change : float
        Its value less that of the pick, with the seeds of the search.
    fault : str
    """

    knob: str
    value: Value
    worth: float
    change: float
    fault: str = ""


@dataclass(frozen=True)
class Finals:
    """What a search came to.

    Attributes
    ----------
    pick, default : Finalist
        The pick is the default where no trial beats it.
    finalists : tuple of Finalist
        The best first, the default among them.
    seen, unseen : list of dict
        By horizon, pick less default, paired by session: on the folds of the search, which made
        the pick, and on later ones. Of the pick the mean and the default's stand beside.
    unseen_daily : mapping of str to polars.DataFrame
        Of ``pick`` and ``default`` on the unseen folds; empty where there are none.
    luck : Luck
    neighbours : tuple of Neighbour
    shuffled : bool
        Whether labels were permuted: then nothing may be found.
    """

    pick: Finalist
    default: Finalist
    finalists: tuple[Finalist, ...]
    seen: list[dict[str, Any]]
    unseen: list[dict[str, Any]]
    luck: Luck
    neighbours: tuple[Neighbour, ...]
    shuffled: bool
    unseen_daily: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def finals_of(
    ground: Ground,
    records: Sequence[TrialRecord],
    fits: Fits,
    counted: Counted,
) -> Finals:
    """Judge the best trials.

    Parameters
    ----------
    records : sequence of TrialRecord
        Every trial that is over; the first is the run as it is.

    Raises
    ------
    EnvironmentalError
        As `gogooku.search.fits.Fits.made`.
    """
    finalists = _finalists(ground, records, fits, counted)
    pick = finalists[0]
    default = next(one for one in finalists if one.number == 0)
    seen = _paired(pick.daily, default.daily, same=pick is default)
    later = _later(ground, pick, default, fits, counted)
    unseen = _paired(later["pick"], later["default"], same=pick is default) if later else []
    beside = _neighbours(ground, pick, fits, counted) if ground.search.neighbourhood else ()
    return Finals(
        pick=pick,
        default=default,
        finalists=finalists,
        seen=seen,
        unseen=unseen,
        luck=_luck(ground, records, pick, fits, counted),
        neighbours=beside,
        shuffled=ground.run.label_order is LabelOrder.SHUFFLED,
        unseen_daily=later,
    )


def _finalists(
    ground: Ground, records: Sequence[TrialRecord], fits: Fits, counted: Counted
) -> tuple[Finalist, ...]:
    """The best trials and the default with more seeds, the best first, each of other settings.

    The default stands in the list also where it keeps no limit; it is picked only if nothing else
    can be.
    """
    search = ground.search
    able = sorted((one for one in records if one.feasible), key=_by_value)
    chosen: list[TrialRecord] = []
    known = {ground.run.content_hash}
    for one in able:
        setting = ground.config(one.values if one.number else {}).content_hash
        if one.number and setting not in known and len(chosen) < search.finalists:
            chosen.append(one)
        known.add(setting)
    chosen.append(next(one for one in records if one.number == 0))
    numbers = range(ground.num_folds)
    configs = {one.number: ground.config(one.values if one.number else {}) for one in chosen}
    jobs = {
        number: ground.jobs(config, numbers, search.final_seeds)
        for number, config in configs.items()
    }
    made = fits.made([job for each in jobs.values() for job in each])
    found = []
    for one in chosen:
        if any(isinstance(made[job.stamp.key], Failed) for job in jobs[one.number]):
            if one.number:
                continue
            _raise_default(jobs[0], made)
        daily = ground.daily(jobs[one.number], made)
        config = configs[one.number]
        counted.enter(f"trial {one.number}, {search.final_seeds} seeds", config, daily)
        found.append(Finalist(one.number, one.values, config, daily, worth_of(daily, search)))
    return tuple(sorted(found, key=_by_worth))


def _raise_default(jobs: Sequence[Job], made: Mapping[str, Any]) -> None:
    reason = next(one.reason for job in jobs if isinstance(one := made[job.stamp.key], Failed))
    raise ConfigError(
        f"search: the run as it is could not be fitted, nothing to compare with: {reason}"
    )


def _by_value(record: TrialRecord) -> tuple[float, int]:
    assert record.worth is not None
    return -float(record.worth["value"]), record.number


def _by_worth(one: Finalist) -> tuple[bool, float, int]:
    return not one.worth.feasible, -one.worth.value, one.number


def _paired(ours: pl.DataFrame, theirs: pl.DataFrame, *, same: bool) -> list[dict[str, Any]]:
    """By horizon, ours less theirs over the sessions of both."""
    rows = []
    for horizon in sorted(set(ours.get_column("horizon"))):
        both = (
            by_session(ours, horizon)
            .join(by_session(theirs, horizon), on="date", suffix="_default")
            .drop_nulls()
        )
        mine, other = (both.get_column(name).to_numpy() for name in ("rank_ic", "rank_ic_default"))
        test = paired_difference(mine, other, horizon=horizon).row()
        rows.append(
            {
                "horizon": horizon,
                "pick": number_or_none(mean_estimate(mine, horizon=horizon).value),
                "default": number_or_none(mean_estimate(other, horizon=horizon).value),
                **{name: number_or_none(float(value)) for name, value in test.items()},
                "n": len(both),
                "same": same,
            }
        )
    return rows


def _later(
    ground: Ground, pick: Finalist, default: Finalist, fits: Fits, counted: Counted
) -> dict[str, pl.DataFrame]:
    """Daily measures of pick and default on the folds that the search has not seen."""
    numbers = range(ground.num_folds, len(ground.folds))
    if not numbers:
        return {}
    seeds = ground.search.final_seeds
    configs = {"pick": pick.config, "default": default.config}
    jobs = {who: ground.jobs(config, numbers, seeds) for who, config in configs.items()}
    made = fits.made([job for each in jobs.values() for job in each])
    failed = [one.reason for one in made.values() if isinstance(one, Failed)]
    if failed:
        raise ConfigError(
            f"search: {len(failed)} of {len(made)} fits on unseen folds failed: {failed[0]}"
        )
    seen_last = ground.folds[ground.num_folds - 1].indices("test")[-1]
    days = ground.dataset.sessions
    first = days[min(seen_last + PURGE_SESSIONS, len(days) - 1)]
    found = {}
    for who, each in jobs.items():
        daily = ground.daily(each, made).filter(pl.col("date") >= first.item())
        counted.enter(f"{who} on unseen folds, {seeds} seeds", configs[who], daily)
        found[who] = daily
    return found


def _luck(
    ground: Ground,
    records: Sequence[TrialRecord],
    pick: Finalist,
    fits: Fits,
    counted: Counted,
) -> Luck:
    horizon = ground.search.horizons[0]
    table = _table(ground, records, fits)
    tries = counted.tries(pick.daily)
    if ground.run.label_order is LabelOrder.SHUFFLED:
        ratios = [ratio_estimate(column, horizon=horizon).value for column in table.T]
        tries = Tries(
            count=len(ratios), ratios={horizon: [one for one in ratios if math.isfinite(one)]}
        )
    mine = by_session(pick.daily, horizon).get_column("rank_ic").drop_nulls().to_numpy()
    ratio = ratio_estimate(mine, horizon=horizon)
    deflated = deflated_ratio(ratio.value, ratio.error, tries, horizon, DEFLATED)
    able = table[:, [has_dispersion(column) for column in table.T]]
    overfitting = math.nan
    if able.shape[1] >= FEWEST_TRIES:
        overfitting = backtest_overfitting(able, blocks=BLOCKS, measure="mean").probability
    return Luck(max(tries.count, 1), ratio.value, deflated, overfitting, able.shape[1])


def _table(ground: Ground, records: Sequence[TrialRecord], fits: Fits) -> FloatArray:
    """RankIC by session and complete trial, [t, trials], at the horizons of the search."""
    columns = []
    complete = [one for one in records if one.state == "complete"]
    for one in complete:
        daily = _daily(ground, ground.config(one.values if one.number else {}), fits)
        if daily is not None:
            columns.append(series_of(daily, ground.search.horizons).get_column("rank_ic"))
    values = [column.fill_null(math.nan).to_numpy() for column in columns]
    return np.stack(values, axis=1) if values else np.empty((0, 0))


def _daily(ground: Ground, config: TrainConfig, fits: Fits) -> pl.DataFrame | None:
    """Daily measures on the folds and seeds of the search; None where a fit is gone and fails."""
    jobs = ground.jobs(config, range(ground.num_folds), ground.search.seeds)
    made = fits.made(jobs)
    failed = any(isinstance(one, Failed) for one in made.values())
    return None if failed else ground.daily(jobs, made)


def _neighbours(
    ground: Ground, pick: Finalist, fits: Fits, counted: Counted
) -> tuple[Neighbour, ...]:
    """The pick with each knob a step to either side, on the folds and seeds of the search."""
    search = ground.search
    here = dict(pick.values)
    moved = [
        (knob.name, value)
        for knob in ground.space.existing(here)
        if knob.name in here
        for value in knob.beside(here[knob.name])
    ]
    picked = _daily(ground, pick.config, fits)
    base = math.nan if picked is None else worth_of(picked, search).value
    configs: dict[tuple[str, Value], TrainConfig | str] = {}
    for name, value in moved:
        try:
            configs[name, value] = ground.config(_moved(ground, here, name, value))
        except ConfigError as fault:
            configs[name, value] = str(fault)
    jobs = {
        key: ground.jobs(config, range(ground.num_folds), search.seeds)
        for key, config in configs.items()
        if isinstance(config, TrainConfig)
    }
    made = fits.made([job for each in jobs.values() for job in each])
    found = []
    for (name, value), config in configs.items():
        if isinstance(config, str):
            found.append(Neighbour(name, value, math.nan, math.nan, config))
            continue
        mine = jobs[name, value]
        failed = [one.reason for job in mine if isinstance(one := made[job.stamp.key], Failed)]
        if failed:
            found.append(Neighbour(name, value, math.nan, math.nan, failed[0]))
            continue
        daily = ground.daily(mine, made)
        counted.enter(f"neighbour {name}={value}", config, daily)
        worth = worth_of(daily, search).value
        found.append(Neighbour(name, value, worth, worth - base))
    return tuple(found)


def _moved(ground: Ground, here: Mapping[str, Value], name: str, value: Value) -> dict[str, Value]:
    """The values with one of them moved; knobs that exist only now stand where the run has them."""
    moved = {**here, name: value}
    there = {knob.name for knob in ground.space.existing(moved)}
    return {knob: at for knob, at in moved.items() if knob in there}


def settings_of(ground: Ground, pick: Finalist) -> dict[str, Any]:
    """Settings, by path, at which the pick differs from the run as it is."""
    before = dict(leaves(ground.run.model_dump(mode="json")))
    after = dict(leaves(pick.config.model_dump(mode="json")))
    return {path: value for path, value in after.items() if before.get(path) != value}
