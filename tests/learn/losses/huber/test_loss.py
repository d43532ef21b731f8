import pytest

from gogooku.learn.losses.huber.config import HuberConfig
from gogooku.learn.losses.huber.loss import huber_loss
from support.losses import batch, by_session


@pytest.mark.parametrize("delta", [0.5, 2.0])
def test_it_is_square_within_and_linear_beyond(delta):
    def one(error):
        return error**2 / 2 if error <= delta else delta * (error - delta / 2)

    def oracle(score, label):
        return sum(one(abs(s - y)) for s, y in zip(score, label, strict=True)) / len(score)

    made = batch()
    got = huber_loss(*made, HuberConfig(delta=delta)).item()
    assert got == pytest.approx(by_session(oracle, *made), rel=1e-12)
