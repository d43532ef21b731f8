"""Which parts of what was fitted are networks."""

import pytest

from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.models.blend.learner import BlendLearner
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.networks import NetworkCheckpoint
from gogooku.learn.networks_in import networks_in
from support.learning import fit, make_dataset, make_fold, make_labels, small_config


@pytest.fixture(scope="module")
def blended():
    dataset = make_dataset(sessions=190)
    network = small_config(training={"max_epochs": 1})
    learner = BlendLearner(BlendConfig(members=(RidgeConfig(), network), seeds=2))
    return fit(learner, dataset, make_labels(dataset, ic=0.3), make_fold(dataset))


def test_of_a_blend_every_network_and_nothing_else(blended):
    found = list(networks_in(blended))
    assert [type(one) for one in found] == [NetworkCheckpoint] * 2
    assert found == [one for one in blended.members if isinstance(one, NetworkCheckpoint)]


def test_a_network_is_its_own_and_what_is_none_has_none(blended):
    network, ridge = blended.members[2], blended.members[0]
    assert list(networks_in(network)) == [network]
    assert list(networks_in(ridge)) == []
