from dataclasses import replace

import pytest

from gogooku.core.errors import ConfigError, DataError
from gogooku.learn.losses.combined.config import CombinedConfig, LossPart
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.losses.decorrelation.config import DecorrelationConfig
from gogooku.learn.losses.needs import (
    Training,
    check_loss,
    check_sessions,
    chosen_losses,
    needs_of,
    splittable,
)
from gogooku.learn.losses.sharpe.config import SharpeConfig
from gogooku.learn.losses.turnover.config import TurnoverConfig
from gogooku.learn.registry import LOSSES, Need

USUAL = CorrelationConfig()


def given(**changes):
    usual = {
        "horizons": (1, 5),
        "horizon_weights": (0.5, 0.5),
        "days_per_batch": 8,
        "row_share": 1.0,
        "features": ("size", "beta"),
    }
    return Training(**{**usual, **changes})


def beside(loss, **part):
    """A loss as part of a sum."""
    return CombinedConfig(parts=(LossPart(), LossPart(loss=loss, **part)))


def test_a_sum_needs_what_its_parts_need():
    both = beside(SharpeConfig())
    assert chosen_losses(both) == (USUAL, SharpeConfig())
    assert needs_of(both) == {Need.RETURNS, Need.STRIP}
    assert needs_of(USUAL) == set()
    assert splittable(USUAL)
    assert splittable(beside(DecorrelationConfig()))
    assert not splittable(both)


@pytest.mark.parametrize("kind", LOSSES.kinds())
def test_a_loss_that_needs_nothing_is_never_refused(kind):
    config = LOSSES.config(kind)()
    hard = given(days_per_batch=1, row_share=0.1, features=())
    if needs_of(config):
        check = {"levels": (0.5,)} if kind == "pinball" else {}
        with pytest.raises(ConfigError, match=kind if kind != "decorrelation" else "loss.features"):
            check_loss(config, replace(hard, **check))
    else:
        check_loss(config, hard)
        check_sessions(config, hard, sessions=1)


@pytest.mark.parametrize(
    ("config", "changes", "said"),
    [
        (SharpeConfig(), {"days_per_batch": 5}, "needs 6 sessions in a row at the horizons 1, 5"),
        (SharpeConfig(), {"row_share": 0.5}, "set training.row_share=1"),
        (beside(TurnoverConfig()), {"row_share": 0.5}, "turnover compares names over sessions"),
        (beside(TurnoverConfig()), {"days_per_batch": 1}, "training.days_per_batch is 1"),
        (TurnoverConfig(), {}, "turnover alone teaches no scores"),
        (DecorrelationConfig(features=("size",)), {}, "decorrelation alone teaches no scores"),
        (
            beside(DecorrelationConfig(features=("z",))),
            {},
            "1 of 1 names are not in the dataset: z",
        ),
        (
            beside(USUAL, horizon_weights=(1.0,)),
            {},
            r"part 2 \(correlation\) has 1 horizon_weights",
        ),
    ],
)
def test_what_a_loss_cannot_have_is_said_before_training(config, changes, said):
    with pytest.raises(ConfigError, match=said):
        check_loss(config, given(**changes))


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (SharpeConfig(), {"days_per_batch": 6}),
        (SharpeConfig(), {"days_per_batch": 5, "horizon_weights": (1.0, 0.0)}),
        (SharpeConfig(cost_bps=0.0), {"days_per_batch": 5}),
        (beside(SharpeConfig(), horizon_weights=(1.0, 0.0)), {"days_per_batch": 5}),
        (beside(TurnoverConfig()), {"days_per_batch": 2}),
        (beside(DecorrelationConfig(features=("size|beta",))), {"row_share": 0.5}),
    ],
)
def test_what_it_can_have_is_not_refused(config, changes):
    check_loss(config, given(**changes))
    check_sessions(config, given(**changes), sessions=6)
    with pytest.raises(ConfigError, match=r"pinball trains"):
        check_loss(config, given(**changes, levels=(0.5,)))


def test_a_train_part_that_is_shorter_than_a_strip_is_refused():
    with pytest.raises(DataError, match="3 sessions have labels, and the loss sharpe needs 6"):
        check_sessions(SharpeConfig(), given(), sessions=3)
