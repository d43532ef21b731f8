"""Ranks within rows, the form in which nearly everything is compared across names.

What ranks mean is worked out in sorted order, where equal values lie side by side, and put in its
place once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]

_BLOCK_VALUES = 1 << 16
_LAST = np.int32(np.iinfo(np.int32).max)
"""Sorts after every value: the place of NaN."""


@overload
def centred_ranks(values_TN: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...
@overload
def centred_ranks(values_TN: npt.ArrayLike) -> FloatArray: ...
def centred_ranks(values_TN: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    """Ranks of each row mapped to [-0.5, 0.5]: ``(rank - 0.5)/n - 0.5``; NaN stays NaN.

    float32 in gives float32 out, at half the memory and a third of the time; everything else is
    float64.
    """
    values = np.asarray(values_TN)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    return _by_rows(values, _centred, kind=values.dtype)


def gaussian_ranks(values_TN: npt.ArrayLike) -> FloatArray:
    """Map the ranks of each row to normal scores ``Phi^-1((rank - 0.5)/n)``; NaN stays NaN."""
    from scipy.special import ndtri

    return np.asarray(ndtri(centred_ranks(values_TN) + 0.5), dtype=np.float64)


def middle_ranks(values_TN: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Ranks of each row less their mean, 0 where NaN, and what its order shows besides.

    Average ranks, as ``scipy.stats.rankdata(row, method="average", nan_policy="omit")``. What
    measures across names are made of: multiples of a half, so that sums of products are exact.

    Returns
    -------
    float64 [T, N], float64 [T, 3]
        Ranks; lowest value, median and highest value of each row, NaN for a row of nulls.
    """
    values = np.asarray(values_TN)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    marks = np.full((len(values), 3), np.nan)
    ranks = _by_rows(values, _about_middle, kind=np.float64, null=0.0, marks=marks)
    return ranks, marks


def rank_codes(values_TN: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """`centred_ranks` in half precision, 0 where NaN: what training tensors hold."""
    return _by_rows(values_TN, _centred, kind=np.float16, null=0.0)


_Scale = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]
"""From ranks and the number of values in their row to what is wanted, in the type of the ranks."""


