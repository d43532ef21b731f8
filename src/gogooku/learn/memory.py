"""What a fit does when the machine, or the GPU, gives no more memory.

The sessions of a step are taken in smaller parts whose gradients are added up. A loss is a mean
over sessions, so the step is the same up to rounding; but where layers draw random numbers, as
dropout does, they draw others than for the undivided step.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from gogooku.core.errors import ResourceError

LACKS = (RuntimeError, MemoryError)
"""Exceptions that may mean a lack of memory: ask `lacks_memory`."""
_WORDS = (
    "out of memory",
    "not enough memory",
    "t allocate memory",
    "cannot allocate",
    "alloc_fail",
)
"""What torch and the libraries below it say, in lower case, in a plain `RuntimeError`."""
HELP = (
    "Lower learner.training.row_share, learner.lookback, or the width of the network; or use a "
    "machine, or a GPU, with more memory."
)


def lacks_memory(fault: BaseException) -> bool:
    """Whether an exception says that there is no more memory, on whatever device."""
    if isinstance(fault, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(fault, RuntimeError) and any(word in str(fault).lower() for word in _WORDS)


def first_line(fault: BaseException) -> str:
    """What an exception says, in one line."""
    return str(fault).strip().partition("\n")[0] or type(fault).__name__


def release() -> None:
    """Give back what a failed pass left behind."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def memory_errors(stage: Callable[[], str]) -> Iterator[None]:
    """Say in which stage of a fit the memory did not suffice.

    Raises
    ------
    ResourceError
        It did not.
    """
    try:
        yield
    except LACKS as fault:
        if not lacks_memory(fault):
            raise
        raise ResourceError(
            f"{stage()}: not enough memory ({first_line(fault)}). {HELP}"
        ) from fault
