"""Combinators: what an expression reads, how far back it looks, and what it computes."""

import numpy as np
import pytest

from gogooku.core.types import Axis, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    above,
    at_most,
    before,
    change,
    clipped,
    col,
    columns_of,
    declared,
    ema,
    filled,
    gain,
    highest,
    known,
    log,
    lowest,
    mean,
    over,
    positive,
    ratio,
    rolling,
    sd,
    sign,
    size,
    total,
    wilder,
    z,
)

NAN = float("nan")


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(3)
    out = {name: rng.normal(0.5, 1.0, (60, 4)) for name in ("a", "b")}
    out["a"][rng.random((60, 4)) < 0.05] = NAN
    out["a"][7, 2] = 0.0
    out["listed"] = np.ones((60, 4))
    out["listed"][:10, 1] = NAN
    return out


def test_a_column_is_itself(columns):
    one = col("a", 5)
    assert (one.inputs, one.lookback) == (("a",), 5)
    np.testing.assert_array_equal(one.compute(columns), columns["a"])


def test_a_column_that_is_a_feature_looks_back_as_far_as_that():
    of = columns_of([declared("a", mean(col("b"), 20), "ratio", "A mean.", group="planted")])
    assert (of("a").inputs, of("a").lookback) == (("a",), 20)
    with pytest.raises(KeyError, match="b"):
        of("b")


A, B = col("a"), col("b")


@pytest.mark.parametrize(
    ("made", "kernel"),
    [
        (mean(A, 20), lambda a: k.rolling_mean(a, 20)),
        (total(A, 20), lambda a: k.rolling_sum(a, 20)),
        (sd(A, 20), lambda a: m.rolling_sd(a, 20)),
        (ema(A, 5), lambda a: k.ema(a, 5)),
        (highest(A, 20), lambda a: k.rolling_extreme(a, 20, kind="max")),
        (before(A, 3), lambda a: k.shift(a, 3)),
        (z(A, 20), lambda a: np.clip(m.zscore(a, 20), -10.0, 10.0)),
        (change(A, 3), lambda a: a - k.shift(a, 3)),
        (log(A), k.log_positive),
        (sign(A), k.sign),
        (size(A), np.abs),
        (clipped(A, 0.5), lambda a: np.clip(a, -0.5, 0.5)),
        (at_most(A, 0.5), lambda a: (a <= 0.5).astype(np.float64)),
        (above(A, 0.0), lambda a: (a > 0.0).astype(np.float64)),
        (3.0 * A, lambda a: 3.0 * a),
        (filled(A), k.forward_fill),
        (positive(A), lambda a: np.maximum(a, 0.0)),
        (wilder(A, 4), lambda a: k.wilder(a, 4)),
        (lowest(A, 20), lambda a: k.rolling_extreme(a, 20, kind="min")),
        (rolling(m.rolling_sd, A, window=20), lambda a: m.rolling_sd(a, 20)),
    ],
)
def test_values_are_those_of_the_kernel(columns, made, kernel):
    np.testing.assert_array_equal(made.compute(columns), kernel(columns["a"]))


def test_pairs_are_those_of_the_kernel(columns):
    a, b = columns["a"], columns["b"]
    for made, expected in (
        (A + B, a + b),
        (A - B, a - b),
        (A * B, a * b),
        (ratio(A, B), k.ratio(a, b)),
        (ratio(A, B, floor=0.3), k.ratio(a, b, floor=0.3)),
        (gain(A, B), k.ratio(a, b) - 1.0),
    ):
        assert made.inputs == ("a", "b")
        np.testing.assert_array_equal(made.compute(columns), expected)


def test_known_is_null_where_a_name_is_not_listed(columns):
    flags = known(A).compute(columns)
    assert np.isnan(flags[:10, 1]).all()
    assert flags[10:, 1].tolist() == (~np.isnan(columns["a"][10:, 1])).astype(float).tolist()
    assert known(A).inputs == ("a", "listed")


@pytest.mark.parametrize(
    ("made", "lookback"),
    [
        (mean(A, 20), 20),
        (change(A, 5), 6),
        (sd(A, 20), 20),
        (ema(A, 5), k.ewm_length(5)),
        (highest(A, 20), 20),
        (before(A, 5), 6),
        (mean(col("a", 22), 20), 41),
        (z(change(A, 1), 20), 21),
        (mean(A, 5) - mean(A, 60), 60),
        (log(ratio(col("a", 3), col("b", 9))), 9),
        (before(filled(A), 1), 22),
        (wilder(A, 4), 28),
        (lowest(A, 20), 20),
        (rolling(m.rolling_corr, A, before(B, 1), window=20), 21),
        (over(np.fmax, mean(A, 4), col("b")), 4),
    ],
)
def test_the_lookback_is_exact(columns, made, lookback):
    """The last value needs those sessions and no more."""
    assert made.lookback == lookback
    whole = made.compute(columns)[-1]
    last = made.compute({name: values[-lookback:] for name, values in columns.items()})[-1]
    np.testing.assert_array_equal(last, whole)


@pytest.mark.parametrize(
    ("made", "window"),
    [
        (col("a", 22), 1),
        (log(col("a", 22)), 1),
        (mean(col("a", 22), 20), 20),
        (z(change(col("a", 5), 1), 20), 21),
        (mean(A, 5) - mean(col("b", 300), 60), 60),
        (rolling(m.rolling_corr, col("a", 9), before(B, 1), window=20), 21),
    ],
)
def test_the_window_counts_a_column_as_one_session(made, window):
    assert made.window == window
    assert declared("x", made, "ratio", "A test.", group="g").window == window


def test_an_input_is_named_once():
    assert (mean(A, 5) - mean(A, 60)).inputs == ("a",)


def test_a_declaration_states_neither_inputs_nor_lookback():
    feature = declared(
        "x", z(A * B, 20), "z", "A test.", group="g", role=Role.MARKET, axis=Axis.ACROSS
    )
    assert (feature.name, feature.inputs, feature.lookback) == ("x", ("a", "b"), 20)
    assert (feature.unit, feature.group, feature.role) == ("z", "g", Role.MARKET)


def test_a_kernel_over_columns_looks_back_as_far_as_the_longest_and_its_window():
    what = over(lambda one, two: one + 2.0 * two, col("a", 3), col("b"), window=20)
    assert what.inputs == ("a", "b")
    assert what.lookback == 22
    plain = over(lambda one, two: one + 2.0 * two, col("a"), col("b"))
    values = {"a": np.array([[1.0], [np.nan]]), "b": np.array([[2.0], [3.0]])}
    np.testing.assert_array_equal(plain.compute(values), [[5.0], [np.nan]])
