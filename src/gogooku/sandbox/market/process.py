"""One session of the generated market after another.

Latent prices follow the recipe; delivered prices are the latent ones within the daily limits, on
the tick, and missing while halted. What the limits cut off stays in the latent price and is paid
when they allow it. All state that decides the future is in `State` and `History`, so a branch of
the market is a copy of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gogooku.core.price_limits import daily_limit_yen
from gogooku.sandbox.market import families, quirks
from gogooku.sandbox.market.config import MarketConfig
from gogooku.sandbox.market.drivers import SEGMENT_SHARES, Drivers
from gogooku.sandbox.market.families import LOOKBACK, FloatArray
from gogooku.sandbox.market.quirks import BoolArray, IntArray, Schedule

OVERNIGHT_SHARE: Final = 0.3
"""Share of a session's variance, and of an expectation, that falls between close and open."""
MARKET_SD: Final = 0.009
REGIME_PHI: Final = 0.95
REGIME_SD: Final = 0.45
CYCLE_SESSIONS: Final = 60
SECTOR_SD: Final = 0.006
SEGMENT_SD: Final = 0.004
"""Per session, of a segment against the others; only where the segments' flows are planted."""
STOCK_SD: Final = 0.018
PEER_SHARE: Final = 0.35
EWMA_DECAY: Final = 0.98
SURPRISE_CLIP: Final = 4.0
MEDIAN_VALUE_YEN: Final = 400e6
PINNED: Final = 0.1
"""Share of its usual volatility that a stock keeps after a takeover bid."""
_SHOCK_LIMIT: Final = 8.0
_RETURN_FLOOR: Final = -0.6
_ROOT_NIGHT: Final = np.sqrt(OVERNIGHT_SHARE)
_ROOT_DAY: Final = np.sqrt(1.0 - OVERNIGHT_SHARE)


@dataclass(frozen=True)
class World:
    """What never changes: the names' fixed properties and the schedule of events; arrays [N].

    ``drivers`` is None where no source family is planted.
    """

    config: MarketConfig
    schedule: Schedule
    sector: IntArray
    peer_group: IntArray
    beta: FloatArray
    stock_sd: FloatArray
    log_size: FloatArray
    phase: float
    drivers: Drivers | None = None

    def cycle(self, row: FloatArray) -> FloatArray:
        """Deterministic part of log market volatility at session numbers ``row``."""
        wave: FloatArray = 0.6 * np.sin(2 * np.pi * row / CYCLE_SESSIONS + self.phase)
        return wave

    def planted_sources(self, row: int) -> FloatArray:
        """Expected return per session of each source family, `SOURCE_FAMILIES`; [4, N].

        Zero in the burn-in, without drivers and for names whose end is announced.
        """
        if self.drivers is None or row < 0:
            return np.zeros((len(self.config.scales.source_values()), self.config.num_stocks))
        size = self.config.strength * np.asarray(self.config.scales.source_values())
        planted: FloatArray = size[:, np.newaxis] * self.drivers.kernels(row)
        return planted * (self.schedule.event_row > row)


@dataclass(frozen=True)
class Streams:
    """One random generator per component, so that components do not disturb each other."""

    market: np.random.Generator
    sector: np.random.Generator
    peer: np.random.Generator
    own: np.random.Generator
    value: np.random.Generator
    level: np.random.Generator
    quirk: np.random.Generator

    @classmethod
    def spawn(cls, sequence: np.random.SeedSequence) -> Streams:
        """Independent streams from one seed sequence."""
        return cls(*(np.random.default_rng(child) for child in sequence.spawn(7)))