def _centred(ranks: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    half = ranks.dtype.type(0.5)
    return np.asarray((ranks - half) / counts.astype(ranks.dtype) - half)


def _about_middle(ranks: npt.NDArray[Any], counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    half = ranks.dtype.type(0.5)
    return np.asarray(ranks - half * (counts.astype(ranks.dtype) + ranks.dtype.type(1)))


def _by_rows(
    values: npt.NDArray[Any],
    scale: _Scale,
    *,
    kind: npt.DTypeLike,
    null: float = math.nan,
    marks: FloatArray | None = None,
) -> npt.NDArray[Any]:
    """Scaled ranks by blocks of rows that fit the processor's cache; marks where asked for."""
    rows = values.reshape(math.prod(values.shape[:-1]), values.shape[-1])
    out = np.empty(rows.shape, dtype=kind)
    step = max(1, _BLOCK_VALUES // max(1, rows.shape[1]))
    if out.size:
        for first in range(0, len(rows), step):
            block = slice(first, first + step)
            order, counts = _rank(rows[block], scale, out[block], null)
            if marks is not None:
                marks[block] = _marks(rows[block], order, counts)
    return out.reshape(values.shape)


def _marks(rows: npt.NDArray[Any], order: _Places, counts: _Places) -> FloatArray:
    """Lowest value, median and highest value of rows in a given order."""
    first, last = np.zeros_like(counts), np.maximum(counts - 1, 0)
    wanted = np.stack([first, last // 2, np.minimum(counts // 2, rows.shape[1] - 1), last], axis=1)
    each = np.arange(len(rows))[:, None]
    found = rows[each, order[each, wanted]]
    low, left, right, high = found.astype(np.float64).T
    return np.stack([low, (left + right) / 2.0, high], axis=1)


def _rank(
    rows: npt.NDArray[Any], scale: _Scale, out: npt.NDArray[Any], null: float
) -> tuple[_Places, _Places]:
    """Put the scaled average ranks of each row of a block into ``out``.

    Returns positions in ascending order, and how many values each row has.
    """
    unknown = np.isnan(rows)
    counts = rows.shape[1] - np.count_nonzero(unknown, axis=1)
    single = rows.dtype == np.float32
    order, placed = _radix_order(rows, unknown) if single else _plain_order(rows)
    coded = np.empty(rows.shape, dtype=out.dtype)
    for row, count in enumerate(counts.tolist()):
        coded[row, :count] = _distinct(scale, rows.dtype, out.dtype, count)
        coded[row, count:] = null
    _share(coded, placed, counts, lambda *run: scale(run[0].astype(rows.dtype), run[1]))
    for row, places in enumerate(order):
        out[row][places] = coded[row]
    return order, counts


@lru_cache(maxsize=1024)
def _distinct(
    scale: _Scale, calculated: np.dtype[Any], kind: np.dtype[Any], count: int
) -> npt.NDArray[Any]:
    """What values that all differ get, in ascending order."""
    return scale(np.arange(1, count + 1, dtype=calculated), np.array(count)).astype(kind)


def _share(
    coded: npt.NDArray[Any], placed: npt.NDArray[Any], counts: _Places, scale: _Scale
) -> None:
    """Give every run of equal values, in sorted order, what the mean of its ranks gets."""
    height, width = placed.shape
    tied = np.zeros((height, width + 1), dtype=bool)  # with the value before; none with the first
    np.equal(placed[:, 1:], placed[:, :-1], out=tied[:, 1:-1])
    for row, count in enumerate(counts.tolist()):
        tied[row, count:] = False
    begins, length = runs_of(tied)
    if not len(begins):
        return
    row = begins // (width + 1)
    mean = begins + (length - 1) * 0.5 - row * (width + 1) + 1
    inside = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    shared = scale(mean, counts[row]).astype(coded.dtype)
    coded.reshape(-1)[np.repeat(begins - row, length) + inside] = np.repeat(shared, length)


def runs_of(tied_TM: npt.NDArray[np.bool_]) -> tuple[_Places, _Places]:
    """Where runs of equal values begin, flat, and how long they are.

    ``tied_TM`` says of each value whether it equals the one before; a column more than values, the
    first and the last without a tie, so that no run reaches into the next row.
    """
    found = np.flatnonzero(tied_TM)
    apart = found[1:] != found[:-1] + 1
    some = np.ones(min(len(found), 1), dtype=bool)
    begins = found[np.concatenate([some, apart])] - 1
    ends = found[np.concatenate([apart, some])]
    return begins, ends - begins + 1


def _plain_order(rows: npt.NDArray[Any]) -> tuple[_Places, npt.NDArray[Any]]:
    """Positions in ascending order per row (NaN last), and the values in that order."""
    order = np.argsort(rows, axis=1)
    return order, np.take_along_axis(rows, order, axis=1)


def _radix_order(
    rows: npt.NDArray[Any], unknown: npt.NDArray[np.bool_]
) -> tuple[_Places, npt.NDArray[Any]]:
    """`_plain_order` for float32: sorted by the lower half of the bits, then by the upper half.

    NumPy sorts numbers of 16 bits in linear time (radix), so two such sorts take less than half the
    time of one of floats. The bits of a float order like integers once those of negative ones are
    inverted, but for the sign; adding 0 makes -0 equal 0. In place of the values come integers
    that are equal when they are.
    """
    bits = np.add(rows, np.float32(0), order="C").view(np.int32)
    bits ^= (bits >> np.int32(31)) & _LAST
    np.copyto(bits, _LAST, where=unknown)
    begin = (np.arange(len(rows)) * rows.shape[1])[:, None]
    lower = np.argsort(bits.astype(np.uint16), axis=1, kind="stable") + begin
    upper = (bits >> np.int32(16)).astype(np.int16).reshape(-1).take(lower)
    order = lower.reshape(-1).take(np.argsort(upper, axis=1, kind="stable") + begin)
    placed = bits.reshape(-1).take(order)
    order -= begin
    return order, placed
