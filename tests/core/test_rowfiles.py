"""Row files: shared between versions, and never short without a word."""

import os

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.core.rowfiles import CheckedRows, ReadRows, RowFile, share
from gogooku.core.seal import row_digests


def made(path, rows):
    file = RowFile(path, np.float32, (3,))
    file.write(0, np.arange(rows * 3, dtype=np.float32).reshape(rows, 3))
    return file


def test_a_version_writes_behind_the_rows_of_another(tmp_path):
    old = made(tmp_path / "old.bin", 4)
    new = RowFile(tmp_path / "new.bin", np.float32, (3,))
    share(old, new, old.rows(4), alone=True)
    new.write(4, np.full((2, 3), 7.0))
    np.testing.assert_array_equal(old.rows(4), np.arange(12.0).reshape(4, 3))
    assert (new.rows(6)[4:] == 7.0).all()


@pytest.mark.parametrize("alone", [True, False])
def test_a_short_file_is_not_shared(alone, tmp_path):
    old = made(tmp_path / "old.bin", 4)
    with old.path.open("r+b") as handle:
        handle.truncate(3 * old.row_bytes)
    new = RowFile(tmp_path / "new.bin", np.float32, (3,))
    with pytest.raises(DataError, match="holds 3 rows, 4 were written"):
        share(old, new, old.rows(4), alone=alone)
    assert not new.path.exists()


def test_no_rows_are_written_behind_a_hole(tmp_path):
    short = made(tmp_path / "short.bin", 2)
    before = short.path.read_bytes()
    with pytest.raises(DataError, match="holds 2 rows, 5 were written"):
        short.write(5, np.zeros((1, 3)))
    assert short.path.read_bytes() == before


def test_rows_laid_over_those_of_the_file_stay_out_of_it(tmp_path):
    file, own = made(tmp_path / "rows.bin", 5), tmp_path / "own.npy"
    before = file.path.read_bytes()
    np.save(own, np.full((2, 3), -1.0, dtype=np.float32))
    rows = file.overlaid(3, 5, own)
    np.testing.assert_array_equal(rows[:3], file.rows(3))
    np.testing.assert_array_equal(rows[3:], np.full((2, 3), -1.0))
    assert not rows.flags.writeable
    assert file.path.read_bytes() == before
    file.write(3, np.full((2, 3), 9.0))
    assert (rows[3:] == -1.0).all()
    with pytest.raises(DataError, match="holds 5 rows, 6 were written"):
        file.overlaid(4, 6, own)
    for first, count in ((3, 6), (4, 5)):
        with pytest.raises(DataError, match=r"own\.npy: holds float32 \(2, 3\), written were"):
            file.overlaid(first, count, own)


def test_a_row_that_is_written_again_cuts_nothing_off(tmp_path):
    """An older version may map all the rows that it has."""
    file = made(tmp_path / "rows.bin", 6)
    mapped = file.rows(6)
    file.write(2, np.full((1, 3), 9.0))
    np.testing.assert_array_equal(mapped[3:], np.arange(18.0).reshape(6, 3)[3:])
    assert (mapped[2] == 9.0).all()


def read_and_mapped(tmp_path):
    """Rows of a file of seven, of which another file has the last two, read and mapped."""
    file, own = made(tmp_path / "rows.bin", 7), tmp_path / "own.npy"
    np.save(own, np.full((2, 3), -1.0, dtype=np.float32))
    return file, ReadRows(file, 5, file.own_rows(2, own)), file.overlaid(5, 7, own)


@pytest.mark.parametrize(
    "key",
    [0, 4, 5, -1, slice(None), slice(0, 3), slice(3, 6), slice(5, 7), slice(4, 4), slice(9, 2)]
    + [slice(None, None, 2), slice(None, None, -1), slice(6, 1, -3), slice(None, 0, -1)],
)
def test_rows_that_are_read_are_those_that_are_mapped(tmp_path, key):
    _, read, mapped = read_and_mapped(tmp_path)
    assert (len(read), read.shape, read.dtype) == (7, mapped.shape, mapped.dtype)
    np.testing.assert_array_equal(read[key], mapped[key])
    with pytest.raises(IndexError):
        read[7]


def test_a_file_that_is_cut_off_after_it_was_opened_is_an_error(tmp_path):
    """Where it is mapped this ends the process."""
    file, read, mapped = read_and_mapped(tmp_path)
    rows = CheckedRows(read, row_digests(mapped), file.path, width=2)
    np.testing.assert_array_equal(rows[0:2], mapped[0:2, :2])
    os.truncate(file.path, 2 * file.row_bytes + 5)
    np.testing.assert_array_equal(rows[1], mapped[1, :2])
    np.testing.assert_array_equal(rows[6], [-1.0, -1.0])
    for key in (2, slice(0, 4), slice(3, 7)):
        with pytest.raises(DataError, match=r"rows\.bin: holds 2 rows, [345] were written"):
            rows[key]
    file.path.unlink()
    with pytest.raises(DataError, match=r"rows\.bin: cannot be read"):
        rows[0]


def test_rows_that_are_read_are_checked(tmp_path):
    file, read, mapped = read_and_mapped(tmp_path)
    rows = CheckedRows(read, row_digests(mapped), file.path, width=3)
    with file.path.open("r+b") as handle:
        handle.seek(3 * file.row_bytes)
        handle.write(b"\x01")
    np.testing.assert_array_equal(rows[:3], mapped[:3])
    with pytest.raises(DataError, match=r"session 3 is damaged"):
        rows[2:5]
