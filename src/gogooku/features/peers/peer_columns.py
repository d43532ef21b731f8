"""Base columns of peers: one pass over the weekly graphs of co-movement.

A graph of the universe is made at the first session of each ISO week and used until the next one
(`gogooku.features.peers.peer_graph` says how). `peer_columns` walks over the weeks once.

**Contract of the base columns.** Row ``t`` is a function of the last `PEER_LOOKBACK` sessions up to
``t``: `LOOKBACK` returns need one close more, and a week began at most 6 sessions before ``t``
(seven days; 4 in Tokyo). Given exactly those rows, or any more before or after, row ``t`` is the
same, bit for bit on one machine and one set of libraries; the first `PEER_LOOKBACK` - 1 rows of a
piece are made from what there is and belong to no dataset unless the market begins there. Rows
before the first week start are null. So are names that are not in the universe on the session, or
were not at the week's first, or lacked returns for the graph: a newcomer waits for the next week.

**Weeks.** ``week_start`` is 1.0 on the first session of each ISO week. It must come from the
exchange's calendar, never from the first row of the data.

Returns of peers are equal-weight means over those with a value, at least `FEWEST`. Communities are
compared without the name itself. Raw community numbers and raw eigenvectors mean nothing from one
week to the next and enter no column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from gogooku.core.types import BoolArray, FloatArray, IntArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine.kernels import chain
from gogooku.features.peers import peer_graph as g
from gogooku.features.peers.neighbours import residual_returns

LONGEST_WEEK: Final = 7
"""Sessions that an ISO week can have."""
PEER_LOOKBACK: Final = chain(LONGEST_WEEK, g.LOOKBACK, 2)
"""Sessions that a row of the base columns depends on, its own included."""
FEWEST: Final = 3
"""Fewest peers with a value for their mean, and fewest other names of a community."""
SHOCK_LIMIT: Final = 4.0

RETURNS: Final = (1, 5, 20, 60)
"""Sessions of the returns of peers."""
TOGETHER: Final = (5, 20)
"""Sessions of the returns of communities."""

PEER_STOCK: Final = (
    "graph_degree",
    "graph_popularity",
    "graph_mutual",
    "graph_clustering",
    "_graph_pagerank",
    "peer_corr_mean",
    "peer_corr_max",
    "peer_corr_basket",
    "peer_follows",
    "_peer_leads",
    "_graph_community_share",
    "graph_common_share",
    *(f"graph_axis_{name}" for name in g.AXES),
    *(f"peer_ret_{h}d" for h in RETURNS),
    "peer_spread_5d",
    "peer_shock_1d",
    *(f"graph_community_ret_{h}d" for h in TOGETHER),
)
"""Base columns [T, N] of every source."""
PEER_STOCK_SECTOR: Final = (
    "graph_same_sector",
    "graph_community_same_sector",
    "graph_sector_distance",
)
"""Base columns [T, N] of a source that knows sectors."""
PEER_MARKET: Final = ("graph_absorbed", "graph_tightness")
"""Base columns [T]."""

Allocate = Callable[[str, tuple[int, ...]], npt.NDArray[np.float32]]


def peer_names(*, has_sector: bool) -> list[str]:
    """Names of the base columns, with or without those that need sectors."""
    return [*PEER_STOCK, *(PEER_STOCK_SECTOR if has_sector else ()), *PEER_MARKET]


def in_memory(name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Room for one base column."""
    del name
    return np.empty(shape, dtype=np.float32)


