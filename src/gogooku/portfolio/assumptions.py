"""What a ledger takes for granted, in words: kept with every result."""

from __future__ import annotations

from gogooku.core.terms import terms_of
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
        "dividends": "price return only: the bars have no dividends"
        if bars.dividend is None
        else f"in cash on the ex-date, less {config.dividend_tax:.3%} tax",
        "delistings": f"paid the last close less {config.delisting_haircut:.0%}, without cost",
        "money": f"whole smallest units: {terms_of(bars.exchange.name).minor_units} to the "
        f"{terms_of(bars.exchange.name).currency}",
        "cash": "earns no interest",
    }
    if config.portfolio.stance.shorts:
        lendable = "every name can be borrowed" if bars.lendable is None else "lendable names only"
        found["short sales"] = (
            f"{lendable}, at {costs.borrow_bps:g} basis points a year; proceeds are collateral and "
            f"buy nothing; holdings of both signs up to {config.max_gross:g} times equity when "
            "opened; no margin call before equity is gone, no interest on what is owed"
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
    return "the finer table for the TOPIX 500, the usual one for others"
