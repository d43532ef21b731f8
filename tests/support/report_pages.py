"""A report page with everything on it, made of random numbers."""

from datetime import date

import numpy as np
import polars as pl

from gogooku.evaluate.breakdown import BREAKDOWN_SCHEMA, rolling
from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.compare import compare_runs
from gogooku.evaluate.report import ReportPage
from gogooku.evaluate.report_head import Headline
from support.account_pages import account_of, days_of, luck_of, measures_of

HORIZONS = (1, 5, 10, 20)
SESSIONS = 150
HOSTILE = '<script>alert("x")</script>'


def daily_of(seed, count=SESSIONS):
    rng = np.random.default_rng(seed)
    return pl.concat(
        pl.DataFrame(
            {
                "date": days_of(count),
                "horizon": pl.Series([h] * count, dtype=pl.Int32),
                "rank_ic": pl.Series([None, *rng.normal(0.03, 0.1, count - 1)], dtype=pl.Float64),
                "num_names": [60] * count,
                "attainable": rng.normal(0.1, 0.1, count),
            }
        )
        for h in HORIZONS
    )


def deciles_of():
    return pl.DataFrame(
        [(h, d, 0.001 * d, 90, None if d == 3 else 0.0002) for h in HORIZONS for d in range(1, 11)],
        schema=["horizon", "decile", "value", "n", "error"],
        orient="row",
    )


def decay_of():
    rows = [(h, "lag", lag, 0.05 / (1 + lag), 0.01) for h in HORIZONS for lag in (0, 1, 2, 5, 10)]
    return pl.DataFrame(rows, schema=["horizon", "kind", "step", "value", "error"], orient="row",
                        schema_overrides={"step": pl.Int32})  # fmt: skip


def breakdown_of():
    groups = {"year": ("2022", "2023"), "size": ("small", "middle", "large"),
              "sector": ("0050", "9050", "unknown"), "segment": ("unknown",),
              "trend": ("falling", "rising")}  # fmt: skip
    rows = [
        (cut, value, h, measure, 90, 30.0, 0.01 * place, None if place == 1 else 0.02)
        for cut, values in groups.items()
        for place, value in enumerate(values)
        for h in HORIZONS
        for measure in ("rank_ic", "hit_rate")
    ]
    return pl.DataFrame(rows, schema=dict(BREAKDOWN_SCHEMA), orient="row")


def ranking_of(names=60):
    return pl.DataFrame(
        {
            "date": [date(2022, 6, 1)] * names,
            "rank": range(1, names + 1),
            "code": [f"{1300 + n}0" for n in range(names)],
            "name_en": ["Co <A> & B", *[f"Company {n}" for n in range(1, names)]],
            "name_ja": ["甲 <乙>", *[f"会社{n}" for n in range(1, names)]],
            "score": np.linspace(1.0, -1.0, names),
            "before": [None, 45, 3, *range(4, names + 1)],
        },
        schema_overrides={"rank": pl.Int64, "before": pl.Int64},
    )


def headline_of(**changes):
    content = {
        "run_id": "ridge-<small>-&-friends", "learner": "ridge", "source": "sandbox",
        "exchange": "tokyo", "currency": "JPY", "simulated": True, "names": 61,
        "ranked": (58, 60), "first": date(2022, 1, 3), "last": date(2022, 6, 1), "tested": SESSIONS,
        "folds": 2,
    }  # fmt: skip
    return Headline(**{**content, **changes})


def epochs_of():
    return [
        {"event": "epoch", "fold": f, "epoch": e, "loss": 1 / e, "gates": {"graph": 0.4},
         "rank_ic": {"1": 0.01 * e, "5": 0.03 * e}, "train_rank_ic": {"1": 0.1},
         "parts": {"embed": {"gradient": 0.2, "update": 0.003}}}
        for f in (0, 1)
        for e in (1, 2, 3)
    ]  # fmt: skip


def page(**changes):
    figure = {"value": 0.0312, "error": 0.01, "low": 0.01, "high": 0.05, "n": 140, "lags": 4}
    once = {**figure, "error": None, "low": None, "high": None}
    ours = daily_of(0)
    content = {
        "headline": headline_of(),
        "daily": ours,
        "deciles": deciles_of(),
        "rolling": rolling(ours),
        "decay": decay_of(),
        "breakdown": breakdown_of(),
        "metrics": {
            **{f"h{h}.{name}": figure for h in HORIZONS for name in ("rank_ic", "icir", "spread")},
            "h20.icir": {**once, "value": None, "n": 0},
            **measures_of(),
            "portfolio.excess_return": {**figure, "low": -0.01},
            "portfolio.max_drawdown": once,
            "portfolio.turnover": {**figure, "value": 12.0, "low": 11.0, "high": 13.0},
            "portfolio.sharpe": figure,
        },
        "horizon": 5,
        "account": account_of(SESSIONS),
        "luck": luck_of(),
        "events": [*epochs_of(), {"event": "phase", "name": "fit"}],
        "config": {"seed": {"value": 1, "from": "--set"}, "name": HOSTILE},
        "stamp": {"stage": "train", "inputs": {"dataset": "abc"}},
        "facts": {"top_k": {"h1": 50}},
        "warnings": [f"horizon 1: {HOSTILE} is too good"],
        "ranking": ranking_of(),
        "scores": np.random.default_rng(2).normal(size=60),
        "rivals": compare_runs({"ours": ours, "lightgbm": daily_of(1)}),
        "missing": ["reversal"],
        "importance": [{"group": f"price {HOSTILE}", "horizon": h, "lost": 0.01 * h - 0.05,
                        "error": None if h == 1 else 0.002} for h in HORIZONS],
        "calibration": [Calibrated(5, level, level + 0.02, 0.01, 90, 900) for level in (0.1, 0.9)],
        "channels": pl.DataFrame({"date": days_of(2), "channel": ["close"] * 2,
                                  "weight": [1.0, 0.9]}),
    }  # fmt: skip
    return ReportPage(**{**content, **changes})
