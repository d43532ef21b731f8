"""LightGBM, one model per horizon, kept as its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from gogooku.core.files import storage_errors
from gogooku.core.types import BoolArray, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import Headed, Header
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.targets import DayLabels, FoldLabels, fold_labels

Rows = npt.NDArray[np.float32]


def day_rows(dataset: Dataset, t: int, names: npt.NDArray[np.intp]) -> Rows:
    """Features and market context [n, F + M] of some names on one session; NaN context is kept."""
    num_features = len(dataset.features)
    out = np.empty((len(names), num_features + len(dataset.market_features)), dtype=np.float32)
    out[:, :num_features] = dataset.x_TNF[t][names]
    out[:, num_features:] = dataset.market_TM[t]
    return out


def sampled_rows(
    dataset: Dataset, days: DayLabels, *, max_rows: int, rng: np.random.Generator
) -> tuple[Rows, npt.NDArray[np.float32]]:
    """Inputs [R, F + M] and labels [R, H] (NaN unknown), at most about ``max_rows`` rows."""
    known_TN: BoolArray = np.asarray(np.isfinite(days.values_TNH).any(axis=2))
    share = min(1.0, max_rows / max(int(known_TN.sum()), 1))
    if share < 1.0:
        known_TN &= rng.random(known_TN.shape) < share
    inputs = np.empty(
        (int(known_TN.sum()), len(dataset.features) + len(dataset.market_features)),
        dtype=np.float32,
    )
    filled = 0
    for row, t in enumerate(days.indices.tolist()):
        names = np.flatnonzero(known_TN[row])
        inputs[filled : filled + len(names)] = day_rows(dataset, t, names)
        filled += len(names)
    return inputs, days.values_TNH[known_TN]


@dataclass(frozen=True)
class LightGBMCheckpoint(Headed):
    """Boosters per horizon, each read back from its text."""

    texts: tuple[str, ...]
    boosters: tuple[lightgbm.Booster, ...]

    @classmethod
    def of(cls, header: Header, texts: tuple[str, ...]) -> LightGBMCheckpoint:
        """Read the boosters from their text, so that a saved one is the fitted one."""
        return cls(header, texts, tuple(lightgbm.Booster(model_str=text) for text in texts))

    def scores(self, dataset: Dataset, indices: IntArray) -> npt.NDArray[np.float32]:
        """Scores [t, N, H]; NaN outside the universe."""
        self.header.check(dataset)
        shape = (len(indices), len(dataset.codes), len(self.horizons))
        out = np.full(shape, np.nan, dtype=np.float32)
        for row, t in enumerate(np.asarray(indices).tolist()):
            names = np.flatnonzero(dataset.valid_TN[t])
            if not len(names):
                continue
            inputs = day_rows(dataset, t, names)
            for h, booster in enumerate(self.boosters):
                out[row, names, h] = booster.predict(inputs, num_threads=1)
        return out

    def save(self, folder: Path) -> None:
        """Write one text per horizon and the header."""
        with storage_errors(folder):
            for horizon, text in zip(self.horizons, self.texts, strict=True):
                (folder / f"h{horizon}.txt").write_text(text, encoding="utf-8")
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> LightGBMCheckpoint:
        """Read what `save` wrote; it is scored on the CPU."""
        del device
        names = (folder / f"h{horizon}.txt" for horizon in header.horizons)
        return cls.of(header, tuple(name.read_text(encoding="utf-8") for name in names))


@dataclass(frozen=True)
class LightGBMLearner:
    """Fits gradient-boosted trees."""

    config: LightGBMConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
    ) -> LightGBMCheckpoint:
        """Fit each horizon on normal scores; stop on the validation part's squared error."""
        targets = fold_labels(dataset, labels, fold, config=self.config)
        seed = int(rng.integers(2**31 - 1))
        texts = self._boost(dataset, targets, rng=rng, seed=seed, execution=execution)
        header = Header.of(self.config, dataset, trained_through=targets.trained_through)
        return LightGBMCheckpoint.of(header, texts)

    def _boost(
        self,
        dataset: Dataset,
        targets: FoldLabels,
        *,
        rng: np.random.Generator,
        seed: int,
        execution: FitExecution,
    ) -> tuple[str, ...]:
        config = self.config
        train_x, train_y = sampled_rows(dataset, targets.train, max_rows=config.max_rows, rng=rng)
        valid_x, valid_y = sampled_rows(
            dataset, targets.valid.ranked(), max_rows=config.max_rows, rng=rng
        )
        params = self._parameters(len(train_x), seed=seed, threads=execution.threads)
        train = lightgbm.Dataset(train_x, params=params, free_raw_data=False).construct()
        texts = []
        with execution.reporter.step("lightgbm", total=len(targets.horizons)) as step:
            for h, horizon in enumerate(targets.horizons):
                known, checked = np.isfinite(train_y[:, h]), np.isfinite(valid_y[:, h])
                train.set_label(np.where(known, train_y[:, h], 0.0))
                train.set_weight(known.astype(np.float32))
                valid = train.create_valid(valid_x[checked], label=valid_y[checked, h])
                booster = lightgbm.train(
                    params,
                    train,
                    num_boost_round=config.rounds,
                    valid_sets=[valid],
                    callbacks=[lightgbm.early_stopping(config.patience, verbose=False)],
                )
                kept = int(booster.best_iteration)
                execution.events({"event": "boosting", "horizon": horizon, "trees": kept})
                texts.append(booster.model_to_string(num_iteration=kept))
                step.advance()
        return tuple(texts)

    def _parameters(self, rows: int, *, seed: int, threads: int) -> dict[str, Any]:
        config = self.config
        return {
            "objective": "l2",
            "num_leaves": config.leaves,
            "learning_rate": config.learning_rate,
            "feature_fraction": config.feature_share,
            "bagging_fraction": config.row_share,
            "bagging_freq": 1,
            "min_data_in_leaf": max(1, int(rows * config.min_leaf_share)),
            "lambda_l2": config.l2,
            "max_bin": 63,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }
