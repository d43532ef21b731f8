"""Features that say nearly the same."""

import numpy as np

from gogooku.core.ranks import centred_ranks
from gogooku.learn.feature_groups import correlated_groups, rank_correlation
from support.learning import changed, make_dataset


def related():
    """`beta` is `alpha` turned round and bent, `delta` is near `gamma`, `noise` is one number."""
    dataset = make_dataset(sessions=60, names=80)
    rng = np.random.default_rng(2)
    x = dataset.x_TNF.astype(np.float64)
    x[:, :, 1] = np.exp(-3 * x[:, :, 0])
    x[:, :, 3] = centred_ranks(x[:, :, 2] + 0.05 * rng.standard_normal(x.shape[:2]))
    x[:, :, 4] = 0.0
    return changed(dataset, x_TNF=x.astype(np.float16))


def test_correlation_is_that_of_ranks_within_a_session():
    got = rank_correlation(related(), np.arange(60), rng=np.random.default_rng(0))
    assert got[0, 1] < -0.99
    assert 0.93 < got[2, 3] < 0.999
    assert np.abs(got[0, 2]) < 0.1
    np.testing.assert_array_equal(got[4], 0.0)
    np.testing.assert_allclose(got, got.T)
    np.testing.assert_allclose(np.diag(got)[:4], 1.0)


def test_only_the_sessions_that_are_given_are_read():
    dataset = related()
    x = dataset.x_TNF.copy()
    x[30:] = np.random.default_rng(3).random(x[30:].shape)
    one, two = (
        rank_correlation(data, np.arange(30), rng=np.random.default_rng(0))
        for data in (dataset, changed(dataset, x_TNF=x))
    )
    np.testing.assert_array_equal(one, two)


def test_groups_are_joined_by_either_sign_and_through_a_third():
    correlation = np.eye(6)
    for i, j, value in ((0, 3, -0.95), (3, 5, 0.92), (1, 2, 0.9)):
        correlation[i, j] = correlation[j, i] = value
    got = [group.tolist() for group in correlated_groups(correlation, above=0.9)]
    assert got == [[0, 3, 5], [1], [2], [4]]
    got = [group.tolist() for group in correlated_groups(correlation, above=0.5)]
    assert got == [[0, 3, 5], [1, 2], [4]]


def test_the_groups_of_a_dataset():
    correlation = rank_correlation(related(), np.arange(60), rng=np.random.default_rng(0))
    got = [group.tolist() for group in correlated_groups(correlation, above=0.9)]
    assert got == [[0, 1], [2, 3], [4]]
