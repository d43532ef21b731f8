"""How much money a result would carry: days to exit, costs made dearer, and impact by capital.

All of it is made from the frames of one backtest. Costs that are re-priced here do not change what
was traded; a backtest with other costs or another account says that exactly, and takes longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray, mean_estimate, ratio_estimate
from gogooku.portfolio.book import TRADES
from gogooku.portfolio.costs import BASIS_POINT, UNKNOWN_VOLATILITY
from gogooku.portfolio.positions import Positions

PARTICIPATION = 0.1
"""Share of a name's mean traded value that is traded in a session, if nothing else is said."""
EXIT_SESSIONS = (1, 5, 20)
"""Sessions in which a share of the holdings can be sold, in the table of days to exit."""
COST_MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
CAPITAL_MULTIPLES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def days_to_exit(
    positions: Positions, equity: FloatArray, *, participation: float = PARTICIPATION
) -> pl.DataFrame:
    """How fast the holdings of each close could be sold.

    Parameters
    ----------
    positions : Positions
    equity : float64 [S]
        Value of the account at each close.
    participation : float
        Share of the mean traded value of a name that is sold in a session.

    Returns
    -------
    polars.DataFrame
        date, ``within_1``, ``within_5``, ``within_20`` (share of the holdings, both signs together,
        sold after that many sessions), longest (sessions until all is sold, null where a name that
        is held does not trade), untraded (share of the holdings in such names).

    Raises
    ------
    DataError
        The market has no traded values.
    """
    rows = []
    for s, t in enumerate(positions.rows.tolist()):
        size = np.abs(positions.weights[s]) * equity[s]
        whole = float(size.sum())
        held = np.flatnonzero(size)
        a_day = participation * positions.history.until(t).traded_value()[held]
        sold = [float(np.minimum(size[held], n * a_day).sum()) for n in EXIT_SESSIONS]
        stuck = a_day <= 0.0
        days = np.ceil(size[held][~stuck] / a_day[~stuck])
        longest = None if stuck.any() else float(days.max(initial=0.0))
        shares = [part / whole if whole else 1.0 for part in sold]
        untraded = float(size[held][stuck].sum()) / whole if whole else 0.0
        rows.append((*shares, longest, untraded))
    within = [f"within_{n}" for n in EXIT_SESSIONS]
    schema = dict.fromkeys((*within, "longest", "untraded"), pl.Float64)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.select(positions.date_column(first=0), pl.all())


def cost_sensitivity(
    positions: Positions, *, multiples: Sequence[float] = COST_MULTIPLES
) -> pl.DataFrame:
    """The result had all costs been a multiple of what they were, what was traded left as it was.

    Returns
    -------
    polars.DataFrame
        multiple, annual_return (compounded), annual_excess (mean), excess_error (Newey-West),
        sharpe, n. The row of 1 is the backtest's own.
    """
    year, root = float(SESSIONS_PER_YEAR), math.sqrt(SESSIONS_PER_YEAR)
    rows = []
    for multiple in multiples:
        returns = positions.portfolio[1:] + (1.0 - multiple) * positions.cost[1:]
        excess = mean_estimate(returns - positions.benchmark[1:], horizon=1)
        growth = math.exp(float(np.log1p(np.maximum(returns, -0.999999)).mean()) * year) - 1.0
        sharpe = ratio_estimate(returns, horizon=1).value * root
        rows.append((multiple, growth, excess.value * year, excess.error * year, sharpe, excess.n))
    names = ("multiple", "annual_return", "annual_excess", "excess_error", "sharpe")
    schema = {**dict.fromkeys(names, pl.Float64), "n": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col("excess_error", "sharpe").fill_nan(None))


def break_even_multiple(positions: Positions) -> float:
    """The multiple of its costs at which the mean excess return is zero.

    Infinite without costs; negative where the result lags the benchmark even without them.
    """
    cost = float(positions.cost[1:].sum())
    gross = float(positions.excess[1:].sum()) + cost
    return gross / cost if cost > 0.0 else math.inf


@dataclass(frozen=True)
class Orders:
    """The trades of a ledger, with what was known of their names the session before.

    Attributes
    ----------
    row : int64 [k]
        Session of the backtest.
    value : float64 [k]
        Money traded.
    share_of_traded : float64 [k]
        Value over the mean traded value of the name.
    volatility : float64 [k]
        Of a session.
    guessed : int
        Orders of names whose volatility or traded value was not known: they count as
        `gogooku.portfolio.costs.UNKNOWN_VOLATILITY` and as the order itself, as in a backtest.
    """

    row: np.ndarray
    value: FloatArray
    share_of_traded: FloatArray
    volatility: FloatArray
    guessed: int = 0


