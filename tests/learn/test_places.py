import numpy as np
import pytest

from gogooku.learn.places import blended, place_spread, places


def scores(seed=0):
    made = np.random.default_rng(seed).standard_normal((3, 30, 3)).astype(np.float32)
    made[0, 3, :] = np.nan
    return made


def test_the_scale_of_scores_does_not_matter():
    np.testing.assert_array_equal(places(scores()), places(100 * scores() + 7))
    assert np.isnan(places(scores())[0, 3]).all()
    assert np.isnan(places(scores())).sum() == 3


def test_the_spread_is_that_of_the_places():
    same = place_spread([scores(), 5 * scores() + 1])
    assert np.nanmax(np.abs(same)) == 0
    assert np.isnan(same[0, 3]).all()
    two = place_spread([scores(0), scores(1)])
    gap = np.abs(places(scores(0)) - places(scores(1)))
    np.testing.assert_allclose(two, gap / np.sqrt(2), rtol=1e-5)


def test_one_horizon_becomes_the_mean_place_at_others():
    made = scores()
    got = blended(made, at=1, weights=(0.0, 3.0, 1.0))
    np.testing.assert_array_equal(got[:, :, [0, 2]], made[:, :, [0, 2]])
    wanted = 0.75 * places(made)[:, :, 1] + 0.25 * places(made)[:, :, 2]
    np.testing.assert_allclose(got[:, :, 1], wanted, atol=1e-7)
    assert np.isnan(got[0, 3]).all()


def test_a_head_without_weight_does_not_enter():
    made = scores()
    made[:, :, 0] = np.nan
    assert np.isfinite(blended(made, at=1, weights=(0.0, 1.0, 1.0))[1, :, 1]).all()
    assert blended(made, at=1, weights=(0.0, 1.0, 0.0))[1, :, 1] == pytest.approx(
        places(made)[1, :, 1], abs=1e-7
    )
