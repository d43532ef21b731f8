"""The training tensor on the device of a fit, where sessions are packed by indexing.

The same bytes as `DayReader` packs on the host; what a step sends to the device is then the places
of its names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from gogooku.core.config import Residence
from gogooku.learn.batches import PAD_NAMES, DayBatch, DayReader, Names, sent
from gogooku.learn.memory import LACKS, lacks_memory
from gogooku.learn.raw_history import windowed

FREE_SHARE: Final = 0.5
"""Of the free memory of a GPU, what the tensor may take: the rest is for the steps."""


class ResidentReader(DayReader):
    """A reader whose sessions ``first`` to ``stop`` (excluded) lie on a device.

    Batches of these are made there; those of others as the reader makes them.
    """

    def __init__(self, reader: DayReader, *, first: int, stop: int, device: str) -> None:
        vars(self).update(vars(reader))
        dataset = reader.dataset
        self.first, self.stop, self.device = first, stop, device
        _, names, features = dataset.x_TNF.shape
        held, channels = (stop - first, names), len(self.raw_names)
        self._x_TNF = torch.empty((*held, features), dtype=torch.float16, device=device)
        self._raw_TNR = torch.empty((*held, channels), dtype=torch.float16, device=device)
        for t in range(first, stop):
            self._x_TNF[t - first] = torch.from_numpy(np.array(dataset.x_TNF[t])).to(device)
            if reader.raw is not None:
                raw = np.ascontiguousarray(dataset.raw_TNC[t][:, reader.raw.columns])
                self._raw_TNR[t - first] = torch.from_numpy(raw).to(device)
        self._columns_C = torch.from_numpy(reader.channels.columns).to(device)
        tables = dataset.neighbour_BNK
        blocks = [np.array(tables[block]) for block in range(tables.shape[0])]
        self._peers_GNK = torch.from_numpy(np.stack(blocks)).to(device)
        self._sector_TN = torch.from_numpy(np.array(dataset.sector_TN[first:stop])).to(device)
        self._block_T = torch.from_numpy(np.array(dataset.neighbour_block_T)).to(device).long()
        self._market_TM = torch.from_numpy(np.array(reader.market_TM)).to(device)

    def batch(self, indices: Sequence[int], *, only: Sequence[Names] | None = None) -> DayBatch:
        """Pack the sessions ``indices`` on the device; see `DayReader.batch`."""
        reach = self.lookback - 1
        if not all(self.first <= max(0, t - reach) and t < self.stop for t in indices):
            return super().batch(indices, only=only)
        packed = [self.names(index) for index in indices] if only is None else only
        width = -(-max(1, *(len(names) for names in packed)) // PAD_NAMES) * PAD_NAMES
        place = np.full((len(packed), width), -1, dtype=np.int64)
        for row, names in enumerate(packed):
            place[row, : len(names)] = names
        place_BN = sent(place, self.device)
        session_B = sent(np.asarray(indices, dtype=np.int64), self.device)
        valid_BN = place_BN >= 0
        name_BN = place_BN.clamp_min(0)
        back_L = torch.arange(-reach, 1, device=self.device)
        session_BL = session_B[:, None] + back_L
        row_BL = (session_BL - self.first).clamp_min(0)
        known_BNL = valid_BN[:, :, None] & (session_BL >= 0)[:, None, :]
        last = self._x_TNF[session_B[:, None] - self.first, name_BN].float()
        sector = self._sector_TN[session_B[:, None] - self.first, name_BN]
        return DayBatch(
            last_BNF=last.masked_fill(~valid_BN[..., None], 0.0),
            history_BNLC=self._histories(row_BL, name_BN, known_BNL),
            raw_BNLR=self._raw_histories(row_BL, name_BN, known_BNL),
            market_BM=self._market_TM[session_B],
            neighbour_BNK=self._neighbours(session_B, place_BN, name_BN),
            sector_BN=sector.long().masked_fill(~valid_BN, -1),
            valid_BN=valid_BN,
        )

    def _histories(self, row_BL: Tensor, name_BN: Tensor, known_BNL: Tensor) -> Tensor:
        places = (row_BL[:, None, :, None], name_BN[:, :, None, None], self._columns_C)
        return self._x_TNF[places].float().masked_fill(~known_BNL[..., None], 0.0)

    def _raw_histories(self, row_BL: Tensor, name_BN: Tensor, known_BNL: Tensor) -> Tensor:
        raw = self._raw_TNR[row_BL[:, None, :], name_BN[:, :, None]].float()
        raw = raw.masked_fill(~known_BNL[..., None], 0.0)
        return windowed(raw, self.raw_names).masked_fill(~known_BNL[..., None], 0.0)

    def _neighbours(self, session_B: Tensor, place_BN: Tensor, name_BN: Tensor) -> Tensor:
        days, width = place_BN.shape
        packed_BN = torch.full((days, self.num_names + 1), -1, device=self.device)
        order_BN = torch.arange(width, device=self.device).expand(days, width)
        packed_BN.scatter_(1, place_BN.where(place_BN >= 0, self.num_names), order_BN)
        packed_BN[:, -1] = -1
        peer_BNK = self._peers_GNK[self._block_T[session_B][:, None], name_BN].long()
        peer_BNK = peer_BNK.where(peer_BNK >= 0, self.num_names)
        found = packed_BN.gather(1, peer_BNK.flatten(1)).view_as(peer_BNK)
        return found.masked_fill((place_BN < 0)[..., None], -1)


def placed(
    reader: DayReader, indices: Sequence[int], *, device: str, residence: Residence
) -> tuple[DayReader, dict[str, Any]]:
    """Put what some sessions are packed from on a device, where it is wanted and fits.

    Returns
    -------
    (reader, facts)
        What to read from; whether it is ``resident``, the bytes, and those that were free (None
        on the CPU).
    """
    first, stop = max(0, min(indices) - reader.lookback + 1), max(indices) + 1
    _, names, features = reader.dataset.x_TNF.shape
    size = (2 * features + 2 * len(reader.raw_names) + 4) * (stop - first) * names
    size += 4 * math.prod(reader.dataset.neighbour_BNK.shape)
    free = free_bytes(device)
    fits = free is not None and size <= FREE_SHARE * free
    facts = {"tensor_bytes": size, "free_bytes": free}
    if residence is Residence.ON or (residence is Residence.AUTO and fits):
        try:
            made = ResidentReader(reader, first=first, stop=stop, device=device)
        except LACKS as fault:
            if residence is Residence.ON or not lacks_memory(fault):
                raise
        else:
            return made, {"resident": True, **facts}
    return reader, {"resident": False, **facts}


def free_bytes(device: str) -> int | None:
    """Free memory of a GPU; None for the CPU, where the tensor's file is in memory anyway."""
    if torch.device(device).type != "cuda":
        return None
    return int(torch.cuda.mem_get_info(device)[0])
