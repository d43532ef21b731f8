import pytest
import torch

from gogooku.core.errors import ContractError
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig

WEIGHTS = (0.5, 0.5)


def case(*, days=3, names=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(days, names, 2, generator=generator)
    label = torch.randn(days, names, 2, generator=generator)
    mask = torch.rand(days, names, 2, generator=generator) > 0.2
    return score, label, mask


def loss(score, label, mask, mse=0.0):
    return batch_loss(
        score, label, mask, horizon_weights=WEIGHTS, config=CorrelationConfig(mse_weight=mse)
    )


def test_a_missing_horizon_is_refused():
    score, label, mask = case()
    with pytest.raises(ContractError, match="1 label horizons"):
        loss(score, label[..., :1], mask[..., :1])
    none = mask.clone()
    none[1, :, 1] = False
    with pytest.raises(ContractError, match="0 labels at a horizon"):
        loss(score, label, none)
