import errno
import json
import os

import numpy as np
import polars as pl
import pytest
from safetensors import SafetensorError

from gogooku.core import files
from gogooku.core.errors import DataError, StorageError

FULL = f"No space left on device (os error {errno.ENOSPC})"


def test_other_faults_are_not_renamed(tmp_path):
    with pytest.raises(FileExistsError), files.storage_errors(tmp_path):
        raise FileExistsError(errno.EEXIST, "exists")


def test_require_space_says_how_much(tmp_path):
    files.require_space(tmp_path / "not" / "yet", num_bytes=1)
    with pytest.raises(StorageError, match="MB free, this step writes about"):
        files.require_space(tmp_path, num_bytes=10**18)


def test_json_round_trip_is_atomic_and_sorted(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"b": 1, "a": [1, 2]})
    assert files.read_json(path) == {"a": [1, 2], "b": 1}
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_text_is_put_in_the_place_of_another(tmp_path):
    path = tmp_path / "page.html"
    for text in ("one", "二つ目"):
        files.write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_json_faults_name_the_file(tmp_path):
    with pytest.raises(DataError, match="not found"):
        files.read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json: not readable"):
        files.read_json(tmp_path / "bad.json")


def test_hashes_are_of_content(tmp_path):
    assert files.hash_json({"a": 1, "b": 2}) == files.hash_json(json.loads('{"b": 2, "a": 1}'))
    assert files.hash_json({"a": 1}) != files.hash_json({"a": 2})
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(b"same")
    assert files.hash_file(tmp_path / "x") == files.hash_file(tmp_path / "y")
    assert files.hash_parts({"a": "1", "b": "2"}) == files.hash_parts({"b": "2", "a": "1"})


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError("1048576 requested and 131056 written"),
        SafetensorError(f"Error while serializing: I/O error: {FULL}"),
        pl.exceptions.ComputeError(FULL),
    ],
    ids=["plain", "np.save", "safetensors", "polars"],
)
def test_every_shape_of_a_full_disk_is_a_storage_error(fault, tmp_path):
    with (
        pytest.raises(StorageError, match="No space left on device.*nothing was changed"),
        files.storage_errors(tmp_path),
    ):
        raise fault


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.EISDIR, "a directory"),
        OSError("something else"),
        SafetensorError("invalid header"),
        pl.exceptions.ComputeError("columns differ"),
    ],
)
def test_other_faults_stay_what_they_are(fault, tmp_path):
    with pytest.raises(type(fault)) as raised, files.storage_errors(tmp_path):
        raise fault
    assert raised.value is fault


def test_parquet_on_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise pl.exceptions.ComputeError(message)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    message = FULL
    with pytest.raises(OSError, match="No space left") as raised:
        files.write_parquet(pl.DataFrame({"a": [1]}), tmp_path / "a.parquet")
    assert raised.value.errno == errno.ENOSPC
    message = "another fault"
    with pytest.raises(pl.exceptions.ComputeError):
        files.write_parquet(pl.DataFrame({"a": [1]}), tmp_path / "a.parquet")


def test_json_that_cannot_be_written_leaves_the_old_one_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})

    def fail(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(StorageError):
        files.write_json(path, {"a": 2})
    assert files.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_damaged_or_missing_file_is_a_data_error_that_names_it(tmp_path):
    whole = tmp_path / "whole.npy"
    np.save(whole, np.arange(1000))
    (tmp_path / "half.npy").write_bytes(whole.read_bytes()[:4000])
    (tmp_path / "none.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("text")
    for name in ("half.npy", "none.npy", "text.npy", "missing.npy"):
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            files.load_array(tmp_path / name)
    assert (files.load_array(whole) == np.arange(1000)).all()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    for name in ("bad.parquet", "missing.parquet"):
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            files.read_parquet(tmp_path / name)
