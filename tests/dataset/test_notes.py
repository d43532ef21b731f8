"""Remarks of a dataset: how it grew, and what its sources lack; none of them is content."""

import shutil
from dataclasses import replace

import numpy as np

from gogooku.core.calendar import Clock
from gogooku.core.config import resolve
from gogooku.core.files import MANIFEST_FILE, read_json, write_json
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import current_dataset
from gogooku.dataset.manifest import DESCRIPTION_FILE
from gogooku.dataset.notes import (
    GROWTH,
    GROWTH_FILE,
    NOTES,
    UNIVERSE,
    annotate,
    last_null_shares,
    write_growth,
)
from gogooku.dataset.state import nothing_grown
from gogooku.features.catalogue import CATALOGUE, sources_of
from gogooku.ingest.source import read_source


def test_growth_names_the_dataset_that_was_taken_over(tmp_path):
    write_growth(tmp_path, before=tmp_path / "datasets" / "older", sessions=7)
    assert read_json(tmp_path / GROWTH_FILE) == {"from": "older", "sessions_taken_over": 7}
    write_growth(tmp_path, before=tmp_path / "datasets" / "older", sessions=0)
    assert read_json(tmp_path / GROWTH_FILE) == {"from": None, "sessions_taken_over": 0}
    write_growth(tmp_path, before=None, sessions=0)
    assert read_json(tmp_path / GROWTH_FILE)["from"] is None


def test_null_shares_of_the_last_session(tmp_path):
    grown = replace(
        nothing_grown(
            tmp_path,
            codes=("a", "b", "c", "d"),
            features=("some", "none"),
            market_features=("known", "unknown"),
            num_neighbours=1,
        ),
        valid_TN=np.array([[True] * 4, [True, True, True, False]]),
        nulls=np.array([[[0, 0]] * 3, [[9, 9], [9, 9], [1, 3]]], dtype=np.uint16),
        market_TM=np.array([[np.nan, 1.0], [2.0, np.nan]], dtype=np.float32),
    )
    assert last_null_shares(grown) == {
        "some": 1 / 3,
        "none": 1.0,
        "known": 0.0,
        "unknown": 1.0,
    }
    nobody = replace(grown, valid_TN=np.zeros((2, 4), dtype=bool), nulls=np.zeros_like(grown.nulls))
    assert last_null_shares(nobody)["some"] == 0.0


def test_remarks_are_in_both_files_and_in_no_hash(built_home, tmp_path):
    built = current_dataset(built_home)
    folder = tmp_path / "dataset"
    shutil.copytree(built.folder, folder)
    lacking = next(f.name for f in CATALOGUE if sources_of(f) == ("margin_interest",))
    plain = read_json(folder / MANIFEST_FILE) | {"absent": {lacking: "margin_interest"}}
    write_json(folder / MANIFEST_FILE, plain)
    write_growth(folder, before=tmp_path / "older", sessions=5)
    source = read_source(built_home, built.manifest["source"])
    config = BuildConfig(source=source.name, clock=Clock(plain["clock"]))
    annotate(folder, source, resolve(config, base_name="build"))
    for name in (MANIFEST_FILE, DESCRIPTION_FILE):
        made = read_json(folder / name)
        assert made[GROWTH] == {
            "from": "older",
            "sessions_taken_over": 5,
            "new_sessions": len(built.sessions) - 5,
        }
        (note,) = made[NOTES]
        assert (note["gap"], note["features"], note["absent"]) == ("no typed tables", 1, 1)
        assert made[UNIVERSE]["lines"] == []
        assert made[UNIVERSE]["last_names"] == int(built.valid_TN[-1].sum())
        assert made["content_hash"] == plain["content_hash"]
