"""The page of a search: self-contained, complete, the same bytes again."""

from dataclasses import replace

import pytest

from gogooku.evaluate.words import Language, Text
from gogooku.search.finals import Neighbour
from gogooku.search.page import SearchPage, render_search
from gogooku.search.record import TrialRecord


@pytest.fixture
def page(searched):
    found = searched[1]
    return SearchPage(
        name=found.folder.name,
        ground=found.plan.ground,
        trials=found.trials,
        finals=found.finals,
        sentence=Text("THE SENTENCE", "その文"),
        importances=found.importances,
        settings=found.plan.origins,
        simulated=True,
        exchange="tokyo",
    )


def test_every_part_is_there(page):
    text = render_search(page)
    for part in (
        "unseen", "difference", "luck", "finalists", "seen", "history", "importances", "slices",
        "parallel",
        "neighbours", "trials", "settings",
    ):  # fmt: skip
        assert f'<section id="{part}"' in text, part
    assert "THE SENTENCE" in text
    assert "その文" in text
    for knob in page.ground.space.knobs:
        assert knob.name in text


def test_it_fetches_nothing_and_is_the_same_again(page):
    text = render_search(page)
    assert text == render_search(page)
    assert "default-src 'none'" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_the_language_is_that_which_was_asked(page):
    assert 'data-lang="ja"' in render_search(replace(page, language=Language.JA))


def test_what_failed_is_said_and_escaped(page):
    failed = TrialRecord(9, "failed", {"learner.leaves": 2}, None, fault="<b>no numbers</b>")
    neighbour = Neighbour("learner.l2", 3.0, float("nan"), float("nan"), "<i>why</i>")
    text = render_search(
        replace(
            page,
            trials=[*page.trials, failed],
            finals=replace(page.finals, neighbours=(neighbour,)),
        )
    )
    assert "&lt;b&gt;no numbers" in text
    assert "&lt;i&gt;why" in text
    assert "<b>no numbers" not in text


def test_a_search_of_two_trials_without_later_folds_still_has_a_page(page):
    few = replace(
        page,
        trials=page.trials[:2],
        importances={},
        finals=replace(page.finals, unseen=[], neighbours=()),
    )
    text = render_search(few)
    assert '<section id="unseen"' not in text
    assert '<section id="importances"' not in text
    assert '<section id="history"' in text
