"""What is wrong, the data, the evening."""

import pytest

from gogooku.dashboard.health import alarms, banner, data_part, pipeline_part
from gogooku.dashboard.skill import skills_of
from gogooku.evaluate.words import Text
from gogooku.releases.verdicts import passed, refused
from support.dashboards import HOSTILE, bare, check, evening, live, measured, shown
from support.pages import in_english, read, rows


def said(**changes):
    made = shown(**changes)
    return in_english(banner(made, skills_of(made)))


def test_where_all_is_well_there_is_no_alarm():
    assert alarms(shown(), skills_of(shown())) == []
    quiet = shown(measured=measured(checks=[]))
    html = banner(quiet, skills_of(quiet))
    assert "role" not in html
    assert 'hidden data-due="2026-11-30T14:00:00+00:00"' in html


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"troubles": [Text("it is old", "古い")]}, "it is old"),
        ({"evening": evening(failed="the disk is full")}, "failed: the disk is full"),
        ({"evening": evening(refused=["2026-11-30: jump: it jumped"])}, "jump: it jumped"),
        ({"live": live(mean=-0.2)}, "Live skill over 5 sessions is below the promise"),
    ],
)
def test_what_is_wrong_is_loud(changes, words):
    text = said(**changes)
    assert text.startswith("Attention before trading")
    assert words in text


def test_a_page_that_is_known_to_be_old_does_not_say_it_twice():
    assert "data-due" not in banner(shown(troubles=["it is old"]), [])


def test_a_failed_check_is_named_with_what_was_seen():
    assert "Late table: statements: seen" in said()
    assert "Spread of the scores" not in said()


def test_what_was_not_measured_says_so():
    assert "was not measured" in in_english(banner(bare(), []))


def test_texts_of_others_are_escaped():
    bad = shown(evening=evening(failed=HOSTILE, refused=[HOSTILE]), troubles=[HOSTILE],
                measured=measured(checks=[{**check("late", HOSTILE, failed=True),
                                           "says": HOSTILE}]))  # fmt: skip
    assert HOSTILE not in banner(bad, []) + pipeline_part(bad)


def test_what_the_gates_said_is_told_and_a_refusal_in_both_languages():
    figures = {"share": 0.253, "most": 0.2}
    gates = [passed("ties", "few", **figures).to_json(), refused("jump", HOSTILE).to_json()]
    part = pipeline_part(shown(gates=gates))
    assert "All 2 gates before publishing" in in_english(part)
    assert "同点の銘柄 25.3%(上限 20%)" in part
    assert HOSTILE not in part
    assert "gates before publishing" not in pipeline_part(shown())
    kept = {"session": "2026-11-30", **refused("ties", "many", **figures).to_json()}
    late = shown(evening=evening(refused=["2026-11-30: ties: many"], refused_gates=[kept]))
    html = banner(late, [])
    assert "a gate refused: 2026-11-30: ties: many" in in_english(html)
    assert "(検査で不合格): 2026-11-30: 同点: 同点の銘柄 25.3%(上限 20%)" in html


def test_a_late_table_comes_first():
    part = data_part(shown())
    read(part)
    body = rows(part)
    assert body[0][:3] == [
        ["Financial", "summaries", "statements"], ["2", "sessions", "late"], ["2026-11-25"]
    ]  # fmt: skip
    assert body[1][1] == ["on", "time"]
    assert body[2][:2] == [["own_table"], ["no", "rows"]]
    assert "It was not measured" in in_english(data_part(bare()))


def test_the_steps_of_the_evening_stand_in_their_order():
    part = pipeline_part(shown(shadows=["lightgbm-2"]))
    read(part)
    names = [row[0][0] for row in rows(part)[:4]]
    assert names == ["Fetch", "Build", "Rank,", "Measure"]
    text = in_english(part)
    assert "30.0 s" in text
    assert "2026-11-02 20:30 (25 days)" in text
    assert "lightgbm-2" in text
    assert "2026-11-27 20:40" in text


def test_a_step_of_another_name_comes_last():
    more = evening()
    more["steps"]["archive"] = {"seconds": 1.0, "at": more["at"]}
    assert rows(pipeline_part(shown(evening=more)))[4][0] == ["archive"]


def test_every_check_has_its_verdict():
    text = in_english(pipeline_part(shown()))
    assert "All 2 checks" in text
    assert text.index("FAILED") < text.index("passed")


def test_without_an_evening_it_says_so():
    assert "No evening is on record" in in_english(pipeline_part(bare()))
