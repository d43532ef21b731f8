"""What a page shows of a run's network beside its scores: its quantiles, and what it reads when."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from pydantic import BaseModel

from gogooku.core.forecast import Places, Scores
from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.evaluate.calibration import Calibrated, calibrated
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.names import positions
from gogooku.learn.networks_in import networks_in
from gogooku.learn.targets import DayLabels, spread_over
from gogooku.runs.folder import OUTPUTS_FILE, Run
from gogooku.runs.labels import labelled, run_labels

SESSIONS: Final = 120
"""Most test sessions on which the weights of channels are looked at, evenly spread."""
_FUSION: Final = "fusion"
"""The value of ``temporal`` with which channels can be weighed."""
_QUANTILE: Final = "q"
"""What the columns of quantiles begin with; the level follows."""


def has_quantiles(run: Run) -> bool:
    """Whether a run keeps quantiles."""
    return bool(getattr(run.config.learner, "quantiles", ()))


def calibration(run: Run, dataset: Dataset) -> list[Calibrated]:
    """How often the normal scores of the test part lie below each quantile of a run.

    Raises
    ------
    DataError
        What the run keeps beside its scores is gone or damaged.
    ContractError
        It is of other dates or codes than the dataset's.
    """
    frame = run.files.parquet(OUTPUTS_FILE).filter(part="test")
    places = Places.of(frame, dataset.sessions, dataset.codes, horizons=run.horizons)
    quantiles = {
        float(name.removeprefix(_QUANTILE)): places.dense(frame.get_column(name))
        for name in frame.columns
        if name.startswith(_QUANTILE)
    }
    came = realised(run, dataset, places.indices)
    return calibrated(quantiles, came, horizons=run.horizons)


def realised(run: Run, dataset: Dataset, indices: IntArray) -> Scores:
    """Normal scores [t, N, H] of the labels that a run is trained on, known by now.

    They are of the names that a fit trains on: in the universe, and tradable at the next open.
    """
    labels = run_labels(dataset, run.training())
    known = np.array(labels.variant(labelled(run.training()).train_label)[indices])
    known[~(dataset.valid_TN[indices] & labels.tradable_TN[indices])] = np.nan
    return DayLabels(indices=indices, values_TNH=known, through=()).ranked().values_TNH


def selects_channels(learner: BaseModel) -> bool:
    """Whether a learner, or a member of it, weighs the channels of its history."""
    fusion = getattr(learner, "fusion", None)
    if fusion is not None:
        return getattr(learner, "temporal", "") == _FUSION and bool(fusion.select)
    return any(map(selects_channels, getattr(learner, "members", ())))


def channel_weights(run: Run, dataset: Dataset) -> pl.DataFrame:
    """Mean weight of each channel on sessions of the test part, at most `SESSIONS` of them.

    Returns
    -------
    polars.DataFrame
        (date, channel, weight), ascending by date; the mean over the networks of the fold that has
        scored the session.

    Raises
    ------
    DataError
        Predictions or a checkpoint are gone or damaged.
    """
    scored = run.predictions("test").select("date", "fold").unique().sort("date", "fold")
    scored = scored.unique("date", keep="last", maintain_order=True)
    picked = scored[spread_over(SESSIONS, range(scored.height))]
    folders = run.checkpoints()
    found: list[pl.DataFrame] = []
    for (fold,), days in picked.group_by("fold", maintain_order=True):
        checkpoint = load_checkpoint(folders[int(str(fold))])
        for day in days.get_column("date").to_list():
            rows = _weighed(checkpoint, dataset, dataset.index_of(day))
            found.append(rows.select(pl.lit(day).alias("date"), pl.all()))
    return pl.concat(found).sort("date", maintain_order=True)


def _weighed(checkpoint: Checkpoint, dataset: Dataset, t: int) -> pl.DataFrame:
    """Channel and weight on a session, the mean over the networks of a checkpoint.

    The weights are of the state of the market, whoever is scored: one name is enough.
    """
    from gogooku.learn.views import last_sessions  # it imports torch

    rows: list[tuple[str, float]] = []
    for network in networks_in(checkpoint):
        config = network.header.config
        columns = positions(
            dataset.features, config["dynamic_features"], setting="dynamic_features"
        )
        names = [*(dataset.features[column] for column in columns), *config["raw_channels"]]
        world = last_sessions(
            dataset, t, np.flatnonzero(dataset.valid_TN[t])[:1], sessions=config["lookback"]
        )
        for weight in network.weighed(world, len(world.sessions) - 1).values():
            if weight.shape == (len(names),):
                rows += zip(names, weight.tolist(), strict=True)
    frame = pl.DataFrame(rows, schema={"channel": pl.String, "weight": pl.Float64}, orient="row")
    return frame.group_by("channel", maintain_order=True).agg(pl.col("weight").mean())
