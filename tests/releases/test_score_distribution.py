"""How scores behave from session to session, against what was planted."""

import numpy as np
import pytest

from gogooku.dataset.home import current_dataset
from gogooku.releases.score_distribution import score_distribution, score_measures, usual_top_k
from gogooku.runs.find import open_run


def test_measures_of_planted_sessions():
    first = np.arange(40.0)
    scores = np.array([first, first[::-1], np.where(first < 30, 1.0, first)], dtype=np.float32)
    scores[1, 0] = np.nan
    found = score_measures(scores, top_k=5)
    assert found["names"].tolist() == [40, 39, 40]
    assert found["mean"][0] == pytest.approx(19.5)
    assert found["spread"][0] == pytest.approx(np.std(first))
    assert found["tied"].tolist() == [0.0, 0.0, 0.75]
    assert np.isnan(found["autocorrelation"][0])
    assert found["autocorrelation"][1] == pytest.approx(-1.0)
    assert found["overlap"][1:].tolist() == [0.0, 0.0]
    assert score_measures(scores[[0, 0]], top_k=5)["overlap"][1] == 1.0


def test_constant_scores_are_tied_and_have_no_spread():
    found = score_measures(np.ones((2, 30)), top_k=5)
    assert found["tied"].tolist() == [1.0, 1.0]
    assert found["spread"].tolist() == [0.0, 0.0]
    assert np.isnan(found["autocorrelation"]).all()


def test_a_session_without_scores_is_not_known():
    scores = np.full((2, 30), np.nan)
    scores[1] = np.arange(30)
    found = score_measures(scores, top_k=5)
    assert all(np.isnan(found[name][0]) for name in ("mean", "spread", "tied"))
    assert np.isnan(found["overlap"][1])


def test_the_top_is_at_most_a_quarter_of_the_usual_names():
    assert usual_top_k(np.array([40, 40, 0]), 50) == 10
    assert usual_top_k(np.array([4_000]), 50) == 50
    assert usual_top_k(np.array([1]), 50) == 1


def test_the_test_part_of_a_run(tour_home):
    run = open_run(tour_home, "ridge")
    dataset = current_dataset(tour_home)
    made = score_distribution(run, dataset, top_k=50)
    indices, scores = run.scores("test", dataset)
    assert made["sessions"] == len(indices)
    assert made["top_k"] < 50
    five = made["horizons"]["5"]
    spread = np.nanstd(scores[:, :, run.horizons.index(5)].astype(np.float64), axis=1)
    assert five["spread"]["low"] == pytest.approx(spread.min())
    assert five["spread"]["high"] == pytest.approx(spread.max())
    assert five["overlap"]["n"] == five["names"]["n"] - len(run.manifest["folds"])
    assert -1.0 <= five["autocorrelation"]["low"] <= five["autocorrelation"]["high"] <= 1.0
