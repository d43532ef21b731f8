"""What the other sources know: revisions, margin crowding, large short positions, flows.

The drivers are exogenous: drawn before the simulation from a stream of their own, so a market
without them keeps its bits. Each one becomes public at a session that the publication table of the
design gives (evening clock), and the planted expectation of a session uses only what is public by
then. Every kernel fades at a known rate, so its forecast k sessions ahead is
``DECAY[name] ** k`` times its value of today, and the sum over a horizon is exact.

Rows count delivered sessions; a public row may lie behind the last one. Families and rates:

* ``revision``: the company revises its forecast; the price drifts the same way for some weeks.
* ``crowding``: a margin long balance that is high against traded volume reverses.
* ``covering``: large reported short positions that shrink push the price up.
* ``segment_flow``: foreigners' net buying of a market segment, against the other segments,
  drifts its names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import SESSIONS_PER_YEAR, DateArray, tokyo_sessions
from gogooku.ingest.jquants.endpoints import MARGIN_DAILY_FROM
from gogooku.sandbox.market.config import SOURCE_FAMILIES, MarketConfig
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.quirks import BoolArray, IntArray, Schedule

Float32Array = npt.NDArray[np.float32]

DECAY: Final[Mapping[str, float]] = MappingProxyType(
    {"revision": 0.95, "crowding": 0.985, "covering": 0.93, "segment_flow": 0.98}
)
"""What is left of a family's expectation one session later, when nothing new becomes public."""

SEGMENTS: Final = ("Prime", "Standard", "Growth")
"""Columns of `Drivers.flow`."""
SEGMENT_SHARES: Final = (0.45, 0.40, 0.15)
"""Shares of the names in `SEGMENTS` (see `gogooku.sandbox.market.market`)."""

REVISIONS_PER_YEAR: Final = 2.5
LATE_SHARE: Final = 0.4
"""Share of revisions disclosed after 17:30, which the evening of their day does not see."""
SEASONING_SESSIONS: Final = 20
"""A name revises nothing in its first sessions."""
REVISION_JUMP: Final = 0.02
"""Immediate price reaction per unit of revision: at the next open, or, when disclosed late, between
open and close of the next session."""

MARGIN_LAG: Final = 2
"""A week's margin balance is public at the second session after the week."""
MARGIN_WEEK_SESSIONS: Final = 3
"""A week with fewer sessions has no margin balance."""
FLOW_LAG: Final = 4
"""A week's flows are public at the fourth session after the week."""
REPORT_LAG: Final = 2
"""A short position of one session is disclosed two sessions later."""

SELLER_SLOTS: Final = 3
COVERED_SHARE: Final = 0.6
"""Share of the names in which large short sellers are active."""
SLOT_SHARE: Final = 0.65
"""Share of the seller slots of such a name that are used."""
CHANGE_RATE: Final = 1 / 8
"""Position changes per seller and session."""
POSITION_STEP: Final = 0.0025
"""Standard deviation of a change, share of shares outstanding."""
POSITION_LIMIT: Final = 0.03
REPORT_FLOOR: Final = 0.005
"""Positions of at least this share of shares outstanding are reported; so is the way out."""


@dataclass(frozen=True)
class RevisionEvents:
    """Revisions of a company's own forecast, sorted by (row, stock); arrays [E].

    Attributes
    ----------
    row, stock : int64
        Delivered session of the disclosure, number of the name; no two share both.
    size : float64
        Standard normal: positive is an upward revision.
    late : bool
        Disclosed after 17:30 (and before midnight).
    """

    row: IntArray
    stock: IntArray
    size: FloatArray
    late: BoolArray

    @property
    def public_row(self) -> IntArray:
        """Session whose evening knows the revision."""
        return self.row + self.late


@dataclass(frozen=True)
class ShortReports:
    """Reportable changes of large short positions, sorted by (row, stock, slot); arrays [E].

    ``position`` and ``previous`` are shares of shares outstanding after and before the change,
    ``previous_row`` the session of the seller's last report on the name, -1 without one. A
    position below `REPORT_FLOOR` is the report of leaving.
    """

    row: IntArray
    stock: IntArray
    slot: IntArray
    position: FloatArray
    previous: FloatArray
    previous_row: IntArray

    @property
    def public_row(self) -> IntArray:
        """Session of the disclosure."""
        return self.row + REPORT_LAG


