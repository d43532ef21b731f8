"""Files of equal rows that grow at the end, shared between versions of an artefact.

A row file has no header: its type and the shape of a row are in the manifest of what it belongs to,
and so is the number of its rows. Rows that no manifest counts are not there. So a newer version of
an artefact may share the file of an older one by a hard link and write its own rows behind: the
older one never sees them, and ten gigabytes are not copied for one day.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError
from gogooku.core.files import readable

_COPY_ROWS = 64


@dataclass(frozen=True)
class RowFile:
    """One file of rows of ``row_shape``; ``fill`` stands in places that a row does not use."""

    path: Path
    dtype: npt.DTypeLike
    row_shape: tuple[int, ...]
    fill: float = 0.0

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return math.prod(self.row_shape) * np.dtype(self.dtype).itemsize

    def rows(self, count: int) -> npt.NDArray[Any]:
        """The first ``count`` rows, memory-mapped, read only.

        Raises
        ------
        DataError
            The file is missing or holds fewer.
        """
        if count == 0:
            return np.empty((0, *self.row_shape), dtype=self.dtype)
        self._check(count)
        shape = (count, *self.row_shape)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype=self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=shape)

    def overlaid(self, first: int, own: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The first rows as they lie in the file, and behind them rows that are not the file's.

        Parameters
        ----------
        first : int
            Rows of the file.
        own : array [t, *row_shape]
            What stands behind them. Only the memory that they take is private to the caller.

        Raises
        ------
        DataError
            The file is missing, or holds fewer rows than the two together.
        """
        count = first + len(own)
        shape = (count, *self.row_shape)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype=self.dtype)
        self._check(count)
        rows = np.memmap(self.path, dtype=self.dtype, mode="c", shape=shape)
        rows[first:] = own
        rows.flags.writeable = False
        return rows

    def _check(self, count: int) -> None:
        """Refuse a file that holds fewer than ``count`` rows: the missing ones would be zeros."""
        if not count or not self.row_bytes:
            return
        with readable(self.path):
            held = self.path.stat().st_size // max(self.row_bytes, 1)
        if held < count:
            raise DataError(
                f"{self.path}: holds {held} rows, {count} were written; it is damaged. Remove the "
                "artefact that it belongs to and run the step that makes it."
            )

    def extend(self, first: int, count: int) -> npt.NDArray[Any]:
        """Room for rows ``first`` to ``first + count``, writable; what lay behind them is cut off.

        The blocks are reserved at once, so that a full disk is an `OSError` here and not the end of
        the process later.

        Raises
        ------
        DataError
            The file holds fewer than ``first`` rows.
        """
        begin, size = first * self.row_bytes, count * self.row_bytes
        self._check(first)
        with self.path.open("r+b" if self.path.exists() else "w+b") as handle:
            handle.truncate(begin + size)
            if size:
                os.posix_fallocate(handle.fileno(), begin, size)
        shape = (count, *self.row_shape)
        if size == 0:
            return np.empty(shape, dtype=self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r+", offset=begin, shape=shape)

    def changeable(self, count: int) -> npt.NDArray[Any]:
        """The first ``count`` rows, writable where they lie."""
        shape = (count, *self.row_shape)
        return np.memmap(self.path, dtype=self.dtype, mode="r+", shape=shape)

    def write(self, first: int, values: npt.NDArray[Any]) -> None:
        """Write rows whose second axis may be narrower than the row; the rest gets ``fill``."""
        place = self.extend(first, len(values))
        width = values.shape[1]
        place[:, :width] = values
        place[:, width:] = self.fill


def link_or_copy(path: Path, target: Path) -> None:
    """Hard link; a copy where the file system has none."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def share(old: RowFile, new: RowFile, *, rows: int, alone: bool) -> None:
    """Give ``new`` the first rows of ``old``.

    Parameters
    ----------
    alone : bool
        Whether nobody but ``old`` counts rows of the file beyond ``rows``: then ``new`` may write
        its own there, and the file is linked; otherwise, or when rows have another width, it is
        copied.

    Raises
    ------
    DataError
        ``old`` is missing or holds fewer rows.
    """
    held = old.rows(rows)
    if alone and old.row_shape == new.row_shape:
        link_or_copy(old.path, new.path)
        return
    for first in range(0, rows, _COPY_ROWS):
        new.write(first, np.asarray(held[first : first + _COPY_ROWS]))
