"""Whom a network listens to: weights against the layer's own, and who is not there."""

import numpy as np
import pytest

from gogooku.core.errors import NotFoundError
from gogooku.predict.peers import peers_of
from gogooku.predict.predictor import Predictor
from gogooku.runs.find import open_run


@pytest.fixture(scope="module")
def predictor(tour_home):
    run = open_run(tour_home, "atft-gat-fan")
    return Predictor(run, run.dataset(tour_home))


def members(predictor, t):
    return [predictor.dataset.codes[n] for n in np.flatnonzero(predictor.dataset.valid_TN[t])]


def test_weights_are_those_of_the_neighbour_table_and_sum_to_one(predictor):
    dataset, t = predictor.dataset, len(predictor.dataset.sessions) - 1
    there = members(predictor, t)
    for code in there[:5]:
        found = peers_of(predictor, code)
        assert found.date == predictor.newest
        assert found.layer == "graph"
        assert found.own + sum(one.weight for one in found.peers) == pytest.approx(1.0, abs=1e-5)
        table = dataset.neighbour_BNK[int(dataset.neighbour_block_T[t])]
        known = {dataset.codes[n] for n in table[dataset.codes.index(code)] if n >= 0}
        assert {one.code for one in found.peers} == known & set(there)
        weights = [one.weight for one in found.peers]
        assert weights == sorted(weights, reverse=True)


def test_another_session_and_plain_values(predictor):
    t = len(predictor.dataset.sessions) - 3
    day = predictor.dataset.sessions[t].item()
    told = peers_of(predictor, members(predictor, t)[0], day).to_json()
    assert told["date"] == str(day)
    assert set(told["peers"][0]) == {"code", "sector", "weight"}
    assert told["peers"][0]["sector"] in predictor.dataset.manifest["sectors"]


def test_a_code_that_is_not_there_and_a_session_that_was_trained_on(predictor):
    with pytest.raises(NotFoundError, match="not in the universe on"):
        peers_of(predictor, "00000")
    first = predictor.dataset.sessions[80].item()
    with pytest.raises(NotFoundError, match="in-sample"):
        peers_of(predictor, members(predictor, 80)[0], first)


def test_a_run_without_peers_says_what_has_some(tour_home):
    run = open_run(tour_home, "ridge")
    predictor = Predictor(run, run.dataset(tour_home))
    t = len(predictor.dataset.sessions) - 1
    with pytest.raises(NotFoundError, match="learner.graph=knn"):
        peers_of(predictor, members(predictor, t)[0])
