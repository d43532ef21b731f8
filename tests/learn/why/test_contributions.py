"""Contributions add up to the score, and change with the features that make it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.registry import LEARNERS
from gogooku.learn.why import linear, network, trees
from gogooku.learn.why.contributions import PEERS, WAYS, WhyNot, contributions
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


def bare_of(forward, t, names, *, with_peers):
    """Names (and peers) without any history, and the same at the baseline."""
    cut = network._cut(forward, t, names, with_peers=with_peers)
    bare = replace(
        cut,
        history_BNLC=torch.zeros_like(cut.history_BNLC),
        raw_BNLR=torch.zeros_like(cut.raw_BNLR),
    )
    return bare, replace(bare, last_BNF=torch.zeros_like(bare.last_BNF))


@pytest.mark.parametrize(("which", "with_peers"), [("apex", False), ("graph", True)])
def test_without_history_they_are_complete(which, with_peers, request):
    """All of the way from the baseline is in the features: what is left over is the baseline."""
    checkpoint, dataset, t, names = request.getfixturevalue(which)
    forward, h = checkpoint.forward_of(dataset), checkpoint.horizons.index(5)
    bare, base = bare_of(forward, t, names, with_peers=with_peers)
    added = network._integrated(forward, bare, h).sum(axis=(1, 2))
    with torch.inference_mode():
        made, least = (forward.scores(one)[:, 0, h].double().numpy() for one in (bare, base))
    assert np.abs(added - (made - least)).max() < 0.02 * np.ptp(made)


@pytest.fixture(scope="module")
def graph(opened):
    """A network that reads the peers of a name."""
    checkpoint, dataset, t, _ = opened("atft-gat-fan")
    return checkpoint, dataset, t, np.flatnonzero(dataset.valid_TN[t])


def test_what_peers_add_stands_together_and_all_is_the_score(graph):
    checkpoint, dataset, t, names = graph
    found = contributions(checkpoint, dataset, t, names, horizon=5)
    score = score_of(checkpoint, dataset, t, names, checkpoint.horizons.index(5))
    assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, score, atol=1e-9)
    assert found.features == (*dataset.features, PEERS)
    assert np.abs(found.added_nF[:, -1]).max() > 0
    some = contributions(checkpoint, dataset, t, names[2:4], horizon=5)
    assert np.allclose(some.added_nF, found.added_nF[2:4], atol=1e-6)


def test_what_a_peer_does_moves_what_peers_add(graph):
    """The first feature that any name has is turned for the peers of the first, not for itself."""
    checkpoint, dataset, t, names = graph
    own = names[:1]
    block = int(dataset.neighbour_block_T[t])
    peers = np.setdiff1d(np.intersect1d(dataset.neighbour_BNK[block][own[0]], names), own)
    assert len(peers)
    x = np.array(dataset.x_TNF)
    x[t, peers] = -x[t, peers]
    before = contributions(checkpoint, dataset, t, own, horizon=5)
    moved = contributions(checkpoint, replace(dataset, x_TNF=x), t, own, horizon=5)
    assert before.added_nF[0, -1] != moved.added_nF[0, -1]


def test_a_name_without_peers_has_nothing_from_them(graph):
    checkpoint, dataset, t, names = graph
    tables = np.array(dataset.neighbour_BNK)
    tables[:, names[0]] = -1
    lonely = replace(dataset, neighbour_BNK=tables)
    found = contributions(checkpoint, lonely, t, names[:3], horizon=5)
    assert found.added_nF[0, -1] == 0.0
    assert np.abs(found.added_nF[1:, -1]).min() > 0


def test_where_all_names_see_one_another_there_are_none(graph, monkeypatch):
    checkpoint, dataset, t, names = graph
    whole = checkpoint.model.forward
    monkeypatch.setattr(
        checkpoint.model,
        "forward",
        lambda batch: whole(batch) + 0.1 * batch.last_BNF.mean(dim=(1, 2))[:, None, None],
    )
    assert contributions(checkpoint, dataset, t, names[:5], horizon=5) is WhyNot.PEERS


def test_a_score_of_several_heads_is_split_by_its_heads(opened, tmp_path):
    _, dataset, t, _ = opened("ridge")
    names = np.flatnonzero(dataset.valid_TN[t])
    settings = ("learner.graph=none", "learner.blend_weights=[1,0,2,1]")
    run = trained(tmp_path, "atft-gat-fan", dataset, *settings)
    checkpoint = load_checkpoint(run.checkpoints()[-1])
    for horizon, of_heads in ((5, True), (1, False)):
        found = contributions(checkpoint, dataset, t, names, horizon=horizon)
        score = score_of(checkpoint, dataset, t, names, checkpoint.horizons.index(horizon))
        assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, score, atol=1e-9)
        assert found.method.startswith("mean of places; heads by integrated") == of_heads
        assert np.abs(found.added_nF).max() > 0


def test_no_names_have_no_contributions(opened):
    checkpoint, dataset, t, names = opened("ridge")
    assert contributions(checkpoint, dataset, t, names[:0], horizon=5) is WhyNot.NO_NAMES


def test_every_learner_has_a_way_or_is_known_to_have_none():
    assert set(LEARNERS.kinds()) - set(WAYS) == {"master"}
