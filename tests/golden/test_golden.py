"""Law 5: the committed market gives the committed numbers."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from support.golden import (
    COMMAND,
    DATA,
    Golden,
    committed_frames,
    compute,
    differences,
    read_golden,
)


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return compute(tmp_path_factory.mktemp("golden"))


def test_the_numbers_are_those_that_were_committed(now: Golden):
    found = differences(read_golden(), now)
    shown = "\n".join(found[:30])
    assert not found, f"{len(found)} differ; if that is intended, run: {COMMAND}\n{shown}"


def test_there_is_enough_to_differ():
    golden = read_golden()
    values = [v for row in golden["features"].values() for v in row if v is not None]
    assert len(golden["features"]) > 100
    assert len(values) > 500
    assert len(set(golden["losses"])) == 3
    assert len(golden["ledger"]) > 30
    assert len(golden["ridge"]["weights"]) > 40


def test_the_committed_files_are_small():
    frames = committed_frames()
    assert frames.quotes.height > 4_000
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 300_000


def perturbed(values: Golden, part: str) -> Golden:
    other = copy.deepcopy(values)
    if part == "features":
        row = other[part]["ret_prev_5d"]
        row[0] = row[0] + 3e-6
    elif part == "losses":
        other[part][1] += 3e-6
    elif part == "ridge":
        other[part]["weights"]["ret_prev_5d"][2] += 3e-6
    elif part == "ledger":
        price = next(row for row in other[part] if row["price"])
        price["price"] += 1e-9 * price["price"]
    elif part == "schema":
        other[part]["feature_table"]["ret_prev_5d"] = "Float64"
    else:
        other[part][-1] *= 1.0 + 3e-6
    return other


@pytest.mark.parametrize("part", ["features", "losses", "ridge", "ledger", "schema", "equity"])
def test_a_small_change_is_caught(part: str):
    golden = read_golden()
    assert differences(golden, copy.deepcopy(golden)) == []
    found = differences(golden, perturbed(golden, part))
    assert len(found) == 1
    assert found[0].startswith(part)


@pytest.mark.parametrize("part", ["features", "losses"])
def test_a_null_or_a_missing_value_is_caught(part: str):
    golden = read_golden()
    other = copy.deepcopy(golden)
    if part == "features":
        other[part]["ret_prev_5d"][0] = None
    else:
        other[part].pop()
    assert len(differences(golden, other)) == 1
    del other[part]
    assert differences(golden, other) == [f"{part}: not in both"]


def test_a_changed_price_changes_the_numbers(
    now: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One close of one name, a week before the end, one tick higher."""
    import shutil

    import polars as pl

    from support import golden as golden_values

    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    quotes = pl.read_parquet(folder / "quotes.parquet").with_row_index("row")
    last = quotes.filter(pl.col("close").is_not_null()).get_column("row").max()
    wrong = pl.when(pl.col("row") == last).then(pl.col("close") + 0.1).otherwise(pl.col("close"))
    quotes.with_columns(close=wrong).drop("row").write_parquet(folder / "quotes.parquet")
    monkeypatch.setattr(golden_values, "DATA", folder)
    found = differences(now, compute(tmp_path / "work"))
    assert any(text.startswith("features.") for text in found)
