"""Measures across the names of one session, of many sessions at once.

A `CrossSection` holds some sessions of scores and labels and works out what measures share (names
that count, ranks, medians) once, when the first of them asks. A kernel makes of it one value a
session, or one row. `by_session` goes over a long history in blocks that stay in the processor's
cache, and gives several kernels the same ranks.

A name counts in a session where it has a score and a label; a session counts where at least
`MIN_NAMES` names do and neither their scores nor their labels are all one number. What is picked by
score (`top_weights`) is picked among all names with a score: whether a label will be known is not
known then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.ranks import FloatArray, middle_ranks

BoolArray = npt.NDArray[np.bool_]
_Values = npt.NDArray[np.floating[Any]]

MIN_NAMES = 10
"""Fewest names with both a score and a label for a session to count."""

TOP_K = 50
"""Names picked by score unless stated otherwise."""

DECILES = 10
"""Parts that scores are cut into; an even number, so that the middle is a border."""

ROUNDING = 1e-12
"""Values whose range is within this share of their size differ by rounding alone."""

_EDGE = 1e-9
"""Share by which distances from the middle are shortened: a position on a border falls inward.
Positions are fractions with the number of names below them, so no other crosses one."""
_BLOCK_VALUES = 1 << 17
_SAMPLED, _SPARE = 8, 3
"""Every how many names one is in a sample, and how many times as many it is to let through."""
_LABELLED_PICKS = 0.5
"""Fewest share of the picked names whose label must be known for the session to count."""


@dataclass(frozen=True)
class CrossSection:
    """Scores and labels of some sessions, and what measures share.

    Attributes
    ----------
    score, label : float [T, N]
        Not finite where a name has none.
    """

    score: _Values
    label: _Values

    @cached_property
    def scored(self) -> BoolArray:
        """Names with a score, [T, N]."""
        return np.isfinite(self.score)

    @cached_property
    def known(self) -> BoolArray:
        """Names that count, [T, N]; none in a session with fewer than `MIN_NAMES`."""
        enough = self.num_names >= MIN_NAMES
        return self._joint if enough.all() else self._joint & enough[:, None]

    @cached_property
    def _joint(self) -> BoolArray:
        return self.scored & np.isfinite(self.label)

    @cached_property
    def num_names(self) -> npt.NDArray[np.intp]:
        """Names with a score and a label, [T], also where they are too few to count."""
        return np.asarray(np.count_nonzero(self._joint, axis=1))

    @cached_property
    def count(self) -> FloatArray:
        """Names that count, [T, 1]; NaN for none."""
        enough = self.num_names >= MIN_NAMES
        return np.where(enough, self.num_names, np.nan)[:, None]

    @cached_property
    def joint_score(self) -> _Values:
        """Scores of the names that count, NaN elsewhere."""
        return np.where(self.known, self.score, self.score.dtype.type(np.nan))

    @cached_property
    def joint_label(self) -> _Values:
        """Labels of the names that count, NaN elsewhere."""
        return np.where(self.known, self.label, self.label.dtype.type(np.nan))

    @cached_property
    def label_or_zero(self) -> FloatArray:
        """Labels of the names that count, 0 elsewhere, in double precision."""
        return np.where(self.known, self.label, 0.0).astype(np.float64, copy=False)

    @cached_property
    def mean_label(self) -> FloatArray:
        """Mean label of the names that count, [T]."""
        return np.asarray(self.label_or_zero.sum(axis=1) / self.count[:, 0])

    @cached_property
    def varies(self) -> BoolArray:
        """Sessions whose scores and labels each differ by more than rounding."""
        return _varies(self._score_ranked[1]) & _varies(self._label_ranked[1])

    @cached_property
    def _score_ranked(self) -> tuple[FloatArray, FloatArray]:
        return middle_ranks(self.joint_score)

    @cached_property
    def _label_ranked(self) -> tuple[FloatArray, FloatArray]:
        return middle_ranks(self.joint_label)

    @property
    def score_places(self) -> FloatArray:
        """Ranks of the scores less their mean, 0 where a name does not count."""
        return self._score_ranked[0]

    @property
    def label_places(self) -> FloatArray:
        """Ranks of the labels less their mean, 0 where a name does not count."""
        return self._label_ranked[0]

    @property
    def score_median(self) -> FloatArray:
        """Median score of the names that count, [T, 1]."""
        return self._score_ranked[1][:, 1:2]

    @property
    def label_median(self) -> FloatArray:
        """Median label of the names that count, [T, 1]."""
        return self._label_ranked[1][:, 1:2]

    @cached_property
    def high_label(self) -> BoolArray:
        """Names that count whose label is above the session's median."""
        return np.asarray(self.label > self.label_median) & self.known

    @cached_property
    def high_score(self) -> BoolArray:
        """Names that count whose score is above the session's median."""
        return np.asarray(self.score > self.score_median) & self.known

    @cached_property
    def decile_means(self) -> FloatArray:
        """Mean label by decile of score, [T, 10]; see `deciles_of`."""
        return deciles_of(self.score_places, self.known, self.label_or_zero)

    def picks(self, top_k: int) -> Picks:
        """The highest scores, worked out once for each K."""
        made = self._picked.get(top_k)
        if made is None:
            made = self._picked[top_k] = Picks.of(self.score, self.scored, top_k)
        return made

    @cached_property
    def _picked(self) -> dict[int, Picks]:
        return {}


