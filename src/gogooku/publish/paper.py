"""The account that follows what was published, as if each order had been filled at its reference.

From the last target of a bundle to the close of a later session: borrow, dividends, the fills of
that evening's orders, splits, names that leave, prices. As a backtest does it, by its broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray, Portfolio
from gogooku.portfolio.backtest import TradeConfig, terms_for
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.broker import Broker
from gogooku.portfolio.fill_config import FillPrice
from gogooku.portfolio.orders import Orders
from gogooku.portfolio.tonight import Account, last_closes


@dataclass(frozen=True)
class Published:
    """A target as it was published.

    Attributes
    ----------
    target : polars.DataFrame
        (code, weight, shares, seat, held, ordered).
    session : date
        After which it was.
    decided : date
        Session of the decision behind it.
    sized : str
        For which account it was decided.
    cash, cash_after : float
        Before and after that evening's orders.
    """

    target: pl.DataFrame
    session: date
    decided: date
    sized: str
    cash: float
    cash_after: float


@dataclass(frozen=True)
class Followed:
    """What was published last, and what has become of it.

    Attributes
    ----------
    decided : int
        Session index of the decision behind the target.
    sized : str
        For which account it was decided: ``new``, ``target`` or ``holdings``.
    account : Account
        After the session that was asked for.
    targets : mapping of int to int
        Shares by position that are still aimed at, in today's shares; best first.
    weights : mapping of str to float
        Of that decision.
    seats : mapping of str to int
        Of that decision.
    """

    decided: int
    sized: str
    account: Account
    targets: dict[int, int]
    weights: Mapping[str, float]
    seats: Mapping[str, int]


def follow(bars: MarketBars, t: int, published: Published, *, config: TradeConfig) -> Followed:
    """Follow a published target to the close of session ``t``.

    Raises
    ------
    DataError
        A session or a name of the target is no longer in the dataset.
    """
    target, session = published.target, published.session
    first, place = _index(bars, session), {code: n for n, code in enumerate(bars.codes)}
    lost = [code for code in target.get_column("code") if code not in place]
    if lost:
        raise DataError(
            f"the target published after {session}: {len(lost)} of {target.height} names are not "
            f"in the dataset any more, first {lost[0]}. State what is held: --holdings FILE"
        )
    names = np.array([place[code] for code in target.get_column("code")], dtype=np.int64)
    held, after = np.zeros((2, len(bars.codes)), dtype=np.int64)
    held[names] = target.get_column("held").to_numpy()
    after[names] = held[names] + target.get_column("ordered").to_numpy()
    aims = dict(zip(names.tolist(), target.get_column("shares").to_list(), strict=True))
    broker = _opened(bars, config, cash=published.cash, shares=held, last=last_closes(bars, first))
    for row in range(first + 1, t + 1):
        before, day = bars.sessions[row - 1].item(), bars.sessions[row].item()
        broker.start_session()
        broker.charge_borrow(day, (day - before).days)
        if bars.dividend is not None:
            broker.pay_dividends(day, bars.dividend[row])
        if row == first + 1:
            cash = broker.cash + published.cash_after - published.cash
            broker = _opened(bars, config, cash=cash, shares=after, last=broker.last)
            broker.orders = Orders.of(aims, session)
            broker.start_session()
        broker.split(day, bars.adjustment_factor[row])
        broker.delist(day, bars.listed[row])
        broker.mark(bars.price(row, FillPrice.CLOSE), day)
    choice = _index(bars, published.decided)
    at, filled = bars.instants(choice)
    seats = dict(target.filter(pl.col("seat") != 0).select("code", "seat").rows())
    previous = Portfolio(decided_at=at, filled_at=filled, weights={}, seats=seats)
    return Followed(
        decided=choice,
        sized=published.sized,
        account=Account(broker.cash, broker.shares, broker.last, previous),
        targets=broker.orders.by_name,
        weights=dict(target.select("code", "weight").rows()),
        seats=seats,
    )


def _opened(
    bars: MarketBars, config: TradeConfig, *, cash: float, shares: IntArray, last: FloatArray
) -> Broker:
    broker = Broker(bars.codes, cash, terms_for(bars, config))
    broker.shares[:] = shares
    broker.last = last
    broker.has_shorted = bool((shares < 0).any())
    return broker


def _index(bars: MarketBars, day: date) -> int:
    found = np.flatnonzero(bars.sessions == np.datetime64(day))
    if not len(found):
        raise DataError(
            f"the target published after {day}: that session is not in the dataset any more "
            f"({bars.sessions[0]} to {bars.sessions[-1]}). State what is held: --holdings FILE"
        )
    return int(found[0])