@dataclass
class State:
    """What the next session starts from; arrays [N] unless stated otherwise.

    Attributes
    ----------
    regime : float
        AR(1) part of log market volatility, unscaled.
    log_price : log of the latent adjusted price in yen.
    split_product : product of all adjustment factors so far.
    base_price : last delivered raw close, the base of the price limits; NaN before listing.
    traded : whether there was a delivered close in the last session.
    variance : GARCH multiple of the stock's own variance.
    ewma_variance : exponential mean of squared sector-demeaned returns.
    level : slow characteristic, unit variance.
    shock : persistent volume shock.
    planned, planned_before : expectations known at the last close and at the one before it.
    """

    regime: float
    log_price: FloatArray
    split_product: FloatArray
    base_price: FloatArray
    traded: BoolArray
    variance: FloatArray
    ewma_variance: FloatArray
    level: FloatArray
    shock: FloatArray
    planned: FloatArray
    planned_before: FloatArray

    def copy(self) -> State:
        """Return an independent copy (arrays are replaced, never written into)."""
        return State(**vars(self))


@dataclass
class History:
    """What the families look back on; row `LOOKBACK` is the first simulated session.

    Attributes
    ----------
    surprise, peer_surprise, log_value, level : float64 [R, N]
        ``u``; mean ``u`` of the other group members over its spread; log traded value in yen
        (carried forward over halted sessions); slow characteristic.
    family : float64 [R, 5, N]
        Planted expected return per session of each family.
    index_return, gate, regime : float64 [R]
        Market index, regime gate, state of the regime.
    """

    surprise: FloatArray
    peer_surprise: FloatArray
    log_value: FloatArray
    level: FloatArray
    family: FloatArray
    index_return: FloatArray
    gate: FloatArray
    regime: FloatArray

    @classmethod
    def empty(cls, num_sessions: int, world: World) -> History:
        """History of a market that was perfectly quiet before its first session."""
        shape = (LOOKBACK + num_sessions, world.config.num_stocks)
        return cls(
            surprise=np.zeros(shape),
            peer_surprise=np.zeros(shape),
            log_value=np.tile(world.log_size, (shape[0], 1)),
            level=np.zeros(shape),
            family=np.zeros((shape[0], families.NUM_FAMILIES, shape[1])),
            index_return=np.full(shape[0], families.RMS_CENTRE),
            gate=np.zeros(shape[0]),
            regime=np.zeros(shape[0]),
        )

    def tail(self, row: int, num_sessions: int) -> History:
        """Copy of the `LOOKBACK` rows up to and including ``row``, with room for more sessions."""
        out = {}
        for name, values in vars(self).items():
            room = np.zeros((num_sessions, *values.shape[1:]))
            out[name] = np.concatenate([values[row - LOOKBACK + 1 : row + 1], room])
        return History(**out)


@dataclass(frozen=True)
class Bar:
    """One delivered session; arrays [N], raw yen, NaN where not listed or halted."""

    open_: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    value_yen: FloatArray
    factor: FloatArray
    limit_up: BoolArray
    limit_down: BoolArray
    listed: BoolArray
    index_open: float
    index_high: float
    index_low: float
    index_close: float


@dataclass(frozen=True)
class _Moves:
    """Latent move of one session: log prices [N], index range [2], squared shocks [N]."""

    log_open: FloatArray
    log_high: FloatArray
    log_low: FloatArray
    log_close: FloatArray
    market_range: FloatArray
    shock_squared: FloatArray


