"""Corrected p-values against other implementations; the better of many runs where it is planted."""

import math

import numpy as np
import pytest
from arch.bootstrap import MCS, SPA
from scipy.fft import dct
from statsmodels.stats.multitest import multipletests

from gogooku.core.cosines import cosine_spread, num_cosines
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import newey_west_error, newey_west_lags
from gogooku.evaluate.many_tests import (
    benjamini_hochberg,
    holm,
    model_confidence_set,
    stepwise_superior,
    superior_ability,
)
from gogooku.evaluate.significance import mean_test

P_VALUES = np.random.default_rng(0).uniform(size=40) ** 3


def test_holm_by_hand():
    # 0.01 0.02 0.03 0.04 times 4 3 2 1 is 0.04 0.06 0.06 0.04, made monotone 0.04 0.06 0.06 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested():
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.04)


@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_they_are_those_of_statsmodels(ours, theirs):
    assert ours(P_VALUES) == pytest.approx(multipletests(P_VALUES, method=theirs)[1], abs=1e-12)
    holes = np.insert(P_VALUES, [0, 17], np.nan)
    made = ours(holes)
    assert np.isnan([made[0], made[18]]).all()
    assert np.delete(made, [0, 18]) == pytest.approx(ours(P_VALUES))
    assert ours([]) == []


def test_benjamini_hochberg_by_hand():
    # 0.01 0.02 0.03 0.5 times 4/1 4/2 4/3 4/4 is 0.04 0.04 0.04 0.5
    assert benjamini_hochberg([0.5, 0.03, 0.01, 0.02]) == pytest.approx([0.5, 0.04, 0.04, 0.04])


# ------------------------------------------------------------------------- many runs against one


def runs(seed, *, better=(), n=300, count=8, edge=0.4):
    """Benchmark [n] and runs [n, count] with a common part; some of them better."""
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, size=n)
    table = common[:, None] + rng.normal(size=(n, count)) * np.linspace(0.5, 3.0, count)
    table[:, list(better)] += edge
    return common + 0.5 * rng.normal(size=n), table


def test_it_is_the_definition_one_draw_at_a_time():
    benchmark, table = runs(1, better=[0], edge=0.1)
    table[:, 6] -= 3.0  # far worse: left out of the consistent one
    made = superior_ability(benchmark, table, horizon=5, seed=3, draws=150)
    difference = table - benchmark[:, None]
    t = [d.mean() / cosine_spread(d, horizon=5).error for d in difference.T]
    count = num_cosines(300, 5)
    cosines = dct(difference - difference.mean(axis=0), axis=0)[1 : count + 1] / math.sqrt(600)
    normal = np.random.default_rng(3).standard_normal((150, 1 + count, count))
    counts = np.zeros(3)
    bound = math.sqrt(2 * math.log(math.log(300)))
    for draw in normal:
        like = draw @ cosines / math.sqrt(count)
        off = like[0] / np.sqrt((like[1:] ** 2).mean(axis=0))
        lower = max(o + min(one, 0.0) for o, one in zip(off, t, strict=True))
        consistent = max(o + (one if one < -bound else 0.0) for o, one in zip(off, t, strict=True))
        counts += [lower >= max(t), consistent >= max(t), max(off) >= max(t)]
    assert [made.lower, made.p_value, made.upper] == pytest.approx(list((1 + counts) / 151))
    assert made.lower <= made.p_value <= made.upper


def test_of_one_run_it_is_the_test_of_one_mean():
    benchmark, table = runs(8, count=1, edge=0.0)
    table += 0.08
    found = mean_test(table[:, 0] - benchmark, horizon=5)
    made = superior_ability(benchmark, table, horizon=5, seed=3, draws=20_000)
    assert 0.01 < found.p_value < 0.5
    assert made.upper == pytest.approx(found.p_value / 2, abs=0.005)
    best = model_confidence_set(
        np.column_stack([benchmark, table]), horizon=5, seed=3, draws=20_000
    )
    assert best.p_values[0] == pytest.approx(found.p_value, abs=0.01)


def close_to(theirs, ours):
    """Whether p-values agree over many markets; those of one market hang on its two errors."""
    ours, theirs = np.ravel(ours), np.ravel(theirs)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.85
    return abs(np.mean(ours - theirs)) < 0.04


def test_without_overlap_they_are_close_to_those_of_arch():
    ours, theirs = [], []
    for seed in range(16):
        benchmark, table = runs(seed, better=[0], n=600, edge=0.05)
        ours.append(superior_ability(benchmark, table, horizon=1, seed=3, draws=499).p_value)
        scaled = scaled_differences(benchmark, table)
        test = SPA(np.zeros(600), -scaled, block_size=1, reps=499, seed=4)
        test.compute()
        theirs.append(test.pvalues["consistent"])
    assert close_to(theirs, ours)
    assert not close_to(theirs, np.array(ours) / 2)


