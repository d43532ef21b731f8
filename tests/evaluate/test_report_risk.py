"""Risk on the page: verdicts in words, the tail in a sentence, windows whatever keeps them."""

import polars as pl
import pytest

from gogooku.evaluate import report_risk
from gogooku.evaluate.report_risk import (
    exit_part,
    exit_sentence,
    falls_part,
    forecasts_part,
    risk_part,
    risk_parts,
    tail_sentence,
    windows_of,
    windows_part,
    worst_part,
)
from gogooku.portfolio.stress import STRESSES
from support.account_pages import account_of
from support.account_pages import windows_of as made_windows
from support.pages import in_english, read, rows

TAIL = {"threshold": 0.012, "shape": 0.25, "scale": 0.01, "excesses": 15.0, "n": 149.0}


def test_losses_by_method_and_level():
    found = rows(risk_part(account_of(40)))
    assert [row[0][0] for row in found] == ["Historical", "Filtered", "Cornish-Fisher", "Peaks"]
    assert found[0][1:] == [["2.00%"], ["3.00%"], ["2.00%"], ["3.00%"]]
    assert found[3][1] == ["–"], "not known"


@pytest.mark.parametrize(
    ("shape", "words"),
    [(0.25, "0.25: fat"), (0.0, "0.00: about exponential"), (-0.2, "−0.20: thin, with an end")],
)
def test_the_tail_is_said_in_words(shape, words):
    said = tail_sentence({**TAIL, "shape": shape})
    assert words in said.en
    assert "15 of 149 sessions" in said.en
    assert "149営業日のうち15回" in said.ja


def test_a_tail_of_too_few_losses_has_no_law():
    assert "too few" in tail_sentence({**TAIL, "shape": None}).en
    assert tail_sentence(None) is None


def test_a_test_passes_or_fails_in_words():
    html = forecasts_part(account_of(300))
    found = rows(html)
    assert len(found) == 4
    assert found[0][1] == ["14,", "12.5", "of", "250"]
    assert found[0][2][:1] == ["passes"]
    assert found[0][3] == ["fails", "p", "&lt;", "0.001"]
    assert found[0][4] == ["fails", "p", "0.030"]
    assert found[0][5] == ["cannot", "say"]
    assert html.count('<td class="bad">') == 8
    assert html.count('<td class="good">') == 4


def test_a_short_account_says_how_many_sessions_are_wanted():
    none = account_of(40).frame("risk_tests").with_columns(n=pl.lit(0), beyond=pl.lit(0))
    said = in_english(forecasts_part(account_of(40, risk_tests=none)))
    assert "needs 250 sessions before it, and this account has 39 sessions" in said
    assert "<table" not in forecasts_part(account_of(40, risk_tests=none))


def test_falls_say_whether_they_are_over_and_ripples_are_left_out():
    found = rows(falls_part(account_of(40)))
    assert len(found) == 2
    assert found[0][:2] == [["2022-02-01"], ["20.0%"]]
    assert found[0][3] == ["not", "yet"]
    assert found[1][3] == ["2022-01-20"]


def test_worst_days_stand_beside_the_universe():
    found = rows(worst_part(account_of(40)))
    assert found[0] == [["2022-01-03"], ["−3.00%"], ["−2.00%"], ["−1.00%"]]


def test_windows_are_found_wherever_they_are_kept():
    storm = pl.DataFrame(made_windows(window="Brexit vote", sessions=6))
    account = account_of(40, storms=storm)
    names = [one if isinstance(one, str) else one.en for one, _ in windows_of(account)]
    assert names == ["worst 5 sessions", "5 sessions, place 2", "2024-08", "Brexit vote"]
    assert windows_of(account)[-1][0].ja == "英国のEU離脱投票"
    assert windows_of(account)[-2][0].ja == "2024-08"
    assert len(rows(windows_part(account))) == 4


def test_a_window_that_the_account_does_not_touch_is_left_out():
    absent = pl.DataFrame(made_windows(window="2011", sessions=0)).with_columns(
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in (("portfolio", pl.Float64), ("first", pl.Date))
    )
    bare = account_of(40, named_windows=absent, worst_windows=None)
    assert windows_of(bare) == []
    assert windows_part(bare) == ""


def test_days_to_exit_are_said_of_the_last_day():
    account = account_of(40)
    row = account.frame("exit").row(-1, named=True)
    assert "40.0% of the holdings within a session" in exit_sentence(row).en
    assert "all of it takes 12 sessions" in exit_sentence(row).en
    stuck = exit_sentence({**row, "longest": None, "untraded": 0.05})
    assert "5.0% lies in names that do not trade" in stuck.en
    assert "取引のない銘柄" in stuck.ja
    figure = read(exit_part(account)).figures["figure-exit"]
    assert next(one["name"]["en"] for one in figure["series"]) == "within 1 session"


def test_what_is_not_kept_is_left_out():
    names = ("risk", "risk_tests", "drawdowns", "worst_sessions", "worst_windows",
             "named_windows", "exit")  # fmt: skip
    parts = risk_parts(account_of(40, **dict.fromkeys(names)))
    assert [read(part).ids[0] for part in parts if part] == ["drawdown"]


def test_every_named_window_has_a_japanese_name():
    assert set(report_risk._STRESSES) == {one.name for one in STRESSES}
