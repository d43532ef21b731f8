"""Limits and splits against plain loops over one name's flags."""

import numpy as np
import pytest

from gogooku.features.laws import check_blocks, check_lookback
from gogooku.features.market.limits import LIMITS, LONGEST_STREAK, OLDEST_EVENT
from support.naive import assert_declared, assert_same

NAN = float("nan")
BY_NAME = {feature.name: feature for feature in LIMITS}


@pytest.fixture(scope="module")
def flags():
    """Names with frequent, rare, clustered and no limits, halts, holes and late listings."""
    rng = np.random.default_rng(4)
    shape = (420, 12)
    state = np.where(rng.random(shape) < 0.04, rng.choice([-1.0, 1.0], shape), 0.0)
    state[:, 1] = 0.0
    state[100, 2] = 1.0
    for start, length, side in ((50, 3, 1.0), (120, 7, 1.0), (300, 5, -1.0), (413, 7, -1.0)):
        state[start : start + length, 3] = side
    state[200:206, 4] = [1.0, -1.0, 1.0, 1.0, 0.0, 1.0]
    traded = np.where(rng.random(shape) < 0.98, 1.0, 0.0)
    traded[203, 4], traded[:60, 5], traded[390:, 6] = 0.0, NAN, 0.0
    hole = traded != 1.0
    low = np.exp(rng.normal(6.0, 0.1, shape))
    high = np.where((state != 0.0) & (rng.random(shape) < 0.5), low, 1.02 * low)
    split = (rng.random(shape) < 0.004).astype(float)
    split[300, 2], split[330, 2], split[:, 1] = 1.0, 1.0, 0.0
    prices = {"high": high, "low": low, "close": np.where(rng.random(shape) < 0.5, low, high)}
    out = {name: np.where(hole, NAN, values) for name, values in prices.items()}
    out["limit_up_flag"] = np.where(hole, NAN, (state > 0).astype(float))
    out["limit_down_flag"] = np.where(hole, NAN, (state < 0).astype(float))
    out["split"], out["traded"] = split, traded
    out["universe"] = np.where((np.arange(12) != 7) & ~np.isnan(traded), 1.0, NAN)
    return out


