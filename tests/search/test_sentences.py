"""The sentence that matters says what was found, and what was not."""

from dataclasses import replace

import pytest

from gogooku.search.sentences import sentence_of


def said(found, **changes):
    finals = replace(found.finals, **changes)
    return sentence_of(found.plan.ground, finals, trials=24)


def row(difference, p, n=250):
    return {
        "horizon": 5, "pick": 0.03 + difference, "default": 0.03, "difference": difference,
        "low": difference - 0.01, "high": difference + 0.01, "p_value": p, "n": n,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "p", "words"),
    [
        (0.012, 0.01, "better by more than chance explains"),
        (0.012, 0.30, "does not beat the run as it is beyond chance"),
        (-0.012, 0.01, "worse by more than chance explains"),
        (0.012, None, "too few sessions for a test"),
    ],
)
def test_the_verdict_follows_the_unseen_sessions(difference, p, words, searched):
    found = searched[1]
    text = said(found, unseen=[row(difference, p)])
    assert words in text.en
    assert "Best of 24 trials" in text.en
    assert "on 250 sessions that the search never saw" in text.en
    assert f"against {'+0.030'}" in text.en


def test_a_pick_that_is_the_run_as_it_is_is_said(searched):
    found = searched[1]
    assert "the pick is the run as it is" in said(found, pick=found.finals.default).en


def test_luck_is_said_with_the_number_of_tries(searched):
    found = searched[1]
    luck = replace(found.finals.luck, tries=1234, deflated=0.4)
    assert "1,234 different settings" in said(found, luck=luck).en
    assert "not significant, it may all be luck" in said(found, luck=luck).en
    assert "there is skill" in said(found, luck=replace(luck, deflated=0.96)).en
    assert "not known" in said(found, luck=replace(luck, deflated=float("nan"))).en


def test_on_permuted_labels_a_find_is_an_alarm(searched):
    found = searched[1]
    luck = found.finals.luck
    sound = said(found, shuffled=True, luck=replace(luck, deflated=0.5)).en
    broken = said(found, shuffled=True, luck=replace(luck, deflated=0.99)).en
    assert "inside the noise, as it has to be" in sound
    assert "above the noise: the search or the data leaks" in broken


def test_both_languages_say_all_of_it(searched):
    text = said(searched[1])
    assert text.ja != text.en
    assert "試行" in text.ja
