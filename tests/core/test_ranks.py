"""Ranks against scipy."""

import math
import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from gogooku.core import ranks

cells = st.one_of(st.just(math.nan), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, width=32))
grids = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=cells)


@given(grids, st.sampled_from([np.float32, np.float64]))
@settings(max_examples=150, deadline=None)
def test_middle_ranks_equal_scipy_and_marks_numpy(values, kind):
    values = values.astype(kind)
    ours, marks = ranks.middle_ranks(values)
    assert ours.dtype == np.float64
    for row, found, (low, median, high) in zip(values, ours, marks, strict=True):
        known = ~np.isnan(row)
        wanted = stats.rankdata(row[known]) - (known.sum() + 1) / 2
        np.testing.assert_array_equal(found[known], wanted)
        assert (found[~known] == 0.0).all()
        exact = np.median(row[known].astype(float)) if known.any() else math.nan
        np.testing.assert_array_equal(median, exact)
        ends = [np.min(row[known]), np.max(row[known])] if known.any() else [math.nan] * 2
        np.testing.assert_array_equal([low, high], ends)


@given(grids)
@settings(max_examples=150, deadline=None)
def test_single_and_double_precision_rank_alike(values):
    single = values.astype(np.float32)
    ours = ranks.centred_ranks(single)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, ranks.centred_ranks(single.astype(float)), atol=1e-7)


def test_radix_order_knows_signs_zeros_and_infinities():
    row = np.array([0.0, -0.0, -np.inf, np.inf, -1e-40, 1e-40, np.nan, -np.nan, -5, 5], np.float32)
    ours = ranks.centred_ranks(row[None])[0]
    wanted = ranks.centred_ranks(row.astype(float)[None])[0]
    np.testing.assert_allclose(ours, wanted, atol=1e-7)
    assert ours[0] == ours[1]


def test_ranks_accept_empty_and_deep_arrays():
    assert ranks.middle_ranks(np.empty((3, 0)))[0].shape == (3, 0)
    assert ranks.middle_ranks(np.empty((0, 4)))[1].shape == (0, 3)
    deep = np.random.default_rng(0).normal(size=(2, 3, 20))
    wanted = (stats.rankdata(deep, axis=-1) - 0.5) / 20 - 0.5
    np.testing.assert_allclose(ranks.centred_ranks(deep), wanted)
    np.testing.assert_allclose(ranks.centred_ranks(deep[0, 0]), wanted[0, 0])


def test_ranks_do_not_depend_on_blocks(monkeypatch):
    values = np.random.default_rng(1).normal(size=(12, 60)).round(1)
    values[values > 1.5] = np.nan
    before = ranks.middle_ranks(values)[0], ranks.centred_ranks(values.astype(np.float32))
    monkeypatch.setattr(ranks, "_BLOCK_VALUES", 1)
    np.testing.assert_array_equal(ranks.middle_ranks(values)[0], before[0])
    np.testing.assert_array_equal(ranks.centred_ranks(values.astype(np.float32)), before[1])


def test_ranks_do_not_depend_on_the_order_in_memory():
    for kind in (np.float32, np.float64):
        values = np.random.default_rng(2).normal(size=(12, 60)).astype(kind)
        turned = np.asfortranarray(values)
        np.testing.assert_array_equal(ranks.centred_ranks(turned), ranks.centred_ranks(values))


def test_ranks_leave_their_input_alone():
    values = np.array([[3.0, np.nan, 1.0]])
    kept = values.copy()
    ranks.centred_ranks(values)
    np.testing.assert_array_equal(values, kept)


def test_centred_and_gaussian_ranks():
    row = [[10.0, np.nan, 30.0, 20.0, 20.0]]
    wanted = [[-0.375, np.nan, 0.375, 0.0, 0.0]]
    np.testing.assert_allclose(ranks.centred_ranks(row), wanted)
    np.testing.assert_allclose(ranks.gaussian_ranks(row), stats.norm.ppf(np.array(wanted) + 0.5))


def test_full_size_ranks_are_fast():
    values = np.random.default_rng(12).normal(size=(500, 5874)).astype(np.float32)
    begun = time.process_time()
    ranks.centred_ranks(values)
    assert time.process_time() - begun < 1.5, "four times as many rows should take below 1.5 s"
