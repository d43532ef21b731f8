"""Ridge: fitted from sums over rows, scored by one product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from gogooku.core.files import storage_errors
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import CHOSEN, WEIGHTS_FILE, Headed, Header, chosen_of
from gogooku.learn.context import SCALE_KEY, ContextScale
from gogooku.learn.linear import Matrix, Scores, linear_scores, moved
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.names import positions
from gogooku.learn.targets import DayLabels, FoldLabels, fold_labels, joint_labels

_NO_CONTEXT: Final = {"center": (), "spread": ()}
"""That of a run of an earlier version, which says nothing of it."""


@dataclass(frozen=True)
class Moments:
    """Sums over rows that ridge needs: nothing of the size of the data is ever held.

    Attributes
    ----------
    gram_HFF, cross_HF : float64
        Products of inputs, and of inputs and label; the inputs are the features, or with market
        context the features times each factor of the session, factor by factor.
    count_H : int64
        Rows.
    """

    gram_HFF: Matrix
    cross_HF: Matrix
    count_H: IntArray

    @classmethod
    def of(cls, dataset: Dataset, days: DayLabels, *, factor_TK: Matrix) -> Moments:
        """Accumulate day by day; features are centred within the session's rows.

        All names of a session share its factors, so the products with them are those of the
        features times numbers: they cost no pass over the rows.
        """
        num_features = len(dataset.features) * factor_TK.shape[1]
        num_horizons = days.values_TNH.shape[2]
        gram = np.zeros((num_horizons, num_features, num_features))
        cross = np.zeros((num_horizons, num_features))
        count = np.zeros(num_horizons, dtype=np.int64)
        for row, t in enumerate(days.indices.tolist()):
            known_NH = np.isfinite(days.values_TNH[row])
            product, before = np.empty(0), np.zeros(0, dtype=np.bool_)
            x, factor = np.empty(0), factor_TK[t]
            for h in range(num_horizons):
                known = known_NH[:, h]
                if not np.array_equal(known, before):
                    x = dataset.x_TNF[t][known].astype(np.float64)
                    x -= x.mean(axis=0)
                    product, before = np.kron(np.outer(factor, factor), x.T @ x), known
                gram[h] += product
                label = days.values_TNH[row][known, h].astype(np.float64)
                cross[h] += np.kron(factor, x.T @ label)
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
    """Fitted coefficients [K * F, H], K the constant and the market context."""

    weight_FH: Matrix
    scale: ContextScale

    def scores(self, dataset: Dataset, indices: IntArray) -> Scores:
        """Scores [t, N, H]; NaN outside the universe."""
        self.header.check(dataset)
        wanted = _config_of(self.header).context_features
        factors = _factors(dataset, wanted, self.scale)
        return linear_scores(dataset, indices, self.weight_FH, factor_TK=factors)

    def session_weights(self, dataset: Dataset, t: int) -> Matrix:
        """Coefficients [F, H] of a session: those that move with the market are at its state."""
        wanted = _config_of(self.header).context_features
        return moved(self.weight_FH, _factors(dataset, wanted, self.scale)[t])

    def save(self, folder: Path) -> None:
        """Write coefficients and header."""
        with storage_errors(folder):
            save_file({"weight": np.ascontiguousarray(self.weight_FH)}, str(folder / WEIGHTS_FILE))
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> RidgeCheckpoint:
        """Read what `save` wrote; it is scored on the CPU."""
        del device
        weight = load_file(str(folder / WEIGHTS_FILE))["weight"]
        return cls(header, weight, ContextScale.from_json(header.more.get(SCALE_KEY, _NO_CONTEXT)))


def _config_of(header: Header) -> RidgeConfig:
    return RidgeConfig.model_validate(header.config)


def _columns(dataset: Dataset, wanted: Sequence[str]) -> npt.NDArray[np.intp]:
    return positions(dataset.market_features, wanted, setting="context_features")


def _factors(dataset: Dataset, wanted: Sequence[str], scale: ContextScale) -> Matrix:
    """One, and the scaled market context, of every session: float64 [T, K]."""
    context_TM = scale.apply(dataset.market_TM[:, _columns(dataset, wanted)])
    ones = np.ones((len(context_TM), 1))
    return np.concatenate([ones, context_TM.astype(np.float64)], axis=1)


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
        execution.begin()
        wanted = self.config.context_features
        columns = _columns(dataset, wanted)
        scale = ContextScale.fitted(dataset.market_TM[fold.indices("train")][:, columns])
        factors = _factors(dataset, wanted, scale)
        if chosen is not None:
            penalties = chosen_of(chosen)["penalties"]
            targets = joint_labels(dataset, labels, fold, config=self.config)
            moments = Moments.of(dataset, targets.train, factor_TK=factors)
            by_horizon = [moments.solve(penalty)[:, h] for h, penalty in enumerate(penalties)]
            weight = np.stack(by_horizon, axis=1)
            return self._checkpoint(dataset, targets, weight, penalties, scale)
        targets = fold_labels(dataset, labels, fold, config=self.config)
        with execution.reporter.step("ridge"):
            moments = Moments.of(dataset, targets.train, factor_TK=factors)
            tried = [moments.solve(penalty) for penalty in self.config.penalties]
            valid = targets.valid
            scored = (
                linear_scores(dataset, valid.indices, weight, factor_TK=factors) for weight in tried
            )
            measured = np.array([valid.rank_ic(score) for score in scored])
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
        return self._checkpoint(dataset, targets, weight, kept, scale)

    def _checkpoint(
        self,
        dataset: Dataset,
        targets: FoldLabels,
        weight: Matrix,
        penalties: Sequence[float],
        scale: ContextScale,
    ) -> RidgeCheckpoint:
        header = Header.of(
            self.config,
            dataset,
            trained_through=targets.trained_through,
            more={CHOSEN: {"penalties": list(penalties)}, SCALE_KEY: scale.to_json()},
        )
        return RidgeCheckpoint(header=header, weight_FH=weight, scale=scale)
