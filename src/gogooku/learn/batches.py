"""From dataset arrays to the tensors of a few sessions, without copies of the whole.

A session is packed to the names of its universe and padded to a multiple of `PAD_NAMES`. What is
scored therefore depends on the session's universe only, not on how many codes the dataset has ever
seen, nor on which other sessions are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gogooku.core.errors import DataError
from gogooku.core.types import Dataset, SessionRows
from gogooku.learn.context import ContextScale
from gogooku.learn.names import positions
from gogooku.learn.raw_history import read_window

PAD_NAMES: Final = 64
"""Packed sessions are padded to a multiple of this many names."""

RANK_SCALE: Final = 12.0**0.5
"""Ranks in +-0.5 have standard deviation 1/sqrt(12); networks scale their inputs to about one."""

Names = npt.NDArray[np.intp]
"""Positions on the dataset's N axis, ascending."""


@dataclass(frozen=True)
class DayBatch:
    """A few sessions, packed.

    Attributes
    ----------
    last_BNF : float32 [B, N, F]
        Features of the session itself; 0 for padding. What is null is 0 too: see `missing`.
    history_BNLC : float32 [B, N, L, C]
        Dynamic channels, oldest first; 0 before the first session of the dataset.
    raw_BNLR : float32 [B, N, L, R]
        Raw channels (`gogooku.learn.raw_history`), oldest first; 0 where not known.
    market_BM : float32 [B, M]
        Market context of the session.
    neighbour_BNK : int64 [B, N, K]
        Packed positions of the peers that are in the universe that session; -1 for none.
    sector_BN : int64 [B, N]
        Sector of each name as the dataset numbers them; -1 where unknown and for padding.
    valid_BN : bool [B, N]
        False for padding.
    """

    last_BNF: Tensor
    history_BNLC: Tensor
    raw_BNLR: Tensor
    market_BM: Tensor
    neighbour_BNK: Tensor
    sector_BN: Tensor
    valid_BN: Tensor

    def to(self, device: str) -> DayBatch:
        """Put the batch on a device."""
        return DayBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def sent(array: npt.NDArray[Any], device: str) -> Tensor:
    """An array on a device; on the CPU the same memory.

    To a GPU it goes from memory that cannot be paged out, so that what is asked of the GPU before
    need not be over.
    """
    tensor = torch.from_numpy(array)
    if torch.device(device).type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def missing(last_BNF: Tensor) -> Tensor:
    """Flags, 1 where a feature is null: float32 of the same shape.

    Null is 0 like the middle of the ranks, and only the sign differs: negative zero is null. In a
    dataset of an earlier version, which writes one zero for both, no flag is ever 1.
    """
    return ((last_BNF == 0) & last_BNF.signbit()).to(last_BNF.dtype)


def packed_labels(
    values_TNH: npt.NDArray[np.float32],
    rows: Sequence[int],
    names: Sequence[Names],
    *,
    width: int,
) -> npt.NDArray[np.float32]:
    """Labels [B, N, H] of some rows, each of its own names in packed order; NaN where unknown."""
    out = np.full((len(rows), width, values_TNH.shape[2]), np.nan, dtype=np.float32)
    for place, (row, chosen) in enumerate(zip(rows, names, strict=True)):
        out[place, : len(chosen)] = values_TNH[row][chosen]
    return out


class Channels:
    """A few channels of a tensor, held so that the sessions of a name lie side by side.

    A session is read once, when it is first wanted. A window is then one short copy a name, where
    the tensor has every value of it in another place. What is never written takes no memory.

    Parameters
    ----------
    rows : SessionRows
        The training tensor, or the raw channels.
    columns : intp [C]
        Its channels.
    names : Names
        All that windows will be asked for: those of any session's universe.
    """

    def __init__(self, rows: SessionRows, columns: npt.NDArray[np.intp], *, names: Names) -> None:
        num_sessions, num_names, _ = rows.shape
        self.columns = columns
        self._rows = rows
        self._place = np.full(num_names, len(names), dtype=np.intp)
        self._place[names] = np.arange(len(names))
        self._names = names
        self._held_NTC = np.empty((len(names), num_sessions, len(columns)), dtype=np.float16)
        self._is_held = np.zeros(num_sessions, dtype=np.bool_)

    def window(self, first: int, stop: int, names: Names) -> npt.NDArray[np.float16]:
        """The sessions ``first`` to ``stop`` (excluded) of some names, [n, stop - first, C]."""
        for t in first + np.flatnonzero(~self._is_held[first:stop]):
            self._held_NTC[:, t] = self._rows[int(t)][np.ix_(self._names, self.columns)]
            self._is_held[t] = True
        return np.asarray(self._held_NTC[self._place[names], first:stop])