def peer_columns(
    close_TN: FloatArray,
    sector_TN: FloatArray | None,
    universe_TN: FloatArray,
    week_start_T: FloatArray,
    *,
    needed: Mapping[str, int] | None = None,
    threads: int = 1,
    allocate: Allocate = in_memory,
) -> dict[str, npt.NDArray[Any]]:
    """Make all base columns in one pass over the weeks.

    Parameters
    ----------
    close_TN : float [T, N]
        Adjusted closes, NaN where no trade.
    sector_TN : float [T, N] or None
        Sector index, NaN where unknown; None where the source has none: the residuals are then
        those of the universe and `PEER_STOCK_SECTOR` is absent.
    universe_TN : float [T, N]
        1.0 for members, NaN or 0.0 for others.
    week_start_T : float [T]
        1.0 on the first session of each ISO week by the exchange's calendar, else 0.0.
    needed : mapping of str to int or None
        Last rows that are wanted of each column; weeks before them are null. None: all of all.
    threads : int
        Weeks made at a time. Changes no value.
    allocate : callable
        From a name and a shape to the float32 array that a stock column is written to, so that the
        columns can lie in files. Its content does not matter.

    Returns
    -------
    dict of str to array
        Stock columns as float32 [T, N], those of the market as float64 [T]; NaN for null.
    """
    shape = close_TN.shape
    known = (*PEER_STOCK, *(PEER_STOCK_SECTOR if sector_TN is not None else ()))
    out: dict[str, npt.NDArray[Any]] = {name: allocate(name, shape) for name in known}
    for values in out.values():
        values[:] = np.nan
    out |= {name: np.full(shape[0], np.nan) for name in PEER_MARKET}
    member = universe_TN == 1.0
    sector = np.full(shape, np.nan) if sector_TN is None else sector_TN
    panel = _Panel(
        close=close_TN,
        filled=k.forward_fill(close_TN),
        residual=residual_returns(close_TN, sector, member),
        sector=sector if sector_TN is not None else None,
        member=member,
    )
    total: int = shape[0]
    rows = dict.fromkeys(out, total) if needed is None else needed
    weeks = _wanted_weeks(week_start_T, rows, list(out))
    # One BLAS thread: weeks run side by side already, and eigenvectors keep their last bits.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda one: _fill(panel, one[0], one[1], out), weeks):
            pass
    return out


def _wanted_weeks(
    week_start_T: FloatArray, rows: Mapping[str, int], names: Sequence[str]
) -> list[tuple[slice, frozenset[str]]]:
    """Weeks of which a column is wanted, and which columns: the last ``rows`` of each."""
    total = len(week_start_T)
    starts = np.flatnonzero(week_start_T == 1.0).tolist()
    weeks = []
    for begin, end in pairwise([*starts, total]):
        wanted = frozenset(name for name in names if end > total - rows.get(name, 0))
        if wanted:
            weeks.append((slice(begin, end), wanted))
    return weeks


@dataclass(frozen=True)
class _Panel:
    """What the weeks are made from, all [T, N]."""

    close: FloatArray
    filled: FloatArray
    residual: FloatArray
    sector: FloatArray | None
    member: BoolArray

    def returns(self, rows: IntArray, names: IntArray, sessions: int) -> FloatArray:
        """Return of the last known closes over ``sessions``, [t, n]; of one, of traded sessions."""
        out = np.full((len(rows), len(names)), np.nan)
        there = rows >= sessions
        now = self.close if sessions == 1 else self.filled
        before = self.filled[np.ix_(rows[there] - sessions, names)]
        out[there] = k.ratio(now[np.ix_(rows[there], names)], before) - 1.0
        return out


