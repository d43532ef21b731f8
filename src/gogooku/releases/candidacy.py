"""What gates look at: a bundle that is to be released, and what is in service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Execution
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.releases.bundle import Bundle
from gogooku.releases.limits import GateLimits


@dataclass(frozen=True)
class Candidacy:
    """A bundle before its gates.

    Attributes
    ----------
    home : Path
    bundle : Bundle
    serving : Bundle or None
        The one that is released; None where none is, or it is the same.
    execution : Execution
    reporter : Reporter
    """

    home: Path
    bundle: Bundle
    serving: Bundle | None
    execution: Execution
    reporter: Reporter

    @property
    def limits(self) -> GateLimits:
        """From where on a gate refuses this bundle."""
        return self.bundle.limits.config

    @property
    def horizon(self) -> int:
        """The horizon that is traded."""
        return self.bundle.trade.config.portfolio.horizon

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that its run was fitted on.

        Raises
        ------
        DataError
            It is gone, or has another content.
        """
        return self.bundle.run.dataset(self.home)

    @cached_property
    def test_scores(self) -> list[npt.NDArray[np.float32]]:
        """Scores of each session of its test part at the traded horizon, those that are known."""
        frame = self.bundle.run.predictions("test").filter(horizon=self.horizon)
        return [
            day.get_column("score").to_numpy()
            for day in frame.sort("date", "code").partition_by("date", maintain_order=True)
        ]
