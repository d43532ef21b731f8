import pytest

from gogooku.learn.losses.mse.config import MseConfig
from gogooku.learn.losses.mse.loss import mse_loss
from support.losses import batch, by_session


def test_it_is_the_mean_squared_error():
    def oracle(score, label):
        return sum((s - y) ** 2 for s, y in zip(score, label, strict=True)) / len(score)

    made = batch()
    got = mse_loss(*made, MseConfig()).item()
    assert got == pytest.approx(by_session(oracle, *made), rel=1e-12)
