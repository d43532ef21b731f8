"""Tiny datasets with a planted signal, and ways to change them."""

import dataclasses
from pathlib import Path

import numpy as np

from gogooku.core.calendar import Clock, next_tokyo_sessions
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Dataset, FitExecution, Fold, Labels, feature_hash
from gogooku.learn.context import ContextScale
from gogooku.learn.few_names import FEW_NAMES
from gogooku.learn.forward import score_sessions
from gogooku.learn.names import positions
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.networks import build_network, day_reader
from gogooku.learn.numerics import seeded
from gogooku.learn.registry import LEARNERS

FEATURES = ("alpha", "beta", "gamma", "delta", "noise")
MARKET = ("vol", "trend")
RAW = ("log_return", "log_value", "abs_return")
HORIZONS = (1, 5, 10, 20)


def make_dataset(sessions=150, names=40, *, peers=3, seed=0, x=None, codes=None):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((sessions, names, len(FEATURES)))
    if x is None:
        x = np.stack([centred_ranks(values[:, :, f]) for f in range(len(FEATURES))], axis=2)
    valid = rng.random((sessions, names)) > 0.1
    x = np.where(valid[:, :, None], x, 0.0).astype(np.float16)
    market = rng.standard_normal((sessions, len(MARKET))).astype(np.float32)
    market[:5, 1] = np.nan
    tables = np.stack([rng.permuted(_others(names), axis=1)[:, :peers] for _ in range(2)])
    tables[0, :, -1] = -1
    return Dataset(
        folder=Path("tiny"),
        manifest={
            "clock": "evening",
            "feature_hash": feature_hash([*FEATURES, "|", *MARKET], Clock.EVENING),
            "content_hash": f"tiny-{seed}",
        },
        sessions=next_tokyo_sessions(np.datetime64("2021-01-04").item(), sessions),
        codes=codes or tuple(f"{1000 + n}0" for n in range(names)),
        features=FEATURES,
        market_features=MARKET,
        x_TNF=x,
        market_TM=market,
        valid_TN=valid,
        sector_TN=np.zeros((sessions, names), dtype=np.int32),
        neighbour_BNK=tables.astype(np.int32),
        neighbour_block_T=(np.arange(sessions) * 2 // sessions).astype(np.int32),
    )


def with_raw(dataset, *, seed=5):
    """The dataset with raw channels, some of them unknown."""
    shape = (*dataset.valid_TN.shape, len(RAW))
    raw = np.random.default_rng(seed).standard_normal(shape).astype(np.float16)
    raw[::7, 3] = np.nan
    return changed(dataset, raw_channels=RAW, raw_TNC=raw)


def with_sectors(dataset, *, count=4, seed=6):
    """The dataset with sectors, a few of them unknown."""
    shape = dataset.valid_TN.shape[1]
    sector = np.random.default_rng(seed).integers(-1, count, shape)
    return changed(dataset, sector_TN=np.tile(sector, (len(dataset.sessions), 1)).astype(np.int32))


def _others(names):
    return np.array([[m for m in range(names) if m != n] for n in range(names)])


def make_labels(dataset, *, ic=0.1, seed=1):
    """Returns whose ranks correlate ``ic`` with the first feature at every horizon."""
    rng = np.random.default_rng(seed)
    sessions, names = dataset.valid_TN.shape
    shape = (sessions, names, len(HORIZONS))
    signal = dataset.x_TNF[:, :, 0].astype(np.float64)[:, :, None] * np.sqrt(12.0)
    raw = 0.02 * (ic * signal + np.sqrt(1 - ic**2) * rng.standard_normal(shape))
    raw = raw.astype(np.float32)
    resolved = np.full((sessions, len(HORIZONS)), np.datetime64("NaT", "D"))
    for h, horizon in enumerate(HORIZONS):
        reach = sessions - 1 - horizon
        resolved[:reach, h] = dataset.sessions[1 + horizon :]
        raw[reach:, :, h] = np.nan
    residual = np.where(dataset.valid_TN[:, :, None], raw, np.nan).astype(np.float32)
    return Labels(
        folder=Path("tiny"),
        manifest={"content_hash": f"labels-{seed}-{ic}"},
        horizons=HORIZONS,
        sessions=dataset.sessions,
        codes=dataset.codes,
        raw_TNH=raw,
        excess_TNH=raw,
        residual_TNH=residual,
        outcome_TNH=np.zeros(shape, dtype=np.int8),
        late_TNH=np.zeros(shape, dtype=np.int16),
        tradable_TN=rng.random((sessions, names)) > 0.05,
        resolved_TH=resolved,
    )


def make_fold(dataset, *, train=60, valid=20):
    day = dataset.sessions.tolist()
    valid_first = train + 21
    test_first = valid_first + valid + 21
    return Fold(
        sessions=dataset.sessions,
        train=(day[0], day[train - 1]),
        valid=(day[valid_first], day[valid_first + valid - 1]),
        test=(day[test_first], day[-1]),
    )


def small_config(*, kind="atft_gat_fan", **changes):
    """A network of a few thousand weights, else with the settings for few names."""
    few = {**FEW_NAMES[kind], **({"fan": "fan"} if kind == "atft_gat_fan" else {})}
    training = {
        **few["training"],
        "max_epochs": 2,
        "warmup_steps": 1,
        "horizon_weights": (0.25, 0.25, 0.25, 0.25),
        **changes.pop("training", {}),
    }
    plain = {
        **few,
        "dynamic_features": ("alpha", "delta"),
        "context_features": ("vol", "trend"),
        "lookback": 8,
        "hidden": 16,
        "heads": 2,
        "training": TrainingConfig(**training),
    }
    return LEARNERS.config(kind)(**{**plain, **changes})


def fit(learner, dataset, labels, fold, *, seed=3, **execution):
    return learner.fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng(seed),
        execution=FitExecution(**{"threads": 1, **execution}),
    )


def reader(dataset, config):
    context = positions(dataset.market_features, config.context_features, setting="context")
    return day_reader(config, dataset, ContextScale.fitted(dataset.market_TM[:, context]))


def network(config, *, seed=0):
    with seeded(seed):
        return build_network(config, num_features=5, market_features=MARKET, num_horizons=4)


def scores(dataset, indices, config=None, *, seed=0):
    config = config or small_config()
    return score_sessions(
        network(config, seed=seed), reader(dataset, config), indices, device="cpu"
    )


def changed(dataset, **parts):
    return dataclasses.replace(dataset, **parts)
