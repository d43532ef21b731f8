"""Costs, capacity and slices of time: a sentence each, and charts that hold the numbers."""

import polars as pl
import pytest

from gogooku.core.metrics import Z95
from gogooku.evaluate.report_capacity import (
    capacity_line,
    capacity_parts,
    capacity_sentence,
    cost_bars,
    cost_sentence,
    slices_part,
)
from support.account_pages import account_of
from support.pages import in_english, rows


@pytest.mark.parametrize(
    ("multiple", "words"),
    [
        (2.5, "gone at 2.5x the costs"),
        (0.4, "it would be zero at 0.4x"),
        (-1.0, "Even without costs"),
        (None, "paid no costs"),
    ],
)
def test_the_costs_that_take_all_are_said(multiple, words):
    assert words in cost_sentence(multiple).en
    assert cost_sentence(multiple).ja


@pytest.mark.parametrize(
    ("capital", "words"),
    [
        (3.2e9, "at about 3.2bn JPY"),
        (0.0, "no size carries"),
        (-1.0, "no size carries"),
        (None, "no bound"),
    ],
)
def test_the_size_that_takes_all_is_said(capital, words):
    assert words in capacity_sentence(capital, "JPY").en
    if capital == 3.2e9:
        assert "32億円" in capacity_sentence(capital, "JPY").ja


def test_bars_of_costs_have_their_intervals():
    found = account_of(40).frame("cost_sensitivity")
    (bars,) = cost_bars(found).series
    assert bars.y == found["annual_excess"].to_list()
    assert bars.high[0] == pytest.approx(0.08 + Z95 * 0.02)
    assert [text.ja for text in cost_bars(found).x_texts] == ["0倍", "1倍", "5倍"]


def test_a_size_at_which_far_more_is_lost_is_in_the_table_only():
    curve = account_of(40).frame("capacity")
    figure = capacity_line(curve, "JPY")
    after, itself = figure.series
    assert len(after.y) == 4
    assert [value is not None for value in itself.y] == [False, True, False, False]
    assert figure.x_texts[1].ja == "10億円"
    lost = curve.with_columns(annual_excess=-0.1 * pl.col("multiple").rank())
    assert len(capacity_line(lost, "JPY").x) == 2, "as far as the account itself"
    table = rows(capacity_parts(account_of(40))[1])
    assert len(table) == 5
    assert table[-1][0] == ["10tn", "JPY"]


def test_slices_have_intervals_where_there_is_an_error():
    html = slices_part(account_of(40))
    found = {row[0][0]: row[1] for row in rows(html)}
    half = 100 * Z95 * 0.0004 * 245
    assert found["2023"][0] == "+24.5%"
    assert found["2023"][1:4] == [f"+{24.5 - half:.1f}", "to", f"+{24.5 + half:.1f}%"]
    assert found["calm"] == ["0.0%", "n", "40"], "too few sessions for an error"
    assert "月曜" in html
    assert "高変動" in html


def test_what_is_not_kept_is_left_out():
    bare = account_of(40, cost_sensitivity=None, capacity=None, slices=None)
    assert [part for part in capacity_parts(bare) if part] == []
    one = account_of(40).frame("slices").filter(pl.col("slice") == "year")
    assert "Day of the week" not in in_english(slices_part(account_of(40, slices=one)))


def test_an_account_that_was_charged_no_impact_says_so():
    account = account_of(40)
    assert "charged no impact" not in in_english(capacity_parts(account)[1])
    account.facts["costs"] = {"impact": 0.0}
    assert "The account itself was charged no impact" in in_english(capacity_parts(account)[1])
    account.facts["costs"] = {"impact": 12.0}
    assert "charged no impact" not in in_english(capacity_parts(account)[1])
