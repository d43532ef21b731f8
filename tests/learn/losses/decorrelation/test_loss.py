import pytest

from gogooku.core.errors import ConfigError
from gogooku.learn.losses.decorrelation.config import DecorrelationConfig
from gogooku.learn.losses.decorrelation.loss import decorrelation_loss
from support.losses import batch, correlation, inputs_of


def test_it_is_the_mean_squared_correlation_with_the_features():
    score, label, mask, weight = batch()
    inputs = inputs_of(label)
    config = DecorrelationConfig(features=("size", "volatility_20d"))
    total = 0.0
    for day in range(3):
        for h in range(2):
            m = mask[day, :, h]
            for f in (0, 2):
                pair = score[day, m, h].tolist(), inputs.features_BNF[day, m, f].tolist()
                total += weight[h].item() * correlation(*pair) ** 2 / 2 / 3
    got = decorrelation_loss(score, label, mask, weight, config, inputs=inputs)
    assert got.item() == pytest.approx(total, rel=1e-6)


def test_scores_that_are_a_feature_cost_most():
    _, label, mask, weight = batch()
    inputs = inputs_of(label)
    config = DecorrelationConfig(features=("size",))
    copied = -inputs.features_BNF[:, :, [0, 0]]
    got = decorrelation_loss(copied, label, mask, weight, config, inputs=inputs)
    assert got.item() == pytest.approx(1.0, abs=1e-6)


def test_a_feature_that_is_not_there_is_named():
    score, label, mask, weight = batch()
    config = DecorrelationConfig(features=("beta",))
    with pytest.raises(ConfigError, match="1 of 1 names are not in the dataset: beta"):
        decorrelation_loss(score, label, mask, weight, config, inputs=inputs_of(label))
