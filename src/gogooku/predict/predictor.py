"""A session's ranking from a finished run: the one code path of ``predict`` and of the server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock
from gogooku.core.errors import ContractError, DataError, NotFoundError
from gogooku.core.forecast import Forecast, Scores
from gogooku.core.types import Checkpoint, Dataset
from gogooku.dataset.home import served
from gogooku.learn.checkpoint import Headed, load_checkpoint
from gogooku.runs.folder import OUTPUTS_FILE, Run

_ALONE: Final = Lock()
"""Held while a run scores that gives more than scores. For passes with dropout its network is in
training mode, and torch's generators are those of all threads: no other request may come between.
"""


@dataclass(frozen=True)
class Ranking:
    """One session's ranking.

    Attributes
    ----------
    date : date
        The session that it follows.
    clock : Clock
        When it is decided: the evening of that session, or the morning before the next open.
    frame : polars.DataFrame
        (rank, code, sector, close, score_1, score_5, ...), best first at ``horizon``; the sector by
        name, null where it is not known; the close null where the name did not trade. Behind the
        scores, the columns of ``beside``.
    horizon : int
        Which score ranks.
    run_id, dataset : str
        What made it.
    forecast : Forecast
        The same scores in long form; its constructor has refused dates that were trained on.
    beside : tuple of str
        What the run gives beside its scores, named as in its ``outputs.parquet``, at each horizon:
        ``q0.1_5``, ``place_spread_5``. None for most runs.
    """

    date: date
    clock: Clock
    frame: pl.DataFrame
    horizon: int
    run_id: str
    dataset: str
    forecast: Forecast
    beside: tuple[str, ...] = ()

    def with_names(self, names: pl.DataFrame) -> Ranking:
        """The same with company names behind the codes; null where one is not known.

        Parameters
        ----------
        names : polars.DataFrame
            (code, name_ja, name_en).
        """
        wide = self.frame.join(names, on="code", how="left", maintain_order="left")
        rest = [name for name in self.frame.columns if name not in ("rank", "code")]
        return replace(self, frame=wide.select("rank", "code", "name_ja", "name_en", *rest))

    def to_json(self, *, top: int | None = None) -> dict[str, Any]:
        """The ranking as plain values; ``top`` names at most."""
        rows = self.frame if top is None else self.frame.head(top)
        return {
            "date": str(self.date),
            "clock": str(self.clock),
            "horizon": self.horizon,
            "run": self.run_id,
            "dataset": self.dataset,
            "num_names": self.frame.height,
            "ranking": rows.to_dicts(),
        }


class Predictor:
    """A run's checkpoints and a dataset, opened once.

    Parameters
    ----------
    run : Run
    dataset : Dataset
        With the features that the run was fitted on.
    device : str
        Where a network scores: ``cpu``, ``cuda`` or ``cuda:N``. Another device than the run was
        fitted on may change the last bits of a score.

    Raises
    ------
    UsageError
        Its scores were made elsewhere: there is no model.
    ContractError
        The dataset has other features than the run, or the run is a cross-validation.
    ConfigError
        This machine does not have the device, or the run's learner is no network.
    """

    def __init__(self, run: Run, dataset: Dataset, *, device: str = "cpu") -> None:
        run.training()
        if run.manifest["feature_hash"] != dataset.feature_hash:
            raise ContractError(
                f"run {run.run_id} was trained on dataset {run.dataset_name}; dataset "
                f"{dataset.folder.name} (clock {dataset.clock}) has other features, or another "
                f"clock. Use --dataset {run.dataset_name}, or --run with a run of this dataset, or "
                f"train one: gogooku train {run.manifest['name']} --dataset {dataset.folder.name}"
            )
        if not run.out_of_time:
            raise ContractError(
                f"run {run.run_id} is a cross-validation: none of its fits is the newest one, so "
                f"it ranks nothing. Use --run with another run, or train one: gogooku train "
                f"{run.manifest['name']}"
            )
        self.run = run
        self.dataset, self._close = served(dataset)
        self.checkpoints = [load_checkpoint(folder, device=device) for folder in run.checkpoints()]

    @property
    def newest(self) -> date:
        """The last session of the dataset."""
        last: date = self.dataset.sessions[-1].item()
        return last

    def checkpoint_for(self, day: date) -> Checkpoint:
        """The newest checkpoint that has seen no label resolved on or after a date.

        Raises
        ------
        NotFoundError
            Every checkpoint was trained on or past that date.
        """
        for checkpoint in reversed(self.checkpoints):
            if max(checkpoint.trained_through.values()) < day:
                return checkpoint
        through = min(max(c.trained_through.values()) for c in self.checkpoints)
        raise NotFoundError(
            f"{day}: run {self.run.run_id} used labels resolved through {through}; a score there "
            "would be in-sample. Ask for a later session, or train a run that ends before it."
        )

    def ranking(self, day: date | None = None, *, horizon: int = 5) -> Ranking:
        """Rank the universe of a session (the newest by default) by one horizon's score.

        Raises
        ------
        NotFoundError
            Not a session, trained on, no universe, or an unknown horizon.
        DataError
            A file is damaged, or the scores are no numbers.
        """
        wanted = self.newest if day is None else day
        t = self.dataset.index_of(wanted)
        checkpoint = self.checkpoint_for(wanted)
        if horizon not in checkpoint.horizons:
            raise NotFoundError(
                f"horizon {horizon} is not scored by this run; ask for one of "
                f"{', '.join(map(str, checkpoint.horizons))}"
            )
        scores, beside = self._scored(checkpoint, t)
        self._require_numbers(scores[0], t)
        forecast = Forecast.of(
            scores,
            self.dataset.sessions[t : t + 1],
            self.dataset.codes,
            horizons=checkpoint.horizons,
            trained_through=checkpoint.trained_through,
        )
        if forecast.frame.is_empty():
            raise NotFoundError(
                f"{wanted}: no name is in the universe on that session. Ask for another one with "
                "--date, or build with a lower universe.min_traded_value."
            )
        return Ranking(
            date=wanted,
            clock=self.dataset.clock,
            frame=self._ranked(forecast, t, by=f"score_{horizon}", beside=beside),
            horizon=horizon,
            run_id=self.run.run_id,
            dataset=self.dataset.folder.name,
            forecast=forecast,
            beside=tuple(beside),
        )

    def _scored(self, checkpoint: Checkpoint, t: int) -> tuple[Scores, dict[str, Scores]]:
        """Scores [1, N, H] of a session, and, if the run keeps some, what it gives beside them [N].

        Both are made as they were for the test part of the run.
        """
        wanted, more = np.array([t]), self.run.files.has(OUTPUTS_FILE)
        with _ALONE if more else nullcontext():
            scores = checkpoint.scores(self.dataset, wanted)
            if not more:
                return scores, {}
            assert isinstance(checkpoint, Headed), type(checkpoint).__name__
            found = checkpoint.more_outputs(self.dataset, wanted)
        return scores, {
            f"{name}_{horizon}": values[0, :, h]
            for name, values in found.items()
            for h, horizon in enumerate(checkpoint.horizons)
        }

    def _require_numbers(self, scores_NH: npt.NDArray[np.float32], t: int) -> None:
        """Refuse scores of which a horizon has none: what made them is no model."""
        members = self.dataset.valid_TN[t]
        empty = ~np.isfinite(scores_NH[members]).any(axis=0)
        if members.any() and empty.any():
            horizons = [str(h) for h, no in zip(self.run.horizons, empty, strict=True) if no]
            raise DataError(
                f"run {self.run.run_id}: its scores at horizon {', '.join(horizons)} are no "
                f"numbers for any of {int(members.sum())} names on {self.dataset.sessions[t]}; its "
                "training failed, or its weights are damaged. Train it again."
            )

    def _ranked(
        self, forecast: Forecast, t: int, *, by: str, beside: Mapping[str, Scores]
    ) -> pl.DataFrame:
        """Names that have every score, best first, with what is known of them that session."""
        wide = forecast.wide().drop("date").drop_nulls()
        sector = self.dataset.sector_TN[t]
        names = pl.Series(self.dataset.manifest["sectors"], dtype=pl.String)
        facts = pl.DataFrame(
            {
                "code": pl.Series(self.dataset.codes, dtype=pl.String),
                "sector": names.gather(pl.Series(sector, dtype=pl.Int64).replace(-1, None)),
                "close": pl.Series(np.asarray(self._close[t]), nan_to_null=True),
                **{name: pl.Series(one, nan_to_null=True) for name, one in beside.items()},
            }
        )
        scores = [name for name in wide.columns if name != "code"]
        ranked = wide.join(facts, on="code").sort(by, "code", descending=[True, False])
        rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank")
        return ranked.select(rank, "code", "sector", "close", *scores, *beside)
