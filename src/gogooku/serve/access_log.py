"""The access log: one JSON object a line, written beside the requests, never with a key.

The thread that answers only puts a line in a queue, so a full pipe or a slow disk holds up no
request; lines that find the queue full are counted, and the log says how many are missing.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from gogooku.core.rotated import RotatedFile

_MOST_WAITING = 10_000
_MOST_AT_ONCE = 500
_LOST: Final = "log_lines_lost"


class AccessLog:
    """Writes lines to standard error or to a file.

    Parameters
    ----------
    file : RotatedFile or None
        None for standard error.
    """

    def __init__(self, file: RotatedFile | None) -> None:
        self._file = file
        self._queue: queue.Queue[Mapping[str, Any] | None] = queue.Queue(_MOST_WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def write(self, line: Mapping[str, Any]) -> None:
        """Put a line in the queue; never waits."""
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def close(self, *, wait: float) -> None:
        """Write what waits, in so many seconds at most."""
        try:
            self._queue.put(None, timeout=wait)
        except queue.Full:
            return
        self._thread.join(wait)

    def _run(self) -> None:
        while True:
            lines = [self._queue.get()]
            while len(lines) < _MOST_AT_ONCE and not self._queue.empty():
                lines.append(self._queue.get())
            if self._lost:
                lost, self._lost = self._lost, 0
                lines.insert(0, {"event": _LOST, "count": lost})
            self._put(
                [
                    json.dumps(one, ensure_ascii=False, allow_nan=False, default=str)
                    for one in lines
                    if one
                ]
            )
            if None in lines:
                break
        if self._file is not None:
            self._file.close()

    def _put(self, texts: list[str]) -> None:
        """Write lines; where there is no room for them they are counted as lost."""
        block = "".join(f"{text}\n" for text in texts)
        try:
            if self._file is None:
                sys.stderr.write(block)
                sys.stderr.flush()
            elif block:
                self._file.write(block.encode())
        except (OSError, ValueError):
            self._lost += len(texts)