@dataclass(frozen=True)
class Picks:
    """The ``top_k`` highest scores of each session, picked among all names with a score.

    Names of equal score at the edge share the seats that are left, so that the order of names
    decides nothing. A session with fewer than ``2 * top_k`` scores has no picks.

    Attributes
    ----------
    top_k : int
    inside : bool [T, N]
        Names with a seat, or a share of one.
    tied : int [R]
        Sessions in which some share.
    shares : float [R, N]
        Seats of each name in those; they add up to ``top_k``.
    """

    top_k: int
    inside: BoolArray
    tied: npt.NDArray[np.intp]
    shares: FloatArray

    @classmethod
    def of(cls, score_TN: _Values, scored_TN: BoolArray, top_k: int) -> Picks:
        """Pick; ``scored_TN`` are the finite scores."""
        width = score_TN.shape[1]
        nothing = np.zeros((0, width))
        if width < 2 * top_k:
            return cls(top_k, np.zeros(score_TN.shape, bool), np.zeros(0, np.intp), nothing)
        filled = np.where(scored_TN, score_TN, score_TN.dtype.type(-np.inf))
        edge = _highest(filled, top_k)[:, None]
        inside = filled >= edge
        inside[np.count_nonzero(scored_TN, axis=1) < 2 * top_k] = False
        over = np.count_nonzero(inside, axis=1) - top_k
        tied = np.flatnonzero(over > 0)
        shares = inside[tied].astype(np.float64)
        at_edge = filled[tied] == edge[tied]
        lost = over[tied] / np.count_nonzero(at_edge, axis=1)
        shares -= np.where(at_edge, lost[:, None], 0.0)
        return cls(top_k, inside, tied, shares)

    def total(self, value_TN: npt.NDArray[Any]) -> FloatArray:
        """Sum of values over the seats, [T]; flags are counted."""
        if value_TN.dtype == np.bool_:
            out = np.count_nonzero(self.inside & value_TN, axis=1).astype(np.float64)
        else:
            seats = np.flatnonzero(self.inside)
            rows = seats // value_TN.shape[1]
            found = value_TN.reshape(-1)[seats]
            out = np.bincount(rows, weights=found, minlength=len(value_TN))
        out[self.tied] = np.einsum("rn,rn->r", self.shares, value_TN[self.tied].astype(np.float64))
        return np.asarray(out)

    def weights(self) -> npt.NDArray[np.float32]:
        """Seats of each name, [T, N]; NaN for a session without picks."""
        out = self.inside.astype(np.float32)
        out[self.tied] = self.shares
        out[~self.inside.any(axis=1)] = np.nan
        return out


_AS_MADE: Mapping[str, npt.DTypeLike] = MappingProxyType({})

Kernel = Callable[[CrossSection], npt.NDArray[Any]]
"""From sessions to one value, or one row of values, of each."""


