"""What a ledger takes for granted, in words: kept with every result."""

from __future__ import annotations

import numpy as np

from gogooku.core.terms import terms_of
from gogooku.core.ticks import FINE_SINCE
from gogooku.portfolio.backtest import TradeConfig
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.fill_config import FillPrice

_PRICES = {
    FillPrice.OPEN: "at the open of the session after the decision",
    FillPrice.CLOSE: "at the close of the session after the decision",
    FillPrice.VWAP_PROXY: "at (open + high + low + close) / 4 of the session after the decision, a "
    "proxy of its volume-weighted mean, rounded to the tick against the trader",
}


def assumptions_of(config: TradeConfig, bars: MarketBars) -> dict[str, str]:
    """Each assumption of a backtest by what it is about."""
    fills, costs = config.fills, config.costs
    found = {
        "fills": f"{_PRICES[fills.price]}; where nobody traded (volume 0 or not known) none",
        "limits": _limits(config, bars),
        "ticks": "prices as traded"
        if fills.price is not FillPrice.VWAP_PROXY and not costs.spread_ticks
        else _ticks(bars),
        "participation": "no cap: every order is filled whole"
        if not fills.max_participation
        else f"at most {fills.max_participation:.1%} of the mean traded value of the "
        f"{fills.lookback} sessions before (volume times close)"
        + ("" if fills.price is FillPrice.OPEN else " and of the session's own volume")
        + ", the rest carried",
        "dividends": _dividends(config, bars),
        "delistings": f"paid the last close less {config.delisting_haircut:.0%}, without cost",
        "money": f"whole smallest units: {terms_of(bars.exchange.name).minor_units} to the "
        f"{terms_of(bars.exchange.name).currency}",
        "cash": "earns no interest",
    }
    if config.portfolio.stance.shorts:
        found["short sales"] = (
            f"{_lendable(bars)}, at {costs.borrow_bps:g} basis points a year; proceeds are "
            f"collateral and buy nothing; holdings of both signs up to {config.max_gross:g} times "
            "equity when opened; no margin call before equity is gone, no interest on what is owed"
        )
    return found


def _limits(config: TradeConfig, bars: MarketBars) -> str:
    share = config.fills.price_limit
    if share:
        return f"{share:.1%} either way of the last close, by setting"
    if terms_of(bars.exchange.name).price_limits:
        return (
            "the exchange's table around the last close; limits that it widens, and base prices "
            "after a session without a trade, are not known, so prices beyond count as locked"
        )
    return "none at this exchange"


def _ticks(bars: MarketBars) -> str:
    if bars.exchange.name != "tokyo":
        return "one cent"
    if bars.fine_ticks is None:
        return "the usual table for every name: which are of the TOPIX 500 is not known"
    small, large = (day.item() for day, _ in FINE_SINCE)
    return (
        f"the finer table for the TOPIX 500 (from {small} to {large} the TOPIX 100) by the size "
        "class known at the decision, the usual one for others"
    )


def _dividends(config: TradeConfig, bars: MarketBars) -> str:
    if bars.dividend is None:
        return "price return only, account and benchmark alike: the source has no dividends"
    paid = np.flatnonzero((np.nan_to_num(bars.dividend) > 0.0).any(axis=1))
    since = f"the first on {bars.sessions[paid[0]]}" if len(paid) else "of which there is none"
    return (
        f"in cash on the ex-date as last announced ({since}), less {config.dividend_tax:.3%} tax, "
        "account and benchmark alike; companies pay two to three months later"
    )


def _lendable(bars: MarketBars) -> str:
    """Which names may be sold short. A session at which no class is known has every name."""
    if bars.lendable is None:
        return "every name can be borrowed: which are loanable issues is not known"
    unknown = np.flatnonzero(bars.lendable.all(axis=1))
    said = "lendable names only, by the margin class known at the decision"
    if not len(unknown):
        return said
    return (
        f"{said}, and every name on {len(unknown):,} sessions, the last "
        f"{bars.sessions[unknown[-1]]}, on which no class is known"
    )
