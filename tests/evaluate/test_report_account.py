"""The account on the page: simple rules beside it are compared with it session by session."""

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import mean_estimate
from gogooku.evaluate.report_account import (
    OWN,
    account_parts,
    beside_curves,
    beside_part,
    beside_table,
    levels_beside,
    paired_with,
)
from support.account_pages import account_of, measures_of
from support.pages import in_english, read, rows

RULES = ["universe", "momentum", "low_volatility", "index"]


def returns(frame, column):
    values = frame[column].to_numpy()
    return values[1:] / values[:-1] - 1.0


def test_rules_are_held_against_the_benchmark_of_the_account():
    account = account_of(60)
    levels = levels_beside(account)
    assert list(levels) == [OWN, *RULES]
    for frame in levels.values():
        assert frame["benchmark"].to_list() == account.daily["benchmark"].to_list()


def test_the_account_less_a_rule_is_paired_by_session():
    account = account_of(60)
    rule = account.frame("baselines").filter(baseline="momentum")
    expected = mean_estimate(returns(account.daily, "equity") - returns(rule, "equity"), horizon=1)
    found = paired_with(account)["momentum"]
    assert found["value"] == pytest.approx(expected.value * 245)
    assert found["low"] == pytest.approx(expected.low * 245)
    assert found["n"] == 59


def test_a_rule_with_fewer_sessions_is_compared_on_those():
    account = account_of(60)
    late = account.frame("baselines").filter(
        (pl.col("baseline") != "momentum") | (pl.col("date") > account.daily["date"][20])
    )
    assert paired_with(account_of(60, baselines=late))["momentum"]["n"] == 38


def test_lines_are_growth_over_the_universe():
    account = account_of(60)
    own, *rules = beside_curves(account).series
    level = account.daily["equity"] / account.daily["equity"][0]
    market = account.daily["benchmark"] / account.daily["benchmark"][0]
    np.testing.assert_allclose(own.y, (level / market - 1.0).to_list(), atol=1e-15)
    assert [one.dash for one in (own, *rules)] == ["solid", *["dash"] * 4]
    assert len(beside_curves(account_of(2_450)).series[0].y) <= 500


def test_a_row_for_each_rule_with_its_measures():
    html = beside_table(account_of(60), measures_of(0.2))
    found = rows(html)
    assert [row[0][0] for row in found] == ["This", "Whole", "Momentum", "Low", "Index,"]
    assert found[0][1][0] == "+20.0%"
    assert found[1][1][:4] == ["+5.0%", "−1.0", "to", "+11.0%"]
    assert found[0][2] == [], "the account less itself says nothing"
    assert found[1][2][-2:] == ["n", "59"]


def test_what_could_not_be_traded_is_said():
    account = account_of(60)
    account.facts["baselines_left_out"]["momentum"] = "too short a past"
    assert "Not traded: Momentum" in in_english(beside_part(account, measures_of()))
    alone = account_of(60, baselines=None)
    assert beside_part(alone, measures_of()) == ""


def test_the_parts_come_in_their_order():
    parts = account_parts(account_of(60), measures_of())
    keys = [read(part).ids[0] for part in parts]
    assert keys == ["portfolio", "excess", "equity", "beside", "turnover", "months",
                    "months-excess"]  # fmt: skip
