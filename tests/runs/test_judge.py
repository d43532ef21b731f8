"""Judging a finished run: what it is judged by, what it reads, what stays."""

import shutil

import numpy as np
import polars as pl
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ContractError, DataError
from gogooku.core.stamp import Stamp
from gogooku.core.types import HORIZONS
from gogooku.dataset.home import labels_of
from gogooku.evaluate.skill import evaluate_scores
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig, evaluate, truth_of
from gogooku.sandbox.market.config import FAMILIES
from support.cli import done, sets
from support.seals import reseal


def by(label):
    return resolve(JudgeConfig(), base_name="evaluate", assignments=[f"judge_label={label}"])


def test_it_is_the_skill_of_the_test_part(home, ridge):
    judged = evaluate(home, ridge, by("excess"))
    dataset = ridge.dataset(home)
    indices, scores = ridge.scores("test", dataset)
    skill = evaluate_scores(
        scores,
        indices,
        labels_of(dataset),
        variant="excess",
        truth=truth_of(home, dataset),
        universe_tN=dataset.valid_TN[indices],
    )
    assert judged.metrics == skill.report.to_json()["metrics"]
    assert judged.facts["variant"] == "excess"
    assert judged.findings == skill.findings
    assert judged.daily.equals(skill.daily)
    assert judged.deciles.equals(skill.deciles)
    assert judged.written["part"] == "test"
    assert judged.written["validation"]["h5.rank_ic"]["n"] > 0


def test_each_label_has_an_evaluation_of_its_own(home, ridge):
    folders = {label: evaluate(home, ridge, by(label)).folder for label in ("raw", "residual")}
    assert len(set(folders.values())) == 2
    assert evaluate(home, ridge).folder == folders["raw"]


def test_the_stamp_names_run_dataset_labels_and_truth(home, ridge):
    inputs = Stamp.read(evaluate(home, ridge).folder).inputs
    assert inputs[f"run {ridge.run_id}"] == ridge.content_hash
    assert inputs["labels"] == ridge.stamp.inputs["labels"]
    dataset = ridge.dataset(home)
    assert inputs["truth of source tiny"] == dataset.manifest["source_version"]


def test_without_the_truth_it_is_another_evaluation(home, ridge):
    with_truth = evaluate(home, ridge)
    assert "h5.alignment" in with_truth.metrics
    for path in home.glob("sources/tiny/*/extras/truth.parquet"):
        path.unlink()
        reseal(path.parents[1])
    without = evaluate(home, ridge)
    assert without.folder != with_truth.folder
    assert "h5.alignment" not in without.metrics


def test_shuffled_labels_are_judged_without_truth(home):
    made = done(home, "train", "reversal", *sets("label_order=shuffled"), "--json").json
    judged = evaluate(home, open_run(home, made["run"]))
    assert "h5.alignment" not in judged.metrics
    assert not any(name.startswith("truth") for name in Stamp.read(judged.folder).inputs)


def test_an_evaluation_outlives_its_data(home, ridge):
    judged = evaluate(home, ridge, by("residual"))
    assert "h5.alignment" in judged.metrics, "the truth of its source judges it too"
    shutil.rmtree(home / "datasets")
    again = evaluate(home, ridge, by("residual"))
    assert again.folder == judged.folder
    assert again.metrics == judged.metrics
    with pytest.raises(DataError, match="No dataset"):
        evaluate(home, ridge, by("excess"))


def test_a_dataset_with_another_content_is_refused(home, ridge):
    reseal(home / "datasets" / ridge.dataset_name, content_hash="0000")
    with pytest.raises(ContractError, match="now has content 0000"):
        evaluate(home, ridge, by("residual"))


def test_the_truth_is_on_the_axes_of_the_dataset(home, ridge):
    dataset = ridge.dataset(home)
    truth = truth_of(home, dataset)
    (path,) = home.glob("sources/tiny/*/extras/truth.parquet")
    frame = pl.read_parquet(path)
    assert set(truth.families) == set(FAMILIES)
    assert truth.expectation.shape == (len(dataset.sessions), len(dataset.codes), len(HORIZONS))
    for row in frame.sample(50, seed=1).iter_rows(named=True):
        at = (
            dataset.index_of(row["date"]),
            dataset.codes.index(row["code"]),
            HORIZONS.index(row["horizon"]),
        )
        assert truth.expectation[at] == row["expectation"]
        assert truth.families["gated"][at] == row["gated"]
    assert int(np.isfinite(truth.expectation).sum()) == frame.height


def test_families_are_the_columns_of_the_truth(home, ridge):
    (path,) = home.glob("sources/tiny/*/extras/truth.parquet")
    frame = pl.read_parquet(path)
    frame.with_columns(novel=pl.col("gated") * 2.0).write_parquet(path)
    reseal(path.parents[1])
    truth = truth_of(home, ridge.dataset(home))
    assert set(truth.families) == {*FAMILIES, "novel"}
    assert np.array_equal(truth.families["novel"], truth.families["gated"] * 2.0, equal_nan=True)
    judged = evaluate(home, ridge, by("excess"))
    assert judged.metrics["h5.family_novel"] == judged.metrics["h5.family_gated"]


def test_a_source_without_truth_has_none(built_home):
    assert truth_of(built_home, _current(built_home)) is None


def _current(home):
    from gogooku.dataset.home import current_dataset

    return current_dataset(home)


def test_a_test_part_without_labels_is_refused(home):
    days = _current(home).sessions
    spans = {"train": (60, 100), "valid": (125, 150), "test": (-1, -1)}
    given = [
        f'split.{part}=["{days[first]}","{days[last]}"]' for part, (first, last) in spans.items()
    ]
    made = done(home, "train", "reversal", *sets("split.kind=dates", *given), "--json").json
    with pytest.raises(DataError, match=r"none of 1 tested sessions .* has 10 names"):
        evaluate(home, open_run(home, made["run"]))
