"""Why a name ranks where it does."""

import polars as pl

from gogooku.dashboard.page import render_dashboard
from gogooku.dashboard.why import WHY, WHY_NOT, Reason, Reasons, reasons_of, why_part
from gogooku.features.catalogue import CATALOGUE
from gogooku.learn.why.contributions import WhyNot
from support.dashboards import HOSTILE, bare, frames, ranking, shown
from support.pages import in_english, read, rows

ROWS = (
    Reason("ret_1d", "Return of a session", 0.0123, 0.5),
    Reason("size", "Market value", None, -0.25),
)


def test_each_feature_has_its_meaning_its_value_and_what_it_adds():
    part = why_part(Reasons("exact", ROWS))
    read(part)
    assert rows(part) == [
        [["ret_1d", "Return", "of", "a", "session"], ["0.012"], ["+0.5000"]],
        [["size", "Market", "value"], ["–"], ["−0.2500"]],
    ]
    assert "Method: exact." in in_english(part)


def test_where_nothing_was_computed_it_says_so():
    for none in (None, Reasons("exact", ())):
        assert "Not computed" in in_english(why_part(none))


def test_where_a_score_is_no_sum_it_says_why():
    assert set(WHY_NOT) == {str(one) for one in WhyNot if one is not WhyNot.NO_NAMES}
    for word, text in WHY_NOT.items():
        part = why_part(None, why_not=word)
        assert text.en in in_english(part)
        assert text.ja in part
    assert "names see one another" in render_dashboard(shown(frames=bare().frames, why_not="peers"))


def test_texts_of_others_are_escaped():
    part = why_part(Reasons(HOSTILE, (Reason(HOSTILE, HOSTILE, 1.0, 1.0),)))
    assert HOSTILE not in part


def frame(**changes):
    known = CATALOGUE[0].name
    whole = {
        "code": ["a", "a", "a", "b"],
        "method": ["exact"] * 4,
        "feature": [known, "own", "lost", known],
        "meaning": [None, "Of its own", None, None],
        "value": [1.0, None, 2.0, 3.0],
        "contribution": [0.1, -0.5, None, 0.2],
    }
    return pl.DataFrame({**whole, **changes})


def test_the_largest_contribution_of_each_name_comes_first():
    found = reasons_of({WHY: frame()}, codes=["a", "c"])
    assert set(found) == {"a"}
    assert found["a"].method == "exact"
    assert [(one.feature, one.value, one.added) for one in found["a"].rows] == [
        ("own", None, -0.5),
        (CATALOGUE[0].name, 1.0, 0.1),
    ]


def test_a_feature_that_does_not_say_what_it_means_is_looked_up():
    rows = reasons_of({WHY: frame()}, codes=["a"])["a"].rows
    assert [one.meaning for one in rows] == ["Of its own", CATALOGUE[0].meaning]


def test_what_may_be_missing_and_what_must_be_there():
    few = frame().drop("method", "meaning", "value")
    assert reasons_of({WHY: few}, codes=["b"])["b"].rows[0].value is None
    assert reasons_of({WHY: few.drop("contribution")}, codes=["b"]) == {}
    assert reasons_of({}, codes=["b"]) == {}


def test_reasons_that_are_published_stand_in_the_page():
    code = ranking().get_column("code")[0]
    made = {**frames(), WHY: frame(code=[code] * 4)}
    text = in_english(render_dashboard(shown(frames=made)))
    assert "Method: exact." in text
    assert "Of its own" in text
