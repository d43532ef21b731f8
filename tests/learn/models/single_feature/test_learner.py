import numpy as np
import pytest

from gogooku.core.errors import ConfigError
from gogooku.learn.models.single_feature.config import MomentumConfig, ReversalConfig
from gogooku.learn.models.single_feature.learner import SingleFeatureLearner
from support.learning import fit, make_dataset, make_fold, make_labels


def test_momentum_and_reversal_are_one_feature_with_a_sign():
    dataset = make_dataset(sessions=190)
    case = dataset, make_labels(dataset), make_fold(dataset)
    valid = dataset.valid_TN[80]
    configs = MomentumConfig(feature="alpha"), ReversalConfig(feature="beta")
    for config, sign, column in zip(configs, (1, -1), (0, 1), strict=True):
        made = fit(SingleFeatureLearner(config), *case)
        score = made.scores(dataset, np.array([80]))[0]
        want = sign * dataset.x_TNF[80, valid, column].astype(np.float32)
        np.testing.assert_array_equal(score[valid], np.tile(want[:, None], (1, 4)))
        assert max(made.trained_through.values()) < dataset.sessions[0].item()
    with pytest.raises(ConfigError, match="omega"):
        fit(SingleFeatureLearner(MomentumConfig(feature="omega")), *case)
