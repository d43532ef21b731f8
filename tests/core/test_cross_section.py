"""Measures across names against scikit-learn, alphalens and naive loops, with ties and gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from gogooku.core import cross_section as cross


def sample(seed, shape=(12, 90), *, levels=0.1, holes=0.15):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=shape)
    label = 0.3 * score + rng.normal(size=shape)
    score, label = ((one / levels).round() * levels if levels else one for one in (score, label))
    for one in (score, label):
        one[rng.random(shape) < holes] = np.nan
    return score, label


def measured(kernel, score, label):
    return cross.by_session({"it": kernel}, score, label)["it"]


def fractional_picks(score, top_k):
    """Seats by the rule in words: above the edge one each, at the edge what is left is shared."""
    out = np.zeros(len(score))
    known = np.flatnonzero(np.isfinite(score))
    edge = np.sort(score[known])[-top_k]
    above, at = known[score[known] > edge], known[score[known] == edge]
    out[above] = 1.0
    out[at] = (top_k - len(above)) / len(at)
    return out


@pytest.mark.parametrize("levels", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_picks_precision_and_excess_equal_the_rule_in_words(levels, kind):
    score, label = (one.astype(kind) for one in sample(1, levels=levels))
    precision = measured(cross.precision(10), score, label)
    excess = measured(cross.top_excess(10), score, label)
    weights = measured(cross.top_weights(10), score, label)
    for t, (a, b) in enumerate(zip(score, label, strict=True)):
        seats, joint = fractional_picks(a, 10), np.isfinite(a) & np.isfinite(b)
        np.testing.assert_allclose(weights[t], seats, rtol=1e-6)
        mine, high = seats * joint, b > np.median(b[joint])
        assert precision[t] == pytest.approx((mine * high).sum() / mine.sum())
        picked = (mine * np.nan_to_num(b)).sum() / mine.sum()
        assert excess[t] == pytest.approx(picked - b[joint].mean(dtype=float), abs=1e-7)


def test_random_picks_reach_the_share_above_the_median():
    score, label = sample(2, levels=1.0)
    high = measured(cross.high_share, score, label)
    for t in range(len(score)):
        kept = label[t][np.isfinite(score[t]) & np.isfinite(label[t])]
        assert high[t] == pytest.approx(np.mean(kept > np.median(kept)))
    assert (high < 0.5).any()


@pytest.mark.parametrize("levels", [0.0, 0.1, 1.0])
def test_ndcg_equals_scikit_learn(levels):
    score, label = sample(3, levels=levels)
    ours = measured(cross.ndcg(20), score, label)
    theirs = []
    for a, b in zip(score, label, strict=True):
        kept = np.isfinite(a) & np.isfinite(b)
        gain = (stats.rankdata(b[kept]) - 0.5) / kept.sum()
        theirs.append(ndcg_score(gain[None], a[kept][None], k=20))
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_ndcg_where_most_labels_are_one_number():
    score, label = sample(4, (6, 60), levels=0.0, holes=0.2)
    label[:, 8:] = np.where(np.isnan(label[:, 8:]), np.nan, -9.0)
    ours = measured(cross.ndcg(12), score, label)
    for t, (a, b) in enumerate(zip(score, label, strict=True)):
        kept = np.isfinite(a) & np.isfinite(b)
        gain = (stats.rankdata(b[kept]) - 0.5) / kept.sum()
        assert ours[t] == pytest.approx(ndcg_score(gain[None], a[kept][None], k=12))


def deciles_in_words(score, value):
    """Mean by decile, position by position."""
    position = (stats.rankdata(score) - 0.5) / len(score)
    means = []
    for d in range(1, 11):
        low, high, e = (d - 1) / 10, d / 10, 1e-9
        if d <= 5:
            inside = (position >= low - e) & (position < high + (e if d == 5 else -e))
        else:
            inside = (position <= high + e) & (position > low + (-e if d == 6 else e))
        means.append(value[inside].mean() if inside.any() else np.nan)
    return np.array(means)


@settings(max_examples=80, deadline=None)
@given(
    names=st.integers(10, 130),
    seed=st.integers(0, 99),
    levels=st.sampled_from([2, 7, 10**9]),
    holes=st.sampled_from([0.0, 0.2]),
)
def test_deciles_are_those_of_the_rule_and_turn_round_with_the_scores(names, seed, levels, holes):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, size=(3, names)).astype(float)
    label = rng.normal(size=(3, names))
    score[rng.random(score.shape) < holes] = np.nan
    there = measured(cross.decile_excess, score, label)
    back = measured(cross.decile_excess, -score, label)
    np.testing.assert_allclose(there, back[:, ::-1], atol=1e-12)
    for t in range(3):
        kept = np.isfinite(score[t])
        if kept.sum() < cross.MIN_NAMES or len(set(score[t][kept])) == 1:
            assert np.isnan(there[t]).all()
            continue
        wanted = deciles_in_words(score[t][kept], label[t][kept]) - label[t][kept].mean()
        np.testing.assert_allclose(there[t], wanted, atol=1e-12)


def test_deciles_of_ten_names_hold_one_each():
    label = np.arange(10.0)[None] ** 2
    means = measured(lambda sessions: sessions.decile_means, np.arange(10.0)[None], label)
    np.testing.assert_allclose(means, label)


def test_the_drift_of_the_market_is_not_in_the_deciles():
    score, label = sample(5, (4, 200), levels=0.0)
    plain = measured(cross.decile_excess, score, label)
    np.testing.assert_allclose(measured(cross.decile_excess, score, label + 3.0), plain, atol=1e-9)


def test_one_ranking_serves_all_measures(monkeypatch):
    score, label = sample(6)
    ranked = []
    whole = cross.middle_ranks
    monkeypatch.setattr(cross, "middle_ranks", lambda x: ranked.append(1) or whole(x))
    kernels = {"a": cross.rank_ic, "b": cross.hit_rate, "c": cross.ndcg(10), "d": cross.spread}
    together = cross.by_session(kernels, score, label)
    assert len(ranked) == 2
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(together[name], measured(kernel, score, label))


def test_blocks_change_nothing(monkeypatch):
    score, label = sample(7, levels=1.0)
    kernels = {
        "a": cross.rank_ic,
        "b": cross.ic,
        "c": cross.ndcg(10),
        "d": cross.decile_excess,
        "e": cross.top_excess(10),
        "f": cross.top_weights(10),
    }
    whole = cross.by_session(kernels, score, label)
    monkeypatch.setattr(cross, "_BLOCK_VALUES", 200)
    for name, value in cross.by_session(kernels, score, label).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-13)


def test_picks_with_too_few_labels_do_not_count():
    score, label = sample(8, (3, 60), levels=0.0, holes=0.0)
    best = np.argsort(-score, axis=1)
    label[0, best[0, :6]] = np.nan
    label[1, best[1, :5]] = np.nan
    for kernel in (cross.precision(10), cross.top_excess(10)):
        daily = measured(kernel, score, label)
        assert np.isnan(daily[0])
        assert np.isfinite(daily[1:]).all()


def test_k_is_never_more_than_half_of_the_names():
    score, label = sample(9, (3, 39), levels=0.0, holes=0.0)
    for made in (cross.precision, cross.top_excess, cross.ndcg):
        assert np.isnan(measured(made(20), score, label)).all()
        assert np.isfinite(measured(made(19), score, label)).all()
    assert np.isnan(measured(cross.top_weights(20), score, label)).all()


def test_ties_at_the_edge_do_not_depend_on_the_order_of_names():
    score, label = sample(10, levels=1.0)
    turned = np.random.default_rng(0).permutation(score.shape[1])
    for kernel in (cross.precision(10), cross.top_excess(10), cross.ndcg(10)):
        np.testing.assert_allclose(
            measured(kernel, score[:, turned], label[:, turned]), measured(kernel, score, label)
        )


def test_no_session_and_no_name():
    nothing = np.empty((0, 30))
    assert measured(cross.rank_ic, nothing, nothing).shape == (0,)
    assert measured(cross.decile_excess, nothing, nothing).shape == (0, 10)
    empty = np.full((3, 30), np.nan)
    assert np.isnan(measured(cross.rank_ic, empty, empty)).all()
    assert np.isnan(measured(cross.decile_excess, empty, empty)).all()


def test_ic_is_exact_far_from_zero():
    score, label = sample(11, levels=0.0)
    near = measured(cross.ic, score, label)
    np.testing.assert_allclose(measured(cross.ic, score + 1e6, label - 1e6), near, atol=1e-8)