def by_session(
    kernels: Mapping[str, Kernel],
    score_TN: _Values,
    label_TN: _Values,
    *,
    kept_as: Mapping[str, npt.DTypeLike] = _AS_MADE,
) -> dict[str, npt.NDArray[Any]]:
    """Apply kernels to all sessions, by blocks; each block is ranked once for all of them.

    Sessions that do not count are NaN in what a kernel makes one number a session of; whole
    numbers are counts, which stay. ``kept_as`` has the types of what is not kept as it is made.
    """
    made: dict[str, npt.NDArray[Any]] = {}
    for rows in blocks_of(*score_TN.shape):
        block = CrossSection(
            np.ascontiguousarray(score_TN[rows]), np.ascontiguousarray(label_TN[rows])
        )
        for name, kernel in kernels.items():
            value = kernel(block)
            if value.dtype == np.float64 and value.ndim == 1:
                value = np.where(block.varies, value, np.nan)
            if name not in made:
                kind = kept_as.get(name, value.dtype)
                made[name] = np.empty((len(score_TN), *value.shape[1:]), dtype=kind)
            made[name][rows] = value
    return made


def blocks_of(length: int, width: int) -> Iterator[slice]:
    """Spans of sessions of which some arrays fit the cache; one, empty, where there is none."""
    step = max(1, _BLOCK_VALUES // max(1, width))
    for first in range(0, max(1, length), step):
        yield slice(first, first + step)


def rank_ic(sessions: CrossSection) -> FloatArray:
    """Spearman correlation of scores and labels, average ranks for ties."""
    return _cosine(sessions.score_places, sessions.label_places)


def ic(sessions: CrossSection) -> FloatArray:
    """Pearson correlation of scores and labels.

    Taken about the medians, which are within a standard deviation of the means, so that the moments
    lose no digits.
    """
    known, count = sessions.known, sessions.count[:, 0]
    score = np.where(known, sessions.score - sessions.score_median, 0.0)
    label = np.where(known, sessions.label - sessions.label_median, 0.0)
    means = score.sum(axis=1) / count, label.sum(axis=1) / count

    def moment(a_TN: FloatArray, b_TN: FloatArray, about: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("tn,tn->t", a_TN, b_TN) / count - about)

    square = moment(score, score, means[0] ** 2) * moment(label, label, means[1] ** 2)
    scale = np.sqrt(np.maximum(square, 0.0))
    product = moment(score, label, means[0] * means[1])
    return _quotient(product, scale)


def hit_rate(sessions: CrossSection) -> FloatArray:
    """Share of names whose score and label lie on the same side of the medians."""
    apart = np.count_nonzero(sessions.high_score != sessions.high_label, axis=1)
    return np.asarray(1.0 - apart / sessions.count[:, 0])


def high_share(sessions: CrossSection) -> FloatArray:
    """Share of names whose label is above the median: what random picks reach."""
    return np.asarray(np.count_nonzero(sessions.high_label, axis=1) / sessions.count[:, 0])


def spread(sessions: CrossSection) -> FloatArray:
    """Mean label of the highest decile less that of the lowest."""
    return np.asarray(sessions.decile_means[:, -1] - sessions.decile_means[:, 0])


def decile_excess(sessions: CrossSection) -> FloatArray:
    """Mean label of each decile less the mean of all names that count, [T, 10]."""
    excess = sessions.decile_means - sessions.mean_label[:, None]
    return np.asarray(np.where(sessions.varies[:, None], excess, np.nan))


def precision(top_k: int) -> Kernel:
    """Share of the picks whose label is above the median; see `Picks`."""

    def kernel(sessions: CrossSection) -> FloatArray:
        picks = sessions.picks(top_k)
        return np.asarray(picks.total(sessions.high_label) / _labelled(picks, sessions))

    return kernel


def top_excess(top_k: int) -> Kernel:
    """Mean label of the picks less the mean of all names that count."""

    def kernel(sessions: CrossSection) -> FloatArray:
        picks = sessions.picks(top_k)
        mean = picks.total(sessions.label_or_zero) / _labelled(picks, sessions)
        return np.asarray(mean - sessions.mean_label)

    return kernel


def _labelled(picks: Picks, sessions: CrossSection) -> FloatArray:
    """Picks with a label, [T]; NaN where fewer than half have one."""
    counted = picks.total(sessions.known)
    return np.where(counted >= _LABELLED_PICKS * picks.top_k, counted, np.nan)


def picked(top_k: int) -> Kernel:
    """Names with a seat among the picks, or a share of one, [T, N]."""

    def kernel(sessions: CrossSection) -> BoolArray:
        return sessions.picks(top_k).inside

    return kernel


def ndcg(top_k: int) -> Kernel:
    """Normalised discounted cumulative gain of the first ``top_k`` places (Jarvelin 2002).

    Over the names that count; NaN below ``2 * top_k`` of them. The gain of a name is the position
    of its label, (rank - 1/2)/n; the place counted from the top is discounted by
    ``log2(place + 1)``. Names of one score share what their places get (McSherry & Najork 2008),
    as ``sklearn.metrics.ndcg_score`` has it.
    """
    discount = 1.0 / np.log2(np.arange(2, top_k + 2))

    def kernel(sessions: CrossSection) -> FloatArray:
        count = np.nan_to_num(sessions.count[:, 0])
        enough = count >= 2 * top_k
        out = np.full(len(count), np.nan)
        if not enough.any():
            return out
        score, label, half = sessions.score_places, sessions.label_places, count / 2.0
        best = _best_places(label, count, top_k)
        most = (best[:, ::-1] + half[:, None]) @ discount
        first, clear = _first_places(score, count, top_k)
        clear &= best[:, 0] > 0.0  # else what is not known, at 0, may be among them
        plain = np.flatnonzero(enough & clear)
        gains = np.take_along_axis(label[plain], first[plain], axis=1) + half[plain, None]
        out[plain] = (gains @ discount) / most[plain]
        for row in np.flatnonzero(enough & ~clear):
            mine = sessions.known[row]
            gain = label[row][mine] + half[row]
            out[row] = _gained(score[row][mine], gain, discount) / _gained(gain, gain, discount)
        return out

    return kernel


def _first_places(
    places_TN: FloatArray, count_T: FloatArray, top_k: int
) -> tuple[npt.NDArray[np.intp], BoolArray]:
    """Names at the first places [T, K], the first first, and the sessions without ties there."""
    highest = (count_T - 1.0) / 2.0
    flat, clear = _first(places_TN, count_T, top_k)
    names = np.zeros((len(places_TN), top_k), dtype=np.intp)
    found = (flat % places_TN.shape[1]).reshape(-1, top_k)
    values = places_TN.reshape(-1)[flat].reshape(-1, top_k)
    order = np.argsort(-values, axis=1, kind="stable")
    each = np.arange(len(order))[:, None]
    names[clear] = found[each, order]
    ranked = values[each, order]
    clear[clear] = (ranked == highest[clear, None] - np.arange(top_k)).all(axis=1)
    return names, clear


def _best_places(places_TN: FloatArray, count_T: FloatArray, top_k: int) -> FloatArray:
    """The ``top_k`` highest places of each session, the lowest of them first, [T, K]."""
    flat, clear = _first(places_TN, count_T, top_k)
    best = np.empty((len(places_TN), top_k))
    best[clear] = places_TN.reshape(-1)[flat].reshape(-1, top_k)
    rest, last = np.flatnonzero(~clear), places_TN.shape[1] - top_k
    if len(rest):
        best[rest] = np.partition(places_TN[rest], last, axis=1)[:, last:]
    return np.sort(best, axis=1)


def _first(
    places_TN: FloatArray, count_T: FloatArray, top_k: int
) -> tuple[npt.NDArray[np.intp], BoolArray]:
    """Where the first ``top_k`` places are, flat, of the sessions where no tie is in the way.

    Those sessions are the second, [T]. Without a tie across their end these are the places above
    the highest less ``top_k``.
    """
    least = np.maximum((count_T - 1.0) / 2.0 - top_k, 0.0)
    flat = np.flatnonzero(places_TN > least[:, None])
    row = flat // places_TN.shape[1]
    clear = np.bincount(row, minlength=len(places_TN)) == top_k
    return (flat if clear.all() else flat[clear[row]]), clear


def _highest(values_TN: _Values, top_k: int) -> _Values:
    """The ``top_k``-th highest value of each row, [T].

    Among the values at or above one of a sample that probably has ``top_k`` above it; a row where
    it has not is partitioned whole. The result does not depend on the sample.
    """
    length, width = values_TN.shape
    sample = values_TN[:, ::_SAMPLED]
    spare = _SPARE * (top_k // _SAMPLED + 1)
    rest = np.arange(length)
    edge = np.empty(length, dtype=values_TN.dtype)
    if spare < sample.shape[1]:
        at = sample.shape[1] - 1 - spare
        least = np.partition(sample, at, axis=1)[:, at]
        flat = np.flatnonzero(values_TN >= least[:, None])
        row = flat // width
        counts = np.bincount(row, minlength=length)
        pool = np.full((length, max(top_k, int(counts.max()))), -np.inf, dtype=values_TN.dtype)
        begin = np.cumsum(counts) - counts
        pool[row, np.arange(len(flat)) - begin[row]] = values_TN.reshape(-1)[flat]
        at = pool.shape[1] - top_k
        edge = np.partition(pool, at, axis=1)[:, at]
        rest = np.flatnonzero(counts < top_k)
    if len(rest):
        edge[rest] = np.partition(values_TN[rest], width - top_k, axis=1)[:, width - top_k]
    return edge


def _gained(score: FloatArray, gain: FloatArray, discount: FloatArray) -> float:
    """Discounted gain of one session's first places; equal scores share theirs."""
    top_k = len(discount)
    edge = np.partition(score, len(score) - top_k)[-top_k]
    chosen = np.flatnonzero(score >= edge)
    order = chosen[np.argsort(-score[chosen], kind="stable")]
    places, gains = score[order], gain[order]
    first = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
    if len(first) < len(places):
        sizes = np.diff(np.append(first, len(places)))
        gains = np.repeat(np.add.reduceat(gains, first) / sizes, sizes)
    return float(gains[:top_k] @ discount)


def deciles_of(places_TN: FloatArray, known_TN: BoolArray, value_TN: FloatArray) -> FloatArray:
    """Mean value by decile of score, [T, 10], decile 1 (the lowest scores) first.

    Decile d holds the positions (rank - 1/2)/n from (d - 1)/10 to d/10. Ten does not always divide
    the number of names, so deciles differ by one name at most unless scores tie; names of equal
    score are never parted. A position on the border of two deciles belongs to the one nearer the
    middle, and the middle itself to both 5 and 6, so that turning the scores round turns the
    deciles round. NaN for a decile without a name. Places and values are 0 where not known.
    """
    length, half = len(places_TN), DECILES // 2
    count = np.count_nonzero(known_TN, axis=1)
    scaled = places_TN * ((1.0 - _EDGE) * DECILES / np.maximum(count, 1))[:, None]
    scaled += half
    bins = scaled.astype(np.intp)
    bins += (np.arange(length) * DECILES)[:, None]
    flat, size = bins.reshape(-1), length * DECILES
    total = np.bincount(flat, weights=value_TN.reshape(-1), minlength=size).reshape(length, DECILES)
    names = np.bincount(flat, minlength=size).reshape(length, DECILES)
    names[:, half] -= places_TN.shape[1] - count
    row, name = np.divmod(np.flatnonzero(known_TN & (places_TN == 0.0)), places_TN.shape[1])
    total[:, half - 1] += np.bincount(row, weights=value_TN[row, name], minlength=length)
    names[:, half - 1] += np.bincount(row, minlength=length)
    return _quotient(total, names)


def _quotient(top: npt.NDArray[Any], bottom: npt.NDArray[Any]) -> FloatArray:
    """NaN where the bottom is not above 0."""
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def _cosine(a_TN: FloatArray, b_TN: FloatArray) -> FloatArray:
    """Correlation of rows of places, which are centred and 0 where a name does not count.

    Sums of products of places are exact, in whatever order.
    """
    scale = np.sqrt(np.vecdot(a_TN, a_TN) * np.vecdot(b_TN, b_TN))
    return _quotient(np.vecdot(a_TN, b_TN), scale)


def _varies(marks_T3: FloatArray) -> BoolArray:
    """Rows whose lowest and highest value differ by more than rounding, whatever their scale."""
    low, high = marks_T3[:, 0], marks_T3[:, 2]
    size = np.maximum(np.abs(high), np.abs(low))
    return np.asarray((high > low) & (high - low > ROUNDING * size))
