"""A blend is the mean of its members' ranks, and each member is fitted as it would be alone."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from gogooku.core.journal import EventLog
from gogooku.core.ranks import centred_ranks
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.models.blend.learner import BlendLearner
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.places import place_spread
from support.learning import fit, make_dataset, make_fold, make_labels, small_config

TREES = LightGBMConfig(rounds=10, patience=10)


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def blend(*members, **settings):
    return BlendLearner(BlendConfig(members=members, **settings))


def test_scores_are_the_weighted_mean_of_the_members_ranks(case):
    dataset, _, fold = case
    made = fit(blend(RidgeConfig(), TREES, weights=(3.0, 1.0)), *case)
    indices = fold.indices("test")
    ridge, trees = (member.scores(dataset, indices) for member in made.members)
    expected = np.empty(ridge.shape)
    for t in range(len(indices)):
        for h in range(4):
            one, two = (centred_ranks(s[None, t, :, h].astype(float))[0] for s in (ridge, trees))
            expected[t, :, h] = 0.75 * one + 0.25 * two
    np.testing.assert_allclose(made.scores(dataset, indices), expected, atol=1e-7)


def test_how_far_the_members_are_apart_is_given_if_it_is_asked_for(case):
    dataset, _, fold = case
    indices = fold.indices("test")
    assert fit(blend(TREES, seeds=2), *case).more_outputs(dataset, indices) == {}
    made = fit(blend(TREES, seeds=2, member_spread=True), *case)
    found = made.more_outputs(dataset, indices)
    wanted = place_spread([member.scores(dataset, indices) for member in made.members])
    np.testing.assert_array_equal(found["place_spread"], wanted)
    assert np.nanmax(wanted) > 0.05
    with pytest.raises(ValidationError, match="member_spread needs two fits"):
        BlendConfig(members=(TREES,), member_spread=True)


def test_seeds_are_fits_of_their_own(case):
    dataset, _, fold = case
    made = fit(blend(TREES, seeds=3), *case)
    assert list(made.parts) == ["0-0", "0-1", "0-2"]
    scores = [member.scores(dataset, fold.indices("test")) for member in made.members]
    assert not np.array_equal(scores[0], scores[1], equal_nan=True)
    assert not np.array_equal(scores[1], scores[2], equal_nan=True)


def test_what_is_saved_is_what_is_read(case, tmp_path):
    dataset, _, fold = case
    made = fit(blend(RidgeConfig(), TREES, seeds=2), *case)
    made.save(tmp_path)
    again = load_checkpoint(tmp_path)
    indices = fold.indices("test")[:3]
    np.testing.assert_array_equal(again.scores(dataset, indices), made.scores(dataset, indices))
    assert again.trained_through == made.trained_through


def test_an_interrupted_blend_does_not_fit_its_first_members_again(case, tmp_path, monkeypatch):
    learner = blend(RidgeConfig(), TREES)
    whole = fit(learner, *case, work=tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(
            "gogooku.learn.models.lightgbm.learner.LightGBMLearner.fit",
            lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            fit(learner, *case, work=tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr(
            "gogooku.learn.models.ridge.learner.RidgeLearner.fit",
            lambda *_, **__: pytest.fail("fitted again"),
        )
        again = fit(learner, *case, work=tmp_path / "b")
    indices = case[2].indices("test")
    np.testing.assert_array_equal(again.scores(case[0], indices), whole.scores(case[0], indices))


def test_events_say_whose_they_are(case):
    events = []
    fit(blend(RidgeConfig(), TREES, seeds=2), *case, events=events.append)
    named = {(one["member"], one["member_seed"]) for one in events}
    assert named == {("ridge", 0), ("ridge", 1), ("lightgbm", 0), ("lightgbm", 1)}


def test_an_interrupted_blend_tells_its_events_once(case, tmp_path):
    """Killed after each of its events in turn, by members with state within a fit and without."""
    members = (RidgeConfig(), small_config(training={"max_epochs": 2, "days_per_batch": 30}), TREES)
    learner = blend(*members)

    def told(folder, *, last=None):
        folder.mkdir(exist_ok=True)
        log = EventLog(folder / "events.jsonl")
        seen = []

        def tell(event):
            log(event)
            seen.append(event)
            if len(seen) == last:
                raise KeyboardInterrupt

        fit(learner, *case, events=tell, journal=log, work=folder / "work", save_seconds=0.0)

    def events(folder):
        lines = (folder / "events.jsonl").read_text().splitlines()
        return [{**json.loads(line), "train_seconds": 0.0} for line in lines]

    told(tmp_path / "whole")
    whole = events(tmp_path / "whole")
    assert len(whole) >= 12
    for last in range(1, len(whole) + 1):
        with pytest.raises(KeyboardInterrupt):
            told(tmp_path / str(last), last=last)
        told(tmp_path / str(last))
        assert events(tmp_path / str(last)) == whole


def test_a_blend_without_members_or_of_a_blend_is_refused():
    assert [one.kind for one in BlendConfig().members] == ["lightgbm", "atft_gat_fan"]
    with pytest.raises(ValidationError, match="at least 1 item"):
        BlendConfig(members=())
    with pytest.raises(ValidationError, match="cannot be a blend"):
        BlendConfig(members=(BlendConfig(members=(RidgeConfig(),)),))
    with pytest.raises(ValidationError, match="2 weights for 1 members"):
        BlendConfig(members=(RidgeConfig(),), weights=(1.0, 2.0))