@dataclass(frozen=True)
class Weeks:
    """Calendar weeks of the delivered sessions; arrays [W] unless stated otherwise.

    Attributes
    ----------
    of_row : int64 [T]
        Week of each delivered session.
    first_row, last_row : int64
        First and last delivered session.
    num_sessions : int64
        Sessions of the whole week, delivered or not.
    complete : bool
        The week's last session was delivered.
    """

    of_row: IntArray
    first_row: IntArray
    last_row: IntArray
    num_sessions: IntArray
    complete: BoolArray

    @property
    def margin_row(self) -> IntArray:
        """Session whose evening knows the week's margin balances."""
        return self.last_row + MARGIN_LAG

    @property
    def flow_row(self) -> IntArray:
        """Session whose evening knows the week's flows."""
        return self.last_row + FLOW_LAG

    @property
    def has_margin(self) -> BoolArray:
        """Weeks that have a margin balance in the weekly era."""
        enough: BoolArray = self.complete & (self.num_sessions >= MARGIN_WEEK_SESSIONS)
        return enough


@dataclass(frozen=True)
class Drivers:
    """The drivers of one market: T delivered sessions, N names, R sessions with what follows.

    Attributes
    ----------
    weeks : Weeks
    calendar : datetime64[D] [R]
        The delivered sessions and the 40 after them: dates of public rows.
    segment : int64 [N]
        Place of each name in `SEGMENTS`.
    revisions : RevisionEvents
    short_reports : ShortReports
    crowding : float32 [T, N]
        Log excess of the margin long balance over its usual multiple of traded value, unit
        variance, AR(1).
    crowding_row : int64 [T]
        Session of the newest margin balance that is public; -1 without one.
    covering : float32 [T, N]
        Kernel of disclosed decreases, unit variance over all names.
    revision : float32 [T, N]
        Kernel of public revisions, unit variance.
    flow : float64 [T, 3]
        Foreigners' net buying of the week, per segment, unit variance, AR(1).
    flow_kernel : float64 [T, 3]
        Public flow of a segment against the others, unit variance over all names.
    segment_shock : float64 [T, 2, 3]
        Standard normal shocks of the segments, overnight and intraday.
    """

    weeks: Weeks
    calendar: DateArray
    segment: IntArray
    revisions: RevisionEvents
    short_reports: ShortReports
    crowding: Float32Array
    crowding_row: IntArray
    covering: Float32Array
    revision: Float32Array
    flow: FloatArray
    flow_kernel: FloatArray
    segment_shock: FloatArray

    def kernels(self, row: int) -> FloatArray:
        """Planted kernels of a session, positive is a higher return; [4, N], `SOURCE_FAMILIES`."""
        read = int(self.crowding_row[row])
        crowded = np.zeros(len(self.segment))
        if read >= 0:
            crowded = -self.crowding[read] * DECAY["crowding"] ** (row - read)
        rows = {
            "revision": self.revision[row],
            "crowding": crowded,
            "covering": self.covering[row],
            "segment_flow": self.flow_kernel[row, self.segment],
        }
        return np.stack([rows[name] for name in SOURCE_FAMILIES]).astype(np.float64)

    def jumps(self, row: int) -> FloatArray:
        """News reaction of a session: overnight and intraday return; [2, N]."""
        events = self.revisions
        chosen = slice(*np.searchsorted(events.row, [row - 1, row]))
        out = np.zeros((2, len(self.segment)))
        late = events.late[chosen].astype(np.int64)
        out[late, events.stock[chosen]] = REVISION_JUMP * events.size[chosen]
        return out


def horizon_fades(horizon: int) -> FloatArray:
    """Sum of a kernel's forecasts over a horizon per unit of today, per source family; [4]."""
    decays = np.array([DECAY[name] for name in SOURCE_FAMILIES])
    fades: FloatArray = (1 - decays**horizon) / (1 - decays)
    return fades