def orders_of(ledger: pl.DataFrame, positions: Positions) -> Orders:
    """The trades of a ledger on the axes of its backtest.

    Raises
    ------
    DataError
        A trade is on no session or name of the backtest; the market has no volume.
    """
    trades = ledger.filter(
        pl.col("side").is_in([side.value for side in TRADES]) & pl.col("decided").is_not_null()
    )
    row_of = {day: s for s, day in enumerate(positions.sessions.tolist())}
    place = {code: n for n, code in enumerate(positions.codes)}
    days, codes = (trades.get_column(c).to_list() for c in ("date", "code"))
    off = [
        (day, code)
        for day, code in zip(days, codes, strict=True)
        if day not in row_of or code not in place
    ]
    if off:
        raise DataError(
            f"capacity: {len(off)} of {trades.height} trades are on no session or name of the "
            f"backtest, first {off[0][0]} {off[0][1]}"
        )
    row = np.array([row_of[day] for day in days], dtype=np.int64)
    names = np.array([place[code] for code in codes], dtype=np.int64)
    usual, spread = np.empty(len(row)), np.empty(len(row))
    for s in np.unique(row).tolist():
        past = positions.history.until(int(positions.rows[s]) - 1)
        inside = row == s
        usual[inside] = past.traded_value()[names[inside]]
        spread[inside] = past.volatility[names[inside]]
    value = (trades.get_column("shares").cast(pl.Float64) * trades.get_column("price")).to_numpy()
    silent, wild = ~(usual > 0.0), ~np.isfinite(spread)
    return Orders(
        row=row,
        value=np.asarray(value),
        share_of_traded=value / np.where(silent, np.maximum(value, 1.0), usual),
        volatility=np.where(wild, UNKNOWN_VOLATILITY, spread),
        guessed=int((silent | wild).sum()),
    )


def capacity_curve(
    positions: Positions,
    orders: Orders,
    equity: FloatArray,
    *,
    impact: float = 1.0,
    paid: FloatArray | None = None,
    multiples: Sequence[float] = CAPITAL_MULTIPLES,
) -> pl.DataFrame:
    """What impact would leave of the excess return at other sizes of the account.

    An order of value V costs ``impact x volatility x sqrt(V / mean traded value)`` of V (Almgren et
    al. 2005; Toth et al. 2011). At m times the capital each order is m times as large, so impact
    grows with the root of m. Impact that the backtest has paid itself is taken out first.

    Parameters
    ----------
    positions : Positions
    orders : Orders
        What `orders_of` found.
    equity : float64 [S]
        Value of the account at each close.
    impact : float
        Coefficient of the law.
    paid : float64 [S], optional
        Impact among the costs of the backtest, in money.

    Returns
    -------
    polars.DataFrame
        multiple, capital (at the first close), impact_bps (a year, of equity), annual_excess (after
        impact), participation (value over mean traded value that 95 % of traded value lies below).
    """
    before = equity[orders.row - 1]
    one = impact * orders.volatility * np.sqrt(orders.share_of_traded) * orders.value / before
    sessions = len(positions.sessions) - 1
    year = SESSIONS_PER_YEAR / max(sessions, 1)
    back = 0.0 if paid is None else float((paid[1:] / equity[:-1]).sum())
    drag, excess = float(one.sum()) * year, (float(positions.excess[1:].sum()) + back) * year
    usual = _weighted_quantile(orders.share_of_traded, orders.value, 0.95)
    rows = [
        (
            float(multiple),
            float(equity[0]) * multiple,
            drag * math.sqrt(multiple) / BASIS_POINT,
            excess - drag * math.sqrt(multiple),
            usual * multiple,
        )
        for multiple in multiples
    ]
    names = ("multiple", "capital", "impact_bps", "annual_excess", "participation")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64), orient="row")


def break_even_capital(curve: pl.DataFrame) -> float:
    """The capital at which impact takes all of the excess return; 0 where there is none to take.

    Parameters
    ----------
    curve : polars.DataFrame
        What `capacity_curve` gave.
    """
    multiple, capital, drag, net = (
        float(curve.get_column(c)[0])
        for c in ("multiple", "capital", "impact_bps", "annual_excess")
    )
    one = drag * BASIS_POINT / math.sqrt(multiple)
    excess = net + drag * BASIS_POINT
    if excess <= 0.0:
        return 0.0
    return capital / multiple * (excess / one) ** 2 if one > 0.0 else math.inf


def _weighted_quantile(values: FloatArray, weights: FloatArray, level: float) -> float:
    if not len(values):
        return math.nan
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, level * total[-1])])
