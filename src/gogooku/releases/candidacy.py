"""What gates look at: a bundle that is to be released, what is in service, and the limits."""

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


@dataclass(frozen=True)
class GateLimits:
    """From where on a gate refuses.

    Attributes
    ----------
    margin : float
        RankIC that a bundle may lose against the one in service. 0.005 is a tenth of what a good
        daily equity signal has; a smaller loss is no reason to keep an older model.
    least_sessions : int
        Sessions, tested or shared, below which skill is not known. Over 60 sessions of labels of
        5 the error of a mean RankIC is about 0.02 to 0.03: as large as the skill.
    most_tied : float
        Share of a session's names that have the score of another name. Ranks within ties follow
        the order of the codes; above a fifth they decide who is among the best.
    turnover : float
        Equity replaced per year. At 15 bps of costs a side, 60 times cost a fifth of the equity.
    turnover_times : float
        The same in multiples of the turnover of the bundle in service.
    look_ahead_dates : int
        Sessions whose values are computed again where no audit of the dataset is kept.
    scored_again : int
        Test sessions that the checkpoints score again.
    """

    margin: float = 0.005
    least_sessions: int = 60
    most_tied: float = 0.2
    turnover: float = 60.0
    turnover_times: float = 3.0
    look_ahead_dates: int = 2
    scored_again: int = 3


@dataclass(frozen=True)
class Candidacy:
    """A bundle before its gates.

    Attributes
    ----------
    home : Path
    bundle : Bundle
    serving : Bundle or None
        The one that is released; None where none is, or it is the same.
    limits : GateLimits
    execution : Execution
    reporter : Reporter
    """

    home: Path
    bundle: Bundle
    serving: Bundle | None
    limits: GateLimits
    execution: Execution
    reporter: Reporter

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
