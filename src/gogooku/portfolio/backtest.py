"""What the scores would have earned: decided at the clock, filled in the next session, paid for.

At the decision of session d the scores of d and the closes up to d decide how many shares to hold.
The next session first charges what was borrowed, pays dividends, applies splits and delistings,
then fills at its open, its mean price or its close, then marks at its close. Raw prices, whole
lots, costs on both sides, cash in whole units and never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.errors import ContractError, DataError
from gogooku.core.findings import Unit
from gogooku.core.metrics import FloatArray
from gogooku.core.terms import USUAL, money, terms_of
from gogooku.core.types import IntArray, Portfolio
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.book import Reason
from gogooku.portfolio.broker import AccountTerms, Broker
from gogooku.portfolio.construct import PortfolioConfig
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision, History
from gogooku.portfolio.fill_config import FillConfig, FillPrice
from gogooku.portfolio.fills import make_offer
from gogooku.portfolio.orders import Orders
from gogooku.portfolio.record import Record
from gogooku.portfolio.tonight import Account, decision_of, last_closes, target_arrays


class TradeConfig(Config):
    """An account and how it trades.

    The defaults are those of Tokyo; a backtest takes those of its dataset's exchange, see
    `gogooku.core.terms`.

    Attributes
    ----------
    portfolio, costs, fills : configs
    lot_size : int
        Shares per lot.
    initial_cash : float
        In the currency of the exchange.
    max_gross : float
        Holdings of both signs together, as a multiple of equity, that orders may bring about where
        names are sold short.
    delisting_haircut : float
        Share of its last close that a delisted name does not pay.
    dividend_tax : float
        Share of a dividend that is withheld; Japan's rate on listed shares by default. It matters
        where dividends are known.
    max_market_share : float
        Largest value of the first decision's orders, as a share of what the universe trades in a
        session: with more the prices of a ledger mean nothing.
    """

    portfolio: PortfolioConfig = PortfolioConfig()
    costs: CostConfig = CostConfig()
    fills: FillConfig = FillConfig()
    lot_size: Annotated[int, Unit("shares")] = Field(default=USUAL.lot_size, ge=1)
    initial_cash: float = Field(default=USUAL.initial_cash, gt=0.0, le=1e15)
    max_gross: float = Field(default=2.0, ge=1.0, le=100.0)
    delisting_haircut: float = Field(default=0.0, ge=0.0, le=1.0)
    dividend_tax: float = Field(default=0.20315, ge=0.0, le=1.0)
    max_market_share: float = Field(default=1.0, gt=0.0, le=1e6)


@dataclass(frozen=True)
class Backtest:
    """What happened.

    Attributes
    ----------
    ledger : polars.DataFrame
        `gogooku.portfolio.book.LEDGER_SCHEMA`.
    daily : polars.DataFrame
        One row per session from the first decision on: `gogooku.portfolio.record.DAILY_SCHEMA`.
    unfilled : polars.DataFrame
        Orders that a session refused or cut, and why.
    holdings : polars.DataFrame
        (date, code, shares, price, weight) at each close.
    portfolios : tuple of Portfolio
        Target weights of each decision.

    The benchmark is the equal-weighted universe of the session before, rebalanced daily, without
    costs or lots: a yardstick, not something that can be bought. Its names pay dividends, less tax,
    and leave with a haircut, as those of the account do.
    """

    ledger: pl.DataFrame
    daily: pl.DataFrame
    unfilled: pl.DataFrame
    holdings: pl.DataFrame
    portfolios: tuple[Portfolio, ...]


def run_backtest(
    bars: MarketBars,
    scores_tN: FloatArray,
    decisions: IntArray,
    *,
    config: TradeConfig,
    history: History | None = None,
) -> Backtest:
    """Trade scores through a market.

    Parameters
    ----------
    bars : MarketBars
    scores_tN : float [t, N]
        Scores at ``config.portfolio.horizon``; NaN is never chosen.
    decisions : int64 [t]
        Session index of each row of scores, ascending. Trading ends with the session after the
        last one.
    history : History, optional
        The past of decisions, where it has more than the bars.

    Raises
    ------
    ContractError
        Scores do not fit the bars.
    DataError
        Nothing was traded: a backtest without a trade is a failed run, not a flat one.
    """
    _check_scores(bars, scores_tN, decisions)
    row_of = {t: row for row, t in enumerate(decisions.tolist())}
    history = bars.history() if history is None else history
    start, stop = int(decisions[0]), min(int(decisions[-1]) + 1, len(bars.sessions) - 1)
    broker = Broker(bars.codes, config.initial_cash, terms_for(bars, config))
    record = Record(benchmark=config.initial_cash)
    broker.last = last_closes(bars, start)
    record.close(bars.sessions[start].item(), broker, None)
    due = start
    for t in range(start, stop):
        row = row_of.get(t)
        if t >= due and row is not None:
            decision = _decision(bars, t, scores_tN[: row + 1], broker, history, record, config)
            if np.isfinite(decision.score_N).any():
                record.portfolios.append(_order(decision, broker, config))
                if len(record.portfolios) == 1:
                    _check_size(bars, t, broker, config)
                due = t + config.portfolio.rebalance_every
        _session(bars, t + 1, broker, record, config)
    if not broker.book.num_trades:
        raise DataError(
            f"backtest: no trade in {stop - start} sessions; is initial_cash "
            f"({money(config.initial_cash, bars.exchange.name)}) enough for lots of "
            f"{config.lot_size}, and does the universe have scores and volume?"
        )
    return Backtest(
        ledger=broker.book.ledger(),
        daily=record.daily(),
        unfilled=broker.book.unfilled(),
        holdings=record.holdings(bars.codes),
        portfolios=tuple(record.portfolios),
    )


def terms_for(bars: MarketBars, config: TradeConfig) -> AccountTerms:
    """The account's agreement with its broker at an exchange."""
    return AccountTerms(
        costs=config.costs,
        lot=config.lot_size,
        minor_units=terms_of(bars.exchange.name).minor_units,
        max_gross=config.max_gross,
        haircut=config.delisting_haircut,
        dividend_tax=config.dividend_tax,
    )


