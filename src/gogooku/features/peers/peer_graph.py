"""One week's graph of co-movement: nearest peers, centrality, communities, coordinates.

The graph of a week is made at its first session from the residual returns (own less the sector's
mean, `gogooku.features.peers.neighbours.residual_returns`) of the last `LOOKBACK` sessions, of the
names that are in the universe at that session and have at least `MIN_SESSIONS` of them. It knows
nothing of the weeks before it.

**Exact.** A name's residuals are centred, scaled by their own deviation, cut at +-4 and rounded to
1/64 of a deviation. Those are whole numbers up to 256, so a product over `EXACT_SESSIONS` sessions
stays within 2^24 and float32 holds it exactly: a correlation is the same, bit for bit, for any
BLAS, number of threads, block of rows or set of other names. Correlations are rounded to 5
decimals; of equals the earlier name comes first.

**Comparable.** Eigenvectors have no sign and change places, so raw spectral coordinates of two
weeks cannot be compared. `axes_of` turns the space of the first `COMPONENTS` components so that its
axes point, in this order, towards four attributes measured in the same window: own volatility,
market beta, past drift, the last month. What is read is the same whatever signs, order or rotation
the eigenvectors came with, and needs no other week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError
from gogooku.core.types import BoolArray, FloatArray, IntArray
from gogooku.features.engine import kernels as k

LOOKBACK: Final = 120
"""Sessions of residual returns in a graph."""
MIN_SESSIONS: Final = 60
"""Fewest of them with a return for a name to be in the graph."""
NEIGHBOURS: Final = 12
"""Peers of a name."""
TIED: Final = 0.25
"""Correlation from which on two names count as tied in the degree."""
DAMPING: Final = 0.85
RANK_ROUNDS: Final = 100
"""Steps of the power iteration; what is left of the start is below 0.85^100, 1e-7."""
MERGES: Final = 2
"""Rounds of merging each community with the one it is tied to most."""
COMPONENTS: Final = 8
"""Principal components of the correlation matrix that span the space of the coordinates."""
AXES: Final = ("volatility", "market", "drift", "month")
"""Attributes that the axes of that space are turned to."""
RECENT: Final = 20
"""Sessions of the axis ``month``."""
FEWEST_MATES: Final = 2
"""Fewest other names of the sector for a centre of it."""

_LIMIT, _STEP = 4.0, 64.0
EXACT_SESSIONS: Final = int(2**24 / (_LIMIT * _STEP) ** 2)
"""Longest window whose sums of products float32 holds exactly."""
_DIGITS = 100_000
_PLACE_BITS = 14
_BLOCK = 128
_GROUPS = 120
"""Groups of names whose best correlations bound the K-th largest of all."""
_BLUR = 1e-6
"""More than float32 can move a correlation."""
_NEAR = 1.5 / _DIGITS
"""More than float32 and rounding to 5 decimals can move a correlation."""


@dataclass(frozen=True)
class Steps:
    """Standardised residual returns of the names of a graph.

    Attributes
    ----------
    names : int64 [n]
        Columns of the panel.
    steps_nL : float32 [n, L]
        Whole numbers of 1/64 deviations, 0 where there was no return.
    norm_n, scale_n, drift_n : float64 [n]
        Length of the row; deviation of the residual per session; its mean over that deviation.
    """

    names: IntArray
    steps_nL: npt.NDArray[np.float32]
    norm_n: FloatArray
    scale_n: FloatArray
    drift_n: FloatArray


@dataclass(frozen=True)
class Neighbours:
    """Peers of each name, most correlated first.

    Attributes
    ----------
    peers_nK : int64 [n, K]
        Places among the names of the graph.
    corr_nK : float64 [n, K]
        Their correlations, rounded to 5 decimals.
    degree_n : float64 [n]
        Share of all other names correlated by `TIED` or more.
    """

    peers_nK: IntArray
    corr_nK: FloatArray
    degree_n: FloatArray

    def weights(self) -> FloatArray:
        """Correlations, negative ones as 0."""
        return np.maximum(self.corr_nK, 0.0)


def standardised(
    window_LN: FloatArray, member_N: BoolArray, *, fewest: int = MIN_SESSIONS
) -> Steps:
    """Residual returns of the members that have at least ``fewest`` and that moved at all."""
    known = np.isfinite(window_LN)
    names = np.flatnonzero(member_N & (known.sum(axis=0) >= fewest))
    seen = known[:, names]
    values = np.where(seen, window_LN[:, names], 0.0)
    counts = np.maximum(seen.sum(axis=0), 1)
    mean = values.sum(axis=0) / counts
    values -= mean
    values *= seen
    scale = np.sqrt(np.einsum("ln,ln->n", values, values) / counts)
    moved = scale > k.FLAT
    if not moved.all():
        names, values, mean, scale = names[moved], values[:, moved], mean[moved], scale[moved]
    values /= scale
    np.clip(values, -_LIMIT, _LIMIT, out=values)
    values *= _STEP
    np.rint(values, out=values)
    return Steps(
        names=names,
        steps_nL=np.ascontiguousarray(values.T, dtype=np.float32),
        norm_n=np.sqrt(np.einsum("ln,ln->n", values, values)),
        scale_n=scale,
        drift_n=mean / scale,
    )


def nearest(found: Steps, *, kept: int = NEIGHBOURS) -> Neighbours:
    """Peers of every name; there must be more than ``kept`` names.

    Raises
    ------
    DataError
        More names than places fit into the sort key.
    """
    steps, count = found.steps_nL, len(found.names)
    if count > 1 << _PLACE_BITS:
        raise DataError(f"graph: {count} names, at most {1 << _PLACE_BITS}; narrow the universe")
    groups = max(_GROUPS, kept + 1)  # one may hold nobody but the name itself
    width = -(-count // groups) * groups
    across = np.zeros((steps.shape[1], width), dtype=np.float32)
    across[:, :count] = steps.T
    inverse = np.zeros(width, dtype=np.float32)
    inverse[:count] = 1.0 / found.norm_n
    top = np.empty((count, kept), dtype=np.int64)
    degree = np.empty(count)
    # fresh memory costs more than what is worked out in it
    products = np.empty((_BLOCK, width), dtype=np.float32)
    shares = np.empty_like(products)
    masks = np.empty((2, _BLOCK, width // groups, groups), dtype=bool)
    for first in range(0, count, _BLOCK):
        rows = slice(first, min(first + _BLOCK, count))
        size, norm = rows.stop - first, found.norm_n[rows].astype(np.float32)[:, None]
        exact = np.matmul(steps[rows], across, out=products[:size])
        # correlations times the row's length, to about 1e-7 of it
        close = np.multiply(exact, inverse, out=shares[:size])
        close[:, count:] = -np.inf
        close[np.arange(size), np.arange(first, rows.stop)] = -np.inf
        degree[rows] = _tied(exact, close, found.norm_n, rows, masks[:, :size])
        # the best of each of many groups of names: of these maxima, as many reach the K-th largest
        best = close.reshape(size, -1, groups).max(axis=1)
        bound = np.partition(best, groups - kept, axis=1)[:, groups - kept, None]
        likely = masks[0, :size].reshape(size, width)
        np.greater_equal(close, bound - _NEAR * norm, out=likely)
        row, place = np.divmod(np.flatnonzero(likely), width)
        keys = _digits(exact[row, place], found.norm_n[first + row], found.norm_n[place])
        keys = (keys << _PLACE_BITS) + ((1 << _PLACE_BITS) - 1 - place)
        order = np.lexsort((-keys, row))
        starts = np.searchsorted(row, np.arange(size))
        top[rows] = keys[order[starts[:, None] + np.arange(kept)]]
    return Neighbours(
        peers_nK=(1 << _PLACE_BITS) - 1 - (top & ((1 << _PLACE_BITS) - 1)),
        corr_nK=(top >> _PLACE_BITS) / _DIGITS,
        degree_n=degree / (count - 1),
    )


def _digits(products: FloatArray, one: FloatArray, other: FloatArray) -> IntArray:
    """Correlations in whole numbers of 1e-5, of sums of products and the lengths of both rows."""
    scaled = products.astype(np.float64)
    scaled *= _DIGITS / one
    scaled *= 1.0 / other
    return np.rint(scaled).astype(np.int64)


def _tied(
    exact: FloatArray, close: FloatArray, norm_n: FloatArray, rows: slice, masks: BoolArray
) -> IntArray:
    """Other names correlated by `TIED` or more, of each row; two masks [rows, -1, groups]."""
    norm = norm_n[rows].astype(np.float32)[:, None]
    limit = TIED - 0.5 / _DIGITS  # rounds up to it
    surely, maybe = masks.reshape(2, *close.shape)
    np.greater_equal(close, (limit + _BLUR) * norm, out=surely)
    np.greater_equal(close, (limit - _BLUR) * norm, out=maybe)
    # bytes are added side by side, groups of names at a time
    each = masks[0].view(np.uint8).sum(axis=1, dtype=np.uint8)
    counts: IntArray = each.sum(axis=1, dtype=np.int64)
    if np.count_nonzero(maybe) != counts.sum():
        row, place = np.divmod(np.flatnonzero(maybe != surely), close.shape[1])
        keys = _digits(exact[row, place], norm_n[rows][row], norm_n[place])
        np.add.at(counts, row, keys >= round(TIED * _DIGITS))
    return counts


def links_of(peers_nK: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """In-degree over K, share of peers that name it back, share of pairs of peers that are linked.

    Two names are linked when either is a peer of the other.
    """
    count, kept = peers_nK.shape
    linked = np.zeros((count, count), dtype=np.bool_)
    own = np.arange(count)[:, None]
    linked[own, peers_nK] = True
    popular = np.bincount(peers_nK.ravel(), minlength=count) / kept
    mutual = linked[peers_nK, own].mean(axis=1)
    linked[peers_nK, own] = True
    one, other = np.triu_indices(kept, 1)
    return popular, mutual, linked[peers_nK[:, one], peers_nK[:, other]].mean(axis=1)


def pagerank(found: Neighbours) -> FloatArray:
    """PageRank over directed links weighted by correlation, as a multiple of the mean, [n].

    A name without a positively correlated peer hands its rank to all names alike.
    """
    weight = found.weights()
    total = weight.sum(axis=1)
    idle = total <= 0.0
    share = weight / np.where(idle, 1.0, total)[:, None]
    count, kept = weight.shape
    own, peers, share = np.repeat(np.arange(count), kept), found.peers_nK.ravel(), share.ravel()
    rank = np.ones(count)
    for _ in range(RANK_ROUNDS):
        handed = np.bincount(peers, weights=share * rank[own], minlength=count)
        rank = 1.0 - DAMPING + DAMPING * (handed + rank[idle].sum() / count)
    return rank


def communities(found: Neighbours) -> IntArray:
    """Community of each name, [n]: numbers without meaning, in the order of the first members.

    Each name starts alone. In each of `MERGES` rounds every community joins the one to which its
    mean link is strongest: links of both directions summed, over the product of the sizes; of
    equals the first. Communities that are joined, directly or through others, become one.
    """
    digits = np.rint(found.weights() * _DIGITS).ravel()
    own = np.repeat(np.arange(len(found.peers_nK)), found.peers_nK.shape[1])
    label = np.arange(len(found.peers_nK))
    for _ in range(MERGES):
        count = int(label.max()) + 1
        size = np.bincount(label, minlength=count)
        a, b = label[own], label[found.peers_nK.ravel()]
        used = (a != b) & (digits > 0)
        a, b, weight = a[used], b[used], digits[used]
        pairs, place = np.unique(np.r_[a * count + b, b * count + a], return_inverse=True)
        ties = np.bincount(place, weights=np.r_[weight, weight])  # whole numbers: exact
        best = np.arange(count)
        if len(pairs):
            own_side, other = pairs // count, pairs % count
            strength = ties / (size[own_side] * size[other])
            group, begin, length = np.unique(own_side, return_index=True, return_counts=True)
            top = np.maximum.reduceat(strength, begin)
            at_top = np.flatnonzero(strength == np.repeat(top, length))
            first = np.unique(own_side[at_top], return_index=True)[1]
            best[group] = other[at_top[first]]
        label = _joined(best)[label]
    return label


def _joined(best: IntArray) -> IntArray:
    """Connected components of the links from each place to ``best``, numbered in order."""
    root = np.arange(len(best))
    while True:
        low = np.minimum(root, root[best])
        np.minimum.at(low, best, root)
        low = low[low]
        if np.array_equal(low, root):
            return np.asarray(np.unique(root, return_inverse=True)[1])
        root = low


@dataclass(frozen=True)
class Space:
    """Names as points: correlations with the first common components.

    Attributes
    ----------
    points_nM : float64 [n, M]
        In the arbitrary turn of the eigenvectors; only what a turn does not change may be used.
    axes_n4 : float64 [n, 4]
        Correlation with the common component that points to each attribute of `AXES`.
    absorbed : float
        Share of all variance that the components hold.
    """

    points_nM: FloatArray
    axes_n4: FloatArray
    absorbed: float


def space_of(found: Steps, returns_Ln: FloatArray) -> Space:
    """Coordinates of a week; ``returns_Ln`` are the plain returns of the names in its window."""
    unit = found.steps_nL / found.norm_n[:, None]
    values, vectors = np.linalg.eigh(unit.T @ unit)
    vectors = vectors[:, ::-1][:, :COMPONENTS]
    points = unit @ vectors
    recent = np.zeros(unit.shape[1])
    recent[-RECENT:] = 1.0
    attributes = np.stack(
        [_robust_z(np.log(found.scale_n)), _robust_z(_betas(returns_Ln)), _robust_z(found.drift_n)]
    )
    towards = np.column_stack([points.T @ attributes.T, vectors.T @ recent])
    return Space(
        points_nM=points,
        axes_n4=points @ axes_of(towards),
        absorbed=float(values[::-1][:COMPONENTS].sum() / values.sum()),
    )


def axes_of(towards_MA: FloatArray) -> FloatArray:
    """Orthonormal directions [M, A]: each column less its share in those before it.

    Unlike eigenvectors they have a sign: a direction and its column form an acute angle. A column
    within the span of those before it has none and is null, as are those after it.
    """
    out = np.full(towards_MA.shape, np.nan)
    for axis in range(towards_MA.shape[1]):
        column = towards_MA[:, axis]
        size = np.sqrt((column**2).sum())
        before = out[:, :axis]
        rest = column - before @ (before.T @ column)
        rest = rest - before @ (before.T @ rest)
        length = np.sqrt((rest**2).sum())
        if not length > 1e-6 * size:
            break
        out[:, axis] = rest / length
    return out


def _robust_z(values_n: FloatArray) -> FloatArray:
    """Distance from the median in median distances, within +-3: no name decides an axis alone."""
    away = values_n - np.median(values_n)
    usual = float(np.median(np.abs(away)))
    return np.clip(away / usual, -3.0, 3.0) if usual > k.FLAT else np.zeros_like(away)


def _betas(returns_Ln: FloatArray) -> FloatArray:
    """Slope of each name's returns on the mean return of all names of the graph."""
    seen = np.isfinite(returns_Ln)
    values = np.where(seen, returns_Ln, 0.0)
    counts = seen.sum(axis=1)
    market = values.sum(axis=1) / np.maximum(counts, 1)
    market -= market[counts > 0].mean() if counts.any() else 0.0
    away = market[:, None] * seen
    spread = (away**2).sum(axis=0)
    return np.nan_to_num(k.ratio((away * values).sum(axis=0), spread, floor=k.FLAT**2))


