"""How sure the result of a backtest is: Sharpe ratios judged, compared and drawn again."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import polars as pl

from gogooku.core.metrics import DRAW_SEED, FloatArray
from gogooku.evaluate.bootstrap import bootstrap_interval
from gogooku.evaluate.sharpe import minimum_track_record, probabilistic_sharpe, sharpe_difference


def trade_statistics(daily: pl.DataFrame) -> dict[str, Any]:
    """How sure the result of a backtest is, all of it per session and nothing annualised.

    Parameters
    ----------
    daily : polars.DataFrame
        ``equity`` and ``benchmark`` of a backtest.

    Returns
    -------
    dict
        ``sharpe`` and ``excess_ratio``: the probability that the true ratio is above zero, of all
        that was made and of what was made above the benchmark. ``excess_mean`` and
        ``sharpe_interval``: intervals by the stationary bootstrap. ``sharpe_less_benchmark``: the
        difference of the two Sharpe ratios by Ledoit & Wolf. ``minimum_track_record``: sessions
        after which the excess would be above zero with 95 %, null where no number is enough.
    """
    made, market = _returns(daily, "equity"), _returns(daily, "benchmark")
    excess = made - market
    return {
        "sharpe": _plain(probabilistic_sharpe(made)),
        "excess_ratio": _plain(probabilistic_sharpe(excess)),
        "excess_mean": _plain(bootstrap_interval(excess, horizon=1, seed=DRAW_SEED)),
        "sharpe_interval": _plain(
            bootstrap_interval(made, statistic="ratio", horizon=1, seed=DRAW_SEED)
        ),
        "sharpe_less_benchmark": _plain(sharpe_difference(made, market, horizon=1, seed=DRAW_SEED)),
        "minimum_track_record": _known(minimum_track_record(excess)),
    }


def _returns(daily: pl.DataFrame, column: str) -> FloatArray:
    value = daily.get_column(column).to_numpy()
    made: FloatArray = value[1:] / value[:-1] - 1.0
    return made


def _plain(found: Any) -> dict[str, Any]:
    return {name: _known(value) for name, value in asdict(found).items()}


def _known(value: Any) -> Any:
    """What JSON has: None for a number that is not known or without bound."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
