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
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Config, resolve
from gogooku.core.files import write_json
from gogooku.core.metrics import daily_rank_ic, mean_estimate
from gogooku.core.seal import open_sealed
from gogooku.core.types import Checkpoint, Dataset, SessionRows
from gogooku.evaluate.split import make_folds
from gogooku.features.catalogue import by_name
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.targets import fold_labels
from gogooku.runs.beside import keep_beside
from gogooku.runs.folder import Run
from gogooku.runs.labels import labelled, run_labels
from gogooku.runs.train import CHECKPOINT, SELECTED

IMPORTANCE: Final = "importance"
IMPORTANCE_FILE: Final = "importance.json"
SESSIONS: Final = 40
"""Most validation sessions of a fold, the last ones in a row: two months."""

Scores = npt.NDArray[np.float64]


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
    lost : float
        Mean daily RankIC that permuting the group takes away; negative if it gains.
    error : float or None
        Newey-West error of the mean; None for fewer than three sessions.
    rank_ic : float
        Of the scores as they are.
    sessions : int
    """

    group: str
    horizon: int
    features: int
    lost: float
    error: float | None
    rank_ic: float
    sessions: int


class Permuted:
    """Rows by session in which some features of a session's names belong to other names.

    Parameters
    ----------
    rows : SessionRows
        The training tensor.
    columns : intp [c]
        Features that change hands.
    taken_from : intp [N]
        Whose features each name has, on every session of the window.
    """

    def __init__(
        self, rows: SessionRows, columns: npt.NDArray[np.intp], taken_from: npt.NDArray[np.intp]
    ) -> None:
        self._rows, self._columns, self._from = rows, columns, taken_from

    @property
    def shape(self) -> tuple[int, ...]:
        """Sessions, names and features."""
        return self._rows.shape

    def __getitem__(self, key: Any, /) -> Any:
        """A session [N, F], or a span of sessions, as an array."""
        made = np.array(self._rows[key])
        made[..., self._columns] = made[..., self._from, :][..., self._columns]
        return made


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
    labels = run_labels(dataset, run.config)
    folds = make_folds(run.config.split, dataset.sessions, first=run.config.warmup_sessions)
    groups = groups_of(dataset)
    whole: list[Scores] = []
    lost: dict[str, list[Scores]] = {group: [] for group in groups}
    for number, fold in enumerate(folds):
        place = f"folds/{number}/{SELECTED if run.config.refit else CHECKPOINT}"
        run.files.check(place)
        checkpoint = load_checkpoint(run.folder / place)
        valid = fold_labels(dataset, labels, fold, config=labelled(run.config)).valid
        rows = slice(-SESSIONS, None)
        indices, truth = valid.indices[rows], valid.values_TNH[rows].astype(np.float64)
        whole.append(_daily(checkpoint.scores(dataset, indices), truth))
        for group, columns in groups.items():
            scores = _permuted(checkpoint, dataset, indices, columns)
            lost[group].append(whole[-1] - _daily(scores, truth))
    plain = np.concatenate(whole)
    return [
        _importance(group, len(columns), h, horizon, plain=plain, lost=np.concatenate(lost[group]))
        for group, columns in groups.items()
        for h, horizon in enumerate(labels.horizons)
    ]


def _daily(scores_tNH: npt.NDArray[np.float32], truth_tNH: Scores) -> Scores:
    """RankIC [t, H] of every session."""
    columns = [
        daily_rank_ic(scores_tNH[:, :, h].astype(np.float64), truth_tNH[:, :, h])
        for h in range(truth_tNH.shape[2])
    ]
    return np.stack(columns, axis=1)


def _permuted(
    checkpoint: Checkpoint,
    dataset: Dataset,
    indices: npt.NDArray[np.int64],
    columns: npt.NDArray[np.intp],
) -> npt.NDArray[np.float32]:
    """Scores of sessions, each with the windows of some features in other hands."""
    rows = []
    for t in indices.tolist():
        names = np.flatnonzero(dataset.valid_TN[t])
        taken_from = np.arange(len(dataset.codes))
        taken_from[names] = np.random.default_rng([int(t), int(columns[0])]).permutation(names)
        view = replace(dataset, x_TNF=Permuted(dataset.x_TNF, columns, taken_from))
        rows.append(checkpoint.scores(view, np.array([t]))[0])
    return np.stack(rows)


def _importance(
    group: str, features: int, h: int, horizon: int, *, plain: Scores, lost: Scores
) -> Importance:
    found = mean_estimate(lost[:, h], horizon=horizon)
    return Importance(
        group=group,
        horizon=horizon,
        features=features,
        lost=found.value,
        error=found.error if np.isfinite(found.error) else None,
        rank_ic=float(np.nanmean(plain[:, h])),
        sessions=found.n,
    )
