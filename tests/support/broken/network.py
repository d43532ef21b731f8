"""Networks that are wrong in one place each."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.batches import DayBatch
from support.broken.config import BrokenConfig


class _Layers(nn.Module):
    """Two linear layers on the last session's features."""

    def __init__(
        self, config: BrokenConfig, *, num_features: int, num_context: int, num_horizons: int
    ) -> None:
        del num_context
        super().__init__()
        self.first = nn.Linear(num_features, config.hidden)
        self.spare = nn.Linear(num_features, num_horizons)
        self.second = nn.Linear(config.hidden, num_horizons)

    def scored(self, x_BNF: Tensor) -> Tensor:
        out: Tensor = self.second(functional.gelu(self.first(4.0 * x_BNF))) + self.spare(x_BNF)
        return out


class Mode(_Layers):
    def forward(self, batch: DayBatch) -> Tensor:
        x = batch.last_BNF
        return self.scored(x if self.training else x.roll(1, dims=-1))


class Flat(_Layers):
    def forward(self, batch: DayBatch) -> Tensor:
        x = batch.last_BNF
        return self.scored(x.mean(dim=1, keepdim=True)).expand(-1, x.shape[1], -1)


class Spare(_Layers):
    def forward(self, batch: DayBatch) -> Tensor:
        x = batch.last_BNF
        out: Tensor = self.second(functional.gelu(self.first(4.0 * x)))
        return out + self.spare(x).detach()