def draw_drivers(
    config: MarketConfig,
    *,
    sessions: DateArray,
    schedule: Schedule,
    segment: IntArray,
    seed: np.random.SeedSequence,
) -> Drivers:
    """Draw every driver of a market.

    Parameters
    ----------
    sessions : datetime64[D] [T]
    schedule : Schedule
        Listings and announced ends: a name revises only while it is listed and on its own.
    segment : int64 [N]
        Place of each name in `SEGMENTS`.
    seed : SeedSequence
        Root of one stream per driver.
    """
    rngs = [np.random.default_rng(child) for child in seed.spawn(5)]
    shape = (len(sessions), config.num_stocks)
    weeks, calendar = calendar_weeks(sessions)
    revisions = _draw_revisions(schedule, shape, rngs[0])
    reports = _draw_positions(schedule, shape, rngs[1])
    flow = _draw_flow(weeks, rngs[3])
    rate = REVISIONS_PER_YEAR / SESSIONS_PER_YEAR
    news = (revisions.public_row, revisions.stock, revisions.size)
    covered = (reports.public_row, reports.stock, reports.previous - reports.position)
    step_sd = POSITION_STEP * np.sqrt(COVERED_SHARE * SLOT_SHARE * SELLER_SLOTS * CHANGE_RATE)
    return Drivers(
        weeks=weeks,
        calendar=calendar,
        segment=segment,
        revisions=revisions,
        short_reports=reports,
        crowding=_autoregression(shape, DECAY["crowding"], rngs[2]),
        crowding_row=_margin_readings(weeks, sessions),
        covering=_faded_sum(shape, covered, decay=DECAY["covering"], unit=float(step_sd)),
        revision=_faded_sum(shape, news, decay=DECAY["revision"], unit=float(np.sqrt(rate))),
        flow=flow,
        flow_kernel=_flow_kernel(weeks, flow),
        segment_shock=rngs[4].standard_normal((len(sessions), 2, len(SEGMENTS))),
    )


def calendar_weeks(sessions: DateArray) -> tuple[Weeks, DateArray]:
    """Weeks of the delivered sessions, and the delivered sessions with the 40 after them."""
    days: list[Any] = sessions.astype("datetime64[D]").tolist()
    around = tokyo_sessions(days[0] - timedelta(days=7), days[-1] + timedelta(days=80))
    number = _week_number(around)
    start = int(np.searchsorted(around, sessions[0]))
    delivered = slice(start, start + len(sessions))
    weeks, of_row = np.unique(number[delivered], return_inverse=True)
    last_row = np.flatnonzero(np.diff(of_row, append=len(weeks)))
    row_after = start + last_row + 1
    found = Weeks(
        of_row=of_row.astype(np.int64),
        first_row=np.concatenate([[0], last_row[:-1] + 1]).astype(np.int64),
        last_row=last_row.astype(np.int64),
        num_sessions=(number[np.newaxis, :] == weeks[:, np.newaxis]).sum(axis=1).astype(np.int64),
        complete=number[row_after] > weeks,
    )
    return found, around[start : start + len(sessions) + 40]


def _week_number(days: DateArray) -> IntArray:
    """Weeks since the one that began on Monday, 1969-12-29."""
    numbers: IntArray = (days.astype("datetime64[D]").astype(np.int64) + 3) // 7
    return numbers


def _draw_revisions(
    schedule: Schedule, shape: tuple[int, int], rng: np.random.Generator
) -> RevisionEvents:
    """Events at a constant rate while a name is listed, seasoned and not about to leave."""
    rate = REVISIONS_PER_YEAR / SESSIONS_PER_YEAR
    happens = rng.random(shape) < rate
    rows, stocks = np.nonzero(happens)
    kept = rows >= np.maximum(schedule.first_row, 0)[stocks] + SEASONING_SESSIONS * (
        schedule.first_row[stocks] >= 0
    )
    kept &= rows < np.minimum(schedule.event_row, schedule.last_row)[stocks]
    size, late = rng.standard_normal(len(rows)), rng.random(len(rows)) < LATE_SHARE
    return RevisionEvents(
        row=rows[kept].astype(np.int64),
        stock=stocks[kept].astype(np.int64),
        size=size[kept],
        late=late[kept],
    )


