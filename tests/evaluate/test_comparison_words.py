"""The sentence of a comparison in both languages: who, how much, how sure, after which tries."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.comparison_words import p_text, sentence_of, unit_of_mean
from gogooku.evaluate.side_by_side import Tries, side_by_side

DAYS = pl.date_range(date(2023, 1, 2), date(2023, 12, 31), eager=True)
ONE = Tries(count=1)


def daily(seed, shift=0.0, name="rank_ic"):
    values = np.random.default_rng(seed).normal(shift, 0.1, len(DAYS))
    return pl.DataFrame({"date": DAYS, "horizon": pl.Series([5] * len(DAYS), dtype=pl.Int32),
                         name: values})  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    return {"a": daily(1), "b": daily(2, 0.06), "c": daily(3, -0.012)}


def test_a_better_run_is_named_with_its_lead_and_the_tries(runs):
    tries = Tries(count=7, ratios={5: [0.1, 0.0, -0.1, 0.5]})
    made = side_by_side(runs, tries=tries)
    said = sentence_of(made)
    mean = made.runs.filter(run="b", horizon=5)["mean"][0]
    assert said.en.startswith(
        f"b has a higher RankIC than a at a horizon of 5 sessions: {mean:.4f} against "
    )
    assert f"over {len(DAYS)} sessions that all runs share. That is more than chance" in said.en
    assert (
        "7 different settings were judged on these sessions: the probability that b is" in said.en
    )
    assert said.ja.startswith(f"予測期間5営業日の順位ICはbがaより高い: {mean:.4f}対")
    assert "偶然では説明できない差である" in said.ja
    assert "異なる設定は7通り: bが" in said.ja


def test_where_the_first_run_is_best_the_nearest_is_named(runs):
    said = sentence_of(side_by_side({name: runs[name] for name in "bac"}, tries=ONE))
    assert said.en.startswith("No run has a higher RankIC than b")
    assert "the nearest, c, " in said.en
    assert "One setting was judged on these sessions" in said.en
    assert said.ja.startswith("予測期間5営業日の順位ICでbより高い実行はない")


def test_what_chance_explains_is_said_to_be_so(runs):
    said = sentence_of(side_by_side({"a": runs["a"], "c": runs["c"]}, tries=ONE))
    assert "That is within chance: p 0." in said.en
    assert "偶然の範囲内である" in said.ja


def test_equal_runs_cannot_be_judged(runs):
    made = side_by_side({"a": runs["a"], "twin": runs["a"]}, tries=ONE)
    assert "No test can judge that" in sentence_of(made).en


def test_where_less_is_better_the_lowest_is_best():
    name = "turnover_50"
    made = side_by_side({"a": daily(1, 1.0, name), "b": daily(2, 0.5, name)}, tries=ONE,
                        metric=name)  # fmt: skip
    assert sentence_of(made).en.startswith("b has a lower Turnover of the top 50 than a")
    assert "x against" in sentence_of(made).en, "with its unit"
    assert "より低い" in sentence_of(made).ja


def test_a_cross_validation_is_said_to_be_one(runs):
    made = side_by_side(runs, tries=ONE)
    said = sentence_of(made, out_of_time=False)
    assert said.en == f"By cross-validation, not out of time. {sentence_of(made).en}"
    assert said.ja.startswith("交差検証")


def test_a_name_with_braces_is_a_name(runs):
    said = sentence_of(side_by_side({"{x}": runs["a"], "{0}": runs["b"]}, tries=ONE))
    assert said.en.startswith("{0} has a higher RankIC than {x}")


def test_numbers_have_a_digit_more_and_small_p_values_are_words():
    assert unit_of_mean("rank_ic").text(0.04812).en == "0.0481"
    assert unit_of_mean("hit_rate", signed=True).text(0.0123).en == "+1.230%"
    assert p_text(0.0004).en == "below 0.001"
    assert p_text(0.04).ja == "0.040"
    assert p_text(None).en == "–"