def sector_distance(points_nM: FloatArray, sector_n: FloatArray) -> FloatArray:
    """Distance to the centre of the other names of the sector; null for few or unknown."""
    group = np.where(np.isnan(sector_n), -1.0, sector_n).astype(np.int64) + 1
    total = np.zeros((int(group.max(initial=0)) + 1, points_nM.shape[1]))
    np.add.at(total, group, points_nM)
    others = (np.bincount(group, minlength=len(total))[group] - 1).astype(np.float64)
    usable = (group > 0) & (others >= FEWEST_MATES)
    centre = (total[group] - points_nM) / np.maximum(others, 1.0)[:, None]
    away = np.sqrt(((points_nM - centre) ** 2).sum(axis=1))
    return np.where(usable, away, np.nan)


def same_sector(sector_n: FloatArray, peers_nK: IntArray) -> FloatArray:
    """Share of the peers in the own sector; null without a known one."""
    share = (sector_n[peers_nK] == sector_n[:, None]).mean(axis=1)
    return np.where(np.isnan(sector_n), np.nan, share)


def baskets(found: Steps, peers_nK: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Correlation of own residuals with the peers' sum, with it one session ago, one ahead, [n].

    The second says how far a name follows its peers, the third how far they follow it.
    """
    basket = np.zeros(found.steps_nL.shape, dtype=np.float32)
    for place in range(peers_nK.shape[1]):
        basket += found.steps_nL[peers_nK[:, place]]
    # Whole numbers again: exact in float64, whatever the order of the sums.
    own, theirs = found.steps_nL.astype(np.float64), basket.astype(np.float64)
    size = found.norm_n * np.sqrt(np.einsum("nl,nl->n", theirs, theirs))
    together = k.ratio(np.einsum("nl,nl->n", own, theirs), size)
    follows = k.ratio(np.einsum("nl,nl->n", own[:, 1:], theirs[:, :-1]), size)
    leads = k.ratio(np.einsum("nl,nl->n", own[:, :-1], theirs[:, 1:]), size)
    return together, follows, leads