def _draw_positions(
    schedule: Schedule, shape: tuple[int, int], rng: np.random.Generator
) -> ShortReports:
    """Reports of reflected random walks of every seller in every name."""
    num_sessions, num = shape
    used = rng.random((num, SELLER_SLOTS)) < SLOT_SHARE
    used &= (rng.random(num) < COVERED_SHARE)[:, np.newaxis]
    position = np.where(used, rng.uniform(0.0, POSITION_LIMIT, used.shape), 0.0)
    reported_row = np.full(used.shape, -1, dtype=np.int64)
    found: list[tuple[npt.NDArray[Any], ...]] = []
    for row in range(num_sessions):
        active = schedule.listed(row) & (schedule.event_row > row)
        moved = used & (rng.random(used.shape) < CHANGE_RATE) & active[:, np.newaxis]
        stock, slot = np.nonzero(moved)
        before = position[stock, slot]
        after = np.abs(before + POSITION_STEP * rng.standard_normal(len(stock)))
        after = np.where(after > POSITION_LIMIT, 2 * POSITION_LIMIT - after, after)
        position[stock, slot] = after
        known = np.maximum(before, after) >= REPORT_FLOOR
        stock, slot = stock[known], slot[known]
        where = np.full(len(stock), row)
        earlier = reported_row[stock, slot]
        found.append((where, stock, slot, after[known], before[known], earlier))
        reported_row[stock, slot] = row
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    return ShortReports(*columns)


def _autoregression(shape: tuple[int, int], phi: float, rng: np.random.Generator) -> Float32Array:
    """AR(1) of unit variance, float32 [T, N], stationary from its first row."""
    out = np.empty(shape, dtype=np.float32)
    state = rng.standard_normal(shape[1])
    step = float(np.sqrt(1 - phi**2))
    for row in range(shape[0]):
        out[row] = state
        state = phi * state + step * rng.standard_normal(shape[1])
    return out


def _faded_sum(
    shape: tuple[int, int],
    news: tuple[IntArray, IntArray, FloatArray],
    *,
    decay: float,
    unit: float,
) -> Float32Array:
    """Exponentially fading sum of news (row, stock, size) over its standard deviation; [T, N].

    ``unit`` is the standard deviation of the news of one name and session.
    """
    rows, stocks, sizes = news
    order = np.argsort(rows, kind="stable")
    rows, stocks, sizes = rows[order], stocks[order], sizes[order]
    scale = float(np.sqrt(1 - decay**2)) / unit
    out = np.empty(shape, dtype=np.float32)
    state = np.zeros(shape[1])
    edges = np.searchsorted(rows, np.arange(shape[0] + 1))
    for row in range(shape[0]):
        today = slice(edges[row], edges[row + 1])
        state = decay * state
        state += scale * np.bincount(stocks[today], sizes[today], shape[1])
        out[row] = state
    return out


def _margin_readings(weeks: Weeks, sessions: DateArray) -> IntArray:
    """Session of the newest public margin balance at each session, -1 without one; [T]."""
    reading = np.full(len(sessions) + MARGIN_LAG, -1, dtype=np.int64)
    daily_from = int(np.searchsorted(sessions, np.datetime64(MARGIN_DAILY_FROM)))
    weekly = weeks.has_margin & (weeks.last_row < daily_from)
    reading[weeks.margin_row[weekly]] = weeks.last_row[weekly]
    daily = np.arange(daily_from, len(sessions))
    reading[daily + 1] = daily
    newest: IntArray = np.maximum.accumulate(reading)[: len(sessions)]
    return newest


def _draw_flow(weeks: Weeks, rng: np.random.Generator) -> FloatArray:
    """Weekly-constant AR(1) whose step spans the sessions between two week ends; [T, 3]."""
    state = rng.standard_normal(len(SEGMENTS))
    rows = []
    for gap in np.diff(weeks.last_row, prepend=weeks.last_row[0]):
        phi = DECAY["segment_flow"] ** int(gap)
        state = phi * state + np.sqrt(1 - phi**2) * rng.standard_normal(len(SEGMENTS))
        rows.append(state)
    flow: FloatArray = np.array(rows)[weeks.of_row]
    return flow


def _flow_kernel(weeks: Weeks, flow: FloatArray) -> FloatArray:
    """Newest public flow of each segment against the mean name, faded; [T, 3]."""
    shares = np.asarray(SEGMENT_SHARES)
    relative = flow - (flow * shares).sum(axis=1, keepdims=True)
    relative /= np.sqrt(1 - (shares**2).sum())
    num_sessions = len(flow)
    reading = np.full(num_sessions + FLOW_LAG, -1, dtype=np.int64)
    known = weeks.complete
    reading[weeks.flow_row[known]] = weeks.last_row[known]
    reading = np.maximum.accumulate(reading)[:num_sessions]
    fade = DECAY["segment_flow"] ** (np.arange(num_sessions) - reading)
    kernel: FloatArray = np.where(reading[:, np.newaxis] >= 0, relative[reading], 0.0)
    return kernel * fade[:, np.newaxis]
