"""Rankings and picks of two sessions, against scipy, alphalens and naive loops."""

import numpy as np
import pytest
from scipy import stats

from gogooku.core.persistence import Places, autocorrelation, overlap, rank_agreement
from gogooku.core.ranks import middle_ranks


def placed(values):
    return Places.of(middle_ranks(values)[0].astype(np.float32), np.isfinite(values))


def sample(seed, shape=(9, 60), holes=0.0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape).round(1)
    b = (0.4 * a + rng.normal(size=shape)).round(1)
    for one in (a, b):
        one[rng.random(shape) < holes] = np.nan
    return a, b


def test_without_gaps_it_is_spearmans_correlation():
    a, b = sample(1)
    wanted = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_agreement(placed(a), placed(b)), wanted, atol=1e-12)


def test_with_gaps_it_is_pearsons_of_ranks_within_each_own_session():
    a, b = sample(2, holes=0.25)
    for t, found in enumerate(rank_agreement(placed(a), placed(b))):
        ranks = [stats.rankdata(one[t], nan_policy="omit") for one in (a, b)]
        both = np.isfinite(ranks[0]) & np.isfinite(ranks[1])
        wanted = stats.pearsonr(ranks[0][both], ranks[1][both]).statistic
        assert found == pytest.approx(wanted, abs=1e-12)


def test_too_few_shared_names_do_not_count():
    a, b = sample(3)
    a[0, 9:], b[1, :51] = np.nan, np.nan
    daily = rank_agreement(placed(a), placed(b))
    assert np.isnan(daily[:2]).all()
    assert np.isfinite(daily[2:]).all()


def test_a_ranking_that_does_not_move_agrees_with_itself():
    a, _ = sample(4)
    a[:] = a[0]
    daily = autocorrelation(placed(a))
    assert np.isnan(daily[0])
    np.testing.assert_allclose(daily[1:], 1.0)
    assert np.isnan(autocorrelation(placed(a), 99)).all()
    assert len(autocorrelation(placed(a), 99)) == len(a)


def test_overlap_counts_seats_in_both():
    weights = np.zeros((4, 20), dtype=np.float32)
    weights[0, :5] = weights[1, 2:7] = weights[3, 2:7] = 1.0
    weights[2] = np.nan
    np.testing.assert_allclose(overlap(weights, 1, top_k=5), [np.nan, 0.6, np.nan, np.nan])
    np.testing.assert_allclose(overlap(weights, 2, top_k=5), [np.nan, np.nan, np.nan, 1.0])
    assert np.isnan(overlap(weights, 9, top_k=5)).tolist() == [True] * 4


def test_shared_seats_overlap_by_their_shares():
    weights = np.zeros((2, 8), dtype=np.float32)
    weights[0, :4], weights[1, 2:6] = 0.5, 0.5
    assert overlap(weights, 1, top_k=2)[1] == pytest.approx(0.5)
