"""The warnings of an evaluation come from the run, its scores and its dataset."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.files import read_json
from gogooku.dataset.home import labels_of
from gogooku.evaluate.skill import evaluate_scores
from gogooku.runs.beside import METRICS_FILE
from gogooku.runs.cautions import cautions_of
from gogooku.runs.folder import EVENTS_FILE
from gogooku.runs.groups import breakdown
from gogooku.runs.judge import evaluate


def said(home, run, *, change=None, dataset=None):
    """Cautions about a run whose scores, or whose dataset, are changed."""
    whole = run.dataset(home)
    labels, (indices, scores) = labels_of(whole), run.scores("test", whole)
    if change is not None:
        scores = change(scores, labels.raw_TNH[indices])
    skill = evaluate_scores(scores, indices, labels)
    where = breakdown(whole, labels, (indices, [scores]), skill)
    found = cautions_of(run, dataset or whole, (indices, scores), skill, where)
    return {one.code: one.text for one in found}


def test_a_healthy_run_of_several_folds_is_warned_of_nothing_grave(home, ridge):
    codes = said(home, ridge)
    grave = {"negative-skill", "one-day", "partial-days", "score-plateau", "survivors-only"}
    assert not grave & set(codes)
    assert not {"other-currency", "only-illiquid", "cap-hit"} & set(codes)


def test_scores_turned_round_are_warned_of(home, ridge):
    def turned(scores, labels):
        noise = np.random.default_rng(0).normal(size=labels.shape)
        return np.where(np.isfinite(scores), noise - 20 * np.nan_to_num(labels), np.nan)

    assert "negative-skill" in said(home, ridge, change=turned)


def test_sessions_that_lack_names_are_warned_of(home, ridge):
    def thinned(scores, _):
        scores = scores.copy()
        scores[10, np.flatnonzero(np.isfinite(scores[10, :, 0]))[12:]] = np.nan
        return scores

    assert "partial-days" in said(home, ridge, change=thinned)


def test_scores_that_tie_are_warned_of(home, ridge):
    assert "score-plateau" in said(home, ridge, change=lambda s, _: np.sign(s))


def test_the_bias_and_the_currency_of_the_dataset_are_warned_of(home, ridge):
    whole = ridge.dataset(home)
    bias = ["survivors only: none of 900 names left"]
    other = replace(whole, manifest={**whole.manifest, "known_bias": bias, "currency": "USD"})
    assert {"survivors-only", "other-currency"} <= set(said(home, ridge, dataset=other))


def test_they_are_written_gravest_first_and_read_back(home, ridge):
    judged = evaluate(home, ridge)
    written = read_json(judged.folder / METRICS_FILE)["warnings"]
    assert judged.warnings == written
    order = ["high", "medium", "low"]
    places = [order.index(one["severity"]) for one in written]
    assert places == sorted(places)
    assert all(set(one) == {"code", "severity", "text", "text_ja", "numbers"} for one in written)


def test_one_fold_is_warned_of(home, ridge):
    folds = len(ridge.manifest["folds"])
    assert ("one-fold" in said(home, ridge)) == (folds == 1)


@pytest.mark.parametrize("at_cap", [True, False])
def test_a_cap_is_read_from_the_events(home, ridge, tmp_path, monkeypatch, at_cap):
    event = {"event": "boosting", "horizon": 1, "at_cap": at_cap}
    monkeypatch.setattr(type(ridge), "events", property(lambda self: [event]))
    assert ("cap-hit" in said(home, ridge)) == at_cap


def test_events_are_the_lines_of_the_file(home, ridge):
    lines = (ridge.folder / EVENTS_FILE).read_text().splitlines()
    assert ridge.events == [json.loads(line) for line in lines]
