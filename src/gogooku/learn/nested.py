"""Fits that are part of another one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gogooku.core.types import FitExecution


def below(execution: FitExecution, *folders: str, **named: Any) -> FitExecution:
    """How a part is fitted: its events say whose they are, and its work lies apart."""
    work = None if execution.work is None else execution.work.joinpath(*folders)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    return replace(execution, work=work, events=lambda event: execution.events({**named, **event}))