def build_world(
    config: MarketConfig,
    *,
    rng: np.random.Generator,
    newcomers: IntArray,
) -> tuple[World, State]:
    """Draw the fixed properties and the state before the burn-in."""
    num = config.num_stocks
    start_price = np.exp(rng.uniform(np.log(500.0), np.log(5_000.0), num))
    log_size = np.log(MEDIAN_VALUE_YEN) + config.size_spread * rng.standard_normal(num)
    group_of_rank = np.arange(num) * max(1, num // config.peer_group_size) // num
    world = World(
        config=config,
        sector=rng.permutation(np.arange(num) % config.num_sectors),
        peer_group=rng.permutation(group_of_rank),
        beta=1.0 + 0.3 * rng.standard_normal(num),
        stock_sd=STOCK_SD * np.exp(0.3 * rng.standard_normal(num)),
        log_size=log_size,
        phase=float(rng.uniform(0, 2 * np.pi)),
        schedule=quirks.draw_schedule(
            config, log_size=log_size, start_price=start_price, newcomers=newcomers, rng=rng
        ),
    )
    state = State(
        regime=REGIME_SD * float(rng.standard_normal()),
        log_price=np.log(start_price),
        split_product=np.ones(num),
        base_price=np.full(num, np.nan),
        traded=np.zeros(num, dtype=np.bool_),
        variance=np.ones(num),
        ewma_variance=world.stock_sd**2,
        level=rng.standard_normal(num),
        shock=np.zeros(num),
        planned=np.zeros(num),
        planned_before=np.zeros(num),
    )
    return world, state


def advance(
    world: World, state: State, history: History, *, row: int, position: int, streams: Streams
) -> Bar:
    """Simulate one session: update ``state``, fill row ``position`` of ``history``, return its bar.

    ``row`` is the number of the delivered session (negative in the burn-in); it selects the events
    of the schedule. A branch runs on `Schedule.frozen_at`, which has no events to come.
    """
    schedule = world.schedule
    listed = schedule.listed(row)
    moves = _latent_moves(world, state, row=row, streams=streams)
    history.regime[position] = state.regime
    factor = _factors(world, state, listed, row=row, rng=streams.quirk)
    within = 0 <= row < len(schedule.halted)
    halted = schedule.halted[row] if within else np.zeros_like(listed)
    bar = _deliver(state, moves, factor, listed, listed & ~halted)
    surprise, index = _measure(world, state, history, bar, position=position)
    value = _trade(world, state, surprise, streams)
    halted_today = np.isnan(bar.close) & listed
    history.log_value[position] = np.where(
        halted_today, history.log_value[position - 1], np.log(np.maximum(value, 1.0))
    )
    _plant(world, state, history, row=row, position=position)
    _roll(state, moves, factor, bar)
    open_return, close_return = index
    top, bottom = max(open_return, close_return), min(open_return, close_return)
    beyond = float(np.isfinite(bar.close).any())  # an index of nothing traded stays where it was
    return Bar(
        **{
            **vars(bar),
            "value_yen": np.where(np.isnan(bar.close), np.nan, value),
            "index_open": open_return,
            "index_high": (1.0 + top) * (1.0 + beyond * float(moves.market_range[0])) - 1.0,
            "index_low": (1.0 + bottom) * (1.0 - beyond * float(moves.market_range[1])) - 1.0,
            "index_close": close_return,
        }
    )


def _fat(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Student t with 5 degrees of freedom, unit variance, truncated."""
    draws = rng.standard_t(5.0, shape) / np.sqrt(5.0 / 3.0)
    shocks: FloatArray = np.clip(draws, -_SHOCK_LIMIT, _SHOCK_LIMIT)
    return shocks


def _latent_moves(world: World, state: State, *, row: int, streams: Streams) -> _Moves:
    """Overnight and intraday move of the latent price: factors, own shock, paid expectation."""
    num = world.config.num_stocks
    step = REGIME_SD * np.sqrt(1 - REGIME_PHI**2)
    state.regime = REGIME_PHI * state.regime + step * float(streams.market.standard_normal())
    wave = float(world.cycle(np.asarray([row], dtype=np.float64))[0])
    market_sd = MARKET_SD * np.exp(0.35 * state.regime + wave)

    announced = world.schedule.event_row <= row
    today = world.schedule.event_row == row
    pinned = announced & ~today & (world.schedule.event_jump > 0)
    calm = np.where(pinned, PINNED, 1.0)
    own_sd = world.stock_sd * np.sqrt(state.variance)

    market = market_sd * streams.market.standard_normal((2, 1))
    sector = SECTOR_SD * _fat(streams.sector, (2, world.config.num_sectors))
    peer = _fat(streams.peer, (2, int(world.peer_group.max()) + 1))[:, world.peer_group]
    shock = np.sqrt(PEER_SHARE) * peer
    shock += np.sqrt(1 - PEER_SHARE) * _fat(streams.own, (2, num))
    noise = calm * (world.beta * market + sector[:, world.sector] + own_sd * shock)
    overnight = _ROOT_NIGHT * noise[0] + OVERNIGHT_SHARE * state.planned_before
    intraday = _ROOT_DAY * noise[1] + (1 - OVERNIGHT_SHARE) * state.planned
    if world.drivers is not None and row >= 0:
        news = _news(world, world.drivers, row=row) * calm
        overnight, intraday = overnight + news[0], intraday + news[1]
    overnight = np.where(today, world.schedule.event_jump, overnight)
    log_open = state.log_price + np.log1p(np.maximum(overnight, _RETURN_FLOOR * (1 + today)))
    log_close = log_open + np.log1p(np.maximum(intraday, _RETURN_FLOOR))
    beyond = 0.45 * np.abs(streams.value.standard_normal((2, num))) * own_sd * calm
    return _Moves(
        log_open=log_open,
        log_high=np.maximum(log_open, log_close) + beyond[0],
        log_low=np.minimum(log_open, log_close) - beyond[1],
        log_close=log_close,
        market_range=0.45 * np.abs(streams.market.standard_normal(2)) * market_sd,
        shock_squared=(_ROOT_NIGHT * shock[0] + _ROOT_DAY * shock[1]) ** 2,
    )


def _news(world: World, drivers: Drivers, *, row: int) -> FloatArray:
    """Reaction to revisions and shocks of the segments, overnight and intraday; [2, N]."""
    scales = world.config.scales
    news = drivers.jumps(row) if scales.revision else np.zeros((2, world.config.num_stocks))
    if scales.segment_flow:
        shock = drivers.segment_shock[row]
        shock = shock - (shock * np.asarray(SEGMENT_SHARES)).sum(axis=1, keepdims=True)
        root = np.array([[_ROOT_NIGHT], [_ROOT_DAY]])
        news += SEGMENT_SD * (root * shock)[:, drivers.segment]
    return news


def _factors(
    world: World, state: State, listed: BoolArray, *, row: int, rng: np.random.Generator
) -> FloatArray:
    """Return the adjustment factors of the session, 1 except on an ex-date; [N]."""
    scheduled = world.schedule.split_row == row
    if world.config.quirk_rate == 0.0 or row < 0:
        return np.ones(len(listed))
    provoked = quirks.provoked_splits(np.nan_to_num(state.base_price, nan=1_000.0), rng)
    factor = np.where(scheduled, world.schedule.split_factor, provoked)
    seasoned = listed & (world.schedule.first_row < row) & (world.schedule.event_row > row)
    return np.where(seasoned, factor, 1.0)


def _deliver(
    state: State, moves: _Moves, factor: FloatArray, listed: BoolArray, trading: BoolArray
) -> Bar:
    """Latent log prices to raw yen: splits, limits around the base price, tick, halts."""
    scale = state.split_product * factor
    base = quirks.to_tick(state.base_price * factor)
    width = daily_limit_yen(np.nan_to_num(base, nan=1_000.0))
    upper = np.where(np.isnan(base), np.inf, base + width)
    lower = np.where(np.isnan(base), 0.0, np.maximum(base - width, quirks.TICK_YEN))
    upper, lower = quirks.to_tick(upper), quirks.to_tick(lower)
    raw = [
        np.where(trading, np.clip(quirks.to_tick(np.exp(log) * scale), lower, upper), np.nan)
        for log in (moves.log_open, moves.log_high, moves.log_low, moves.log_close)
    ]
    return Bar(
        open_=raw[0],
        high=raw[1],
        low=raw[2],
        close=raw[3],
        value_yen=np.empty(0),
        factor=factor,
        limit_up=raw[3] >= upper,
        limit_down=raw[3] <= lower,
        listed=listed,
        index_open=0.0,
        index_high=0.0,
        index_low=0.0,
        index_close=0.0,
    )


def _measure(
    world: World, state: State, history: History, bar: Bar, *, position: int
) -> tuple[FloatArray, tuple[float, float]]:
    """Surprise ``u`` of the session from delivered closes [N]; index returns to open and close.

    ``u`` is 0 without a close today or in the session before: the user who shifts closes by one
    row sees a null there.
    """
    base = state.base_price * bar.factor
    change = np.where(state.traded, bar.close / base - 1.0, np.nan)
    valid = ~np.isnan(change)
    known = np.where(valid, change, 0.0)
    counts = np.bincount(world.sector, valid.astype(np.float64), world.config.num_sectors)
    sums = np.bincount(world.sector, known, world.config.num_sectors)
    excess = np.where(valid, known - (sums / np.maximum(counts, 1.0))[world.sector], 0.0)
    surprise = np.clip(excess / np.sqrt(state.ewma_variance), -SURPRISE_CLIP, SURPRISE_CLIP)
    blend = EWMA_DECAY * state.ewma_variance + (1 - EWMA_DECAY) * excess**2
    state.ewma_variance = np.where(valid, blend, state.ewma_variance)

    num_groups = int(world.peer_group.max()) + 1
    members = np.bincount(world.peer_group, bar.listed.astype(np.float64), num_groups)
    total = np.bincount(world.peer_group, surprise, num_groups)
    others = np.maximum(members[world.peer_group] - bar.listed, 1.0)
    history.surprise[position] = surprise
    history.peer_surprise[position] = (total[world.peer_group] - surprise) / others
    history.peer_surprise[position] /= families.PEER_SPREAD
    num_valid = max(int(valid.sum()), 1)
    close_return = float(known.sum()) / num_valid
    to_open = np.where(valid, bar.open_ / base - 1.0, 0.0)
    history.index_return[position] = close_return
    return surprise, (float(to_open.sum()) / num_valid, close_return)


def _trade(world: World, state: State, surprise: FloatArray, streams: Streams) -> FloatArray:
    """Traded value in yen; its slow part is the characteristic of the level family; [N]."""
    num = world.config.num_stocks
    slow = float(np.sqrt(1 - families.LEVEL_PHI**2))
    state.level = families.LEVEL_PHI * state.level + slow * streams.level.standard_normal(num)
    state.shock = families.SHOCK_PHI * state.shock + 0.27 * streams.value.standard_normal(num)
    deviation: FloatArray = 0.6 * state.level + 0.25 * np.abs(surprise) + state.shock
    deviation += 0.25 * streams.value.standard_normal(num)
    deviation = deviation + world.log_size
    return np.asarray(np.round(np.exp(deviation)), dtype=np.float64)


def _plant(
    world: World,
    state: State,
    history: History,
    *,
    row: int,
    position: int,
) -> None:
    """Write the expectation known at this close into ``history.family`` and into the state."""
    history.level[position] = state.level
    recent = history.index_return[position - families.RMS_SESSIONS + 1 : position + 1]
    history.gate[position] = families.gate(recent)
    planted = history.family[position]
    planted[0] = families.lagged(history.surprise, families.LINEAR_KERNEL, position)
    planted[0] += families.VOLUME_WEIGHT * families.volume_term(history.log_value, position)
    planted[1] = families.lagged(history.surprise, families.TREND_KERNEL, position)
    planted[1] *= history.gate[position]
    planted[2] = families.lagged(history.surprise, families.ORDER_KERNEL, position)
    planted[3] = families.lagged(history.peer_surprise, families.PEER_KERNEL, position)
    planted[4] = state.level
    scales = np.asarray(world.config.scales.values())[:, np.newaxis]
    planted *= world.config.strength * scales * (world.schedule.event_row > row)
    state.planned_before = state.planned
    state.planned = planted.sum(axis=0)
    if world.drivers is not None:
        state.planned = state.planned + world.planted_sources(row).sum(axis=0)


def _roll(state: State, moves: _Moves, factor: FloatArray, bar: Bar) -> None:
    """Carry prices and own variance to the next session."""
    shock = np.minimum(moves.shock_squared, 12.0)
    variance = 0.03 + 0.08 * shock * state.variance + 0.89 * state.variance
    state.variance = np.clip(variance, 0.2, 6.0)
    state.log_price = moves.log_close
    state.split_product = state.split_product * factor
    traded = ~np.isnan(bar.close)
    state.base_price = np.where(traded, bar.close, state.base_price * factor)
    if traded.any():  # after a halt of the whole exchange, returns run from the session before it
        state.traded = traded
