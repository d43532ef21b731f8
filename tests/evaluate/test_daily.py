"""The daily measures of one horizon: names, counts, gaps between sessions, decay."""

import numpy as np
import pytest

from gogooku.core.metrics import daily_rank_ic
from gogooku.evaluate.daily import LAGS, cross_decay, lag_decay, measure
from gogooku.evaluate.definitions import definition_of

T, N, K = 40, 90, 10


def sample(seed=0, shift=0):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(T, N)).astype(np.float32)
    late = np.roll(score, shift, axis=0)
    label = (0.02 * (late + rng.normal(size=(T, N)))).astype(np.float32)
    return score, label


def measured(score, label, *, indices=None, horizon=5, universe=None):
    at = np.arange(T) if indices is None else indices
    return measure(score, label, indices=at, horizon=horizon, top_k=K, universe_tN=universe)


def test_every_measure_is_there_and_defined():
    daily = measured(*sample()).daily
    names = {"rank_ic", "ic", "hit_rate", "spread", "p_at_10", "p_at_10_excess", "top_10_bps"}
    names |= {"ndcg_at_10", "overlap_10", "overlap_10_horizon", "turnover_10", "autocorrelation"}
    assert set(daily) == names | {"coverage", "labelled", "num_names"}
    assert all(definition_of(name).label_en for name in daily)


def test_the_excess_over_chance_of_random_scores_is_none():
    score, _ = sample()
    _, label = sample(1)
    daily = measured(score, label).daily
    assert abs(np.nanmean(daily["p_at_10_excess"])) < 0.05
    np.testing.assert_allclose(daily["p_at_10"] - daily["p_at_10_excess"], 0.5)


def test_the_top_is_in_basis_points():
    score, label = sample()
    best = np.argsort(-score, axis=1)[:, :K]
    wanted = np.take_along_axis(label, best, axis=1).mean(axis=1) - label.mean(axis=1)
    np.testing.assert_allclose(measured(score, label).daily["top_10_bps"], wanted * 1e4, rtol=1e-4)


def test_turnover_is_a_year_of_what_is_not_kept_over_the_horizon():
    daily = measured(*sample()).daily
    wanted = (1 - daily["overlap_10_horizon"]) * 245 / 5
    np.testing.assert_allclose(daily["turnover_10"], wanted)
    assert np.isnan(daily["overlap_10_horizon"][:5]).all()
    assert np.isfinite(daily["overlap_10"][1:]).all()


def test_sessions_beyond_a_gap_are_not_neighbours():
    at = np.concatenate([np.arange(20), np.arange(50, 70)])
    one = measured(*sample(), indices=at)
    for name in ("overlap_10", "autocorrelation"):
        assert np.isnan(one.daily[name][[0, 20]]).all()
        assert np.isfinite(np.delete(one.daily[name], [0, 20])).all()
    assert np.isnan(one.daily["overlap_10_horizon"][20:25]).all()
    late = lag_decay(one, at)[5]
    assert np.isnan(late[15:20]).all()
    assert np.isfinite(late[:15]).all()


def test_coverage_is_of_the_universe_and_labelled_of_the_scores():
    score, label = sample()
    score[:, :9] = np.nan
    label[:, 80:] = np.nan
    label[-1] = np.nan
    universe = np.ones((T, N), bool)
    daily = measured(score, label, universe=universe).daily
    np.testing.assert_allclose(daily["coverage"], 0.9)
    np.testing.assert_allclose(daily["labelled"][:-1], 71 / 81)
    assert np.isnan(daily["labelled"][-1])
    assert daily["num_names"].tolist() == [71] * (T - 1) + [0]
    assert (measured(score, label).daily["coverage"] == 1.0).all()


def test_a_late_signal_shows_at_its_lag():
    score, label = sample(3, shift=5)
    decay = lag_decay(measured(score, label), np.arange(T))
    assert list(decay) == [0, *LAGS]
    assert np.nanmean(decay[5]) > 0.6
    assert abs(np.nanmean(decay[1])) < 0.1
    np.testing.assert_allclose(decay[5][:-5], daily_rank_ic(score[:-5], label[5:]), atol=1e-12)


def test_scores_are_compared_with_the_labels_of_every_horizon():
    score, label = sample()
    _, other = sample(7)
    one, two = measured(score, label), measured(score, other, horizon=20)
    decay = cross_decay(one, [one, two])
    np.testing.assert_array_equal(decay[5], one.daily["rank_ic"])
    np.testing.assert_allclose(decay[20], daily_rank_ic(score, other), atol=1e-12)


@pytest.mark.parametrize("length", [1, 3])
def test_a_history_shorter_than_every_lag(length):
    score, label = (one[:length] for one in sample())
    one = measure(score, label, indices=np.arange(length), horizon=20, top_k=K)
    assert all(len(series) == length for series in one.daily.values())
    assert np.isnan(one.daily["turnover_10"]).all()
    assert all(len(series) == length for series in lag_decay(one, np.arange(length)).values())
