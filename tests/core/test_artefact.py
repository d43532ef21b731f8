import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gogooku.core import artefact, files
from gogooku.core.errors import BusyError, StorageError


def test_artefact_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "thing"
    with pytest.raises(RuntimeError), artefact.new_artefact(final) as building:
        (building / "a").write_text("half")
        raise RuntimeError("crash")
    assert not final.exists()
    with artefact.new_artefact(final) as building:
        assert not (building / "a").exists(), "left-overs of an unkeyed build are removed"
        (building / "a").write_text("whole")
    assert (final / "a").read_text() == "whole"


def test_resume_hands_out_left_overs_of_the_same_key_only(tmp_path):
    final = tmp_path / "thing"
    with pytest.raises(RuntimeError), artefact.new_artefact(final, resume="k1") as building:
        (building / "a").write_text("half")
        raise RuntimeError("crash")
    with pytest.raises(RuntimeError), artefact.new_artefact(final, resume="k1") as building:
        assert (building / "a").read_text() == "half"
        raise RuntimeError("crash")
    with artefact.new_artefact(final, resume="k2") as building:
        assert not (building / "a").exists()
        (building / "b").write_text("other")
    assert sorted(p.name for p in final.iterdir()) == ["b"]


def test_replacing_an_artefact_leaves_only_the_new_one(tmp_path):
    final = tmp_path / "thing"
    for text in ("one", "two"):
        with artefact.new_artefact(final) as building:
            (building / "a").write_text(text)
    assert (final / "a").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")] == ["thing"]


def test_second_writer_is_refused(tmp_path):
    final = tmp_path / "thing"
    with artefact.new_artefact(final) as building:
        (building / "a").write_text("x")
        with pytest.raises(BusyError, match="another process"), artefact.new_artefact(final):
            pass
    assert (final / "a").exists()


def test_full_disk_is_a_storage_error_that_leaves_nothing(tmp_path):
    final = tmp_path / "thing"
    with (
        pytest.raises(StorageError, match="nothing was changed"),
        artefact.new_artefact(final) as building,
    ):
        (building / "a").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not final.exists()
    assert not list(tmp_path.glob(".thing.building"))


def test_two_that_name_the_same_at_once_disturb_no_reader_and_not_each_other(tmp_path):
    """As two commands do that find the same delivery already there."""
    pointer = tmp_path / "current.json"

    def name_it(_):
        for _ in range(40):
            artefact.stage_pointer(pointer, "one", key="version")
            artefact.publish_pointer(pointer, "one")
            assert files.read_json(pointer) == {"version": "one"}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(name_it, range(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["current.json"]


def test_pointer_is_seen_only_when_published(tmp_path):
    pointer = tmp_path / "current.json"
    artefact.stage_pointer(pointer, "one", key="version")
    assert not pointer.exists()
    artefact.stage_pointer(pointer, "two", key="version")
    artefact.publish_pointer(pointer, "one")
    assert files.read_json(pointer) == {"version": "one"}
    artefact.publish_pointer(pointer, "two")
    artefact.publish_pointer(pointer, "two")
    assert files.read_json(pointer) == {"version": "two"}
    assert [p.name for p in tmp_path.iterdir()] == ["current.json"]


def test_unkeyed_build_that_stops_leaves_nothing_and_a_keyed_one_is_kept(tmp_path):
    for resume in (None, "key"):
        with pytest.raises(KeyboardInterrupt), artefact.new_artefact(tmp_path / "a", resume=resume):
            raise KeyboardInterrupt
        assert (tmp_path / ".a.building").exists() is (resume is not None)
