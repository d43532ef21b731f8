"""Files of equal rows that grow at the end, shared between versions of an artefact.

A row file has no header: its type and the shape of a row are in the manifest of what it belongs to,
and so is the number of its rows. Rows that no manifest counts are not there. So a newer version of
an artefact may share the file of an older one by a hard link and write its own rows behind: the
older one never sees them, and ten gigabytes are not copied for one day. A version that keeps its
newest rows in a file of its own as well lets others write those rows again; it lays its own over.
"""

from __future__ import annotations

import math
import mmap
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError
from gogooku.core.files import load_array, open_regular, readable
from gogooku.core.seal import row_digest

FRESH_SESSIONS = 5
"""Newest sessions of which rows may still come: some are fetched only after its decision."""
_COPY_ROWS = 64
_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0
"""MAP_NORESERVE, which Python does not name."""


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
        shape = (count, *self.row_shape)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype=self.dtype)
        with self._opened(count) as handle:
            return np.memmap(handle, dtype=self.dtype, mode="r", shape=shape)

    def read(self, first: int, count: int) -> npt.NDArray[Any]:
        """Rows ``first`` to ``first + count``, read into memory.

        Raises
        ------
        DataError
            The file is missing or holds fewer, though it may have held them before.
        """
        shape = (count, *self.row_shape)
        with self._opened(first + count) as handle, readable(self.path):
            found = np.fromfile(
                handle, dtype=self.dtype, count=math.prod(shape), offset=first * self.row_bytes
            )
        if len(found) != math.prod(shape):
            raise self._short(first + found.nbytes // self.row_bytes, first + count)
        return np.asarray(found.reshape(shape))

    def overlaid(self, first: int, count: int, own: Path) -> npt.NDArray[Any]:
        """The first rows as they lie in the file, behind them those of another file; read only.

        Parameters
        ----------
        first : int
            Rows of this file.
        count : int
            Rows in all.
        own : Path
            A ``.npy`` file of the others. Only they take memory of the process.

        Raises
        ------
        DataError
            A file is missing or damaged, or holds fewer rows.
        """
        others, shape = self.own_rows(count - first, own), (count, *self.row_shape)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype=self.dtype)
        with self._opened(count) as handle:
            # not np.memmap: what is never written to needs no memory set aside for it
            room = mmap.mmap(
                handle.fileno(),
                count * self.row_bytes,
                flags=mmap.MAP_PRIVATE | _NO_RESERVE,
                prot=mmap.PROT_READ | mmap.PROT_WRITE,
            )
        rows = np.frombuffer(room, dtype=self.dtype).reshape(shape)
        rows[first:] = others
        rows.flags.writeable = False
        return rows

    def own_rows(self, count: int, own: Path) -> npt.NDArray[Any]:
        """The rows of this kind that lie in a ``.npy`` file of their own, read into memory.

        Raises
        ------
        DataError
            It is missing or damaged, or holds another number.
        """
        others, wanted = load_array(own), (count, *self.row_shape)
        if others.shape != wanted or others.dtype != self.dtype:
            raise DataError(
                f"{own}: holds {others.dtype} {others.shape}, written were {wanted}; it is "
                "damaged. Remove the artefact that it belongs to and run the step that makes it."
            )
        return others

    @contextmanager
    def _opened(self, count: int) -> Iterator[BinaryIO]:
        """The file, of at least ``count`` rows: to read behind the end of it is the end of us."""
        with open_regular(self.path) as handle:
            held = os.fstat(handle.fileno()).st_size // max(self.row_bytes, 1)
            if held < count:
                raise self._short(held, count)
            yield handle

    def _short(self, held: int, count: int) -> DataError:
        return DataError(
            f"{self.path}: holds {held} rows, {count} were written; it is damaged. Remove the "
            "artefact that it belongs to and run the step that makes it."
        )

    def extend(self, first: int, count: int) -> npt.NDArray[Any]:
        """Room for rows ``first`` to ``first + count``, writable; what lies behind them stays.

        The blocks are reserved at once, so that a full disk is an `OSError` here and not the end of
        the process later.

        Raises
        ------
        DataError
            The file holds fewer than ``first`` rows.
        """
        begin, size = first * self.row_bytes, count * self.row_bytes
        if begin:
            with self._opened(first):
                pass
        with self.path.open("r+b" if self.path.exists() else "w+b") as handle:
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


