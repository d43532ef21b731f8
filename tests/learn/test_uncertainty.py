import numpy as np
import pytest
import torch

from gogooku.core.ranks import centred_ranks
from gogooku.learn.forward import score_sessions
from gogooku.learn.uncertainty import dropout_spread, quantiles_of
from support.learning import make_dataset, network, reader, small_config


@pytest.fixture(scope="module")
def case():
    config = small_config(dropout=0.4, quantiles=(0.1, 0.5, 0.9))
    dataset = make_dataset()
    return network(config), reader(dataset, config), dataset


def spread(case, indices, **settings):
    model, days, _ = case
    return dropout_spread(model, days, indices, **{"passes": 8, "device": "cpu", **settings})


def test_places_move_with_dropout_and_only_within_the_universe(case):
    made = spread(case, [40, 60])
    assert made.shape == (2, 40, 4)
    inside = case[2].valid_TN[[40, 60]]
    assert np.isnan(made[~inside]).all()
    assert (made[inside] > 0).mean() > 0.9
    assert np.nanmax(made) < 0.6


def test_it_is_a_function_of_the_session_and_the_seed(case):
    before = torch.random.get_rng_state()
    together = spread(case, [40, 60])
    np.testing.assert_array_equal(spread(case, [60])[0], together[1])
    assert not np.array_equal(spread(case, [60], seed=1)[0], together[1], equal_nan=True)
    assert torch.equal(before, torch.random.get_rng_state())
    assert not case[0].training


def test_without_noise_nothing_moves():
    config = small_config(dropout=0.0, feature_dropout=0.0, context_noise=0.0)
    dataset = make_dataset()
    still = dropout_spread(network(config), reader(dataset, config), [40], passes=3, device="cpu")
    assert np.nanmax(np.abs(still)) < 1e-12


def test_names_whose_scores_lie_close_move_more(case):
    """The spread says something of a name: near the middle many others are near."""
    model, days, _ = case
    score = score_sessions(model, days, list(range(30, 90)), device="cpu")
    place = np.stack([centred_ranks(day.T.astype(float)).T for day in score])
    made = spread(case, list(range(30, 90)))
    known = np.isfinite(place)
    outer, inner = np.abs(place) > 0.45, np.abs(place) < 0.25
    assert made[known & inner].mean() > made[known & outer].mean()


def test_quantiles_are_those_of_each_session(case):
    model, days, dataset = case
    made = quantiles_of(model, days, [40, 60], device="cpu")
    assert made.shape == (2, 40, 4, 3)
    assert (np.isfinite(made).all(axis=(2, 3)) == dataset.valid_TN[[40, 60]]).all()
    assert (np.diff(made[np.isfinite(made).all(axis=(2, 3))], axis=-1) > 0).all()
    np.testing.assert_array_equal(quantiles_of(model, days, [60], device="cpu")[0], made[1])
