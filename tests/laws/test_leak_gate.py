"""Law 7: a leak is caught by its skill, and shuffled labels leave none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gogooku import cli
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Dataset
from gogooku.dataset.home import datasets_folder, labels_of
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import load_grown
from gogooku.evaluate.skill import evaluate_scores
from gogooku.runs.judge import evaluate, truth_of
from gogooku.runs.labels import run_labels
from support.law_world import run_config, trained
from support.seals import restate

REPLACED = "day_range"
"""The feature whose place a planted leak takes."""


def exit_code(home: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("GOGOOKU_HOME", str(home))
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def leaking(law_home: Path, basic_dataset: Dataset, tmp_path: Path) -> Callable[..., Dataset]:
    """A copy of the dataset with one column replaced, without or with the truth beside it."""

    def make(values_TN: np.ndarray, *, truth: bool) -> Dataset:
        folder = datasets_folder(tmp_path) / basic_dataset.folder.name
        shutil.copytree(basic_dataset.folder, folder)
        if truth:
            (tmp_path / "sources").symlink_to(law_home / "sources")
        inside = np.where(basic_dataset.valid_TN, values_TN, np.nan)
        x = load_grown(folder).layout.x.changeable(len(inside))
        column = x[:, : inside.shape[1], basic_dataset.features.index(REPLACED)]
        column[:] = np.nan_to_num(centred_ranks(inside))
        restate(folder)
        return read_dataset(folder)

    return make


@pytest.mark.parametrize("truth", [True, False], ids=["sandbox", "own data"])
@pytest.mark.parametrize("learner", ["ridge", "lightgbm"])
def test_a_label_among_the_features_is_found(
    leaking, basic_dataset: Dataset, tmp_path: Path, monkeypatch, capsys, learner: str, truth: bool
):
    label = np.asarray(labels_of(basic_dataset).raw_TNH[:, :, 1], dtype=np.float64)
    run = trained(tmp_path, learner, leaking(label, truth=truth))
    assert exit_code(tmp_path, monkeypatch, "evaluate", run.run_id) == 1
    said = capsys.readouterr().err
    assert "horizon 5: RankIC" in said
    assert "look for a label" in said
    assert any(text.startswith("horizon 5") for text in evaluate(tmp_path, run).findings)


def test_the_planted_expectation_among_the_features_is_found(
    leaking, law_home: Path, basic_dataset: Dataset, tmp_path: Path
):
    truth = truth_of(law_home, basic_dataset)
    assert truth is not None
    dataset = leaking(truth.expectation[:, :, 1], truth=True)
    run = trained(tmp_path, "reversal", dataset, f"learner.feature={REPLACED}")
    scores = -np.asarray(dataset.x_TNF[:, :, [dataset.features.index(REPLACED)] * 4])
    scores = np.where(dataset.valid_TN[:, :, None], -scores, np.nan)
    indices = np.arange(100, len(dataset.sessions) - 30)
    exposed = evaluate_scores(
        scores[indices], indices, labels_of(dataset), variant="raw", truth=truth
    )
    assert any("contain the expectation itself" in text for text in exposed.findings)
    assert not any("expectation itself" in text for text in evaluate(tmp_path, run).findings)


@pytest.mark.parametrize("learner", ["ridge", "lightgbm"])
def test_an_honest_run_has_no_finding(
    law_home: Path, basic_dataset: Dataset, monkeypatch, learner: str
):
    run = trained(law_home, learner, basic_dataset)
    assert exit_code(law_home, monkeypatch, "evaluate", run.run_id) == 0
    assert evaluate(law_home, run).findings == []


@pytest.mark.parametrize("learner", ["ridge", "lightgbm"])
def test_shuffled_labels_leave_no_skill(law_home: Path, basic_dataset: Dataset, learner: str):
    run = trained(law_home, learner, basic_dataset, "label_order=shuffled")
    metrics = evaluate(law_home, run).metrics
    # sessions are permuted independently: n of them cannot be surer than 1/sqrt(names * n)
    members = float(basic_dataset.valid_TN.sum(axis=1).mean())
    for horizon in (1, 5, 10, 20):
        measured = metrics[f"h{horizon}.rank_ic"]
        assert measured["n"] >= 20
        error = max(measured["error"], (members * measured["n"]) ** -0.5)
        assert abs(measured["value"]) < 3.0 * error
        assert measured["error"] < 0.05


def test_the_shuffle_would_not_hide_a_leak(leaking, basic_dataset: Dataset, tmp_path: Path):
    """The shuffled labels themselves, planted as a feature, are found all the same."""
    shuffled = run_labels(basic_dataset, run_config("ridge", "label_order=shuffled").config)
    label = np.asarray(shuffled.raw_TNH[:, :, 1], dtype=np.float64)
    run = trained(tmp_path, "ridge", leaking(label, truth=False), "label_order=shuffled")
    assert any(text.startswith("horizon 5") for text in evaluate(tmp_path, run).findings)
