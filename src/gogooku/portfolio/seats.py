"""Who is held: seats that a name takes among the best K and loses only further down."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray

_SAMPLED, _SPARE = 16, 3
"""Every how many names one is in a sample, and how many times as many names it is to let through;
what is chosen does not depend on either."""


def ranked_names(score_N: FloatArray, *, top_k: int) -> IntArray:
    """Positions of the ``top_k`` highest finite scores, best first; ties go by position."""
    finite = np.isfinite(score_N)
    count = min(top_k, int(np.count_nonzero(finite)))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    low = np.where(finite, -score_N, np.inf)
    pool = _pool(low, count)
    among = low[pool]
    edge = np.partition(among, count - 1)[count - 1]
    best = pool[among <= edge]
    order = np.argsort(low[best], kind="stable")[:count]
    return np.asarray(best[order], dtype=np.int64)


def _pool(low_N: FloatArray, count: int) -> IntArray:
    """Positions of some of the lowest values, at least ``count`` of them, in order.

    All at or below a value of a sample that probably has as many below it: a whole partition costs
    several times as much.
    """
    sample = low_N[::_SAMPLED]
    wanted = _SPARE * count // _SAMPLED + _SPARE
    if wanted < len(sample):
        edge = np.partition(sample, wanted)[wanted]
        pool = (low_N <= edge).nonzero()[0]
        if np.isfinite(edge) and len(pool) >= count:
            return np.asarray(pool)
    return np.arange(len(low_N))


def seated(score_N: FloatArray, held: IntArray, *, top_k: int, exit_margin: int) -> IntArray:
    """Positions of the names that have a seat, best first, never more than ``top_k``.

    A name takes a free seat when its rank is ``top_k`` or better, and keeps it while its rank is
    ``top_k + exit_margin`` or better. Seats are those of the last decision, whatever of it could be
    traded since: an order that was refused neither gives nor takes one.

    Parameters
    ----------
    score_N : float64 [N]
        NaN has no rank and no seat.
    held : int64
        Positions that have a seat.
    """
    pool = ranked_names(score_N, top_k=top_k + exit_margin)
    if not exit_margin:
        return pool
    sits = np.zeros(len(score_N), dtype=np.bool_)
    sits[held] = True
    keeps = sits[pool]
    keeps &= np.cumsum(keeps) <= top_k
    enters = ~keeps & (np.arange(len(pool)) < top_k)
    enters &= np.cumsum(enters) <= top_k - int(keeps.sum())
    return np.asarray(pool[keeps | enters], dtype=np.int64)


def both_sides(
    score_N: FloatArray,
    lendable_N: np.ndarray,
    seats: Mapping[int, int],
    *,
    top_k: int,
    exit_margin: int,
) -> tuple[IntArray, IntArray]:
    """Seats of the best names to buy and of the worst to sell short.

    No name is on both sides: each side reaches to the middle of the ranking at most. A name that
    cannot be borrowed has no seat on the short side.

    Parameters
    ----------
    score_N : float64 [N]
    lendable_N : bool [N]
    seats : mapping
        Position to 1 (bought) or -1 (sold short) of the decision before.
    """
    half = int(np.isfinite(score_N).sum()) // 2
    most = min(top_k, half)
    margin = min(exit_margin, half - most)
    middle = ranked_names(score_N, top_k=half)
    upper = np.full(len(score_N), np.nan)
    upper[middle] = score_N[middle]
    middle = ranked_names(-score_N, top_k=half)
    lower = np.full(len(score_N), np.nan)
    lower[middle] = -score_N[middle]
    lower = np.where(lendable_N & ~np.isfinite(upper), lower, np.nan)
    sides = [
        np.array([n for n, side in seats.items() if side == wanted], dtype=np.int64)
        for wanted in (1, -1)
    ]
    long = seated(upper, sides[0], top_k=most, exit_margin=margin)
    short = seated(lower, sides[1], top_k=most, exit_margin=margin)
    return long, short
