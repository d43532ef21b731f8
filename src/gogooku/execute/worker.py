"""A worker process: a line of JSON in is a task, a line of JSON out is what came of it.

What is printed meanwhile goes to standard error. The process ends when its standard input does, at
once and whatever it is doing: so none is left when the process that started it is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, BinaryIO, Final

from gogooku.core.errors import GogookuError
from gogooku.core.memory import keep_freed_memory
from gogooku.core.registry import load
from gogooku.execute.answers import answer_to
from gogooku.execute.memory import held_bytes, peak_bytes

READY: Final = {"ready": True}
"""The first line: the process has started."""


def main() -> None:
    """Do what comes in, one after the other, until nothing more can come."""
    out = _answers()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it stops it
    keep_freed_memory()
    _say(out, READY)
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, lines), daemon=True).start()
    while True:
        message = json.loads(lines.get())
        if "prepare" in message:
            with suppress(GogookuError):  # the task itself will say so
                load(message["prepare"])
            continue
        answer = measured_answer(message)
        _say(out, answer)
        if answer["broken"]:
            return


def measured_answer(message: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a task, with what this process holds now and has held at most, in bytes."""
    return {**answer_to(message), "held": held_bytes() or 0, "peak": peak_bytes()}


def _answers() -> BinaryIO:
    """Standard output for answers alone; what else is written there goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _say(out: BinaryIO, what: Mapping[str, Any]) -> None:
    out.write(json.dumps(what, allow_nan=False).encode() + b"\n")
    out.flush()


def _listen(source: BinaryIO, lines: SimpleQueue[bytes]) -> None:
    for line in source:
        lines.put(line)
    os._exit(0)
