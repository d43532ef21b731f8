"""How long a ranking lasts: places and picks of one session against those of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.cross_section import MIN_NAMES, BoolArray, Picks
from gogooku.core.ranks import FloatArray

_Values = npt.NDArray[np.floating[Any]]
_BLOCK_VALUES = 1 << 15


@dataclass(frozen=True)
class Places:
    """Where names stand within their session.

    Attributes
    ----------
    places : float32 [T, N]
        Rank less the mean rank of the session, 0 where not known; multiples of a half, so exact.
    known : bool [T, N]
    count : int [T]
        Names that are known.
    squares : float [T]
        Sum of the squared places.
    """

    places: npt.NDArray[np.float32]
    known: BoolArray
    count: npt.NDArray[np.intp]
    squares: FloatArray

    @classmethod
    def of(cls, places_TN: npt.NDArray[np.float32], known_TN: BoolArray) -> Places:
        """From `gogooku.core.ranks.middle_ranks` and what is known."""
        count = np.count_nonzero(known_TN, axis=1)
        return cls(places_TN, known_TN, count, _products(places_TN, places_TN))

    def __len__(self) -> int:
        """Sessions."""
        return len(self.places)

    def __getitem__(self, rows: slice) -> Places:
        """Some of the sessions."""
        return Places(self.places[rows], self.known[rows], self.count[rows], self.squares[rows])


def rank_agreement(a: Places, b: Places) -> FloatArray:
    """Correlation of two rankings of each session, over the names that stand in both.

    Pearson's, of ranks within each one's own session; without gaps that is Spearman's. Ranking once
    and comparing often is what makes lags and horizons cheap. Sessions beyond the shorter of the
    two are left out; NaN below `MIN_NAMES` shared names.
    """
    length = min(len(a), len(b))
    a, b = a[:length], b[:length]
    where = np.flatnonzero(a.known ^ b.known)
    row = where // max(a.places.shape[1], 1)
    shared = (a.count + b.count - np.bincount(row, minlength=length)) / 2.0
    count = np.where(shared >= MIN_NAMES, shared, np.nan)
    mean_a, variance_a = _moments(a, (row, where), count)
    mean_b, variance_b = _moments(b, (row, where), count)
    product = _products(a.places, b.places) / count - mean_a * mean_b
    scale = np.sqrt(np.maximum(variance_a * variance_b, 0.0))
    out = np.full(length, np.nan)
    np.divide(product, scale, out=out, where=scale > 0.0)
    return out


def _products(a_TN: npt.NDArray[np.float32], b_TN: npt.NDArray[np.float32]) -> FloatArray:
    """Sum of products of each row, in double precision, by blocks that stay in the cache."""
    length, width = a_TN.shape
    out = np.empty(length)
    step = max(1, _BLOCK_VALUES // max(1, width))
    wide_a, wide_b = np.empty((step, width)), np.empty((step, width))
    for first in range(0, length, step):
        rows = slice(first, min(first + step, length))
        inside = slice(0, rows.stop - first)
        wide_a[inside], wide_b[inside] = a_TN[rows], b_TN[rows]
        out[rows] = np.vecdot(wide_a[inside], wide_b[inside])
    return out


def _moments(
    ranked: Places, only_one: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], count: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance over the names that stand in both; over all that are known the mean is 0.

    ``only_one`` are rows, and flat positions, of names that stand in one of the two; in the other
    their place is 0.
    """
    values = ranked.places.reshape(-1).take(only_one[1]).astype(np.float64)
    mean = -np.bincount(only_one[0], weights=values, minlength=len(ranked)) / count
    lost = np.bincount(only_one[0], weights=values * values, minlength=len(ranked))
    return mean, (ranked.squares - lost) / count - mean * mean


def autocorrelation(ranked: Places, lag: int = 1) -> FloatArray:
    """`rank_agreement` of each session with the one ``lag`` before; NaN for the first ones."""
    return _behind(rank_agreement(ranked[lag:], ranked), len(ranked))


def overlap(score_TN: _Values, picked_TN: BoolArray, lag: int, *, top_k: int) -> FloatArray:
    """Share of the picks that were picked ``lag`` sessions before.

    Seats of a name in both sessions over ``top_k``, the smaller of its two shares where it shares a
    seat: one less this is the one-way turnover of the equal-weighted book. NaN for the first
    ``lag`` sessions and where one of the two has no picks.

    Parameters
    ----------
    score_TN : float [T, N]
    picked_TN : bool [T, N]
        `gogooku.core.cross_section.Picks.inside` of those scores.
    lag, top_k : int
    """
    length = len(score_TN)
    now, before = picked_TN[lag:], picked_TN[: max(0, length - lag)]
    shared = np.count_nonzero(now & before, axis=1) / top_k
    seats = np.count_nonzero(picked_TN, axis=1)
    shared[(seats[lag:] == 0) | (seats[: len(shared)] == 0)] = np.nan
    for t in np.flatnonzero((seats[lag:] > top_k) | (seats[: len(shared)] > top_k)):
        pair = score_TN[[t, t + lag]]
        weights = Picks.of(pair, np.isfinite(pair), top_k).weights()
        shared[t] = np.minimum(weights[0], weights[1]).sum(dtype=np.float64) / top_k
    return _behind(shared, length)


def _behind(values: FloatArray, length: int) -> FloatArray:
    return np.concatenate([np.full(length - len(values), np.nan), values])
