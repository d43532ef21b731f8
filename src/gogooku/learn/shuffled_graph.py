"""Neighbour tables with the same degrees and other peers: what a graph must beat.

A network with peers has more weights and sees more names than one without. Whether it is *these*
peers that help is seen by training it again on a table in which each name has as many peers as
before and is named as often as before, but by others.

Source: the switching of two edges of Maslov & Sneppen, Specificity and Stability in Topology of
Protein Networks (Science 296, 2002), on all edges in pairs at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.types import SessionRows

ROUNDS: Final = 20
"""How often every edge is offered a switch. A sparse table keeps no more of its edges than chance
gives back after five."""

Table = npt.NDArray[np.int32]


def shuffled(table_NK: Table, rng: np.random.Generator) -> Table:
    """The table with its peers exchanged at random.

    Pairs of edges ``a - b`` and ``c - d`` become ``a - d`` and ``c - b``, unless a name were then
    its own peer or the same peer twice.

    Parameters
    ----------
    table_NK : int32 [N, K]
        Peers of each name, none twice; -1 for none.

    Returns
    -------
    int32 [N, K]
        -1 at the same places. Each row has as many peers, and each name is named as often.
    """
    num_names = len(table_NK)
    name, place = np.nonzero(table_NK >= 0)
    peer = table_NK[name, place].astype(np.int64)
    taken = np.zeros(num_names * num_names, dtype=np.bool_)
    taken[name * num_names + peer] = True
    for _ in range(ROUNDS):
        one, two = _pairs(len(peer), rng)
        new = np.stack([name[one] * num_names + peer[two], name[two] * num_names + peer[one]])
        own = (name[one] == peer[two]) | (name[two] == peer[one])
        _, where, count = np.unique(new, return_inverse=True, return_counts=True)
        twice = (count[where.reshape(new.shape)] > 1).any(axis=0)
        kept = ~(own | twice | taken[new].any(axis=0))
        one, two, new = one[kept], two[kept], new[:, kept]
        taken[name[one] * num_names + peer[one]] = False
        taken[name[two] * num_names + peer[two]] = False
        taken[new] = True
        peer[one], peer[two] = peer[two], peer[one]
    out = table_NK.copy()
    out[name, place] = peer
    return out


def _pairs(count: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.intp], ...]:
    order = rng.permutation(count)
    half = count // 2
    return order[:half], order[half : 2 * half]


class ShuffledTables:
    """The neighbour tables of a dataset, each shuffled when it is first read.

    Parameters
    ----------
    tables_BNK : int32 [B, N, K]
    seed : int
        With the number of the block it decides the shuffle, so that blocks added later leave those
        before as they were.
    """

    def __init__(self, tables_BNK: SessionRows, *, seed: int) -> None:
        self._tables, self._seed = tables_BNK, seed
        self._made: dict[int, Table] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Blocks, names and peers."""
        return self._tables.shape

    def __getitem__(self, block: int) -> Table:
        """The table of a block, [N, K]."""
        if block not in self._made:
            rng = np.random.default_rng([self._seed, block])
            self._made[block] = shuffled(np.asarray(self._tables[block]), rng)
        return self._made[block]
