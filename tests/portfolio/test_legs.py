"""Weights of one side by rule."""

import numpy as np
import pytest

from gogooku.portfolio.choice import Choice
from gogooku.portfolio.config import PortfolioConfig, ScoreConfig, ScoreScale
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.legs import by_score, equal
from support.portfolios import decision


def choice(score, scale=ScoreScale.RANK, **config):
    made = decision(score)
    order = np.argsort(-made.score_N)
    chosen = PortfolioConfig(weighting=ScoreConfig(scale=scale), **config)
    return Choice(made, made.score_N, order[:2], order[-2:], chosen, CostConfig())


def test_equal_and_rank_weights():
    made = choice([4.0, 3.0, 2.0, 1.0])
    assert equal(made, made.long, 1).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(by_score(made, np.arange(4), 1), [0.4, 0.3, 0.2, 0.1])


def test_z_weights_follow_the_distance_from_the_mean_on_each_side():
    made = choice([5.0, 1.0, -2.0, -4.0], ScoreScale.Z)
    np.testing.assert_allclose(by_score(made, np.array([0, 1]), 1), [5 / 6, 1 / 6])
    np.testing.assert_allclose(by_score(made, np.array([3, 2]), -1), [4 / 6, 2 / 6])


def test_no_score_above_the_mean_is_equal_weights():
    made = choice([1.0, 1.0, 1.0, 1.0], ScoreScale.Z)
    assert by_score(made, made.long, 1).tolist() == [0.5, 0.5]


def test_caps_are_the_smaller_of_the_two_limits():
    made = choice([1.0, 2.0], max_weight=0.3)
    assert made.name_caps.tolist() == [0.3, 0.3]
    assert made.after_costs == pytest.approx(1.001)