def made(name, inputs):
    feature = BY_NAME[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        return feature.compute({key: inputs[key] for key in feature.inputs})


def looped(inputs, one, *columns):
    """Apply ``one(t, lists)`` to every cell."""
    shape = inputs["traded"].shape
    out = np.full(shape, NAN)
    for n in range(shape[1]):
        lists = [inputs[column][:, n].tolist() for column in columns]
        for t in range(shape[0]):
            out[t, n] = one(t, *lists)
    return out


def known(values, t, window):
    return [v for v in values[max(0, t - window + 1) : t + 1] if v == v]


@pytest.mark.parametrize("side", ["limit_up", "limit_down"])
def test_flags_and_counts(flags, side):
    np.testing.assert_array_equal(made(f"{side}_flag", flags), flags[f"{side}_flag"])
    for window in (20, 60):

        def count(t, values, window=window):
            some = known(values, t, window)
            return sum(some) / len(some) * window if len(some) >= 0.8 * window else NAN

        assert_same(
            made(f"{side}_{window}d", flags), looped(flags, count, f"{side}_flag"), side, least=3000
        )


@pytest.mark.parametrize("side", ["limit_up", "limit_down"])
def test_sessions_since_a_limit(flags, side):
    def age(t, values):
        if len(known(values, t, OLDEST_EVENT)) < 0.8 * OLDEST_EVENT:
            return NAN
        for back in range(OLDEST_EVENT):
            if t - back >= 0 and values[t - back] == 1.0:
                return back
        return OLDEST_EVENT

    expected = looped(flags, age, f"{side}_flag")
    assert_same(made(f"sessions_since_{side}", flags), expected, side, least=1500)
    assert {0.0, 1.0, float(OLDEST_EVENT)} <= set(expected[np.isfinite(expected)])


def test_streak(flags):
    def run(t, up, down):
        sign, length = up[t] - down[t], 0
        if sign != sign:
            return NAN
        while length < LONGEST_STREAK and t - length >= 0 and sign != 0.0:
            if up[t - length] - down[t - length] != sign:
                break
            length += 1
        return sign * length

    expected = looped(flags, run, "limit_up_flag", "limit_down_flag")
    assert_same(made("limit_streak", flags), expected, "limit_streak")
    assert np.nanmax(expected) == LONGEST_STREAK
    assert np.nanmin(expected) == -LONGEST_STREAK


def test_locked(flags):
    def locked(t, high, low, up, down):
        return NAN if up[t] != up[t] else float((up[t] or down[t]) and high[t] == low[t])

    expected = looped(flags, locked, "high", "low", "limit_up_flag", "limit_down_flag")
    assert_same(made("price_locked_flag", flags), expected, "price_locked_flag")
    at_limit = flags["limit_up_flag"] + flags["limit_down_flag"] == 1.0
    assert 0.2 < np.nanmean(expected[at_limit]) < 0.8


def test_reversal(flags):
    def against(t, up, down, close):
        if t == 0 or any(v != v for v in (up[t - 1], close[t - 1], close[t])):
            return NAN
        move = close[t] - close[t - 1]
        return float((up[t - 1] == 1.0 and move < 0) or (down[t - 1] == 1.0 and move > 0))

    expected = looped(flags, against, "limit_up_flag", "limit_down_flag", "close")
    assert_same(made("post_limit_reversal_flag", flags), expected, "post_limit_reversal_flag")
    assert np.nansum(expected) > 20


def test_shares_of_the_universe(flags):
    for side in ("limit_up", "limit_down"):
        expected = []
        for day, member in zip(flags[f"{side}_flag"], flags["universe"], strict=True):
            some = [v for v, u in zip(day, member, strict=True) if u == 1.0 and v == v]
            expected.append(sum(some) / len(some) if len(some) >= 5 else NAN)
        assert_same(made(f"uni_{side}_share", flags), expected, side, least=400)
        # a name outside the universe does not count
        other = dict(flags)
        other[f"{side}_flag"] = flags[f"{side}_flag"].copy()
        other[f"{side}_flag"][:, 7] = 1.0
        np.testing.assert_array_equal(
            made(f"uni_{side}_share", other), made(f"uni_{side}_share", flags)
        )


def test_splits(flags):
    def event(t, split, traded):
        return split[t] if traded[t] == traded[t] else NAN

    def listed(t, split, traded, window):
        return known([event(s, split, traded) for s in range(t + 1)], t, window)

    def within(t, split, traded):
        some = listed(t, split, traded, 20)
        return max(some) if len(some) >= 16 else NAN

    def age(t, split, traded):
        if len(listed(t, split, traded, OLDEST_EVENT)) < 0.8 * OLDEST_EVENT:
            return NAN
        for back in range(min(OLDEST_EVENT, t + 1)):
            if event(t - back, split, traded) == 1.0:
                return back
        return OLDEST_EVENT

    for name, one in (
        ("is_split_event", event),
        ("is_split_20", within),
        ("sessions_since_split", age),
    ):
        expected = looped(flags, one, "split", "traded")
        assert_same(made(name, flags), expected, name, least=1500)
        assert np.nanstd(expected) > 0
    assert made("sessions_since_split", flags)[340, 2] == 10
    assert made("sessions_since_split", flags)[340, 1] == OLDEST_EVENT


def test_a_source_without_limits_has_nulls(flags):
    silent = flags | {
        side: np.full_like(flags["close"], NAN) for side in ("limit_up_flag", "limit_down_flag")
    }
    for feature in LIMITS:
        if "limit_up_flag" in feature.inputs or "limit_down_flag" in feature.inputs:
            assert np.isnan(made(feature.name, silent)).all(), feature.name
            assert feature.max_null_share == 1.0


def test_windows_and_blocks(flags):
    assert check_lookback(LIMITS, flags, sessions=[130, 250, 305, 330, 419]) == []
    assert check_blocks(LIMITS, flags, block_names=1) == []


def test_declared():
    assert_declared(LIMITS, "limits")
