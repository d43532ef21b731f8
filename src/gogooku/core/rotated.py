"""Logs that stay small: a file that is moved aside once it is full, and so many older ones.

``access.log`` is written; ``access.log.1`` is the one before it, and so on up to the number that is
kept. Several processes may write the same log: each block of lines is written at one go under a
lock of the file, and whoever finds the file full moves it, once. A process that is killed between
two moves leaves every file whole, and the next one goes on.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
LOG_MIB: Final = 64
"""Size of a log, in MiB, at which another one is begun: a week of a request a second."""
LOG_KEPT: Final = 8
"""Older logs that stay beside it."""


def _write_point(name: str) -> None:
    """As `gogooku.core.files.write_point`, which loads what the command line's help must not."""
    from gogooku.core.files import write_point

    write_point(name)


class RotatedFile:
    """A log; the file is opened at once, so that a place that cannot be written is known.

    Parameters
    ----------
    path : Path
        Its folder is made if need be.
    most_bytes : int
        Size beyond which no line is added; a block of lines that is larger has a file of its own.
    kept : int
        Older logs that stay.

    Raises
    ------
    OSError
        It cannot be opened.
    """

    def __init__(
        self, path: Path, *, most_bytes: int = LOG_MIB * MIB, kept: int = LOG_KEPT
    ) -> None:
        self._path, self._most, self._kept = path, most_bytes, kept
        with suppress(FileExistsError):  # a file in its place is said by opening the log
            path.parent.mkdir(mode=0o700, parents=True)
        self._descriptor: int | None = self._open()

    def write(self, raw: bytes) -> None:
        """Add whole lines; all of them or, where there is no room, none.

        Raises
        ------
        OSError
            The disk refuses.
        """
        with self._locked(len(raw)) as descriptor:
            size = os.fstat(descriptor).st_size
            rest = memoryview(raw)
            try:
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError:
                os.ftruncate(descriptor, size)
                raise

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def _locked(self, count: int) -> Iterator[int]:
        """The file that the path leads to, with room for so many bytes; nobody else writes it."""
        while True:
            if self._descriptor is None:
                self._descriptor = self._open()
            descriptor = self._descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            facts = os.fstat(descriptor)
            moved = not self._leads_to(facts)
            if not moved and (not facts.st_size or facts.st_size + count <= self._most):
                break
            if not moved:
                self._move_aside()
            self.close()
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _leads_to(self, facts: os.stat_result) -> bool:
        """Whether the path still leads to an open file."""
        try:
            return os.path.samestat(facts, self._path.stat())
        except FileNotFoundError:
            return False

    def _move_aside(self) -> None:
        """Give every log the number after its own; the lock of the newest is held.

        Only up to the first number that is free: what is behind it has moved already, by a process
        that was killed.
        """
        free = 1
        while free <= self._kept and self._numbered(free).exists():
            free += 1
        for number in range(min(free, self._kept), 1, -1):
            self._numbered(number - 1).replace(self._numbered(number))
            _write_point("log.moved")
        self._path.replace(self._numbered(1))
        _write_point("log.aside")

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)
