"""Live skill and the spread of the scores."""

import pytest

from gogooku.dashboard.skill import cumulative, is_below, scores_part, skill_part, skills_of
from support.dashboards import bare, live, shown
from support.pages import in_english, read


def test_every_horizon_has_a_line_with_its_interval_and_its_promise():
    made = shown()
    part = skill_part(made, skills_of(made))
    figure = read(part).figures["figure-skill"]
    assert [one["name"]["en"] for one in figure["series"]] == ["published", "promised"]
    text = in_english(part)
    assert "1 session" in text
    assert "n 40" in text
    assert "+0.050" in text
    assert " to " in text


def test_the_chart_adds_up_the_horizon_that_ranks():
    made = shown()
    daily = live().filter(horizon=5).sort("session").get_column("rank_ic")
    figure = cumulative(made)
    assert figure.series[0].y == pytest.approx(daily.cum_sum().to_list())
    assert figure.series[1].y[-1] == pytest.approx(0.05 * 40)


def test_without_a_promise_there_is_one_line():
    assert len(cumulative(shown(promised={})).series) == 1


def test_one_session_is_no_line():
    one = shown(live=live(count=1))
    assert cumulative(one) is None
    assert "n 1" in in_english(skill_part(one, skills_of(one)))


def test_skill_below_its_promise_is_marked():
    bad = shown(live=live(mean=-0.2))
    found = skills_of(bad)
    assert [is_below(one) for one in found] == [False, True], "nothing is promised of one session"
    assert '<b class="bad">' in skill_part(bad, found)
    assert not any(map(is_below, skills_of(shown())))


def test_nothing_has_matured_yet():
    text = in_english(skill_part(bare(), skills_of(bare())))
    assert "No label has matured yet: the first one does 1 session and one session after" in text


def test_the_scores_are_drawn_and_compared_with_the_session_before():
    part = scores_part(shown())
    counts = read(part).figures["figure-scores"]["series"][0]["y"]
    assert sum(counts) == 60
    text = in_english(part)
    assert "1.0200" in text
    assert "75.0%" in text
    assert "–" in in_english(scores_part(bare()))
