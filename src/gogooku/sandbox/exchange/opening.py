"""Opening a sandbox exchange today: a named market whose last sessions are still to come."""

from __future__ import annotations

from datetime import date, timedelta

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.wall import WallClock, tokyo_time
from gogooku.ingest.jquants.plans import Plan, plan_window
from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings
from gogooku.sandbox.market.config import MarketConfig, exchange_config
from gogooku.sandbox.market.market import generate
from gogooku.sandbox.sources import wires

_DISTINCT_DAYS = 60
"""A beginning further than this from where a plan's window begins is not taken for it."""


def end_of_next_quarter(day: date) -> date:
    """Last day of the quarter after that of ``day``: a market that ends there lasts a while."""
    quarter = (day.month - 1) // 3 + 2
    year, quarter = day.year + quarter // 4, quarter % 4
    return date(year, quarter * 3 + 1, 1) - timedelta(days=1)


def config_until(size: str, *, seed: int, until: date) -> MarketConfig:
    """Build the configuration of a named size, moved so that its last session is ``until``'s last.

    The same arguments give the same market, bit for bit; another ``until`` is another market.
    """
    config = exchange_config(size, seed=seed)
    span = timedelta(days=int(config.num_sessions * 1.6) + 60)
    first = tokyo_sessions(until - span, until)[-config.num_sessions]
    return config.model_copy(update={"first_session": first.item()})


def history_from(first: date, *, today: date) -> date:
    """The date that the exchange names as the beginning of its history.

    A client learns the plan of a key from how far back it may ask. Where the first session lies as
    far back as a plan reaches, the larger plans would be taken for that one, so the history is said
    to begin some weeks earlier, with nothing in them.
    """
    starts = [plan_window(plan, today)[0] for plan in Plan]
    while any(abs((first - start).days) <= _DISTINCT_DAYS for start in starts):
        first -= timedelta(days=7)
    return first


def open_exchange(config: MarketConfig, *, clock: WallClock) -> Exchange:
    """Generate the market and open its exchange; minutes at full size."""
    market = generate(config)
    today = tokyo_time(clock.now()).date()
    begin = history_from(market.sessions[0].item(), today=today)
    settings = ExchangeSettings(history_from=begin)
    return Exchange(wires(market), clock=clock, settings=settings)
