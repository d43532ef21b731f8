"""What a portfolio bets on beside its scores: traits of its holdings less the benchmark's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from gogooku.core.metrics import FloatArray
from gogooku.portfolio.attribution import by_sector, sector_places
from gogooku.portfolio.baselines import MOMENTUM_SESSIONS, momentum
from gogooku.portfolio.decide import History
from gogooku.portfolio.positions import Positions
from gogooku.portfolio.signal import standardised

STYLES: Mapping[str, str] = {
    "beta": "Slope on the equal-weighted universe over 250 sessions",
    "size": "Logarithm of the market capitalisation",
    "volatility": "Logarithm of the spread of session returns over 60 sessions",
    "momentum": "Return over a year without its last month",
    "liquidity": "Logarithm of the mean traded value over 60 sessions",
}
"""Traits, each standardised over the universe of its session, and what they are."""


TRAIT_SESSIONS = 5
"""Sessions after which traits are measured anew: they move slowly."""


def styles_at(history: History, t: int) -> dict[str, FloatArray]:
    """Traits [N] at the decision after session ``t``, standardised over its universe.

    Names outside the universe are placed on the same scale. A trait that is not known is NaN; one
    whose data the market does not have is not there.
    """
    past = history.until(t)
    raw: dict[str, FloatArray] = {"beta": past.beta}
    if history.market_cap is not None:
        raw["size"] = _log(past.market_cap())
    raw["volatility"] = _log(past.volatility)
    raw["momentum"] = momentum(past.returns(MOMENTUM_SESSIONS))
    if history.volume is not None:
        raw["liquidity"] = _log(past.traded_value())
    return {name: scaled(values, history.universe[t]) for name, values in raw.items()}


def styles_by_session(
    positions: Positions, *, every: int = TRAIT_SESSIONS
) -> list[dict[str, FloatArray]]:
    """Traits at each close of a backtest, measured anew every few sessions and kept in between."""
    found: list[dict[str, FloatArray]] = []
    for s, t in enumerate(positions.rows.tolist()):
        found.append(styles_at(positions.history, t) if s % every == 0 else found[-1])
    return found


def scaled(values_N: FloatArray, universe_N: np.ndarray) -> FloatArray:
    """Standard deviations from the mean of the universe, at most 3 either way.

    The mean and the spread are those of the universe; NaN stays NaN.
    """
    inside = values_N[universe_N & np.isfinite(values_N)]
    if not len(inside):
        return np.full(len(values_N), np.nan)
    z = standardised(inside)
    spread, mean = float(inside.std()), float(inside.mean())
    if not z.any():
        return np.where(np.isfinite(values_N), 0.0, np.nan)
    return np.asarray(np.clip((values_N - mean) / spread, -3.0, 3.0))


def _log(values: FloatArray) -> FloatArray:
    return np.log(np.where(values > 0.0, values, np.nan))


def style_exposures(
    positions: Positions, styles: Sequence[Mapping[str, FloatArray]]
) -> pl.DataFrame:
    """Traits of holdings and of the benchmark at each close.

    Parameters
    ----------
    positions : Positions
    styles : sequence of mapping
        What `styles_by_session` gave.

    Returns
    -------
    polars.DataFrame
        date, style, portfolio, benchmark, active (the difference), unknown (share of equity, of
        both signs, in names whose trait is not known; they count as the universe's mean). Cash has
        none of any trait. In standard deviations over the universe.
    """
    rows = []
    days = positions.sessions.tolist()
    for s, day in enumerate(days):
        own, bench = positions.weights[s], benchmark_at(positions, s)
        for name, z in styles[s].items():
            known = np.nan_to_num(z, nan=0.0)
            portfolio, benchmark = float(own @ known), float(bench @ known)
            lost = float(np.abs(own[np.isnan(z)]).sum())
            rows.append((day, name, portfolio, benchmark, portfolio - benchmark, lost))
    names = ("portfolio", "benchmark", "active", "unknown")
    schema = {"date": pl.Date, "style": pl.String, **dict.fromkeys(names, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def benchmark_at(positions: Positions, s: int) -> FloatArray:
    """Weights [N] of the equal-weighted universe after session ``s`` of the backtest."""
    if s:
        return np.asarray(positions.benchmark_weights[s])
    members = positions.history.universe[positions.rows[0]].astype(np.float64)
    return np.asarray(members / max(float(members.sum()), 1.0))


def sector_exposures(positions: Positions) -> pl.DataFrame:
    """Weights of sectors in holdings and benchmark at each close.

    Returns
    -------
    polars.DataFrame
        date, sector, portfolio, benchmark, active. The portfolio's sum to its net holdings.
    """
    sector, names = sector_places(positions)
    own = by_sector(positions.weights, sector, len(names))
    weights = positions.benchmark_weights.copy()
    weights[0] = benchmark_at(positions, 0)
    bench = by_sector(weights, sector, len(names))
    dates = np.repeat(positions.sessions, len(names)).astype("datetime64[D]")
    return pl.DataFrame(
        {
            "date": pl.Series(dates, dtype=pl.Date),
            "sector": pl.Series(list(names) * len(positions.sessions), dtype=pl.String),
            "portfolio": own.ravel(),
            "benchmark": bench.ravel(),
            "active": (own - bench).ravel(),
        }
    )
