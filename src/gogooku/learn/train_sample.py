"""RankIC on train dates, to be read beside that of validation.

One near the other and both rising: there is more to learn. One far above the other: too much was
learned by heart. It is measured like validation, in evaluation mode on the averaged weights, on a
few names of a few sessions that the seed chooses once: the curve over epochs is of the same
sessions, and costs about a hundredth of the training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gogooku.learn.batches import DayReader, Names, packed_labels
from gogooku.learn.forward import Forward
from gogooku.learn.memory import LACKS, lacks_memory
from gogooku.learn.targets import DayLabels
from gogooku.learn.thinning import drawn

SHARE: Final = 0.02
"""Rows (names times sessions) of the sample, as a share of those that an epoch trains on."""
NAMES: Final = 256
"""Most names of a session: RankIC differs more between sessions than with more names."""
FEWEST_SESSIONS: Final = 16
_TOGETHER: Final = 8
"""Sessions scored at once; fewer where there is no memory for as many."""


@dataclass(frozen=True)
class TrainSample:
    """Names of some train sessions.

    Attributes
    ----------
    train : DayLabels
    rows : list of int
        Sessions as rows of ``train``, ascending.
    names : list of Names
        Names of each.
    """

    train: DayLabels
    rows: list[int]
    names: list[Names]

    @classmethod
    def chosen(
        cls, reader: DayReader, train: DayLabels, *, row_share: float, seed: int
    ) -> TrainSample:
        """The sample of a seed.

        Parameters
        ----------
        row_share : float
            Share of the names that an epoch trains on.
        """
        rng = np.random.default_rng([seed, 0, 0, 1])
        universe = reader.dataset.valid_TN[train.indices].sum(axis=1)
        budget = SHARE * row_share * universe.sum()
        wanted = max(FEWEST_SESSIONS, int(budget / np.minimum(universe, NAMES).mean()))
        count = min(len(universe), wanted)
        rows = np.sort(rng.permutation(len(universe))[:count]).tolist()
        names = [
            drawn(
                reader.names(int(train.indices[row])),
                np.isfinite(train.values_TNH[row]),
                share=NAMES / float(universe[row]),
                rng=rng,
            )
            for row in rows
        ]
        return cls(train=train, rows=rows, names=names)

    def rank_ic(self, model: nn.Module, reader: DayReader, *, device: str) -> list[float]:
        """Mean daily RankIC per horizon with the label that is trained on."""
        model.eval()
        width = max(len(names) for names in self.names)
        labels = packed_labels(self.train.values_TNH, self.rows, self.names, width=width)
        scores = np.full(labels.shape, np.nan, dtype=np.float32)
        forward = Forward(model, reader, device)
        first, together = 0, _TOGETHER
        while first < len(self.rows):
            try:
                score = self._score(forward, slice(first, first + together))
            except LACKS as fault:
                if together == 1 or not lacks_memory(fault):
                    raise
                together //= 2
                continue
            for row, names in enumerate(self.names[first : first + together], start=first):
                scores[row, : len(names)] = score[row - first, : len(names)]
            first += together
        return replace(self.train, values_TNH=labels).rank_ic(scores)

    def _score(self, forward: Forward, part: slice) -> npt.NDArray[np.float32]:
        """Packed scores of some of the sessions."""
        indices = self.train.indices[self.rows[part]].tolist()
        with torch.inference_mode():
            scores = forward.scores(forward.batch(indices, only=self.names[part]))
        return np.asarray(scores.cpu().numpy())
