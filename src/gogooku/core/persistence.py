"""How long a ranking lasts: places and picks of one session against those of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gogooku.core.cross_section import MIN_NAMES, BoolArray
from gogooku.core.ranks import FloatArray


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
    row, name = np.divmod(np.flatnonzero(a.known ^ b.known), a.places.shape[1])
    shared = (a.count + b.count - np.bincount(row, minlength=length)) / 2.0
    count = np.where(shared >= MIN_NAMES, shared, np.nan)
    mean_a, variance_a = _moments(a, (row, name), count)
    mean_b, variance_b = _moments(b, (row, name), count)
    product = _products(a.places, b.places) / count - mean_a * mean_b
    scale = np.sqrt(np.maximum(variance_a * variance_b, 0.0))
    out = np.full(length, np.nan)
    np.divide(product, scale, out=out, where=scale > 0.0)
    return out


def _products(a_TN: npt.NDArray[np.float32], b_TN: npt.NDArray[np.float32]) -> FloatArray:
    """Sum of products of each row, in double precision."""
    made = np.einsum("tn,tn->t", a_TN, b_TN, dtype=np.float64, casting="safe")
    return np.asarray(made)


def _moments(
    ranked: Places, only_one: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], count: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance over the names that stand in both; over all that are known the mean is 0.

    ``only_one`` are rows and names that stand in one of the two; in the other their place is 0.
    """
    values = ranked.places[only_one].astype(np.float64)
    mean = -np.bincount(only_one[0], weights=values, minlength=len(ranked)) / count
    lost = np.bincount(only_one[0], weights=values * values, minlength=len(ranked))
    return mean, (ranked.squares - lost) / count - mean * mean


def autocorrelation(ranked: Places, lag: int = 1) -> FloatArray:
    """`rank_agreement` of each session with the one ``lag`` before; NaN for the first ones."""
    return _behind(rank_agreement(ranked[lag:], ranked), len(ranked))


def overlap(weights_TN: npt.NDArray[np.float32], lag: int, *, top_k: int) -> FloatArray:
    """Share of the picks that were picked ``lag`` sessions before.

    Seats of a name in both sessions over ``top_k``, the smaller of its two shares where it shares a
    seat: one less this is the one-way turnover of the equal-weighted book. NaN for the first
    ``lag`` sessions and where one of the two has no picks.
    """
    length = len(weights_TN)
    shared = np.minimum(weights_TN[lag:], weights_TN[: max(0, length - lag)])
    return _behind(shared.sum(axis=1, dtype=np.float64) / top_k, length)


def _behind(values: FloatArray, length: int) -> FloatArray:
    return np.concatenate([np.full(length - len(values), np.nan), values])
