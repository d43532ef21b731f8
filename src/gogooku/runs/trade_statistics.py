"""How sure the result of a backtest is: Sharpe ratios judged, compared and drawn again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from gogooku.core.metrics import DRAW_SEED, number_or_none
from gogooku.evaluate.bootstrap import bootstrap_interval
from gogooku.evaluate.sharpe import minimum_track_record, probabilistic_sharpe, sharpe_difference
from gogooku.portfolio.measures import session_returns


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
    made, market = session_returns(daily, "equity"), session_returns(daily, "benchmark")
    excess = made - market
    return {
        "sharpe": _plain(probabilistic_sharpe(made)),
        "excess_ratio": _plain(probabilistic_sharpe(excess)),
        "excess_mean": _plain(bootstrap_interval(excess, horizon=1, seed=DRAW_SEED)),
        "sharpe_interval": _plain(
            bootstrap_interval(made, statistic="ratio", horizon=1, seed=DRAW_SEED)
        ),
        "sharpe_less_benchmark": _plain(sharpe_difference(made, market, horizon=1, seed=DRAW_SEED)),
        "minimum_track_record": number_or_none(minimum_track_record(excess)),
    }


def _plain(found: Any) -> dict[str, Any]:
    return {
        name: number_or_none(value) if isinstance(value, float) else value
        for name, value in asdict(found).items()
    }
