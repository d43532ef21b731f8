"""What decides a search: the run that is varied, its folds, the objective, how trials are drawn."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.evaluate.split import SplitConfig, WalkForwardSplit
from gogooku.runs.config import TrainConfig

NO_PERSISTENCE: Final = -1.0
NO_TOP_BPS: Final = -10_000.0
"""Limits that everything keeps."""
AFTER_TRIALS: Final = ("finalists", "final_seeds", "neighbourhood")
"""Settings that decide nothing about the trials: with others a search goes on as it is."""


class SearchConfig(Config):
    """How settings are searched for.

    Attributes
    ----------
    folds : int
        First folds of the split that trials are scored on; the others are never looked at before
        the pick is made, and judge it. 0: all but the last one.
    seeds : int
        Training seeds of each trial, from ``seed`` on.
    horizons : tuple of int
        Horizons whose daily RankIC is averaged.
    spread_weight : float
        How many standard deviations over folds are taken off the mean over folds.
    least_persistence : float
        Lowest mean rank autocorrelation from one session to the next that a pick may have; -1 asks
        for nothing.
    least_top_bps : float
        Lowest mean excess of the highest scores over the universe, in basis points, that a pick may
        have; -10,000, which is everything lost, asks for nothing.
    batch : int
        Trials that are drawn at once, before the results of any of them are known. It decides what
        is drawn, so that the number of processes does not.
    random_trials : int
        First trials that are drawn at random, the default among them.
    prune : bool
        Whether a trial that is behind the best one is given up before its last fold.
    prune_level : float
        Of Wilcoxon's signed-rank test over blocks of sessions of the folds that both have.
    finalists : int
        Best trials that are fitted again with ``final_seeds``, beside the default.
    final_seeds : int
        Training seeds of the finalists, and of the judgement on unseen folds.
    neighbourhood : bool
        Whether each knob of the pick is moved by a step to either side, to see whether it hangs by
        a thread.
    seed : int
        Of the draws.
    """

    folds: Annotated[int, Unit("folds")] = Field(default=0, ge=0)
    seeds: int = Field(default=1, ge=1, le=64)
    horizons: tuple[int, ...] = Field(default=(5,), min_length=1)
    spread_weight: float = Field(default=0.5, ge=0.0)
    least_persistence: float = Field(default=NO_PERSISTENCE, ge=NO_PERSISTENCE, le=1.0)
    least_top_bps: float = Field(default=NO_TOP_BPS, ge=NO_TOP_BPS)
    batch: int = Field(default=6, ge=1, le=1_000)
    random_trials: int = Field(default=10, ge=1)
    prune: bool = True
    prune_level: float = Field(default=0.1, gt=0.0, lt=1.0)
    finalists: int = Field(default=3, ge=1, le=50)
    final_seeds: int = Field(default=3, ge=1, le=64)
    neighbourhood: bool = True
    seed: int = Field(default=1, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _check(self) -> SearchConfig:
        if len(set(self.horizons)) < len(self.horizons):
            raise ValueError(f"horizons {self.horizons}: one is there twice")
        return self


class TuneConfig(TrainConfig):
    """A run that is varied, and how.

    Attributes
    ----------
    split : SplitConfig
        A walk-forward, so that there are folds before and after; a cross-validation has no later
        sessions and is refused.
    search : SearchConfig
    """

    split: SplitConfig = WalkForwardSplit(num_folds=4, test=0.5)
    search: SearchConfig = SearchConfig()

    @property
    def run(self) -> TrainConfig:
        """The run as it is, before anything is varied."""
        shared = {name: getattr(self, name) for name in TrainConfig.model_fields}
        return TrainConfig(**shared)
