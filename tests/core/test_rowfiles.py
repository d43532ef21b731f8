"""Row files: shared between versions, and never short without a word."""

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.core.rowfiles import RowFile, share


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
