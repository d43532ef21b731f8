"""A run folder: what it gives, and what is damaged or gone."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import ContractError, DataError, UsageError
from gogooku.core.files import MANIFEST_FILE
from gogooku.runs.find import open_run
from gogooku.runs.folder import RAW_INPUT, raw_hash, require_name
from support.seals import reseal


def test_scores_are_the_predictions_on_the_axes_of_the_dataset(home, ridge):
    dataset = ridge.dataset(home)
    indices, scores = ridge.scores("test", dataset)
    frame = ridge.predictions("test")
    assert scores.shape == (len(indices), len(dataset.codes), len(ridge.horizons))
    assert int((~np.isnan(scores)).sum()) == frame.height
    row = frame.row(frame.height // 2, named=True)
    at = (
        list(indices).index(dataset.index_of(row["date"])),
        dataset.codes.index(row["code"]),
        ridge.horizons.index(row["horizon"]),
    )
    assert scores[at] == np.float32(row["score"])


def test_predictions_of_another_dataset_are_refused(home, ridge):
    path = ridge.folder / "predictions.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(code=pl.col("code") + "X").write_parquet(path)
    reseal(ridge.folder)
    ridge = open_run(home, ridge.run_id)
    with pytest.raises(ContractError, match=rf"{ridge.run_id} do not fit.*codes.*train again"):
        ridge.scores("test", ridge.dataset(home))


def test_a_damaged_run_says_which_file(home, ridge):
    (ridge.folder / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json: is damaged \(has 1 bytes"):
        open_run(home, ridge.run_id)


def test_a_dataset_that_is_gone_is_named(home, ridge):
    shutil.rmtree(home / "datasets" / ridge.dataset_name)
    with pytest.raises(DataError, match=ridge.dataset_name):
        ridge.dataset(home)
    assert (ridge.folder / MANIFEST_FILE).exists()


def test_a_run_that_reads_raw_channels_is_tied_to_them(home, ridge):
    dataset = ridge.dataset(home)
    assert len(raw_hash(dataset)) >= 16
    tied = replace(ridge.stamp, inputs={**ridge.stamp.inputs, RAW_INPUT: raw_hash(dataset)})
    assert replace(ridge, stamp=tied).dataset(home).content_hash == dataset.content_hash
    other = replace(ridge.stamp, inputs={**ridge.stamp.inputs, RAW_INPUT: "f" * 16})
    with pytest.raises(ContractError, match=r"read raw channels ffff.*train again"):
        replace(ridge, stamp=other).dataset(home)


@pytest.mark.parametrize("name", ["date", "atft-gat-fan", "a", "x" * 64, "9_b.c"])
def test_a_name_that_can_be_one(name):
    assert require_name("run", name) is None


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", ".hidden", "-x", "<b>", "a b", "x" * 65, "a\n"]
)
def test_a_name_that_is_none_is_said(name):
    with pytest.raises(UsageError, match="a name begins with a letter or a digit") as raised:
        require_name("run", name)
    assert len(str(raised.value)) < 250
