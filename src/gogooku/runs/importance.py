"""What a run lives on: the RankIC it loses when a group of features is permuted across names.

On each session the windows of a group's features change hands among the names of its universe:
every value stays one that is seen that session, with its own past, but is another name's. What
the scores lose by that is what they had from the group beyond what other groups know too. It is
measured on the last validation sessions of each fold, with the checkpoint that was selected there,
so that what is left out after looking was not chosen on test sessions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from gogooku.core.config import Config, resolve
from gogooku.core.files import write_json
from gogooku.core.metrics import FloatArray, mean_estimate, number_or_none
from gogooku.core.seal import open_sealed
from gogooku.core.types import Dataset
from gogooku.evaluate.split import make_folds
from gogooku.features.catalogue import by_name
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.importance import rank_ic_lost
from gogooku.learn.targets import fold_labels
from gogooku.runs.beside import keep_beside
from gogooku.runs.folder import Run
from gogooku.runs.job import CHECKPOINT, SELECTED
from gogooku.runs.labels import labelled, run_labels

IMPORTANCE: Final = "importance"
IMPORTANCE_FILE: Final = "importance.json"
SESSIONS: Final = 40
"""Most validation sessions of a fold, the last ones in a row: two months."""

_STREAM: Final = 9_002
"""Of random numbers: which names a group's windows go to."""


@dataclass(frozen=True)
class Importance:
    """What a group is worth at a horizon.

    Attributes
    ----------
    group : str
        Of the feature catalogue.
    horizon : int
    features : int
        How many of the dataset are in the group.
    lost : float or None
        Mean daily RankIC that permuting the group takes away; negative if it gains; None where no
        session counts, for example because none has enough labels at the horizon.
    error : float or None
        Newey-West error of the mean; None for fewer than three sessions.
    rank_ic : float or None
        Of the scores as they are.
    sessions : int
        That count.
    """

    group: str
    horizon: int
    features: int
    lost: float | None
    error: float | None
    rank_ic: float | None
    sessions: int


def groups_of(dataset: Dataset) -> dict[str, npt.NDArray[np.intp]]:
    """Columns of the training tensor by group of the catalogue, in the catalogue's order."""
    found: dict[str, list[int]] = {}
    for column, name in enumerate(dataset.features):
        found.setdefault(by_name(name).group, []).append(column)
    return {group: np.array(columns, dtype=np.intp) for group, columns in found.items()}


def importance(home: Path, run: Run) -> tuple[list[Importance], Path]:
    """What every group of features is worth to a run, kept beside it.

    Returns
    -------
    list of Importance, Path
        A row a group and horizon, and the folder that holds them.

    Raises
    ------
    DataError
        Its dataset is gone, or a file of the run is damaged.
    """

    def fill(building: Path) -> None:
        found = _measured(run, run.dataset(home))
        write_json(building / IMPORTANCE_FILE, {"groups": [asdict(one) for one in found]})

    folder = keep_beside(
        run,
        IMPORTANCE,
        resolve(Config(), base_name=IMPORTANCE),  # nothing is to be chosen
        code=(__name__,),
        inputs={"labels": run.stamp.inputs["labels"]},
        fill=fill,
    )
    written = open_sealed(folder, kind=IMPORTANCE).json(IMPORTANCE_FILE)
    return [Importance(**one) for one in written["groups"]], folder


def _measured(run: Run, dataset: Dataset) -> list[Importance]:
    config = run.training()
    labels = run_labels(dataset, config)
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    groups, lookback = groups_of(dataset), _lookback(config.learner)
    whole: list[FloatArray] = []
    lost: list[FloatArray] = []
    for number, fold in enumerate(folds):
        place = f"folds/{number}/{SELECTED if config.refit else CHECKPOINT}"
        run.files.check(place)
        checkpoint = load_checkpoint(run.folder / place)
        valid = fold_labels(dataset, labels, fold, config=labelled(config)).valid
        last = slice(-SESSIONS, None)
        intact, gone = rank_ic_lost(
            checkpoint,
            dataset,
            replace(valid, indices=valid.indices[last], values_TNH=valid.values_TNH[last]),
            list(groups.values()),
            lookback=lookback,
            rng=np.random.default_rng([config.seed, _STREAM, number]),
        )
        whole.append(intact)
        lost.append(gone)
    plain, without = np.concatenate(whole), np.concatenate(lost)
    return [
        _importance(group, len(columns), horizon, plain=plain[:, h], lost=without[:, place, h])
        for place, (group, columns) in enumerate(groups.items())
        for h, horizon in enumerate(labels.horizons)
    ]


def _lookback(learner: BaseModel) -> int:
    """Sessions that a learner, or any member of it, reads."""
    own = int(getattr(learner, "lookback", 1))
    return max([own, *map(_lookback, getattr(learner, "members", ()))])


def _importance(
    group: str, features: int, horizon: int, *, plain: FloatArray, lost: FloatArray
) -> Importance:
    found = mean_estimate(lost, horizon=horizon)
    return Importance(
        group=group,
        horizon=horizon,
        features=features,
        lost=number_or_none(found.value),
        error=number_or_none(found.error),
        rank_ic=number_or_none(mean_estimate(plain, horizon=horizon).value),
        sessions=found.n,
    )
