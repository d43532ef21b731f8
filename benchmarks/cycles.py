"""Normalisations of the raw channels in a world of planted cycles.

    python benchmarks/cycles.py [--seeds 1,2,3] [--names 150] [--threads 1]
                                [--set raw_bins=3 --set temporal=fusion ...]

The log price of each name is a random walk and a cycle of its own: period (5 to 12 sessions), phase
and size, the phase drifting slowly. Its continuation pays, and nothing else does. One line a seed:
alignment (mean daily rank correlation of score and planted expectation) at 1 and 5 sessions under
``raw_norm`` none, revin and fan, all else equal; then the means, and what each has above none,
paired by session, with the standard error of the mean over all sessions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from fitting import made_up_labels
from gogooku.core.calendar import Clock, next_tokyo_sessions
from gogooku.core.config import resolve
from gogooku.core.metrics import FloatArray, daily_rank_ic, mean_estimate
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import HORIZONS, Dataset, FitExecution, Labels, feature_hash
from gogooku.evaluate.split import FractionSplit, make_folds
from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig, RawNorm
from gogooku.learn.networks import NetworkLearner

SESSIONS = 600
WALK, SIZE = 0.015, 0.02
"""Of the random walk a session, and the mean size of a cycle, in log price."""
PERIODS = (5.0, 12.0)
DRIFT = 0.05
"""Of the phase, in radians a session."""
RETURN_UNIT = 0.02
FEATURES, MARKET = ("ret_1d", "noise"), ("noise",)
NORMS = ("none", "revin", "fan")
SHOWN = (1, 5)


def cycles(names: int, rng: np.random.Generator) -> FloatArray:
    """The planted part of the log price, [T, N]."""
    shape = (SESSIONS, names)
    step = 2 * np.pi / rng.uniform(*PERIODS, names) + DRIFT * rng.standard_normal(shape)
    phase = rng.uniform(0, 2 * np.pi, names) + step.cumsum(axis=0)
    return SIZE * rng.uniform(0.5, 1.5, names) * np.sin(phase)


def ahead(level_TN: FloatArray) -> FloatArray:
    """What a level gains from the next session on, over each horizon; NaN beyond the end."""
    out = np.full((*level_TN.shape, len(HORIZONS)), np.nan)
    for place, horizon in enumerate(HORIZONS):
        last = SESSIONS - 1 - horizon
        out[:last, :, place] = level_TN[1 + horizon :] - level_TN[1 : 1 + last]
    return out


def world(names: int, seed: int) -> tuple[Dataset, Labels, FloatArray]:
    """Dataset, labels, and the planted expectation [T, N, H]."""
    rng = np.random.default_rng(seed)
    planted = cycles(names, rng)
    price = planted + (WALK * rng.standard_normal(planted.shape)).cumsum(axis=0)
    returns = np.diff(price, axis=0, prepend=price[:1])
    noise = rng.standard_normal(planted.shape)
    sessions = next_tokyo_sessions(np.datetime64("2021-01-04").item(), SESSIONS)
    dataset = Dataset(
        folder=Path("cycles"),
        manifest={
            "clock": "evening",
            "feature_hash": feature_hash([*FEATURES, "|", *MARKET], Clock.EVENING),
            "content_hash": f"cycles-{names}-{seed}",
        },
        sessions=sessions,
        codes=tuple(f"C{n}" for n in range(names)),
        features=FEATURES,
        market_features=MARKET,
        x_TNF=np.stack([centred_ranks(v) for v in (returns, noise)], axis=2).astype(np.float16),
        market_TM=rng.standard_normal((SESSIONS, 1)).astype(np.float32),
        valid_TN=np.ones(planted.shape, dtype=np.bool_),
        sector_TN=np.zeros(planted.shape, dtype=np.int32),
        neighbour_BNK=np.full((1, names, 1), -1, dtype=np.int32),
        neighbour_block_T=np.zeros(SESSIONS, dtype=np.int32),
        raw_channels=("log_return",),
        raw_TNC=(returns / RETURN_UNIT).astype(np.float16)[:, :, None],
    )
    return (
        dataset,
        made_up_labels(dataset, ahead(price).astype(np.float32), horizons=HORIZONS),
        ahead(planted),
    )


BASE = {
    "raw_channels": ["log_return"],
    "raw_bins": 3,
    "dynamic_features": ["ret_1d"],
    "context_features": ["noise"],
    "lookback": 32,
    "hidden": 128,
    "trunk": "mlp",
    "fan": "none",
    "graph": "none",
    "dropout": 0.2,
    "feature_dropout": 0.0,
    "training": {"max_epochs": 8, "days_per_batch": 8, "learning_rate": 2e-3},
}


def aligned(
    config: AtftGatFanConfig,
    made: tuple[Dataset, Labels, FloatArray],
    *,
    seed: int,
    threads: int,
) -> FloatArray:
    """Alignment of every test session at the horizons that are shown, [t, 2]."""
    dataset, labels, planted_TNH = made
    fold = make_folds(FractionSplit(), dataset.sessions, first=40)[0]
    checkpoint = NetworkLearner(config).fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng([seed, 1]),
        execution=FitExecution(threads=threads),
    )
    test = fold.indices("test")
    scores = checkpoint.scores(dataset, test).astype(np.float64)
    places = [HORIZONS.index(horizon) for horizon in SHOWN]
    daily = [daily_rank_ic(scores[:, :, h], planted_TNH[test][:, :, h]) for h in places]
    return np.stack(daily, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--names", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    base = AtftGatFanConfig.model_validate(BASE)
    config = resolve(base, base_name="cycles", assignments=options.set).config
    found: dict[str, list[FloatArray]] = {norm: [] for norm in NORMS}
    for seed in (int(text) for text in options.seeds.split(",")):
        made = world(options.names, seed)
        for norm in NORMS:
            begun = time.perf_counter()
            normed = config.model_copy(update={"raw_norm": RawNorm(norm)})
            daily = aligned(normed, made, seed=seed, threads=options.threads)
            found[norm].append(daily)
            seconds = time.perf_counter() - begun
            means = " ".join(f"{value:.3f}" for value in np.nanmean(daily, axis=0))
            print(f"seed {seed} {norm:6s} {means}  {seconds:.0f} s", flush=True)
    every = {norm: np.concatenate(daily) for norm, daily in found.items()}
    for norm, daily in every.items():
        cells = []
        for place, horizon in enumerate(SHOWN):
            known = np.isfinite(daily[:, place])
            gain = (daily - every["none"])[known, place]
            error = mean_estimate(gain, horizon=horizon).error
            cells.append(
                f"{horizon}s {daily[known, place].mean():.3f} ({gain.mean():+.3f} +-{error:.3f})"
            )
        print(f"mean {norm:6s} " + " | ".join(cells))


if __name__ == "__main__":
    main()
