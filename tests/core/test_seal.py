"""Seals: what a manifest states, and what is refused when a file is another one."""

import json
import os

import numpy as np
import pytest

from gogooku.core.errors import DataError, UnsealedError
from gogooku.core.files import read_json, write_json
from gogooku.core.seal import (
    Loose,
    broken,
    carried_from,
    is_inside,
    open_sealed,
    row_digest,
    row_digests,
    row_entry,
    seal,
)
from support.seals import unseal

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def folder(tmp_path):
    """A sealed artefact: a text, a JSON, an array, a row file, and a sealed part."""
    place = tmp_path / "thing"
    (place / "part").mkdir(parents=True)
    (place / "deep").mkdir()
    (place / "a.txt").write_text("words")
    (place / "deep" / "b.json").write_text('{"x": 1}')
    np.save(place / "digests.npy", row_digests(ROWS)[:, None])
    (place / "rows.bin").write_bytes(ROWS.tobytes() + b"of another version")
    write_json(place / "part" / "manifest.json", {"kind": "part"})
    (place / "part" / "c.txt").write_text("inside")
    entry = row_entry(rows=4, row_bytes=12, digests="digests.npy", column=0)
    write_json(place / "manifest.json", {"kind": "run", "day": "x", "files": {"rows.bin": entry}})
    seal(place)
    return place


def test_every_file_is_stated_and_a_part_by_its_manifest(folder):
    sealed = open_sealed(folder, kind="run")
    assert set(sealed.files) == {
        *("a.txt", "deep/b.json", "digests.npy", "rows.bin", "part/manifest.json")
    }
    assert sealed.json("deep/b.json") == {"x": 1}
    assert sealed.path("a.txt").read_text() == "words"
    assert sealed.damaged_rows("rows.bin") == []
    assert sealed.names("deep", ".json") == ["deep/b.json"]
    assert sealed.has("a.txt")
    assert not sealed.has("part/c.txt")


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda p: p.write_text("wards"), "not those that were written"),
        (lambda p: p.write_text("words!"), r"has 6 bytes, written were 5"),
        (lambda p: p.unlink(), "missing"),
        (lambda p: (p.unlink(), p.mkdir()), "is no file"),
        (lambda p: (p.unlink(), os.mkfifo(p)), "is no file"),
        (lambda p: (p.rename(p.with_name("z")), p.symlink_to("z")), "is a link"),
    ],
    ids=["flipped", "longer", "missing", "folder", "pipe", "link"],
)
def test_a_file_that_is_another_one_is_refused_by_name(do, said, folder):
    do(folder / "a.txt")
    with pytest.raises(DataError, match=rf"a\.txt: .*{said}"):
        open_sealed(folder).path("a.txt")


def test_a_folder_that_is_a_link_is_refused(folder, tmp_path):
    (folder / "deep").rename(tmp_path / "away")
    (folder / "deep").symlink_to(tmp_path / "away")
    with pytest.raises(DataError, match="deep: is a link"):
        open_sealed(folder).json("deep/b.json")
    (tmp_path / "other").symlink_to(folder)
    with pytest.raises(DataError, match="other: is a link"):
        open_sealed(tmp_path / "other")


def test_every_byte_of_a_manifest_counts(folder):
    path = folder / "manifest.json"
    content = path.read_bytes()
    for at in range(len(content)):
        spoiled = bytearray(content)
        spoiled[at] ^= 1
        path.write_bytes(spoiled)
        with pytest.raises(DataError):
            open_sealed(folder)
    path.write_bytes(content + b"\n")
    with pytest.raises(DataError, match="changed after it was written"):
        open_sealed(folder)


def test_an_edited_or_unsealed_manifest_is_refused(folder):
    path = folder / "manifest.json"
    manifest = read_json(path)
    write_json(path, {**manifest, "day": "y"})
    with pytest.raises(DataError, match=r"changed after it was written.*gogooku train"):
        open_sealed(folder)
    write_json(path, {**manifest, "seal": ["x"]})
    with pytest.raises(DataError, match="changed after it was written"):
        open_sealed(folder)
    write_json(path, {key: value for key, value in manifest.items() if key != "seal"})
    with pytest.raises(DataError, match="changed after it was written"):
        open_sealed(folder)
    unseal(folder)
    with pytest.raises(UnsealedError, match=r"states no digests.*gogooku train"):
        open_sealed(folder)


def test_another_kind_is_refused(folder):
    with pytest.raises(DataError, match="of the kind 'run', not 'dataset'"):
        open_sealed(folder, kind="dataset")


def test_names_that_lead_out_are_no_names(folder):
    for name in ("../a", "/etc/passwd", "a/../../b", "", "."):
        assert not is_inside(name)
    assert is_inside("a/b.txt")
    write_json(folder / "manifest.json", {"kind": "run", "files": {"../thing/a.txt": {}}})
    seal(folder)
    with pytest.raises(DataError, match="is damaged"):
        open_sealed(folder)


def test_rows_are_compared_one_by_one_and_what_lies_behind_is_not_ours(folder):
    content = bytearray((folder / "rows.bin").read_bytes())
    content[50] ^= 1
    (folder / "rows.bin").write_bytes(content)
    assert open_sealed(folder).damaged_rows("rows.bin") == []
    content[13] ^= 1
    (folder / "rows.bin").write_bytes(content)
    assert open_sealed(folder).damaged_rows("rows.bin") == [1]
    (folder / "rows.bin").write_bytes(content[:40])
    with pytest.raises(DataError, match=r"rows\.bin: is damaged \(has 40 bytes, written were 48"):
        open_sealed(folder).path("rows.bin")


def test_a_row_is_hashed_as_bytes():
    assert row_digest(ROWS[1]).tobytes() == row_digest(ROWS[:, :][1].copy()).tobytes()
    assert row_digest(ROWS.T[1]).tobytes() == row_digest(np.ascontiguousarray(ROWS.T)[1]).tobytes()
    assert row_digests(ROWS[:0]).shape == (0, 16)


def test_shared_files_are_carried_and_damage_with_them(folder, tmp_path):
    newer = tmp_path / "newer"
    newer.mkdir()
    os.link(folder / "a.txt", newer / "a.txt")
    (newer / "digests.npy").write_bytes((folder / "digests.npy").read_bytes())
    assert set(carried_from(folder, newer)) == {"a.txt"}
    (folder / "a.txt").write_text("wards")
    write_json(newer / "manifest.json", {"kind": "run"})
    seal(newer, carried_from(folder, newer))
    with pytest.raises(DataError, match=r"newer/a\.txt: is damaged"):
        open_sealed(newer).path("a.txt")


def test_a_broken_seal_is_made_again(folder):
    (folder / "a.txt").write_text("other")
    write_json(folder / "manifest.json", broken(read_json(folder / "manifest.json"), "a.txt"))
    seal(folder)
    assert open_sealed(folder).path("a.txt").read_text() == "other"
    assert open_sealed(folder).damaged_rows("rows.bin") == []


def test_loose_files_are_read_as_they_are(folder):
    loose = Loose(folder)
    assert loose.json("deep/b.json") == {"x": 1}
    assert loose.names("deep", ".json") == ["deep/b.json"]
    assert loose.has("part/c.txt")
    assert json.loads(loose.path("deep/b.json").read_text()) == {"x": 1}
