import numpy as np

from gogooku.learn.linear import linear_scores
from support.learning import FEATURES, make_dataset


def test_scores_are_products_of_features_and_coefficients_inside_the_universe():
    dataset = make_dataset()
    weight = np.random.default_rng(0).standard_normal((len(FEATURES), 4))
    days = np.array([90, 3])
    got = linear_scores(dataset, days, weight)
    want = dataset.x_TNF[days].astype(np.float64) @ weight
    want[~dataset.valid_TN[days]] = np.nan
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
