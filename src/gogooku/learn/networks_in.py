"""The networks that a checkpoint consists of."""

from __future__ import annotations

from collections.abc import Iterator

from gogooku.core.types import Checkpoint
from gogooku.learn.models.blend.learner import BlendCheckpoint
from gogooku.learn.networks import NetworkCheckpoint


def networks_in(checkpoint: Checkpoint) -> Iterator[NetworkCheckpoint]:
    """The networks of a checkpoint: itself, or those among the members of a blend."""
    members = checkpoint.members if isinstance(checkpoint, BlendCheckpoint) else (checkpoint,)
    for one in members:
        if isinstance(one, NetworkCheckpoint):
            yield one
