"""From what is known after a session to target holdings: one step, taken by backtests and evenings.

An account at a decision is what it holds, what its names are worth and what the decision before
chose. Of the same account, market, scores and settings follow the same targets, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray, Portfolio
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.construct import PortfolioConfig, build_portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision, History, lots_of
from gogooku.portfolio.fill_config import FillPrice
from gogooku.portfolio.orders import Orders

_BLOCK: Final = 64
"""Sessions that are read at once when last prices are looked for."""


@dataclass(frozen=True)
class Account:
    """What an account is at a decision.

    Attributes
    ----------
    cash : float
        In the market's currency.
    shares_N : int64 [N]
        Held; negative when sold short.
    last_N : float64 [N]
        Last raw prices in today's shares; NaN where there never was one.
    previous : Portfolio, optional
        What the decision before chose.
    """

    cash: float
    shares_N: IntArray
    last_N: FloatArray
    previous: Portfolio | None = None

    @property
    def equity(self) -> float:
        """Cash and holdings at the last prices; names sold short count against it."""
        held = np.flatnonzero(self.shares_N)
        return self.cash + float(self.shares_N[held] @ self.last_N[held])


def last_closes(bars: MarketBars, t: int) -> FloatArray:
    """The last price of each name up to a session, in that session's shares.

    Read backwards, in blocks, until every name has one; a name that never traded has NaN.
    """
    count = len(bars.codes)
    last, since = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    end = t + 1
    while end > 0 and (open_N := np.flatnonzero(np.isnan(last))).size:
        rows = slice(max(end - _BLOCK, 0), end)
        close = np.where(bars.volume[rows, open_N] > 0.0, bars.close[rows, open_N], np.nan)
        known = np.isfinite(close)
        newest = len(known) - 1 - np.argmax(known[::-1], axis=0)
        found = np.flatnonzero(known.any(axis=0))
        last[open_N[found]] = close[newest[found], found]
        since[open_N[found]] = rows.start + newest[found]
        end = rows.start
    first = int(since[np.isfinite(last)].min(initial=t)) + 1
    factor = bars.adjustment_factor[first : t + 1]
    for row, name in np.argwhere((factor != 1.0) & np.isfinite(factor)).tolist():
        if first + row > since[name]:
            last[name] *= factor[row, name]
    return last


def decision_of(
    bars: MarketBars,
    t: int,
    scores_LN: FloatArray,
    account: Account,
    *,
    history: History,
    lot: int,
    fill: FillPrice,
) -> Decision:
    """What is known after session ``t``: the last row of the scores is its own."""
    decided_at, filled_at = bars.instants(t, fill)
    return Decision(
        session=bars.sessions[t].item(),
        decided_at=decided_at,
        filled_at=filled_at,
        codes=bars.codes,
        score_N=np.where(bars.universe[t], scores_LN[-1], np.nan),
        scores_LN=scores_LN,
        equity=account.equity,
        shares_N=account.shares_N,
        price_N=account.last_N,
        lot_size=lot,
        past=history.until(t),
        previous=account.previous,
        places=bars.places,
    )


def targets_of(
    decision: Decision, *, config: PortfolioConfig, costs: CostConfig
) -> tuple[Portfolio, dict[int, int]]:
    """`target_arrays` by position."""
    portfolio, names, targets = target_arrays(decision, config=config, costs=costs)
    return portfolio, Orders.new(names, targets, decision.session).by_name


def target_arrays(
    decision: Decision, *, config: PortfolioConfig, costs: CostConfig
) -> tuple[Portfolio, IntArray, IntArray]:
    """The target portfolio of a decision; positions of names, and how much of each is to be held.

    What is held and is no part of the target comes first, with a target of nothing; then the
    target, best first.
    """
    portfolio = build_portfolio(decision, config=config, costs=costs)
    names, shares, known = lots_of(portfolio, decision)
    sold = np.flatnonzero(decision.shares_N)
    if len(sold):
        left = np.ones(len(decision.codes), dtype=np.bool_)
        left[names] = False
        sold = sold[left[sold]]
    if not known.all():
        names, shares = names[known], shares[known]
    targets = np.concatenate([np.zeros(len(sold), dtype=np.int64), shares])
    return portfolio, np.concatenate([sold, names]), targets
