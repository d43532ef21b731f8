"""What another process says came of a task, as plain JSON values, whatever it was."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gogooku.core.errors import InternalError
from gogooku.core.process import meaning
from gogooku.execute.task import Outcome, Task, do


def message_of(task: Task) -> dict[str, Any]:
    """A task as JSON values."""
    return {**asdict(task), "spec": dict(task.spec)}


def answer_to(message: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task; what came of it as JSON values.

    ``broken`` is the traceback of what is no error of this package: the process should not go on.
    """
    broken = ""
    try:
        outcome = do(Task(**message), where="")
        came = {"value": outcome.value, "fault": outcome.fault, "kind": outcome.kind}
        json.dumps(came, allow_nan=False)
    except Exception as fault:  # noqa: BLE001 - every fault has words; who asked raises a defect
        error = meaning(fault)
        came = {"value": None, "fault": str(error), "kind": type(error).__name__}
        broken = traceback.format_exc()
    return {**came, "node": socket.gethostname(), "broken": broken}


def answer_text(text: str) -> str:
    """As `answer_to`, of a text; this is what a node of a cluster is asked to do."""
    return json.dumps(answer_to(json.loads(text)), allow_nan=False)


def outcome_of(task: Task, answer: Mapping[str, Any], *, seconds: float, where: str) -> Outcome:
    """What came of a task, as its answer says.

    Raises
    ------
    InternalError
        It met a fault of the program; the cause holds the traceback of the other process.
    """
    if answer["kind"] == InternalError.__name__:
        cause = RuntimeError(f"there:\n{answer['broken']}")
        what = task.what or task.key
        raise InternalError(f"{what}, done by another process: {answer['fault']}") from cause
    return Outcome(
        task,
        value=answer["value"],
        fault=answer["fault"],
        kind=answer["kind"],
        seconds=seconds,
        where=where,
    )
