"""Faults that end one thing and not the server: a request, a look at what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gogooku.core.errors import GogookuError
from gogooku.core.process import meaning

WorkT = TypeVar("WorkT")


def attempted(work: Callable[[], WorkT]) -> WorkT | GogookuError:
    """What work gives, or what its fault means; whoever asked has to say it to someone.

    A fault that nobody raised on purpose is an `InternalError` with its cause.
    """
    try:
        return work()
    except Exception as fault:  # noqa: BLE001 - handed to the caller as a value, never dropped
        error = meaning(fault)
        if error is not fault:
            error.__cause__ = fault
        return error
