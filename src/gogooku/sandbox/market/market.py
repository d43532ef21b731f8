"""A simulated market like Tokyo, with expected returns that are known.

Tokyo sessions, five-character codes, sectors, listings and delistings, splits, halts, price limits,
fat tails, clustered volatility, market, sector and hidden peer factors; and five planted families
of expected return (`gogooku.sandbox.market.config.FAMILIES`): linear in simple features, gated by
the market's regime, the order of the last sessions, lead-lag from peers that only co-movement
reveals, and a slow level seen through traded value. A market for the sandbox exchange has four
more, which only the other sources show (`gogooku.sandbox.market.drivers`). One configuration, one
market, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, next_tokyo_sessions
from gogooku.core.frames import INDICES_SCHEMA, LISTINGS_SCHEMA, QUOTES_SCHEMA, SourceFrames
from gogooku.core.types import HORIZONS
from gogooku.sandbox.market import expectation as expectations
from gogooku.sandbox.market import quirks
from gogooku.sandbox.market.config import (
    FAMILIES,
    SIZES,
    SOURCE_FAMILIES,
    FamilyScales,
    MarketConfig,
    MarketSize,
    exchange_config,
    market_config,
)
from gogooku.sandbox.market.drivers import SEGMENTS, Drivers, draw_drivers
from gogooku.sandbox.market.expectation import FROZEN_HORIZONS
from gogooku.sandbox.market.families import LOOKBACK, FloatArray
from gogooku.sandbox.market.process import History, State, Streams, World, advance, build_world
from gogooku.sandbox.market.quirks import BoolArray, IntArray

__all__ = [
    "FAMILIES",
    "HORIZONS",
    "SIZES",
    "SOURCE_FAMILIES",
    "FamilyScales",
    "Market",
    "MarketConfig",
    "MarketSize",
    "exchange_config",
    "generate",
    "market_config",
    "source_frames",
    "truth_frame",
]

INDEX_START: Final = 2_000.0
# fmt: off
SECTORS: Final = (
    "0050", "1050", "2050", "3050", "3100", "3150", "3200", "3250", "3300", "3350", "3400",
    "3450", "3500", "3550", "3600", "3650", "3700", "3750", "3800", "4050", "5050", "5100",
    "5150", "5200", "5250", "6050", "6100", "7050", "7100", "7150", "7200", "8050", "9050",
)
# fmt: on
"""The 33 sector codes of the Tokyo Stock Exchange."""


@dataclass(frozen=True)
class Market:
    """A generated market: what was delivered, and the truth behind it.

    T delivered sessions, N codes (ascending), simple returns in decimals.

    Attributes
    ----------
    sessions : datetime64[D] [T]
    codes, sector, segment : tuple of str [N]
        Code, sector code of the 33-sector classification, ``Prime``/``Standard``/``Growth``.
    open_, high, low, close : float64 [T, N]
        Raw yen prices as traded; NaN where there was no trade or no listing.
    volume_shares, turnover_value : float64 [T, N]
        Shares and yen traded; NaN as prices.
    adjustment_factor : float64 [T, N]
        1.0 except on an ex-date (0.5 for two new for one); NaN where not listed. A forward-adjusted
        price is the raw one divided by the product of the factors up to its date.
    limit_up, limit_down, listed : bool [T, N]
        Closed at the day's upper or lower limit; listed on the date.
    index : float64 [T, 4]
        Open, high, low, close of the equal-weighted index of listed names.
    expectation : float64 [T, N, 4]
        Planted expected return from the next open over `HORIZONS` sessions; NaN where not listed,
        and at 10 and 20 when no branches were asked for.
    family_expectation : float64 [T, N, F, 2]
        The part of each of ``config.families`` at horizons 1 and 5; sums to ``expectation`` there.
        float32 where source families are planted: at full size the halves matter.
    peer_group : int64 [N]
        The hidden groups.
    drivers : Drivers
        What the other sources know (also where no source family is planted).
    """

    config: MarketConfig
    sessions: DateArray
    codes: tuple[str, ...]
    sector: tuple[str, ...]
    segment: tuple[str, ...]
    open_: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume_shares: FloatArray
    turnover_value: FloatArray
    adjustment_factor: FloatArray
    limit_up: BoolArray
    limit_down: BoolArray
    listed: BoolArray
    index: FloatArray
    expectation: FloatArray
    family_expectation: FloatArray
    peer_group: IntArray
    drivers: Drivers


def generate(config: MarketConfig) -> Market:
    """Generate the market of a configuration; pure and deterministic.

    Each component draws from a stream of its own, spawned from the seed.
    """
    simulation = simulate(config, stop=config.num_sessions)
    total, by_family = _expectations(simulation)
    return _assemble(simulation, total, by_family)


@dataclass
class Simulation:
    """A market simulated up to a session: everything needed to deliver it or to go on.

    ``history`` has `LOOKBACK` + burn-in rows before the first delivered session; ``panel`` maps
    the fields of a bar to float64 [T, N]; ``index`` is [T, 4] as returns on the last close.
    """

    world: World
    state: State
    history: History
    codes: tuple[str, ...]
    panel: dict[str, FloatArray]
    flags: dict[str, BoolArray]
    index: FloatArray
    branch_seed: np.random.SeedSequence
    sessions: DateArray
    drivers: Drivers

    @property
    def first(self) -> int:
        """Row of ``history`` that is the first delivered session."""
        return LOOKBACK + self.world.config.burn_in_sessions


_PANEL: Final = ("open_", "high", "low", "close", "value_yen", "factor")
_FLAGS: Final = ("limit_up", "limit_down", "listed")


def simulate(config: MarketConfig, *, stop: int) -> Simulation:
    """Run the burn-in and the first ``stop`` delivered sessions."""
    seeds = np.random.SeedSequence(config.seed).spawn(4)
    static_seed, stream_seed, branch_seed, driver_seed = seeds
    rng = np.random.default_rng(static_seed)
    codes = _draw_codes(config, rng)
    newcomers = np.array([i for i, code in enumerate(codes) if not code.isdigit()], dtype=np.int64)
    world, state = build_world(config, rng=rng, newcomers=newcomers)
    sessions = next_tokyo_sessions(config.first_session, config.num_sessions)
    schedule = quirks.with_halts(world.schedule, sessions, config.halts)
    drivers = draw_drivers(
        config,
        sessions=sessions,
        schedule=schedule,
        segment=np.array([SEGMENTS.index(name) for name in _segments(world.log_size)]),
        seed=driver_seed,
    )
    planted = drivers if config.has_sources else None
    world = replace(world, schedule=schedule, drivers=planted)
    history = History.empty(config.burn_in_sessions + stop, world)
    streams = Streams.spawn(stream_seed)
    shape = (stop, config.num_stocks)
    simulation = Simulation(
        world=world,
        state=state,
        history=history,
        codes=codes,
        panel={name: np.empty(shape) for name in _PANEL},
        flags={name: np.empty(shape, dtype=np.bool_) for name in _FLAGS},
        index=np.empty((stop, 4)),
        branch_seed=branch_seed,
        sessions=sessions,
        drivers=drivers,
    )
    for row in range(-config.burn_in_sessions, stop):
        position = simulation.first + row
        bar = advance(world, state, history, row=row, position=position, streams=streams)
        if row < 0:
            continue
        for name, values in simulation.panel.items():
            values[row] = getattr(bar, name)
        for name, marks in simulation.flags.items():
            marks[row] = getattr(bar, name)
        simulation.index[row] = bar.index_open, bar.index_high, bar.index_low, bar.index_close
    return simulation


def _draw_codes(config: MarketConfig, rng: np.random.Generator) -> tuple[str, ...]:
    """Five-character codes, ascending; one in fifty has a letter, as new listings do."""
    num_letters = max(1, config.num_stocks // 50)
    numbers = rng.choice(np.arange(1301, 9985), config.num_stocks - num_letters, replace=False)
    letters = rng.choice(np.arange(130, 400), num_letters, replace=False)
    codes = [f"{number}0" for number in numbers] + [f"{number}A0" for number in letters]
    return tuple(sorted(codes))


def _expectations(simulation: Simulation) -> tuple[FloatArray, FloatArray]:
    """Planted expectation [T, N, 4] and its families [T, N, F, 2], NaN where not listed."""
    world, history, first = simulation.world, simulation.history, simulation.first
    listed = simulation.flags["listed"]
    total = np.full((*listed.shape, len(HORIZONS)), np.nan)
    names = world.config.families
    dtype = np.float32 if world.config.has_sources else np.float64
    by_family = np.full((*listed.shape, len(names), len(FROZEN_HORIZONS)), np.nan, dtype=dtype)
    for rows in expectations.chunks(first, first + len(listed)):
        out = slice(rows.start - first, rows.stop - first)
        gates = None
        if world.config.num_branches:
            rng = np.random.default_rng(simulation.branch_seed)
            gates = expectations.expected_gates(history, world, rows=rows, rng=rng)
        for column, horizon in enumerate(HORIZONS):
            if horizon in FROZEN_HORIZONS:
                families = expectations.family_expectation(
                    history, world, rows=rows, horizon=horizon
                )
                by_family[out, :, :, FROZEN_HORIZONS.index(horizon)] = families.swapaxes(1, 2)
                total[out, :, column] = families.sum(axis=1)
            elif gates is not None:
                total[out, :, column] = expectations.branched_expectation(
                    history, world, rows=rows, expected_gate=gates, horizon=horizon
                )
    total[~listed] = np.nan
    by_family[~listed] = np.nan
    return total, by_family


def _assemble(simulation: Simulation, total: FloatArray, by_family: FloatArray) -> Market:
    config, world, panel = simulation.world.config, simulation.world, simulation.panel
    typical = (panel["open_"] + panel["high"] + panel["low"] + panel["close"]) / 4
    index = INDEX_START * np.cumprod(1.0 + simulation.index[:, 3])
    before = np.concatenate([[INDEX_START], index[:-1]])
    return Market(
        config=config,
        sessions=simulation.sessions,
        codes=simulation.codes,
        sector=tuple(SECTORS[number] for number in world.sector),
        segment=_segments(world.log_size),
        open_=panel["open_"],
        high=panel["high"],
        low=panel["low"],
        close=panel["close"],
        volume_shares=np.maximum(np.round(panel["value_yen"] / typical), 1.0),
        turnover_value=panel["value_yen"],
        adjustment_factor=np.where(simulation.flags["listed"], panel["factor"], np.nan),
        limit_up=simulation.flags["limit_up"],
        limit_down=simulation.flags["limit_down"],
        listed=simulation.flags["listed"],
        index=before[:, np.newaxis] * (1.0 + simulation.index),
        expectation=total,
        family_expectation=by_family,
        peer_group=world.peer_group,
        drivers=simulation.drivers,
    )


def _segments(log_size: FloatArray) -> tuple[str, ...]:
    """Market segments by size: 45 % Prime, 40 % Standard, 15 % Growth."""
    rank = np.argsort(np.argsort(-log_size, kind="stable"), kind="stable") / len(log_size)
    return tuple("Prime" if r < 0.45 else "Standard" if r < 0.85 else "Growth" for r in rank)


def source_frames(market: Market) -> SourceFrames:
    """Deliver the market as a source does; the truth is not in it (see `truth_frame`)."""
    listed = market.listed
    columns: dict[str, pl.Series] = _keys(market)
    fields = {
        "open": market.open_,
        "high": market.high,
        "low": market.low,
        "close": market.close,
        "volume_shares": market.volume_shares,
        "turnover_value": market.turnover_value,
        "adjustment_factor": market.adjustment_factor,
        "limit_up": market.limit_up,
        "limit_down": market.limit_down,
    }
    for name, values in fields.items():
        columns[name] = pl.Series(name, values[listed], nan_to_null=True)
    index = dict(zip(("open", "high", "low", "close"), market.index.T, strict=True))
    names = ["TOPIX"] * len(market.sessions)
    return SourceFrames(
        quotes=pl.DataFrame(columns, schema=dict(QUOTES_SCHEMA)),
        listings=_listings(market),
        indices=pl.DataFrame(
            {"date": market.sessions, "index": names, **index}, schema=dict(INDICES_SCHEMA)
        ),
        exchange="tokyo",
    )


def _keys(market: Market) -> dict[str, pl.Series]:
    """Columns date and code of every listed (date, code), sorted."""
    rows, stocks = np.nonzero(market.listed)
    codes = pl.Series("code", market.codes, dtype=pl.String)
    return {"date": pl.Series("date", market.sessions[rows]), "code": codes.gather(stocks)}


def _listings(market: Market) -> pl.DataFrame:
    listed = market.listed
    last = len(listed) - 1 - np.argmax(listed[::-1], axis=0)
    gone = last < len(listed) - 1
    frame = pl.DataFrame(
        {
            "code": market.codes,
            "name": [f"Sandbox {code}" for code in market.codes],
            "sector": market.sector,
            "market": market.segment,
            "listed_from": market.sessions[np.argmax(listed, axis=0)],
            "listed_to": market.sessions[last],
        },
        schema=dict(LISTINGS_SCHEMA),
    )
    ended = pl.when(pl.Series(gone)).then(pl.col("listed_to")).alias("listed_to")
    return frame.with_columns(ended)


def truth_frame(market: Market, *, horizons: Sequence[int] = HORIZONS) -> pl.DataFrame:
    """Return the planted expectation as a table, one row per listed (date, code, horizon).

    Columns date, code, horizon (Int32, sessions), expectation (Float64, simple return) and one per
    family (null at horizons 10 and 20). Sorted by (date, code, horizon). Horizons whose expectation
    was not computed are left out. A market of full size takes about 0.7 GiB per horizon.
    """
    computed = HORIZONS if market.config.num_branches else FROZEN_HORIZONS
    kept = [horizon for horizon in HORIZONS if horizon in horizons and horizon in computed]
    rows, stocks = np.nonzero(market.listed)
    columns = [HORIZONS.index(horizon) for horizon in kept]
    codes = pl.Series("code", market.codes, dtype=pl.String)
    frame = {
        "date": pl.Series("date", np.repeat(market.sessions[rows], len(kept))),
        "code": codes.gather(np.repeat(stocks.astype(np.uint32), len(kept))),
        "horizon": pl.Series("horizon", np.tile(np.asarray(kept, dtype=np.int32), len(rows))),
        "expectation": pl.Series(
            "expectation", market.expectation[rows, stocks][:, columns].ravel()
        ),
    }
    del rows, stocks
    for number, name in enumerate(market.config.families):
        values = np.full((len(frame["date"]) // max(len(kept), 1), len(kept)), np.nan)
        for place, horizon in enumerate(FROZEN_HORIZONS):
            if horizon in kept:
                family = market.family_expectation[:, :, number, place]
                values[:, kept.index(horizon)] = family[market.listed]
        frame[name] = pl.Series(name, values.ravel(), nan_to_null=True)
    return pl.DataFrame(frame)
