"""LightGBM, one model per horizon, kept as its text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt

from gogooku.core.files import storage_errors
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import BoolArray, Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import CHOSEN, Headed, Header, chosen_of
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.targets import DayLabels, FoldLabels, fold_labels, joint_labels, spread_over

Rows = npt.NDArray[np.float32]

TRAIN_SESSIONS: Final = 8
"""Train sessions on which RankIC is measured once the trees are kept, to be read beside that of
validation."""


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
class Check:
    """Rows of validation sessions on which the number of trees is selected.

    Attributes
    ----------
    inputs : float32 [R, F + M]
        Names with a label at any horizon, session by session.
    values : float32 [R, H]
        Their labels; NaN unknown.
    starts : int64 [t + 1]
        Where each session's rows begin.
    """

    inputs: Rows
    values: npt.NDArray[np.float32]
    starts: IntArray

    @classmethod
    def of(cls, dataset: Dataset, days: DayLabels, *, most: int) -> Check:
        """Rows of at most so many sessions, evenly spread over a part."""
        picked = spread_over(most, range(len(days.indices)))
        blocks, values = [], []
        for row in picked:
            names = np.flatnonzero(np.isfinite(days.values_TNH[row]).any(axis=1))
            blocks.append(day_rows(dataset, int(days.indices[row]), names))
            values.append(days.values_TNH[row][names])
        starts = np.cumsum([0, *(len(block) for block in blocks)])
        return cls(np.concatenate(blocks), np.concatenate(values), starts)

    def rank_ic(self, score: npt.NDArray[np.float64], h: int) -> float:
        """Mean daily RankIC of the rows' scores at a horizon."""
        daily = [
            daily_rank_ic(score[None, low:high], self.values[None, low:high, h].astype(np.float64))
            for low, high in itertools.pairwise(self.starts.tolist())
        ]
        known = np.concatenate(daily)
        known = known[np.isfinite(known)]
        return float(known.mean()) if len(known) else 0.0


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
        chosen: Checkpoint | None = None,
    ) -> LightGBMCheckpoint:
        """Fit each horizon on normal scores; keep the number of trees of best validation RankIC.

        With ``chosen``, fit the numbers of trees that were kept then on both parts.
        """
        execution.begin()
        seed = int(rng.integers(2**31 - 1))
        if chosen is None:
            targets = fold_labels(dataset, labels, fold, config=self.config)
            frozen = [None] * len(targets.horizons)
        else:
            targets = joint_labels(dataset, labels, fold, config=self.config)
            frozen = list(chosen_of(chosen)["trees"])
        texts, trees = self._boost(
            dataset, targets, frozen, rng=rng, seed=seed, execution=execution
        )
        header = Header.of(
            self.config,
            dataset,
            trained_through=targets.trained_through,
            more={CHOSEN: {"trees": trees}},
        )
        return LightGBMCheckpoint.of(header, texts)

    def _boost(
        self,
        dataset: Dataset,
        targets: FoldLabels,
        frozen: Sequence[int | None],
        *,
        rng: np.random.Generator,
        seed: int,
        execution: FitExecution,
    ) -> tuple[tuple[str, ...], list[int]]:
        """Text and number of trees per horizon."""
        config = self.config
        train_x, train_y = sampled_rows(dataset, targets.train, max_rows=config.max_rows, rng=rng)
        params = self._parameters(len(train_x), seed=seed, threads=execution.threads)
        train = lightgbm.Dataset(train_x, params=params, free_raw_data=False).construct()
        check = None
        if None in frozen:
            check = Check.of(dataset, targets.valid, most=config.check_sessions)
        seen = Check.of(dataset, targets.train, most=TRAIN_SESSIONS)
        texts, trees = [], []
        with execution.reporter.step("lightgbm", total=len(targets.horizons)) as step:
            for h, horizon in enumerate(targets.horizons):
                known = np.isfinite(train_y[:, h])
                train.set_label(np.where(known, train_y[:, h], 0.0))
                train.set_weight(known.astype(np.float32))
                booster = lightgbm.Booster(params, train)
                kept = frozen[h]
                if kept is None:
                    assert check is not None
                    kept, rank_ic = self._grow(booster, check, h, threads=execution.threads)
                    found = {"rank_ic": rank_ic, "at_cap": kept > config.rounds - config.patience}
                else:
                    for _ in range(kept):
                        booster.update()
                    found = {"at_cap": False}
                learned = booster.predict(
                    seen.inputs, num_iteration=kept, num_threads=execution.threads
                )
                found["train_rank_ic"] = seen.rank_ic(np.asarray(learned), h)
                execution.events({"event": "boosting", "horizon": horizon, "trees": kept, **found})
                if found["at_cap"]:
                    step.note(f"horizon {horizon}: still better at {kept} trees; raise rounds")
                texts.append(booster.model_to_string(num_iteration=kept))
                trees.append(kept)
                step.advance()
        return tuple(texts), trees

    def _grow(
        self, booster: lightgbm.Booster, check: Check, h: int, *, threads: int
    ) -> tuple[int, float]:
        """Add trees until validation RankIC has not risen for the patience; the best number."""
        config = self.config
        score = np.zeros(len(check.inputs))
        best, best_rank_ic, grown = 0, -np.inf, 0
        while grown < config.rounds and grown - best < config.patience:
            added = min(config.check_every, config.rounds - grown)
            for _ in range(added):
                booster.update()
            score += booster.predict(
                check.inputs, start_iteration=grown, num_iteration=added, num_threads=threads
            )
            grown += added
            rank_ic = check.rank_ic(score, h)
            if rank_ic > best_rank_ic:
                best, best_rank_ic = grown, rank_ic
        return best, float(best_rank_ic)

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
            "force_col_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }
