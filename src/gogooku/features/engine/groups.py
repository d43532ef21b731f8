"""Means over groups of names within a session: sectors, and whatever else names have in common."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from gogooku.core.types import FloatArray, IntArray
from gogooku.features.engine import kernels as k

FEWEST_MEMBERS: Final = 3
"""Fewest members of a group, with the value, for a mean of it."""


class Groups(NamedTuple):
    """Sums and counts per (session, group) and where each name belongs.

    ``total``, ``counts`` are [T, G]; ``cell`` [T, N] indexes them flat, its last column being no
    group; ``member`` [T, N] says who was counted.
    """

    total: FloatArray
    counts: FloatArray
    cell: IntArray
    member: FloatArray

    def means(self) -> FloatArray:
        """Mean of each group, null below `FEWEST_MEMBERS`; [T, G]."""
        return k.ratio(self.total, self.counts, floor=FEWEST_MEMBERS - 0.5)

    def of_names(self, table_TG: FloatArray) -> FloatArray:
        """Hand a table per group to the names of each group."""
        return np.asarray(table_TG.ravel()[self.cell])


def grouped(values_TN: FloatArray, group_TN: FloatArray, universe: FloatArray) -> Groups:
    """Add values up by session and group.

    Parameters
    ----------
    values_TN : float [T, N]
        NaN for null.
    group_TN : float [T, N]
        Small whole numbers from 0, NaN for names of no group.
    universe : float [T, N]
        1.0 for members, who alone count.
    """
    known = ~np.isnan(group_TN)
    num_groups = int(np.max(group_TN, initial=-1.0, where=known)) + 1
    width = num_groups + 1
    kind = np.where(known, group_TN, num_groups).astype(np.int64)
    cell = kind + np.arange(len(group_TN), dtype=np.int64)[:, None] * width
    member = (universe == 1.0) & ~np.isnan(values_TN) & known
    shape = (len(group_TN), width)
    flat = cell[member]
    total = np.zeros(shape)
    total.ravel()[:] = np.bincount(flat, values_TN[member], shape[0] * width)
    counts = np.bincount(flat, minlength=shape[0] * width).astype(np.float64).reshape(shape)
    return Groups(total=total, counts=counts, cell=cell, member=member.astype(np.float64))


def others_mean(values_TN: FloatArray, group_TN: FloatArray, universe: FloatArray) -> FloatArray:
    """Mean over the other members of each name's group; null where they are too few."""
    groups = grouped(values_TN, group_TN, universe)
    others = groups.of_names(groups.counts) - groups.member
    own = np.where(groups.member == 1.0, values_TN, 0.0)
    return k.ratio(groups.of_names(groups.total) - own, others, floor=FEWEST_MEMBERS - 1.5)


def numbered(label_TN: FloatArray) -> FloatArray:
    """Labels as small whole numbers, equal ones where labels are equal; NaN stays."""
    known = ~np.isnan(label_TN)
    out = np.full(label_TN.shape, np.nan)
    out[known] = np.unique(label_TN[known], return_inverse=True)[1]
    return out
