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
from gogooku.runs.groups import breakdown
from gogooku.runs.judge import JudgeConfig, evaluate, truth_of
from gogooku.sandbox.market.config import FAMILIES
from support.cli import done, run_cli, sets
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


def test_the_cuts_of_a_cross_validation_are_means_over_its_paths(home):
    done(
        home, "train", "ridge", *sets("split.kind=combinatorial", "split.num_groups=4"),
        *sets("split.embargo=0"), "--json",
    )  # fmt: skip
    run = open_run(home, "ridge")
    dataset = run.dataset(home)
    labels = labels_of(dataset)
    keys = ["cut", "value", "horizon", "measure"]
    alone = []
    for path in range(run.num_paths):
        indices, scores = run.scores("test", dataset, path=path)
        skill = evaluate_scores(
            scores, indices, labels, truth=None, universe_tN=dataset.valid_TN[indices]
        )
        alone.append(breakdown(dataset, labels, (indices, [scores]), skill))
    every = pl.concat(alone).group_by(keys).agg(pl.all().mean(), spread=pl.col("mean").std())
    judged = evaluate(home, run).breakdown
    both = judged.join(every, on=keys, suffix="_alone")
    both = both.filter((pl.col("n") == pl.col("n_alone")) & (pl.col("n") > 0))
    assert both.height > 0.7 * judged.filter(pl.col("n") > 0).height
    assert both["spread"].max() > 0.001, "paths differ"
    assert both["mean"].to_numpy() == pytest.approx(both["mean_alone"].to_numpy(), rel=1e-5)


def test_a_block_of_one_session_has_figures_and_no_error(home):
    day = str(open_run(home, "ridge").dataset(home).sessions[-40])
    split = ("split.kind=calendar", "split.valid=20", f"split.start={day}", f"split.end={day}")
    for name in ("reversal", "ridge"):
        done(home, "train", name, *sets(*split), "--json")
    answer = done(home, "evaluate", "ridge", "--json").json
    (judged,) = answer.values()
    one = judged["metrics"]["h5.rank_ic"]
    assert (one["n"], one["error"], one["low"]) == (1, None, None)
    assert one["value"] is not None
    assert "all 1 test" not in done(home, "evaluate", "ridge").out
    cuts = evaluate(home, open_run(home, "ridge")).breakdown
    assert set(cuts["n"]) <= {0, 1}
    assert cuts["error"].null_count() == cuts.height
    (month,) = cuts.filter(cut="month", horizon=5, measure="rank_ic").to_dicts()
    assert (month["mean"], month["n"]) == (pytest.approx(one["value"]), 1)
    side = done(home, "compare", "reversal", "ridge", "--json").json
    assert "over 1 session that all runs share. No test can judge that" in side["sentence"]
    assert {row["p_value"] for row in side["differences"]} == {None}
    for command in ("backtest", "report", "doctor"):
        assert run_cli(home, command, "ridge").code in (0, 1)


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
