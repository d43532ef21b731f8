"""How much may be luck: the sentence follows from the numbers, and names the tries."""

import pytest

from gogooku.evaluate.report_luck import luck_part, luck_sentence
from support.account_pages import account_of, luck_of
from support.pages import in_english, rows


@pytest.mark.parametrize(
    ("deflated", "words"),
    [
        (0.96, "luck is an unlikely explanation"),
        (0.6, "luck is not excluded"),
        (0.3, "luck explains it as well"),
        (None, "is not known"),
    ],
)
def test_the_verdict_follows_from_the_deflated_figure(deflated, words):
    said = luck_sentence(luck_of(deflated=deflated))
    assert words in said.en
    assert "12 different settings were judged" in said.en
    assert "12通り" in said.ja


def test_one_try_and_no_overfitting_are_said_as_such():
    said = luck_sentence(luck_of(tries=1, overfitting=None))
    assert said.en.startswith("No other setting was judged")
    assert "overfitting" not in said.en
    assert "with a probability of 11.0%" in luck_sentence(luck_of()).en


def test_what_is_nearly_sure_is_never_said_to_be():
    said = luck_sentence(luck_of(deflated=0.99999, overfitting=0.0)).en
    assert "above 99.9%" in said
    assert "below 0.1%" in said
    assert "100.0%" not in said


def test_every_figure_says_what_it_is_of():
    found = {row[0][0]: row for row in rows(luck_part(luck_of(), account_of(150)))}
    assert found["Registered"][1] == ["12"]
    assert found["Better"][1:] == [
        ["96.2%"],
        ["daily", "RankIC", "at", "5", "sessions,", "ratio", "+0.210"],
    ]
    assert found["Probability"][2] == ["7", "tries,", "mean", "daily", "RankIC"]
    assert found["Excess"][1] == ["+4.9%"], "a year of 245 sessions"
    assert found["Sharpe"][1] == ["+0.78"]
    assert found["Sharpe"][2] == ["95%:", "+0.16", "to", "+1.41,", "p", "0.020"]
    assert found["Sessions"][1:] == [
        ["300", "sessions"],
        ["this", "account", "has", "149", "sessions"],
    ]


def test_without_an_account_only_tries_are_shown():
    assert len(rows(luck_part(luck_of(), None))) == 3
    few = in_english(luck_part(luck_of(overfitting=None, counted=2), None))
    assert "fewer than 4 tries" in few


def test_a_deflated_figure_of_the_account_is_shown_where_it_is_kept():
    account = account_of(150)
    account.facts["statistics"]["deflated_sharpe"] = {"probability": 0.5, "n": 149}
    assert "Better than the best account by luck" in in_english(luck_part(luck_of(), account))
