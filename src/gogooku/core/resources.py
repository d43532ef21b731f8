"""What the machine, or a limit of the shell, does not give: open files, memory, threads.

Libraries say it in many ways, and some end the process instead of saying it. So limits that leave
no room to work are refused at the start, faults are known by their number or their words, and a
command whose address space is limited runs in a child whose parent says what ended it.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from gogooku.core.errors import ResourceError

PRIVATE_UMASK = 0o077
"""Nobody but the user reads what is written."""
_FEW_FILES = 32
_ENOUGH_FILES = 4096
_LEAST_BYTES = 2 << 30
_FILES = ("(os error 24)", "Too many open files")
_WORDS = (
    "emory allocation",
    "annot allocate memory",
    "t allocate memory",
    "unable to allocate",
    "alloc of size",
    "failed to map segment",
    "failed to allocate",
)
_THREADS = ("can't start new thread", "could not spawn", "pthread_create", "thread pool")
_ENDED = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP}
"""Signals by which a library ends a process that gets no memory."""


def resource_error(fault: BaseException) -> ResourceError | None:
    """What lacks, if that is what an exception means; None for any other fault."""
    text, number = str(fault), getattr(fault, "errno", None)
    if number in (errno.EMFILE, errno.ENFILE) or any(words in text for words in _FILES):
        return files_lack()
    if any(words in text for words in _THREADS):
        return threads_lack()
    scarce = number == errno.ENOMEM or "(os error 12)" in text or isinstance(fault, MemoryError)
    if scarce or any(words in text for words in _WORDS):
        return memory_lacks()
    return None


def files_lack() -> ResourceError:
    """Too few files may be open at once."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return ResourceError(
        f"too few open files are allowed ({allowed}); nothing was changed. Allow more and run the "
        "same command: ulimit -n 256"
    )


def threads_lack() -> ResourceError:
    """No thread can be started."""
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    allowed = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
    return ResourceError(
        f"no more threads can be started (processes and threads of this user: {allowed}); nothing "
        "was changed. Allow more and run the same command: ulimit -u 4096"
    )


def memory_lacks() -> ResourceError:
    """No more memory is given."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        what, help_ = "the machine has none left", "End other programs, or use a larger machine"
    else:
        what = f"the address space is limited to {limit >> 20:,} MiB"
        help_ = "Lift the limit and run the same command: ulimit -v unlimited"
    return ResourceError(f"not enough memory ({what}); nothing was changed. {help_}.")


def require_resources() -> None:
    """Refuse limits that leave no room to work; the number of open files is raised if it may be.

    Raises
    ------
    ResourceError
        Too few open files, too little address space, or no threads.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < _FEW_FILES:
        raise files_lack()
    if is_address_space_limited() and resource.getrlimit(resource.RLIMIT_AS)[0] < _LEAST_BYTES:
        raise memory_lacks()
    _require_threads(len(os.sched_getaffinity(0)))


def is_address_space_limited() -> bool:
    """Whether the shell limits the address space, so that allocations fail."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _require_threads(count: int) -> None:
    """Start as many threads as a library would, and end them."""
    stop = threading.Event()
    started = []
    try:
        for _ in range(count + 2):
            one = threading.Thread(target=stop.wait, daemon=True)
            one.start()
            started.append(one)
    except RuntimeError as fault:
        raise threads_lack() from fault
    finally:
        stop.set()
        for one in started:
            one.join()


def supervised(work: Callable[[], None], *, complain: Callable[[ResourceError], None]) -> None:
    """Do the work in a child if the address space is limited, else here.

    A library that gets no memory may end the process. Then the parent says so, and ends with the
    exit code of a `ResourceError`; otherwise with the child's.

    Parameters
    ----------
    work : callable
    complain : callable
        Says an error to the user.
    """
    if not is_address_space_limited():
        work()
        return
    child = os.fork()
    if child == 0:
        work()
        return
    _end_as(child, complain)


def _end_as(child: int, complain: Callable[[ResourceError], None]) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda given, _: os.kill(child, given))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if -code in _ENDED:
        lack = memory_lacks()
        complain(lack)
        sys.exit(lack.exit_code)
    sys.exit(code if code >= 0 else 128 - code)