def _check_scores(bars: MarketBars, scores_tN: FloatArray, decisions: IntArray) -> None:
    if scores_tN.shape != (len(decisions), len(bars.codes)) or not len(decisions):
        raise ContractError(
            f"backtest: scores {scores_tN.shape} for {len(decisions)} decisions and "
            f"{len(bars.codes)} names"
        )
    inside = decisions[0] >= 0 and decisions[-1] < len(bars.sessions)
    if not inside or (np.diff(decisions) <= 0).any():
        raise ContractError("backtest: decisions repeat, are out of order or lie off the bars")
    scored = np.isfinite(scores_tN)
    if not scored.any():
        raise DataError(
            f"backtest: no trade is possible, none of the {scores_tN.size:,} scores of "
            f"{len(decisions):,} decisions is a number; was the forecast made from features that "
            "are all null?"
        )
    if not (scored & bars.universe[decisions]).any():
        raise DataError(
            f"backtest: no trade is possible, none of the {int(scored.sum()):,} scores is of a "
            "name in the universe of its session; build and predict with one universe"
        )


def _decision(
    bars: MarketBars,
    t: int,
    scores_LN: FloatArray,
    broker: Broker,
    history: History,
    record: Record,
    config: TradeConfig,
) -> Decision:
    """What is known after session ``t``, of the account as it is."""
    previous = record.portfolios[-1] if record.portfolios else None
    return decision_of(
        bars,
        t,
        scores_LN,
        Account(broker.cash, broker.shares, broker.last, previous),
        history=history,
        lot=config.lot_size,
        fill=config.fills.price,
    )


def _order(decision: Decision, broker: Broker, config: TradeConfig) -> Portfolio:
    """Turn one decision into working orders."""
    portfolio, names, targets = target_arrays(decision, config=config.portfolio, costs=config.costs)
    broker.orders = Orders.new(names, targets, decision.session)
    return portfolio


def _check_size(bars: MarketBars, t: int, broker: Broker, config: TradeConfig) -> None:
    """Refuse an account that is larger than its market."""
    value = np.abs(broker.orders.targets) * broker.last[broker.orders.names]
    ordered = float(value[np.isfinite(value)].sum())
    members = np.flatnonzero(bars.universe[t])
    usual = bars.traded_value(t, members, sessions=config.fills.lookback)
    traded = float(usual.sum())
    if ordered > config.max_market_share * traded:
        place = bars.exchange.name
        raise DataError(
            f"backtest: the first decision orders {money(ordered, place)}, and the "
            f"{len(members):,} names of the universe trade {money(traded, place)} a session "
            f"(mean of {config.fills.lookback}): above {config.max_market_share:.0%} of that "
            "prices of a ledger mean nothing. Lower initial_cash, or raise max_market_share with "
            "fills.max_participation and costs.impact set"
        )


def _session(bars: MarketBars, t: int, broker: Broker, record: Record, config: TradeConfig) -> None:
    day: date = bars.sessions[t].item()
    broker.start_session()
    broker.charge_borrow(day, (day - bars.sessions[t - 1].item()).days)
    if bars.dividend is not None:
        broker.pay_dividends(day, bars.dividend[t])
    broker.split(day, bars.adjustment_factor[t])
    broker.delist(day, bars.listed[t])
    before = broker.last.copy()
    slip = broker.due()
    base = before[slip.names]
    offer = make_offer(bars, t, slip.names, base, config=config.fills, costs=config.costs)
    at_open = config.fills.price is FillPrice.OPEN
    broker.fill(
        day,
        slip,
        offer,
        lendable_N=None if bars.lendable is None else bars.lendable[t - 1],
        no_price=Reason.NO_OPEN if at_open else Reason.NO_TRADE,
    )
    if record.is_first:
        entry = bars.price(t, config.fills.price)
        before = np.where(np.isfinite(entry), entry, before)
    broker.mark(bars.price(t, FillPrice.CLOSE), day)
    worth = np.where(bars.listed[t], 1.0, 1.0 - config.delisting_haircut) * broker.last
    paid = None if record.is_first else _paid(bars, t, config)
    record.follow_universe(day, bars.universe[t - 1], before, worth, paid=paid)
    record.close(day, broker, broker.today)


def _paid(bars: MarketBars, t: int, config: TradeConfig) -> FloatArray | None:
    """Dividends of a session net of tax, per share as it is after the session's splits."""
    if bars.dividend is None:
        return None
    factor = np.nan_to_num(bars.adjustment_factor[t], nan=1.0)
    return np.asarray(np.nan_to_num(bars.dividend[t]) * (1.0 - config.dividend_tax) * factor)
