"""Peers by past co-movement: a fixed number of neighbours per name, rebuilt every month.

Correlation of residual returns (less the sector's or the universe's mean), as in the weekly graphs
(`gogooku.features.peers.peer_graph`), over a trailing window that ends with the session at which
the table is built. Only the past: the table built on a session serves that session and those after
it until the first session of the next month.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.types import BoolArray, DateArray, FloatArray
from gogooku.features.peers.peer_graph import EXACT_SESSIONS, nearest, standardised


class GraphConfig(Config):
    """How neighbours are found."""

    neighbours: Annotated[int, Unit("names")] = Field(default=12, ge=1)
    """Neighbours per name, most correlated first."""
    lookback: Annotated[int, Unit("sessions")] = Field(default=120, ge=2, le=EXACT_SESSIONS)
    """Sessions of residual returns."""
    min_sessions: Annotated[int, Unit("sessions")] = Field(default=60, ge=2)
    """Fewest of them with a return for a name to have or be a neighbour."""


def rebuild_sessions(sessions: DateArray) -> npt.NDArray[np.int64]:
    """Positions at which the table is rebuilt: the first, and each month's first session.

    The schedule follows the calendar, not the start of the data, so that a longer or shorter
    history gives the same tables.
    """
    months = sessions.astype("datetime64[M]")
    return np.flatnonzero(np.r_[True, months[1:] != months[:-1]])


def residual_returns(
    close_TN: FloatArray, group_TN: FloatArray, universe_TN: BoolArray
) -> FloatArray:
    """Close-to-close returns less the mean of the name's group among universe members.

    Parameters
    ----------
    close_TN : float [T, N]
        Adjusted closes, NaN where no trade.
    group_TN : float [T, N]
        Sector index; NaN (unknown) names form one group.

    Returns
    -------
    float [T, N]; NaN without two consecutive closes.
    """
    out = np.full(close_TN.shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        out[1:] = close_TN[1:] / close_TN[:-1] - 1.0
    groups = np.nan_to_num(group_TN, nan=-1.0).astype(np.int64) + 1
    num_groups = int(groups.max()) + 1
    for t in range(1, len(out)):
        counted = universe_TN[t] & np.isfinite(out[t])
        sums = np.bincount(groups[t][counted], out[t][counted], minlength=num_groups)
        counts = np.bincount(groups[t][counted], minlength=num_groups)
        means = np.divide(sums, counts, out=np.zeros(num_groups), where=counts > 0)
        out[t] -= means[groups[t]]
    return out


def neighbour_tables(
    close_TN: FloatArray,
    group_TN: FloatArray,
    universe_TN: BoolArray,
    sessions: DateArray,
    config: GraphConfig,
    *,
    first: int = 0,
    threads: int = 1,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Neighbour tables that are built from the session ``first`` on, and who uses which.

    Parameters
    ----------
    close_TN, group_TN, universe_TN
        As for `residual_returns`.

    Returns
    -------
    neighbours : int32 [B, N, K]
        Positions of the K most positively correlated universe names; -1 pads.
    block : int32 [T - first]
        For each session from ``first`` on the number of its table; -1 for the last one built
        before ``first``.
    """
    starts = rebuild_sessions(sessions)
    starts = starts[starts >= first]
    num_names = close_TN.shape[1]
    tables = np.full((len(starts), num_names, config.neighbours), -1, dtype=np.int32)

    block = np.searchsorted(starts, np.arange(first, len(sessions)), side="right") - 1
    if not len(starts):
        return tables, block.astype(np.int32)
    residual_TN = residual_returns(close_TN, group_TN, universe_TN)

    def build(b: int) -> None:
        t = int(starts[b])
        window = residual_TN[max(0, t + 1 - config.lookback) : t + 1]
        tables[b] = _neighbours(window, universe_TN[t], config)

    # one thread of BLAS for each table: tables are independent, and the cores are used once
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(build, range(len(starts))):
            pass
    return tables, block.astype(np.int32)


def _neighbours(
    window_LN: FloatArray, member_N: BoolArray, config: GraphConfig
) -> npt.NDArray[np.int32]:
    out = np.full((window_LN.shape[1], config.neighbours), -1, dtype=np.int32)
    found = standardised(window_LN, member_N, fewest=config.min_sessions)
    names = found.names
    if len(names) > config.neighbours:
        out[names] = names[nearest(found, kept=config.neighbours).peers_nK]
    return out
