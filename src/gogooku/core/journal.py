"""The events of a run, a line of JSON each, written once although the run was interrupted.

A fit that goes on from its state goes back to the event at which the state was written, and one
without state to where it began. What came after that comes again, and stands there once.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from gogooku.core.files import finite, read_json, storage_errors, write_json

BEGUN_FILE = "begun.json"
"""Where, in the work of a fit, the place is kept at which its events begin."""


class Journal(Protocol):
    """Events that can be taken back to an earlier place."""

    def mark(self) -> int:
        """The place after the last event; all before it is on the disk from here on."""

    def rewind(self, mark: int) -> None:
        """Go on at a place of `mark`: what came after it does not count."""


class EventLog:
    """A file of events; several threads may write to it.

    Going back cuts nothing off at once: the next event does, or the next mark. So one may go back,
    look further, and go on from a later place.

    Parameters
    ----------
    path : Path
        May not be there yet. A last line that was not written whole is no event.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._end = self._read().rfind(b"\n") + 1

    def _read(self) -> bytes:
        with storage_errors(self._path):
            return self._path.read_bytes() if self._path.exists() else b""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write an event."""
        with self._lock:
            self._write(_line(event))

    def once(self, event: Mapping[str, Any]) -> None:
        """Write an event, unless the very same was written before."""
        line = _line(event)
        with self._lock:
            if line not in self._read()[: self._end].splitlines(keepends=True):
                self._write(line)

    def _write(self, line: bytes) -> None:
        with storage_errors(self._path), self._path.open("ab") as handle:
            self._end = min(self._end, handle.seek(0, os.SEEK_END))
            handle.truncate(self._end)
            handle.write(line)
        self._end += len(line)

    def mark(self) -> int:
        """The place after the last event; all before it is on the disk, and nothing is after it."""
        with self._lock:
            if self._path.exists():
                with storage_errors(self._path), self._path.open("r+b") as handle:
                    handle.truncate(self._end)
                    os.fsync(handle.fileno())
            return self._end

    def rewind(self, mark: int) -> None:
        """Go on at a place of `mark`; where the file is shorter by now, at its end."""
        with self._lock:
            self._end = min(mark, self._read().rfind(b"\n") + 1)


def _line(event: Mapping[str, Any]) -> bytes:
    return (json.dumps(finite(event), allow_nan=False) + "\n").encode()


def begin(journal: Journal, work: Path) -> None:
    """Note where the events of a fit begin; where it was begun before, go back there.

    Parameters
    ----------
    journal : Journal
    work : Path
        Folder of what the fit needs to go on, gone once it is done.
    """
    path = work / BEGUN_FILE
    if path.exists():
        journal.rewind(int(read_json(path)["events"]))
    else:
        work.mkdir(parents=True, exist_ok=True)
        write_json(path, {"events": journal.mark()})
