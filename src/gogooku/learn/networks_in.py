"""The networks that a checkpoint consists of, known by what they do: no learner is imported.

What is made of a run does not hang on the code of every learner (`gogooku.core.code`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from gogooku.core.types import Checkpoint, Dataset
from gogooku.learn.checkpoint import Header


@runtime_checkable
class Weighing(Protocol):
    """A checkpoint of a network, as `gogooku.learn.networks.NetworkCheckpoint` is one."""

    @property
    def header(self) -> Header:
        """What it was fitted with."""

    def weighed(self, dataset: Dataset, index: int) -> Mapping[str, npt.NDArray[np.float32]]:
        """What each layer that weighs things gives them on a session, by layer."""


def networks_in(checkpoint: Checkpoint) -> Iterator[Weighing]:
    """The networks of a checkpoint: itself, or those among the members of a blend."""
    for one in getattr(checkpoint, "members", (checkpoint,)):
        if isinstance(one, Weighing):
            yield one
