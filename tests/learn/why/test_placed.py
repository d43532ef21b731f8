"""Contributions to a mean of places: they and the rest are the mean, or there are none."""

import numpy as np

from gogooku.learn.places import places
from gogooku.learn.why.contributions import Contributions, WhyNot
from gogooku.learn.why.placed import Part, of_mean

FIRST = np.array([1.0, 4.0, 3.0, np.nan, 2.0], np.float32)
SECOND = np.array([9.0, 7.0, 8.0, np.nan, 1.0], np.float32)
NAMES = np.array([1, 4])


def part(weight, score_N, added, *, features=("f", "g"), method="way"):
    added_nF = np.array(added)
    rest_n = score_N[NAMES].astype(float) - added_nF.sum(axis=1)
    return Part(weight, Contributions(method, features, added_nF, rest_n), score_N)


def mean_of(*parts):
    weights = np.array([one.weight for one in parts])
    each = np.stack([places(one.score_N[None, :, None])[0, NAMES, 0] for one in parts], axis=1)
    return each @ (weights / weights.sum())


def test_features_that_lift_a_score_over_others_add_the_places_between():
    one = part(1.0, FIRST, [[3.5, 0.0], [-1.0, 0.0]])
    found = of_mean([one], NAMES, mean_of(one), made_of="parts")
    # from 0.5, below all, to the first of four; from 3.0, level with the second, to the third
    assert np.allclose(found.added_nF, [[3 / 4, 0.0], [-1 / 8, 0.0]])
    assert np.allclose(found.rest_n, [-3 / 8, 0.0])
    assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, mean_of(one))


def test_parts_enter_by_their_weights_and_features_of_each_are_kept():
    one = part(1.0, FIRST, [[3.5, 0.0], [-1.0, 0.2]], method="way")
    two = part(3.0, SECOND, [[1.0], [-9.0]], features=("h",), method="other")
    found = of_mean([one, two], NAMES, mean_of(one, two), made_of="heads")
    assert found.features == ("f", "g", "h")
    assert np.allclose(found.added_nF.sum(axis=1) + found.rest_n, mean_of(one, two), atol=1e-12)
    assert found.method == "mean of places; heads by way, by other"


def test_a_name_whose_features_add_nothing_has_its_place_as_rest():
    one = part(1.0, FIRST, [[0.0, 0.0], [0.0, 0.0]])
    found = of_mean([one], NAMES, mean_of(one), made_of="parts")
    assert np.array_equal(found.added_nF, np.zeros((2, 2)))
    assert np.allclose(found.rest_n, mean_of(one))


def test_what_does_not_add_up_is_not_given():
    one = part(1.0, FIRST, [[3.5, 0.0], [-1.0, 0.0]])
    assert of_mean([one], NAMES, mean_of(one) + 1e-3, made_of="parts") is WhyNot.GAP