def _raw_positions(dataset: Dataset, raw: Sequence[str]) -> npt.NDArray[np.intp]:
    if not dataset.raw_channels:
        raise DataError(
            f"dataset {dataset.folder.name} has no raw channels, and the network reads "
            f"{len(raw)} of them; build it again: gogooku build"
        )
    return positions(dataset.raw_channels, raw, setting="raw_channels")


class DayReader:
    """Cuts packed sessions out of a dataset.

    Parameters
    ----------
    dataset : Dataset
    dynamic, context : sequence of str
        Names of the history channels and of the market context, or `ALL`.
    raw : sequence of str
        Names of the raw channels.
    scale : ContextScale
        Of the market context.
    lookback : int
        Sessions of history L.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        dynamic: Sequence[str],
        context: Sequence[str],
        scale: ContextScale,
        lookback: int,
        raw: Sequence[str] = (),
    ) -> None:
        self.dataset = dataset
        self.lookback = lookback
        picked = positions(dataset.features, dynamic, setting="dynamic_features")
        held = np.flatnonzero(dataset.valid_TN.any(axis=0))
        self.channels = Channels(dataset.x_TNF, picked, names=held)
        self.num_channels = len(picked)
        raw_picked = _raw_positions(dataset, raw) if raw else np.empty(0, dtype=np.intp)
        self.raw_names = tuple(dataset.raw_channels[place] for place in raw_picked)
        self.raw = Channels(dataset.raw_TNC, raw_picked, names=held) if raw else None
        columns = positions(dataset.market_features, context, setting="context_features")
        self.num_names = len(dataset.codes)
        self.market_TM = scale.apply(dataset.market_TM[:, columns])

    def names(self, index: int) -> Names:
        """Positions of the universe's names on the dataset's N axis, ascending."""
        return np.flatnonzero(self.dataset.valid_TN[index])

    def batch(self, indices: Sequence[int], *, only: Sequence[Names] | None = None) -> DayBatch:
        """Pack the sessions ``indices``; all are padded to the largest of them.

        Parameters
        ----------
        only : sequence of names, optional
            For each session, those of its universe that are packed; peers that are not among them
            are -1. All by default.
        """
        packed = [self.names(index) for index in indices] if only is None else only
        width = max(1, *(len(names) for names in packed))
        width = -(-width // PAD_NAMES) * PAD_NAMES
        num_days, num_features = len(packed), self.dataset.x_TNF.shape[2]
        num_peers = self.dataset.neighbour_BNK.shape[2]
        last = np.zeros((num_days, width, num_features), dtype=np.float32)
        history = np.zeros((num_days, width, self.lookback, self.num_channels), dtype=np.float32)
        raw = np.zeros((num_days, width, self.lookback, len(self.raw_names)), dtype=np.float32)
        peers = np.full((num_days, width, num_peers), -1, dtype=np.int64)
        sector = np.full((num_days, width), -1, dtype=np.int64)
        valid = np.zeros((num_days, width), dtype=np.bool_)
        for row, (index, names) in enumerate(zip(indices, packed, strict=True)):
            count = len(names)
            last[row, :count] = self.dataset.x_TNF[index][names]
            self._history(index, names, history[row])
            self._raw_history(index, names, raw[row])
            peers[row, :count] = self._peers(index, names)
            sector[row, :count] = self.dataset.sector_TN[index][names]
            valid[row, :count] = True
        return DayBatch(
            last_BNF=torch.from_numpy(last),
            history_BNLC=torch.from_numpy(history),
            raw_BNLR=torch.from_numpy(raw),
            market_BM=torch.from_numpy(self.market_TM[np.asarray(indices)]),
            neighbour_BNK=torch.from_numpy(peers),
            sector_BN=torch.from_numpy(sector),
            valid_BN=torch.from_numpy(valid),
        )

    def _history(self, index: int, names: Names, out_NLC: npt.NDArray[np.float32]) -> None:
        first = max(0, index - self.lookback + 1)
        window_nlC = self.channels.window(first, index + 1, names)
        out_NLC[: len(names), self.lookback - window_nlC.shape[1] :] = window_nlC

    def _raw_history(self, index: int, names: Names, out_NLR: npt.NDArray[np.float32]) -> None:
        if self.raw is None:
            return
        first = max(0, index - self.lookback + 1)
        window_nlR = read_window(self.raw.window(first, index + 1, names), self.raw_names)
        out_NLR[: len(names), self.lookback - window_nlR.shape[1] :] = window_nlR

    def _peers(self, index: int, names: Names) -> npt.NDArray[np.int64]:
        place = np.full(self.dataset.x_TNF.shape[1] + 1, -1, dtype=np.int64)
        place[names] = np.arange(len(names))
        block = int(self.dataset.neighbour_block_T[index])
        return np.asarray(place[self.dataset.neighbour_BNK[block][names]])