def _fill(
    panel: _Panel, week: slice, wanted: frozenset[str], out: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write the wanted columns of one week; a week with too few names in its graph stays null."""
    start = week.start
    window = slice(max(0, start + 1 - g.LOOKBACK), start + 1)
    steps = g.standardised(panel.residual[window], panel.member[start])
    if len(steps.names) <= g.NEIGHBOURS:
        return
    found = g.nearest(steps)
    rows = np.arange(week.start, week.stop)
    made = {"peer_shock_1d": _peer_shock(panel, rows, steps, found.peers_nK)}
    if wanted != made.keys():
        label = g.communities(found)
        still, market = _of_the_week(panel, start, steps, found, label)
        made |= still | _moving(panel, rows, steps, found.peers_nK, label)
        for name in wanted & market.keys():
            out[name][week] = market[name]
    place = np.ix_(rows, steps.names)
    member = panel.member[place]
    for name in wanted & made.keys():
        out[name][place] = np.where(member, made[name], np.nan)


def _of_the_week(
    panel: _Panel, start: int, steps: g.Steps, found: g.Neighbours, label: IntArray
) -> tuple[dict[str, FloatArray], dict[str, float]]:
    """Columns [n] and series that stay the same through the week."""
    rows = np.arange(max(0, start + 1 - g.LOOKBACK), start + 1)
    before = panel.close[np.ix_(np.maximum(rows - 1, 0), steps.names)]
    returns = k.ratio(panel.close[np.ix_(rows, steps.names)], before) - 1.0
    returns[rows == 0] = np.nan
    space = g.space_of(steps, returns)
    popular, mutual, clustering = g.links_of(found.peers_nK)
    together, follows, leads = g.baskets(steps, found.peers_nK)
    out = {
        "graph_degree": found.degree_n,
        "graph_popularity": popular,
        "graph_mutual": mutual,
        "graph_clustering": clustering,
        "_graph_pagerank": g.pagerank(found),
        "peer_corr_mean": found.corr_nK.mean(axis=1),
        "peer_corr_max": found.corr_nK[:, 0],
        "peer_corr_basket": together,
        "peer_follows": follows,
        "_peer_leads": leads,
        "_graph_community_share": np.bincount(label)[label] / len(label),
        "graph_common_share": (space.points_nM**2).sum(axis=1),
        **{f"graph_axis_{name}": space.axes_n4[:, axis] for axis, name in enumerate(g.AXES)},
    }
    if panel.sector is not None:
        sector = panel.sector[start, steps.names]
        out["graph_same_sector"] = g.same_sector(sector, found.peers_nK)
        out["graph_community_same_sector"] = _same_sector(sector, label)
        out["graph_sector_distance"] = g.sector_distance(space.points_nM, sector)
    return out, {"graph_absorbed": space.absorbed, "graph_tightness": float(found.corr_nK.mean())}


def _same_sector(sector_n: FloatArray, label_n: IntArray) -> FloatArray:
    """Share of the other names of the community in the own sector; null alone or unknown."""
    known = ~np.isnan(sector_n)
    group = np.where(known, sector_n, -1.0).astype(np.int64) + 1
    cell = label_n * (int(group.max(initial=0)) + 1) + group
    alike = (np.bincount(cell)[cell] - 1).astype(np.float64)
    others = (np.bincount(label_n)[label_n] - 1).astype(np.float64)
    return np.where(known, k.ratio(alike, others), np.nan)


def _peer_shock(panel: _Panel, rows: IntArray, steps: g.Steps, peers_nK: IntArray) -> FloatArray:
    """Mean residual of the peers in their own deviations, [t, n]; the one column with a past."""
    shock = panel.residual[np.ix_(rows, steps.names)] / steps.scale_n
    (mean,) = _mean_over_peers(np.clip(shock, -SHOCK_LIMIT, SHOCK_LIMIT)[np.newaxis], peers_nK)
    return np.asarray(mean)


def _moving(
    panel: _Panel, rows: IntArray, steps: g.Steps, peers_nK: IntArray, label: IntArray
) -> dict[str, FloatArray]:
    """Columns [t, n] that move within the week."""
    returns = {h: panel.returns(rows, steps.names, h) for h in RETURNS}
    means = _mean_over_peers(np.stack([*returns.values(), returns[5] ** 2]), peers_nK)
    out = {f"peer_ret_{h}d": means[i] for i, h in enumerate(RETURNS)}
    out["peer_spread_5d"] = k.root(means[-1] - out["peer_ret_5d"] ** 2)
    for h in TOGETHER:
        out[f"graph_community_ret_{h}d"] = _community_mean(returns[h], label)
    return out


def _mean_over_peers(values_Stn: FloatArray, peers_nK: IntArray) -> FloatArray:
    """Mean over the peers with a value, [S, t, n]."""
    # Names first: a peer's values of all series and sessions lie side by side and are read once.
    across = np.ascontiguousarray(np.moveaxis(values_Stn, 2, 0))
    valid = ~np.isnan(across)
    across[~valid] = 0.0
    there = valid.astype(np.float32)
    total, count = np.zeros_like(across), np.zeros_like(there)
    for place in range(peers_nK.shape[1]):
        total += across[peers_nK[:, place]]
        count += there[peers_nK[:, place]]
    means = k.ratio(total, count.astype(np.float64), floor=FEWEST - 0.5)
    return np.moveaxis(means, 0, 2)


def _community_mean(values_tn: FloatArray, label_n: IntArray) -> FloatArray:
    """Mean over the other names of the community with a value, [t, n]."""
    width = int(label_n.max()) + 1
    cell = np.arange(len(values_tn))[:, None] * width + label_n
    known, valid = k.masked(values_tn)
    size = len(values_tn) * width
    total = np.bincount(cell.ravel(), known.ravel(), size)[cell] - known
    count = np.bincount(cell.ravel(), valid.ravel().astype(np.float64), size)[cell] - valid
    return k.ratio(total, count, floor=FEWEST - 0.5)
