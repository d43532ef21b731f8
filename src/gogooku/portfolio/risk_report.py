"""What a backtest could have lost: values at risk, tests of their forecasts, falls, worst days."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.metrics import DRAW_SEED, FloatArray, number_or_none
from gogooku.portfolio.measures import session_returns
from gogooku.portfolio.risk import (
    TailRisk,
    cornish_fisher_risk,
    drawdowns,
    filtered_path,
    filtered_risk,
    historical_path,
    historical_risk,
    tail_fit,
    worst_sessions,
)
from gogooku.portfolio.risk_tests import (
    RiskTest,
    conditional_coverage,
    independence,
    shortfall_test,
    unconditional_coverage,
)

LEVELS: Final = (0.95, 0.99)


def _beyond_threshold(returns: FloatArray, level: float) -> TailRisk:
    """Of the fitted tail; not known where ties leave the tail fewer sessions than the level."""
    fit = tail_fit(returns)
    if fit.excesses < (1.0 - level) * fit.n:
        return TailRisk(math.nan, math.nan, level, fit.n)
    return fit.risk(level)


_RISKS: Final[Mapping[str, Callable[[FloatArray, float], TailRisk]]] = {
    "historical": lambda returns, level: historical_risk(returns, level=level),
    "filtered": lambda returns, level: filtered_risk(returns, level=level),
    "cornish_fisher": lambda returns, level: cornish_fisher_risk(returns, level=level),
    "peaks_over_threshold": _beyond_threshold,
}
_PATHS: Final = {"historical": historical_path, "filtered": filtered_path}


@dataclass(frozen=True)
class RiskReport:
    """What a backtest could have lost.

    Attributes
    ----------
    frames : mapping of str to polars.DataFrame
        ``risk`` (method, level, var, cvar, n), losses as positive fractions of equity, null where
        not known. ``risk_tests`` (method, level, test, statistic, p_value, beyond, expected, n) of
        forecasts that were made session by session from the 250 before. ``drawdowns`` (start,
        trough, recovery, depth, fall, length), the deepest first. ``worst_sessions`` (date, made,
        benchmark, excess), the worst first.
    facts : mapping
        ``tail``: the generalised Pareto distribution of the largest tenth of the losses.
    """

    frames: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any]


def risk_report(daily: pl.DataFrame) -> RiskReport:
    """Say what a backtest could have lost.

    Parameters
    ----------
    daily : polars.DataFrame
        ``date``, ``equity`` and ``benchmark`` of a backtest.
    """
    returns, market = session_returns(daily, "equity"), session_returns(daily, "benchmark")
    days = daily.get_column("date")
    falls = [
        {
            "start": days[one.start],
            "trough": days[one.trough],
            "recovery": None if one.recovery is None else days[one.recovery],
            "depth": one.depth,
            "fall": one.fall,
            "length": one.length,
        }
        for one in drawdowns(daily.get_column("equity").to_numpy())
    ]
    worst = [
        (days[t + 1], returns[t], market[t], returns[t] - market[t])
        for t in worst_sessions(returns)
    ]
    frames = {
        "risk": _risks(returns),
        "risk_tests": _tests(returns),
        "drawdowns": pl.DataFrame(falls, schema=_FALLS),
        "worst_sessions": pl.DataFrame(worst, schema=_WORST, orient="row"),
    }
    tail = {name: number_or_none(float(value)) for name, value in asdict(tail_fit(returns)).items()}
    return RiskReport(frames=frames, facts={"tail": tail})


_FALLS: Final[dict[str, Any]] = {
    "start": pl.Date,
    "trough": pl.Date,
    "recovery": pl.Date,
    "depth": pl.Float64,
    "fall": pl.Int64,
    "length": pl.Int64,
}
_WORST: Final[dict[str, Any]] = {
    "date": pl.Date,
    "made": pl.Float64,
    "benchmark": pl.Float64,
    "excess": pl.Float64,
}


def _risks(returns: FloatArray) -> pl.DataFrame:
    rows = []
    for method, risk in _RISKS.items():
        for level in LEVELS:
            found = risk(returns, level)
            rows.append(
                (method, level, number_or_none(found.var), number_or_none(found.cvar), found.n)
            )
    schema = {"method": pl.String, "level": pl.Float64, "var": pl.Float64, "cvar": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, "n": pl.Int64}, orient="row")


def _tests(returns: FloatArray) -> pl.DataFrame:
    rows = []
    for method, path in _PATHS.items():
        for level in LEVELS:
            var_T, cvar_T = path(returns, level=level)
            cvar_T = np.where(cvar_T > 0.0, cvar_T, np.nan)
            made: dict[str, RiskTest] = {
                "unconditional_coverage": unconditional_coverage(returns, var_T, level=level),
                "independence": independence(returns, var_T),
                "conditional_coverage": conditional_coverage(returns, var_T, level=level),
                "expected_shortfall": shortfall_test(
                    returns, var_T, cvar_T, level=level, seed=DRAW_SEED
                ),
            }
            rows += [(method, level, name, *_row(test)) for name, test in made.items()]
    schema = {"method": pl.String, "level": pl.Float64, "test": pl.String}
    more = {"statistic": pl.Float64, "p_value": pl.Float64, "beyond": pl.Int64}
    last = {"expected": pl.Float64, "n": pl.Int64}
    return pl.DataFrame(rows, schema={**schema, **more, **last}, orient="row")


def _row(test: RiskTest) -> tuple[float | None, float | None, int, float | None, int]:
    return (
        number_or_none(test.statistic),
        number_or_none(test.p_value),
        test.beyond,
        number_or_none(test.expected),
        test.n,
    )
