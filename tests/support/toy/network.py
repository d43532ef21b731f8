"""A network of a few weights."""

from __future__ import annotations

from torch import Tensor, nn

from gogooku.learn.batches import DayBatch
from support.toy.config import ToyConfig


class ToyLinear(nn.Module):
    """Two linear layers on the last session's features."""

    def __init__(
        self, config: ToyConfig, *, num_features: int, num_context: int, num_horizons: int
    ) -> None:
        del num_context
        super().__init__()
        self.first = nn.Linear(num_features, config.width)
        self.second = nn.Linear(config.width, num_horizons)

    def forward(self, batch: DayBatch) -> Tensor:
        out: Tensor = self.second(self.first(batch.last_BNF))
        return out
