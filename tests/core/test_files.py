import errno
import json
import os

import pytest

from gogooku.core import files
from gogooku.core.errors import BusyError, DataError, StorageError


def test_artefact_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "thing"
    with pytest.raises(RuntimeError), files.new_artefact(final) as building:
        (building / "a").write_text("half")
        raise RuntimeError("crash")
    assert not final.exists()
    with files.new_artefact(final) as building:
        assert not (building / "a").exists(), "left-overs of an unkeyed build are removed"
        (building / "a").write_text("whole")
    assert (final / "a").read_text() == "whole"


def test_resume_hands_out_left_overs_of_the_same_key_only(tmp_path):
    final = tmp_path / "thing"
    with pytest.raises(RuntimeError), files.new_artefact(final, resume="k1") as building:
        (building / "a").write_text("half")
        raise RuntimeError("crash")
    with pytest.raises(RuntimeError), files.new_artefact(final, resume="k1") as building:
        assert (building / "a").read_text() == "half"
        raise RuntimeError("crash")
    with files.new_artefact(final, resume="k2") as building:
        assert not (building / "a").exists()
        (building / "b").write_text("other")
    assert sorted(p.name for p in final.iterdir()) == ["b"]


def test_replacing_an_artefact_leaves_only_the_new_one(tmp_path):
    final = tmp_path / "thing"
    for text in ("one", "two"):
        with files.new_artefact(final) as building:
            (building / "a").write_text(text)
    assert (final / "a").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == ["thing"]


def test_second_writer_is_refused(tmp_path):
    final = tmp_path / "thing"
    with files.new_artefact(final) as building:
        (building / "a").write_text("x")
        with pytest.raises(BusyError, match="another process"), files.new_artefact(final):
            pass
    assert (final / "a").exists()


def test_full_disk_is_a_storage_error_that_leaves_nothing(tmp_path):
    final = tmp_path / "thing"
    with (
        pytest.raises(StorageError, match="nothing was changed"),
        files.new_artefact(final) as building,
    ):
        (building / "a").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not final.exists()
    assert not list(tmp_path.glob(".thing.building"))


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
