"""The checkers catch planted violations."""

from __future__ import annotations

import numpy as np

from gogooku.features.engine import kernels as k
from gogooku.features.laws import (
    check_blocks,
    check_lookback,
    check_no_look_ahead,
    dense_views,
    overstated_lookbacks,
)
from support.markets import stock_feature

SESSIONS = (100, 200, 470)


def tomorrow(x):
    return np.vstack([x["close"][1:] / x["close"][:-1] - 1.0, np.full((1, 40), np.nan)])


def test_a_look_ahead_is_caught(market):
    planted = stock_feature("tomorrow", tomorrow, lookback=2)
    views = dense_views(market, rng=np.random.default_rng(0))
    found = check_no_look_ahead([planted], views, sessions=SESSIONS)
    assert {(f.feature, f.session) for f in found} == {("tomorrow", s) for s in SESSIONS}
    assert {f.law for f in found} == {"look-ahead (cut)", "look-ahead (garbage)"}
    assert "tomorrow: look-ahead (cut) at session 100" in str(found[0])


def test_a_whole_sample_statistic_is_caught(market):
    def share(x):
        return x["turnover"] / x["turnover"][-1]

    planted = stock_feature("whole", share, inputs=("turnover",))
    views = dense_views(market, rng=np.random.default_rng(0))
    assert check_no_look_ahead([planted], views, sessions=(200,))


def test_a_future_beyond_one_session_is_caught_through_an_input(market):
    early = stock_feature("_early", tomorrow, lookback=2)
    planted = stock_feature("late", lambda x: x["_early"] * 2.0, inputs=("_early",), lookback=2)
    views = dense_views(market, rng=np.random.default_rng(0))
    found = check_no_look_ahead([early, planted], views, sessions=(200,))
    assert {f.feature for f in found} == {"_early", "late"}


def test_an_understated_lookback_is_caught(market):
    def mean(x):
        return k.rolling_mean(x["turnover"], 20)

    right = stock_feature("right", mean, inputs=("turnover",), lookback=20)
    wrong = stock_feature("wrong", mean, inputs=("turnover",), lookback=19)
    found = check_lookback([right, wrong], market, sessions=SESSIONS)
    assert {f.feature for f in found} == {"wrong"}
    assert "lookback 19 is too short" in found[0].law


def test_a_running_total_is_caught(market):
    def total(x):
        return np.nancumsum(x["turnover"], axis=0)

    planted = stock_feature("total", total, inputs=("turnover",), lookback=100)
    assert check_lookback([planted], market, sessions=(200,))


def test_an_overstated_lookback_is_noticed(market):
    planted = stock_feature("slow", lambda x: k.shift(x["close"], 3), lookback=50)
    assert overstated_lookbacks([planted], market, sessions=SESSIONS) == ["slow"]


def test_an_along_feature_that_looks_across_is_caught(market):
    def rank(x):
        return x["close"] - np.nanmean(x["close"], axis=1, keepdims=True)

    found = check_blocks([stock_feature("rank", rank)], market, block_names=7)
    assert [f.law for f in found] == ["depends on other names"]
