"""A trial: a run with values for knobs, fitted fold by fold, given up where it is behind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError
from gogooku.core.space import Space, Value
from gogooku.core.types import Dataset, Fold, Labels
from gogooku.runs.config import LabelOrder, TrainConfig
from gogooku.runs.job import DoneJob, Job
from gogooku.runs.labels import run_labels
from gogooku.search.config import SearchConfig
from gogooku.search.fits import Failed, Fits
from gogooku.search.objective import DAILY_SCHEMA, Worth, blocks_of, measured, worth_of
from gogooku.search.record import TrialRecord
from gogooku.search.settings import applied

_FEWEST_BLOCKS = 5
"""Blocks of sessions from which on a trial may be given up: five pairs can be sure at 5 %."""
_BLOCKS_OF_FOLD = 1_000


@dataclass(frozen=True)
class Ground:
    """Where trials are tried.

    Attributes
    ----------
    run : TrainConfig
        The run as it is.
    search : SearchConfig
    space : Space
    dataset : Dataset
    folds : tuple of Fold
        All of the split; the first ``num_folds`` belong to the search.
    num_folds : int
    execution : Execution
    """

    run: TrainConfig
    search: SearchConfig
    space: Space
    dataset: Dataset
    folds: tuple[Fold, ...]
    num_folds: int
    execution: Execution

    @cached_property
    def _labels(self) -> dict[int, Labels]:
        return {}

    def labels(self, config: TrainConfig) -> Labels:
        """Labels of a run: permuted ones hang on its seed."""
        seed = config.seed if config.label_order is LabelOrder.SHUFFLED else -1
        if seed not in self._labels:
            self._labels[seed] = run_labels(self.dataset, config)
        return self._labels[seed]

    def config(self, values: Mapping[str, Value]) -> TrainConfig:
        """The run at values of the knobs; without any, as it is.

        Raises
        ------
        ConfigError
            Together they are no run.
        """
        return applied(self.run, self.space.settings(values)) if values else self.run

    def jobs(self, config: TrainConfig, numbers: Sequence[int], seeds: int) -> list[Job]:
        """Fits of a run on some folds, with so many seeds from its own on."""
        return [
            self._job(config.model_copy(update={"seed": config.seed + step}), number)
            for number in numbers
            for step in range(seeds)
        ]

    def _job(self, config: TrainConfig, number: int) -> Job:
        fold, labels = self.folds[number], self.labels(config)
        return Job(config, number, fold, self.dataset, labels, self.execution)

    def daily(self, jobs: Sequence[Job], made: Mapping[str, DoneJob | Failed]) -> pl.DataFrame:
        """Daily measures of fits, all of which are done: `DAILY_SCHEMA`."""
        frames = []
        for job in jobs:
            done = made[job.stamp.key]
            assert isinstance(done, DoneJob), done
            frames.append(measured(job, done, job.labels))
        return pl.concat(frames) if frames else pl.DataFrame(schema=DAILY_SCHEMA)


@dataclass
class Course:
    """A trial on its way through the folds.

    Attributes
    ----------
    number : int
    values : mapping of str to value
    config : TrainConfig or None
        None where the values are no run.
    daily : polars.DataFrame
        Measures so far.
    blocks : dict of int to float
    state, fault : str
        Empty while it goes on.
    """

    number: int
    values: Mapping[str, Value]
    config: TrainConfig | None
    daily: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DAILY_SCHEMA))
    blocks: dict[int, float] = field(default_factory=dict)
    state: str = ""
    fault: str = ""

    def worth(self, config: SearchConfig) -> Worth | None:
        """What it came to; None where it has failed."""
        return None if self.state == "failed" else worth_of(self.daily, config)

    def record(self, config: SearchConfig) -> TrialRecord:
        """What is written down of it; one without a value has failed."""
        worth, state, fault = self.worth(config), self.state, self.fault
        if worth is not None and state == "complete" and not math.isfinite(worth.value):
            worth, state, fault = None, "failed", "a fold has no session that counts"
        said = None if worth is None else worth.to_json()
        return TrialRecord(self.number, state, self.values, said, self.blocks, fault)


def begun(ground: Ground, asked: Mapping[int, Mapping[str, Value]]) -> list[Course]:
    """Trials at their start; values that are no run have failed."""
    out = []
    for number, values in asked.items():
        try:
            config = ground.config({} if number == 0 else values)
        except ConfigError as fault:
            out.append(Course(number, values, None, state="failed", fault=str(fault)))
        else:
            out.append(Course(number, values, config))
    return out


def run_through(
    ground: Ground, courses: Sequence[Course], fits: Fits, *, best: Mapping[int, float]
) -> None:
    """Take trials through the folds of the search, all of them a fold at a time.

    Parameters
    ----------
    best : mapping of int to float
        Blocks of the best trial of earlier batches; empty where there is none.
    """
    search = ground.search
    for place in range(ground.num_folds):
        going = [one for one in courses if not one.state]
        jobs = {
            one.number: ground.jobs(one.config, [place], search.seeds)
            for one in going
            if one.config is not None
        }
        made = fits.made([job for each in jobs.values() for job in each])
        for one in going:
            _through_fold(ground, one, place, jobs[one.number], made)
            last = place == ground.num_folds - 1
            if not one.state and not last and search.prune and behind(one.blocks, best, search):
                one.state = "pruned"
    for one in courses:
        one.state = one.state or "complete"


def _through_fold(
    ground: Ground,
    course: Course,
    place: int,
    jobs: Sequence[Job],
    made: Mapping[str, DoneJob | Failed],
) -> None:
    failed = [one.reason for job in jobs if isinstance(one := made[job.stamp.key], Failed)]
    if failed:
        course.state, course.fault = "failed", failed[0]
        return
    course.daily = pl.concat([course.daily, ground.daily(jobs, made)])
    found = blocks_of(course.daily, place, ground.search.horizons)
    course.blocks |= {
        place * _BLOCKS_OF_FOLD + number: value
        for number, value in enumerate(found)
        if math.isfinite(value)
    }


def behind(ours: Mapping[int, float], best: Mapping[int, float], search: SearchConfig) -> bool:
    """Whether a trial is behind the best one by more than chance, on the blocks of both.

    Wilcoxon's signed-rank test, one-sided, on the differences; at least `_FEWEST_BLOCKS` of them.
    A trial that is ahead on average is never given up.
    """
    from scipy import stats

    shared = sorted(ours.keys() & best.keys())
    differences = np.array([ours[step] - best[step] for step in shared])
    if len(shared) < _FEWEST_BLOCKS or differences.mean() >= 0.0:
        return False
    test = stats.wilcoxon(differences, alternative="less", zero_method="zsplit")
    return bool(test.pvalue < search.prune_level)
