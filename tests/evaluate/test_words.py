"""Texts in two languages, and numbers that have their unit."""

import math

import pytest

from gogooku.evaluate.words import (
    BASIS_POINTS,
    CORRELATION,
    COUNT,
    MINUS,
    NONE,
    RETURN,
    SHARE,
    Text,
    Unit,
    amount,
    html,
    joined,
    probability,
    sessions,
    tipped,
)


def test_what_differs_by_language_is_marked_and_the_rest_is_not():
    assert html(Text("a < b", "甲 & 乙")) == (
        '<span lang="en">a &lt; b</span><span lang="ja">甲 &amp; 乙</span>'
    )
    assert html("13010 <b>") == html(Text("13010 <b>", "13010 <b>")) == "13010 &lt;b&gt;"


def test_a_meaning_is_escaped_in_both_languages():
    shown = tipped(Text("RankIC", "順位IC"), Text('"x" <y>', "値 > 0"))
    assert 'data-tip-en="&quot;x&quot; &lt;y&gt;"' in shown
    assert 'data-tip-ja="値 &gt; 0"' in shown


def test_places_are_filled_in_each_language():
    made = Text("{n} of {what}", "{what}の{n}").filled(n="3", what=Text("days", "日数"))
    assert made == Text("3 of days", "日数の3")


def test_sentences_are_joined_as_each_language_does():
    assert joined([Text("A.", "甲。"), Text("B.", "乙。")]) == Text("A. B.", "甲。乙。")


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (CORRELATION, 0.0434, "+0.043"),
        (CORRELATION, -0.0434, f"{MINUS}0.043"),
        (CORRELATION, -0.0001, "0.000"),
        (RETURN, 0.0312, "+3.1%"),
        (SHARE, 0.0312, "3.1%"),
        (BASIS_POINTS, -0.00123, f"{MINUS}12.3 bps"),
        (COUNT, 12345.0, "12,345"),
        (SHARE, None, NONE),
        (SHARE, math.nan, NONE),
        (SHARE, math.inf, NONE),
    ],
)
def test_a_number_has_its_sign_and_unit(unit, value, shown):
    assert unit.text(value).en == shown


def test_units_follow_the_language():
    times = Unit(digits=1, suffix=Text("x", "倍"))
    assert times.text(3.0) == Text("3.0x", "3.0倍")
    assert times.between(1.0, 2.0) == Text("1.0 to 2.0x", "1.0〜2.0倍")
    assert times.between(None, 2.0) == Text("", "")


def test_sessions_are_counted():
    assert sessions(1) == Text("1 session", "1営業日")
    assert sessions(1200).en == "1,200 sessions"


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (807_268_857.0, "JPY", Text("807m JPY", "8.07億円")),
        (1e9, "JPY", Text("1bn JPY", "10億円")),
        (1e12, "JPY", Text("1tn JPY", "1兆円")),
        (25_000.0, "USD", Text("25k USD", "2.5万ドル")),
        (-3.2e9, "JPY", Text("−3.2bn JPY", "−32億円")),
        (950.0, "EUR", Text("950 EUR", "950 EUR")),
        (99_980_000.0, "JPY", Text("100m JPY", "9,998万円")),
        (None, "JPY", Text("–", "–")),
        (math.inf, "JPY", Text("–", "–")),
    ],
)
def test_money_goes_by_the_steps_of_each_language(value, currency, text):
    assert amount(value, currency) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "50.0%"), (0.9991, "above 99.9%"), (0.0009, "below 0.1%"), (1.0, "above 99.9%"),
     (0.0, "below 0.1%"), (None, "–"), (math.nan, "–")],
)  # fmt: skip
def test_a_probability_is_never_said_to_be_certain(value, text):
    assert probability(value).en == text
