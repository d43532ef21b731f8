"""Contributions to a blend: they and the rest are its score, and keep the signs of its members."""

import numpy as np
import pytest

from gogooku.core.ranks import centred_ranks
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.why import blend, linear, trees
from gogooku.learn.why.contributions import WhyNot, contributions
from gogooku.runs.find import open_run
from support.law_world import trained


@pytest.fixture(scope="module")
def dataset(tour_home):
    return open_run(tour_home, "ridge").dataset(tour_home)


@pytest.fixture(scope="module")
def blended(dataset, tmp_path_factory):
    """The newest checkpoint of a blend of members, by weight."""

    def made(*members, weights=(1.0, 3.0)):
        kinds = ",".join(f'{{kind="{kind}"}}' for kind in members)
        settings = (f"learner.members=[{kinds}]", f"learner.weights={list(weights)}")
        folder = tmp_path_factory.mktemp("blend")
        return load_checkpoint(trained(folder, "blend", dataset, *settings).checkpoints()[-1])

    return made


def explained(checkpoint, dataset, names=None):
    t = len(dataset.sessions) - 1
    wanted = np.flatnonzero(dataset.valid_TN[t]) if names is None else names
    score = checkpoint.scores(dataset, np.array([t]))[0, wanted, 1].astype(float)
    return contributions(checkpoint, dataset, t, wanted, horizon=5), score


def test_contributions_and_the_rest_are_the_score(blended, dataset):
    checkpoint = blended("ridge", "lightgbm")
    found, score = explained(checkpoint, dataset)
    assert np.abs(found.added_nF.sum(axis=1) + found.rest_n - score).max() < 1e-9
    assert np.abs(found.added_nF).max() > 0.01
    assert set(found.features) == {*dataset.features, *dataset.market_features}
    assert linear.METHOD in found.method
    assert trees.METHOD in found.method
    some, _ = explained(checkpoint, dataset, np.flatnonzero(dataset.valid_TN[-1])[2:4])
    assert np.allclose(some.added_nF, found.added_nF[2:4], atol=1e-12)


def test_of_one_member_the_rest_is_the_place_that_it_would_have_without_its_features(
    blended, dataset
):
    """Of ridge a score without its features is 0: the place of 0 among the others' scores."""
    checkpoint = blended("ridge", weights=(1.0,))
    found, _ = explained(checkpoint, dataset)
    t = len(dataset.sessions) - 1
    alone = checkpoint.members[0].scores(dataset, np.array([t]))[0, :, 1].astype(float)
    names = np.flatnonzero(dataset.valid_TN[t])
    member = contributions(checkpoint.members[0], dataset, t, names, horizon=5)
    for row, n in enumerate(names):
        moved = alone.copy()
        moved[n] = alone[n] - member.added_nF[row].sum()
        assert found.rest_n[row] == pytest.approx(centred_ranks(moved)[n], abs=1e-7)
        assert (found.added_nF[row] * member.added_nF[row] >= 0.0).all()


def test_members_count_by_their_weights(blended, dataset):
    """A member of weight 0.75 that reads one feature alone, beside one that reads another."""
    found, _ = explained(blended("reversal", "reversal"), dataset)
    one, _ = explained(blended("reversal", weights=(1.0,)), dataset)
    assert np.allclose(found.added_nF, one.added_nF, atol=1e-9)
    mixed, _ = explained(blended("ridge", "reversal", weights=(1.0, 1e-9)), dataset)
    ridge, _ = explained(blended("ridge", weights=(1.0,)), dataset)
    assert np.allclose(mixed.added_nF, ridge.added_nF, atol=1e-6)


def test_where_one_member_has_no_sum_the_blend_has_none(blended, dataset, monkeypatch):
    checkpoint = blended("ridge", "lightgbm")
    monkeypatch.setattr(trees, "contributions", lambda *_: WhyNot.PEERS)
    assert explained(checkpoint, dataset)[0] is WhyNot.PEERS
    t, names = len(dataset.sessions) - 1, np.array([0])
    assert blend.contributions(checkpoint, dataset, t, names, 1) is WhyNot.PEERS
