"""Ridge: fitted from sums over rows, scored by one product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from gogooku.core.files import storage_errors
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import CHOSEN, WEIGHTS_FILE, Headed, Header, chosen_of
from gogooku.learn.linear import Matrix, Scores, linear_scores
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.targets import DayLabels, FoldLabels, fold_labels, joint_labels


@dataclass(frozen=True)
class Moments:
    """Sums over rows that ridge needs: nothing of the size of the data is ever held.

    Attributes
    ----------
    gram_HFF, cross_HF : float64
        Feature products, and products of features and label.
    count_H : int64
        Rows.
    """

    gram_HFF: Matrix
    cross_HF: Matrix
    count_H: IntArray

    @classmethod
    def of(cls, dataset: Dataset, days: DayLabels) -> Moments:
        """Accumulate day by day; features are centred within the session's rows."""
        num_features, num_horizons = len(dataset.features), days.values_TNH.shape[2]
        gram = np.zeros((num_horizons, num_features, num_features))
        cross = np.zeros((num_horizons, num_features))
        count = np.zeros(num_horizons, dtype=np.int64)
        for row, t in enumerate(days.indices.tolist()):
            known_NH = np.isfinite(days.values_TNH[row])
            product, before = np.empty(0), np.zeros(0, dtype=np.bool_)
            x = np.empty(0)
            for h in range(num_horizons):
                known = known_NH[:, h]
                if not np.array_equal(known, before):
                    x = dataset.x_TNF[t][known].astype(np.float64)
                    x -= x.mean(axis=0)
                    product, before = x.T @ x, known
                gram[h] += product
                cross[h] += x.T @ days.values_TNH[row][known, h].astype(np.float64)
                count[h] += int(known.sum())
        return cls(gram_HFF=gram, cross_HF=cross, count_H=count)

    def solve(self, penalty: float) -> Matrix:
        """Coefficients [F, H] for a penalty per row and unit feature variance.

        A feature that never varies gets coefficient 0.
        """
        columns = []
        for gram, cross, count in zip(self.gram_HFF, self.cross_HF, self.count_H, strict=True):
            spread = np.diag(gram).mean() / max(int(count), 1)
            added = max(penalty * spread * int(count), 1e-9)
            columns.append(np.linalg.solve(gram + added * np.eye(len(gram)), cross))
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class RidgeCheckpoint(Headed):
    """Fitted coefficients [F, H]."""

    weight_FH: Matrix

    def scores(self, dataset: Dataset, indices: IntArray) -> Scores:
        """Scores [t, N, H]; NaN outside the universe."""
        self.header.check(dataset)
        return linear_scores(dataset, indices, self.weight_FH)

    def save(self, folder: Path) -> None:
        """Write coefficients and header."""
        with storage_errors(folder):
            save_file({"weight": np.ascontiguousarray(self.weight_FH)}, str(folder / WEIGHTS_FILE))
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> RidgeCheckpoint:
        """Read what `save` wrote; it is scored on the CPU."""
        del device
        return cls(header=header, weight_FH=load_file(str(folder / WEIGHTS_FILE))["weight"])


@dataclass(frozen=True)
class RidgeLearner:
    """Fits ridge regressions; draws no random numbers."""

    config: RidgeConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None = None,
    ) -> RidgeCheckpoint:
        """Solve for every penalty, keep per horizon the one of best validation RankIC."""
        del rng
        if chosen is not None:
            return self._again(dataset, labels, fold, chosen_of(chosen)["penalties"])
        targets = fold_labels(dataset, labels, fold, config=self.config)
        with execution.reporter.step("ridge"):
            moments = Moments.of(dataset, targets.train)
            tried = [moments.solve(penalty) for penalty in self.config.penalties]
            measured = np.array(
                [
                    targets.valid.rank_ic(linear_scores(dataset, targets.valid.indices, weight))
                    for weight in tried
                ]
            )
        picked = measured.argmax(axis=0)
        weight = np.stack([tried[pick][:, h] for h, pick in enumerate(picked)], axis=1)
        for h, horizon in enumerate(labels.horizons):
            execution.events(
                {
                    "event": "penalty",
                    "horizon": horizon,
                    "penalty": self.config.penalties[picked[h]],
                    "rank_ic": float(measured[picked[h], h]),
                }
            )
        kept = [self.config.penalties[pick] for pick in picked]
        return self._checkpoint(dataset, targets, weight, kept)

    def _again(
        self, dataset: Dataset, labels: Labels, fold: Fold, penalties: Sequence[float]
    ) -> RidgeCheckpoint:
        """Fit train and validation together, each horizon with its penalty."""
        targets = joint_labels(dataset, labels, fold, config=self.config)
        moments = Moments.of(dataset, targets.train)
        columns = [moments.solve(penalty)[:, h] for h, penalty in enumerate(penalties)]
        return self._checkpoint(dataset, targets, np.stack(columns, axis=1), penalties)

    def _checkpoint(
        self, dataset: Dataset, targets: FoldLabels, weight: Matrix, penalties: Sequence[float]
    ) -> RidgeCheckpoint:
        header = Header.of(
            self.config,
            dataset,
            trained_through=targets.trained_through,
            more={CHOSEN: {"penalties": list(penalties)}},
        )
        return RidgeCheckpoint(header=header, weight_FH=weight)
