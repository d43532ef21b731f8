"""Everything that says where the result of a backtest came from, as frames by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from gogooku.core.metrics import number_or_none
from gogooku.portfolio.attribution import brinson, daily_parts, linked
from gogooku.portfolio.attribution_factors import (
    NAMES_PER_COLUMN,
    factor_parts,
    factor_summary,
    most_columns,
)
from gogooku.portfolio.attribution_months import months_of
from gogooku.portfolio.attribution_tables import Windows, named_windows, slices, worst_windows
from gogooku.portfolio.capacity import (
    break_even_capital,
    break_even_multiple,
    capacity_curve,
    cost_sensitivity,
    days_to_exit,
    orders_of,
)
from gogooku.portfolio.exposures import sector_exposures, style_exposures, styles_by_session
from gogooku.portfolio.positions import Positions


@dataclass(frozen=True)
class Attribution:
    """Where the result of a backtest came from.

    Attributes
    ----------
    frames : mapping of str to polars.DataFrame
        ``parts`` and ``parts_by_month`` (what the excess return is the sum of), ``brinson``,
        ``factors``, ``factor_summary``, ``styles``, ``sectors``, ``months``, ``contributors``,
        ``month_sectors``, ``events``, ``slices``, ``worst_windows``, ``named_windows``, ``exit``,
        ``cost_sensitivity``, ``capacity``. The modules of this package that make them say what is
        in each. What the market lacks the data for is not there.
    facts : mapping
        ``break_even_cost_multiple``, ``break_even_capital`` (None where there is no bound),
        ``orders_guessed``, and ``left_out``: what is not there, and why.
    """

    frames: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any]


def attribute(
    positions: Positions,
    frames: Mapping[str, pl.DataFrame],
    *,
    impact: float = 1.0,
    windows: Windows | None = None,
) -> Attribution:
    """Say where the result of a backtest came from.

    Parameters
    ----------
    positions : Positions
    frames : mapping of str to polars.DataFrame
        ``daily``, ``ledger`` and ``unfilled`` of the backtest.
    impact : float
        Coefficient of the square-root law of the capacity curve.
    windows : mapping of str to (first date, last date), optional
        Windows of stress that have a name.

    Raises
    ------
    DataError
        A trade or a holding lies on no session or name of the market.
    """
    left_out: dict[str, str] = {}
    months = months_of(positions, frames["ledger"], frames["unfilled"])
    found = {
        "months": months.months,
        "contributors": months.contributors,
        "month_sectors": months.sectors,
        "events": months.events,
        "slices": slices(positions),
        "worst_windows": worst_windows(positions),
        "named_windows": named_windows(positions, windows or {}),
        "cost_sensitivity": cost_sensitivity(positions),
    }
    facts: dict[str, Any] = {"break_even_cost_multiple": break_even_multiple(positions)}
    if positions.history.sector is None:
        left_out["brinson, sectors"] = "the dataset has no sectors"
    else:
        sectors = brinson(positions)
        parts = daily_parts(positions, sectors)
        found |= {"brinson": sectors, "parts": parts, "parts_by_month": linked(parts)}
        found["sectors"] = sector_exposures(positions)
    found |= _by_factor(positions, left_out)
    if positions.history.volume is None:
        left_out["exit, capacity"] = "the dataset has no volume"
    else:
        capacity, said = _capacity(positions, frames, impact)
        found, facts = {**found, **capacity}, {**facts, **said}
    known = {name: number_or_none(value) for name, value in facts.items()}
    return Attribution(frames=found, facts={**known, "left_out": left_out})


def _capacity(
    positions: Positions, frames: Mapping[str, pl.DataFrame], impact: float
) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    equity, paid = (frames["daily"].get_column(c).to_numpy() for c in ("equity", "impact"))
    orders = orders_of(frames["ledger"], positions)
    curve = capacity_curve(positions, orders, equity, impact=impact, paid=paid)
    facts = {"break_even_capital": break_even_capital(curve), "orders_guessed": orders.guessed}
    return {"exit": days_to_exit(positions, equity), "capacity": curve}, facts


def _by_factor(positions: Positions, left_out: dict[str, str]) -> dict[str, pl.DataFrame]:
    """Exposures and factor returns, with sectors as far as the universe is large enough."""
    styles = styles_by_session(positions)
    found = {"styles": style_exposures(positions, styles)}
    members = (positions.benchmark_weights[1:-1] > 0.0).sum(axis=1)
    fewest = int(members.min()) if len(members) else 0
    most = {
        with_sectors: most_columns(positions, styles, with_sectors=with_sectors)
        for with_sectors in (True, False)
        if not with_sectors or positions.history.sector is not None
    }
    usable = [
        with_sectors for with_sectors, count in most.items() if fewest >= NAMES_PER_COLUMN * count
    ]
    if not usable:
        left_out["factors"] = f"a universe of {fewest} names is too small for {most[False]} factors"
        return found
    if True in most and True not in usable:
        left_out["sectors among factors"] = (
            f"a universe of {fewest} names is too small for {most[True]} factors"
        )
    parts = factor_parts(positions, styles, with_sectors=usable[0])
    return {**found, "factors": parts, "factor_summary": factor_summary(parts)}