def test_without_overlap_the_set_is_close_to_that_of_arch():
    ours, theirs = [], []
    for seed in range(16):
        _, table = runs(seed, better=[0], n=600, edge=0.15)
        ours.append(model_confidence_set(table, horizon=1, seed=3, draws=499).p_values)
        test = MCS(-table, size=0.05, reps=499, block_size=1, seed=4)
        test.compute()
        theirs.append(test.pvalues["Pvalue"].sort_index().to_numpy())
    assert close_to(theirs, ours)


def test_the_better_runs_are_found():
    benchmark, table = runs(2, better=[0, 2], edge=0.5)
    made = superior_ability(benchmark, table, horizon=1, seed=0, draws=500)
    assert made.p_value <= 2 / 501
    assert 0 in made.better
    steps = stepwise_superior(benchmark, table, horizon=1, seed=0, draws=500)
    assert set(made.better) <= set(steps)
    assert set(steps) <= {0, 2}
    best = model_confidence_set(table, horizon=1, seed=0, draws=500)
    assert {0, 2} & set(best.best)
    assert best.best == tuple(np.flatnonzero(np.array(best.p_values) > 0.05))
    assert max(best.p_values) == 1.0
    assert len(best.best) < 8


def scaled_differences(benchmark, table):
    difference = table - benchmark[:, None]
    lags = newey_west_lags(len(table), 1)
    return difference / [newey_west_error(d, lags) * math.sqrt(len(table)) for d in difference.T]


def test_steps_find_what_one_step_does_not():
    found = 0
    for seed in range(30):
        benchmark, table = runs(seed, better=[0, 1], count=2, edge=0.25)
        made = superior_ability(benchmark, table, horizon=1, seed=0, draws=199)
        steps = stepwise_superior(benchmark, table, horizon=1, seed=0, draws=199)
        assert set(made.better) <= set(steps)
        found += len(steps) - len(made.better)
    assert found > 0


def test_a_noisy_run_does_not_hide_a_better_one():
    """`arch` alone compares undivided differences: the noisiest run sets what is large."""
    benchmark, table = runs(3, better=[0], edge=0.25)
    table[:, 7] = benchmark + 60.0 * np.random.default_rng(0).normal(size=300)
    assert superior_ability(benchmark, table, horizon=1, seed=0, draws=500).better == (0,)
    bare = SPA(-benchmark, -table, block_size=1, reps=500, seed=0)
    bare.compute()
    assert 0 not in bare.better_models(0.05)


def test_none_is_better_among_equals():
    benchmark, table = runs(4)
    made = superior_ability(benchmark, table, horizon=1, seed=0, draws=500)
    assert made.p_value > 0.05
    assert made.better == ()
    assert stepwise_superior(benchmark, table, horizon=1, seed=0, draws=500) == ()


def test_sessions_without_a_run_are_left_out():
    benchmark, table = runs(5, better=[1])
    holes = np.insert(table, 7, 0.0, axis=0)
    holes[7, 2] = np.nan
    made = superior_ability(np.insert(benchmark, 7, 0.0), holes, horizon=1, seed=0, draws=200)
    assert made == superior_ability(benchmark, table, horizon=1, seed=0, draws=200)
    assert made.n == 300
    best = model_confidence_set(holes, horizon=1, seed=0, draws=200)
    assert best == model_confidence_set(table, horizon=1, seed=0, draws=200)


def test_too_few_sessions_have_no_answer():
    benchmark, table = runs(6, n=19)
    made = superior_ability(benchmark, table, horizon=1, seed=0)
    assert math.isnan(made.p_value)
    assert (made.n, made.better) == (19, ())
    assert stepwise_superior(benchmark, table, horizon=1, seed=0) == ()
    best = model_confidence_set(table, horizon=1, seed=0)
    assert best.best == tuple(range(8))
    assert np.isnan(best.p_values).all()


def test_what_cannot_be_compared_is_named():
    benchmark, table = runs(7)
    with pytest.raises(DataError, match="300"):
        superior_ability(benchmark[1:], table, horizon=1, seed=0)
    with pytest.raises(DataError, match="300"):
        superior_ability(benchmark, table[:, 0], horizon=1, seed=0)
    table[:, 5] = benchmark + 0.25
    with pytest.raises(DataError, match=r"1 of 8 runs \(columns 5\)"):
        superior_ability(benchmark, table, horizon=1, seed=0)
    table[:, 5] = table[:, 2]
    with pytest.raises(DataError, match="run 5 is equal to run 2"):
        model_confidence_set(table, horizon=1, seed=0)
    with pytest.raises(DataError, match="at least 2"):
        model_confidence_set(table[:, :1], horizon=1, seed=0)
    with pytest.raises(ConfigError, match="draws"):
        superior_ability(benchmark, table, horizon=1, seed=0, draws=10)
