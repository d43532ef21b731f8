"""Trials in the ledger: each one that was measured counts, also one that was given up."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gogooku.core.errors import UsageError
from gogooku.core.metrics import mean_estimate, number_or_none, ratio_estimate
from gogooku.core.wall import WallClock
from gogooku.evaluate.side_by_side import Tries
from gogooku.runs.comparison import tries_between
from gogooku.runs.config import TrainConfig
from gogooku.runs.holdouts import DECIDED
from gogooku.runs.trials import Figure, Trial, TrialLedger
from gogooku.search.trial import Ground
from gogooku.tables.parts import base_source

_LABEL = "excess"
"""What daily measures are of, as `gogooku.evaluate.skill.evaluate_scores` has it."""


class Counted:
    """Enters what a search has looked at.

    Parameters
    ----------
    home : Path
    study : str
        Name of the study's folder.
    ground : Ground
    clock : WallClock
    """

    def __init__(self, home: Path, study: str, ground: Ground, *, clock: WallClock) -> None:
        self.home = home
        self.study = study
        self.ground = ground
        self._clock = clock

    @property
    def _market(self) -> tuple[str, str]:
        manifest = self.ground.dataset.manifest
        return base_source(str(manifest["source"])), str(manifest["exchange"])

    def refuse_holdouts(self) -> None:
        """Refuse to search on sessions that are kept for one last look.

        Raises
        ------
        UsageError
            A fold of the search, or one that judges it, touches a registered hold-out.
        """
        windows = [getattr(fold, part) for fold in self.ground.folds for part in DECIDED]
        for one in TrialLedger(self.home).holdouts(self._market[0]):
            if one.touches(windows):
                raise UsageError(
                    f"search: its folds touch hold-out {one.name} ({one.first} to {one.last}), or "
                    "labels that end in it, and a search may not look at it. Let the folds end "
                    f"before {one.closed_from} (--set split.end=DATE); then train with what was "
                    "found, and spend the hold-out on that one run (gogooku evaluate "
                    "--spend-holdout)"
                )

    def enter(self, what: str, config: TrainConfig, daily: pl.DataFrame) -> None:
        """Write what was measured of a run into the ledger; what is there already stays.

        Parameters
        ----------
        what : str
            Which look at it this is, such as ``trial 7``.
        daily : polars.DataFrame
            `gogooku.search.objective.DAILY_SCHEMA`.
        """
        if daily.is_empty():
            return
        dataset = self.ground.dataset
        source, exchange = self._market
        days = daily.get_column("date")
        TrialLedger(self.home).record(
            Trial(
                key=f"{self.study}/{what}",
                run=f"{self.study} {what}",
                name=self.study,
                learner=config.learner.kind,
                config=config.content_hash,
                features=dataset.feature_hash,
                seed=config.seed,
                labels=str(config.label_order),
                dataset=dataset.folder.name,
                content=dataset.content_hash,
                source=source,
                exchange=exchange,
                split=config.split.kind,
                out_of_time=True,
                first=days.min(),  # type: ignore[arg-type]
                last=days.max(),  # type: ignore[arg-type]
                judged_by=_LABEL,
                at=self._clock.now(),
                skill={one: _figure(daily, one) for one in sorted(set(daily["horizon"]))},
            )
        )

    def tries(self, daily: pl.DataFrame) -> Tries:
        """What was tried on the sessions of measures, by the ledger: of this search and others."""
        days = daily.get_column("date")
        return tries_between(
            self.home,
            self._market,
            days.min(),  # type: ignore[arg-type]
            days.max(),  # type: ignore[arg-type]
            out_of_time=True,
            judged_by=_LABEL,
        )


def by_session(daily: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """RankIC at a horizon by session, the mean over seeds. Columns date, rank_ic."""
    return (
        daily.filter(pl.col("horizon") == horizon)
        .group_by("date")
        .agg(pl.col("rank_ic").mean())
        .sort("date")
    )


def _figure(daily: pl.DataFrame, horizon: int) -> Figure:
    values = by_session(daily, horizon).get_column("rank_ic").drop_nulls().to_numpy()
    mean, ratio = (
        mean_estimate(values, horizon=horizon),
        ratio_estimate(values, horizon=horizon),
    )
    return Figure(number_or_none(mean.value), number_or_none(ratio.value), mean.n)