class ReadRows:
    """Rows that are read into memory each time that they are asked for.

    For who reads few of many and must outlive what others do to the file: where it has been cut
    off, a mapping ends the process (SIGBUS), and this is a `DataError`.

    Parameters
    ----------
    file : RowFile
        Of the rows that are shared.
    first : int
        How many they are.
    own : array
        The rows behind them.
    """

    def __init__(self, file: RowFile, first: int, own: npt.NDArray[Any]) -> None:
        self._file, self._first, self._own = file, first, own
        self.shape = (first + len(own), *file.row_shape)
        self.dtype = np.dtype(file.dtype)

    def __len__(self) -> int:
        """Rows."""
        return self.shape[0]

    def __getitem__(self, key: int | slice) -> npt.NDArray[Any]:
        """A row or a span of rows.

        Raises
        ------
        DataError
            The file does not hold them any more.
        """
        span = range(len(self))[key]
        if isinstance(span, int):
            return np.asarray(self._between(span, span + 1)[0])
        if not span:
            return self._own[:0]
        low = min(span[0], span[-1])
        rows = self._between(low, max(span[0], span[-1]) + 1)
        return rows if span.step == 1 else rows[np.array(span) - low]

    def _between(self, begin: int, end: int) -> npt.NDArray[Any]:
        cut = min(max(self._first, begin), end)
        behind = self._own[cut - self._first : end - self._first]
        if cut == begin:
            return behind
        shared = self._file.read(begin, cut - begin)
        return np.concatenate([shared, behind]) if len(behind) else shared


class CheckedRows:
    """Rows that are compared with their digests when they are first read, and handed out then.

    Parameters
    ----------
    rows : array [T, capacity, ...] or ReadRows
        Memory-mapped, or read when they are asked for.
    digests : uint8 [T, 16]
        Of each row, see `gogooku.core.seal.row_digest`.
    path : Path
        Of the file, for errors.
    width : int
        Places of a row that are used; only they are handed out.
    """

    def __init__(
        self,
        rows: npt.NDArray[Any] | ReadRows,
        digests: npt.NDArray[np.uint8],
        path: Path,
        *,
        width: int,
    ) -> None:
        if len(digests) < len(rows):
            raise DataError(
                f"{path}: {len(rows)} rows and {len(digests)} digests; it is damaged. Remove the "
                "artefact that it belongs to and run the step that makes it."
            )
        self._rows, self._digests, self._path, self._width = rows, digests, path, width
        self._good = np.zeros(len(rows), dtype=np.bool_)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, used places, and what a place holds."""
        return (len(self._rows), self._width, *self._rows.shape[2:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._rows.dtype

    def __len__(self) -> int:
        """Rows."""
        return len(self._rows)

    def __getitem__(self, key: int | slice | tuple[Any, ...]) -> npt.NDArray[Any]:
        """A row, or a span of rows, or what an array gives of them.

        Raises
        ------
        DataError
            The bytes of one of them are not those that were written.
        """
        if isinstance(key, tuple):
            rows, one = self[key[0]], not isinstance(key[0], slice)
            return np.asarray(rows[key[1:] if one else (slice(None), *key[1:])])
        span, found = range(len(self))[key], self._rows[key]
        for t, row in ((span, found),) if isinstance(span, int) else zip(span, found, strict=True):
            if not self._good[t]:
                if (row_digest(row) != self._digests[t]).any():
                    raise DataError(
                        f"{self._path}: session {t} is damaged (its bytes are not those that were "
                        "written). Nothing of it is used. Remove the artefact that it belongs to "
                        "and run the step that makes it."
                    )
                self._good[t] = True
        return found[: self._width] if isinstance(span, int) else found[:, : self._width]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: object = None
    ) -> npt.NDArray[Any]:
        """All rows, each checked."""
        return (np.array if copy else np.asarray)(self[:], dtype=dtype)

    def unchecked(self) -> npt.NDArray[Any]:
        """All rows with all places, as they lie in the file: to be passed on with their digests."""
        return self._rows[:]

    def whole(self) -> npt.NDArray[Any]:
        """All rows, each checked, still memory-mapped."""
        return self[:]


def link_or_copy(path: Path, target: Path) -> None:
    """Hard link; a copy where the file system has none."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def share(old: RowFile, new: RowFile, held: npt.NDArray[Any], *, alone: bool) -> None:
    """Give ``new`` the first rows of ``old``.

    Parameters
    ----------
    held : array
        Those rows, as the older version has them.
    alone : bool
        Whether nobody but ``old`` counts what lies in the file behind them: then ``new`` may write
        its own there, and the file is linked; otherwise, or when rows have another width, they are
        copied.

    Raises
    ------
    DataError
        ``old`` is missing or holds fewer rows.
    """
    if alone and old.row_shape == new.row_shape:
        link_or_copy(old.path, new.path)
        return
    for first in range(0, len(held), _COPY_ROWS):
        new.write(first, np.asarray(held[first : first + _COPY_ROWS]))
