"""How a command begins and ends as a process: standard streams, signals, and what a fault means."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from gogooku import __version__
from gogooku.core.errors import (
    GogookuError,
    InternalError,
    OutputError,
    StoppedError,
    StorageError,
)
from gogooku.core.extras import missing_package
from gogooku.core.plain import plain
from gogooku.core.resources import resource_error

_STOP = (signal.SIGTERM, signal.SIGHUP)
"""Signals that ask to stop, besides SIGINT, which Python makes a `KeyboardInterrupt`."""
READER_GONE_CODE = 128 + signal.SIGPIPE
"""Exit code where the reader of a pipe has gone: as if the signal had ended the process."""


CTRL_C = "Ctrl-C stops."


class StopSignal(BaseException):
    """A signal asks to stop; raised wherever the process is, like a `KeyboardInterrupt`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def signals_raise() -> Iterator[None]:
    """Make a request to stop an exception, so that what is open is closed; not if it is ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        del frame
        raise StopSignal(number)

    before = {number: signal.getsignal(number) for number in _STOP}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def until_stopped() -> Iterator[None]:
    """Serve until a signal asks to stop, which is the normal end of a server."""
    with suppress(KeyboardInterrupt, StopSignal):
        yield


def open_standard_streams() -> None:
    """Give a process that was started without standard streams somewhere to write to.

    Otherwise the next file that is opened takes their number, and what a library prints goes into
    it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.dup(2), "w")


def escape_the_rest(stream: TextIO | None) -> None:
    """Make what a stream cannot encode an escape rather than an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


@contextmanager
def writes_out(stream: TextIO | None) -> Iterator[TextIO]:
    """Write an answer to standard output, and see that it arrives.

    Raises
    ------
    OutputError
        It is closed, or its disk is full.
    BrokenPipeError
        Whoever read it has gone.
    """
    if stream is None:
        raise OutputError(_lost("it is closed"))
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:
        discard(stream)
        raise OutputError(_lost(fault.strerror or str(fault))) from fault


def _lost(why: str) -> str:
    return (
        f"standard output cannot be written ({why}): the answer is lost, what was asked for is "
        "done. Send the output somewhere else and run the same command to see it."
    )


def discard(stream: TextIO | None) -> None:
    """Let what could not be written go, so that Python does not try again when it ends."""
    with suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)


def meaning(fault: BaseException, call: Sequence[str] = ()) -> GogookuError:
    """What an exception that left a command means: an error with words and an exit code.

    Parameters
    ----------
    call : sequence of str
        The words that the command was called with, which go on where it is stopped.
    """
    if isinstance(fault, GogookuError):
        return fault
    if isinstance(fault, KeyboardInterrupt):
        return _stopped(signal.SIGINT, call)
    if isinstance(fault, StopSignal):
        return _stopped(fault.number, call)
    known = resource_error(fault) or missing_package(fault)
    if known is not None:
        return known
    if isinstance(fault, OSError) and fault.filename is not None:
        return StorageError(
            f"{fault.filename}: cannot be read or written ({fault.strerror}); nothing half-written "
            "is visible. Check the path, its rights and the disk, then run the same command."
        )
    return InternalError(
        f"a defect of gogooku {__version__} ({type(fault).__name__}: {plain(str(fault), limit=300)}"
        "); nothing half-written is visible. Please report it with the lines above."
    )


def _stopped(number: int, call: Sequence[str]) -> StoppedError:
    return StoppedError(number, shlex.join(["gogooku", *call])) if call else StoppedError(number)
