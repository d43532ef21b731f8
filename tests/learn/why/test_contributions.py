"""Contributions add up to the score, and change with the features that make it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.registry import LEARNERS
from gogooku.learn.why import linear, network, trees
from gogooku.learn.why.contributions import WAYS, WhyNot, contributions
from gogooku.runs.find import open_run
from support.law_world import trained


@pytest.fixture(scope="module")
def opened(tour_home):
    """A run of the home: its newest checkpoint, its dataset, and the last session's names."""

    def run(name):
        found = open_run(tour_home, name)
        dataset = found.dataset(tour_home)
        t = len(dataset.sessions) - 1
        names = np.flatnonzero(dataset.valid_TN[t])[:7]
        return load_checkpoint(found.checkpoints()[-1]), dataset, t, names

    return run


def score_of(checkpoint, dataset, t, names, h):
    return checkpoint.scores(dataset, np.array([t]))[0, names, h].astype(float)


@pytest.mark.parametrize(
    ("run", "method"),
    [
        ("ridge", linear.METHOD),
        ("reversal", linear.METHOD),
        ("momentum", linear.METHOD),
        ("lightgbm", trees.METHOD),
    ],
)
@pytest.mark.parametrize("horizon", [1, 5])
def test_they_add_up_to_the_score(opened, run, method, horizon):
    checkpoint, dataset, t, names = opened(run)
    found = contributions(checkpoint, dataset, t, names, horizon=horizon)
    h = checkpoint.horizons.index(horizon)
    score = score_of(checkpoint, dataset, t, names, h)
    whole = found.added_nF.sum(axis=1) + found.rest_n
    assert np.allclose(whole, score, atol=1e-6)
    assert found.method == method
    assert found.added_nF.shape == (len(names), len(found.features))
    assert np.abs(found.added_nF).max() > 0


@pytest.mark.parametrize("run", ["ridge", "reversal", "momentum"])
def test_of_a_linear_score_nothing_is_left_over(opened, run):
    checkpoint, dataset, t, names = opened(run)
    found = contributions(checkpoint, dataset, t, names, horizon=5)
    assert np.abs(found.rest_n).max() < 1e-6


def test_a_single_feature_is_the_only_one_that_adds(opened):
    checkpoint, dataset, t, names = opened("momentum")
    found = contributions(checkpoint, dataset, t, names, horizon=5)
    used = [found.features[n] for n in np.flatnonzero(np.abs(found.added_nF).sum(axis=0))]
    assert used == ["ret_prev_20d"]


def test_of_trees_what_is_left_over_is_the_same_for_all_names(opened):
    checkpoint, dataset, t, names = opened("lightgbm")
    found = contributions(checkpoint, dataset, t, names, horizon=5)
    assert np.ptp(found.rest_n) < 1e-12
    assert found.features[-1] == dataset.market_features[-1]


@pytest.fixture(scope="module")
def apex(tour_home, tmp_path_factory):
    """A network in which no name sees another."""
    dataset = open_run(tour_home, "ridge").dataset(tour_home)
    run = trained(tmp_path_factory.mktemp("apex"), "apex-ranker", dataset)
    t = len(dataset.sessions) - 1
    return load_checkpoint(run.checkpoints()[-1]), dataset, t, np.flatnonzero(dataset.valid_TN[t])


def test_of_a_network_contributions_and_the_rest_are_its_score(apex):
    checkpoint, dataset, t, names = apex
    found = contributions(checkpoint, dataset, t, names, horizon=5)
    h = checkpoint.horizons.index(5)
    score = score_of(checkpoint, dataset, t, names, h)
    assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, score, atol=1e-5)
    assert found.features == tuple(dataset.features)
    again = contributions(checkpoint, dataset, t, names, horizon=5)
    assert np.array_equal(found.added_nF, again.added_nF)
    some = contributions(checkpoint, dataset, t, names[2:4], horizon=5)
    assert np.allclose(some.added_nF, found.added_nF[2:4], atol=1e-6)


def test_without_history_they_are_complete(apex):
    """All of the way from the baseline is in the features: what is left over is the baseline."""
    checkpoint, dataset, t, _ = apex
    forward, h = checkpoint.forward_of(dataset), checkpoint.horizons.index(5)
    whole = forward.batch([t])
    bare = replace(
        whole,
        history_BNLC=torch.zeros_like(whole.history_BNLC),
        raw_BNLR=torch.zeros_like(whole.raw_BNLR),
    )
    places = torch.arange(int(whole.valid_BN.sum()))
    added = network._integrated(forward, bare, places, h).sum(axis=1)
    with torch.inference_mode():
        made = forward.scores(bare)[0, places, h].double().numpy()
        base = forward.scores(replace(bare, last_BNF=torch.zeros_like(bare.last_BNF)))
    gap = np.abs(added - (made - base[0, places, h].double().numpy()))
    assert gap.max() < 0.02 * np.ptp(made)


def test_where_names_see_one_another_there_are_none(opened):
    assert contributions(*opened("atft-gat-fan"), horizon=5) is WhyNot.PEERS


def test_nor_where_the_first_name_is_the_peer_of_none(opened):
    """What others see of a session's first name alone does not say whether names are seen."""
    checkpoint, dataset, t, names = opened("atft-gat-fan")
    peers = np.array(dataset.neighbour_BNK)
    peers[peers == names[0]] = -1
    dataset = replace(dataset, neighbour_BNK=peers)
    assert contributions(checkpoint, dataset, t, names, horizon=5) is WhyNot.PEERS
    everyone = np.flatnonzero(dataset.valid_TN[t])
    assert contributions(checkpoint, dataset, t, everyone, horizon=5) is WhyNot.PEERS


def test_a_score_of_several_heads_is_no_sum(opened, tmp_path):
    _, dataset, t, names = opened("ridge")
    settings = ("learner.graph=none", "learner.blend_weights=[1,1,1,1]")
    run = trained(tmp_path, "atft-gat-fan", dataset, *settings)
    checkpoint = load_checkpoint(run.checkpoints()[-1])
    assert contributions(checkpoint, dataset, t, names, horizon=5) is WhyNot.HEADS
    found = contributions(checkpoint, dataset, t, names, horizon=1)
    score = score_of(checkpoint, dataset, t, names, checkpoint.horizons.index(1))
    assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, score, atol=1e-9)


def test_no_names_have_no_contributions(opened):
    checkpoint, dataset, t, names = opened("ridge")
    assert contributions(checkpoint, dataset, t, names[:0], horizon=5) is WhyNot.NO_NAMES


def test_every_learner_has_a_way_or_is_known_to_have_none():
    assert set(LEARNERS.kinds()) - set(WAYS) == {"master"}
