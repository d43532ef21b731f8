"""From a config to its learner, and what a network's row says of itself."""

import pytest

from gogooku.core.errors import ConfigError
from gogooku.core.registry import VariantConfig
from gogooku.learn.learners import ROWS
from gogooku.learn.losses.table import ROWS as LOSS_ROWS
from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.models.ridge.learner import RidgeLearner
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.registry import LEARNERS, LOSSES, make_learner

NETWORKS = ("atft_gat_fan", "apex_ranker", "master")


def test_the_table_is_the_rows_of_the_package():
    fitted = ("ridge", "lightgbm", "momentum", "reversal")
    assert LEARNERS.kinds() == (*fitted, *NETWORKS, "blend")
    assert tuple(LEARNERS.rows.values()) == ROWS
    assert tuple(LOSSES.rows.values()) == LOSS_ROWS


def test_a_config_becomes_its_learner():
    assert make_learner(RidgeConfig()) == RidgeLearner(RidgeConfig())
    assert make_learner(AtftGatFanConfig()) == NetworkLearner(AtftGatFanConfig())
    with pytest.raises(ConfigError, match="learner 'oracle' does not exist; there are: ridge"):
        make_learner(VariantConfig(kind="oracle"))


def test_a_row_gives_its_references():
    assert LEARNERS.references("ridge") == (
        "gogooku.learn.models.ridge.config:RidgeConfig",
        "gogooku.learn.models.ridge.learner:RidgeLearner",
        "gogooku.learn.models.ridge.learner:RidgeCheckpoint.load",
    )
    assert LEARNERS.references("atft_gat_fan") == (
        "gogooku.learn.models.atft_gat_fan.config:AtftGatFanConfig",
        "gogooku.learn.networks:NetworkLearner",
        "gogooku.learn.networks:NetworkCheckpoint.load",
        "gogooku.learn.models.atft_gat_fan.network:AtftGatFan",
    )


@pytest.mark.parametrize("kind", LEARNERS.kinds())
def test_only_networks_have_a_module(kind):
    assert bool(LEARNERS.row(kind).network) == (kind in NETWORKS)
