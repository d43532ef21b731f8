"""What a command has to say, and what stopped it: printed here and nowhere else."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import suppress
from typing import Any

from gogooku.cli.shared import chosen_options
from gogooku.commands.answer import Answer
from gogooku.core.errors import GogookuError, InternalError, StoppedError, StorageError
from gogooku.core.plain import paragraph
from gogooku.core.process import writes_out


def emit(answer: Answer, *, as_json: bool = False) -> None:
    """Print what a command has to say, for programs or for people, then raise what failed."""
    with writes_out(sys.stdout) as stream:
        if as_json:
            stream.write(f"{json_of(answer.facts)}\n")
        else:
            from gogooku.commands.display import show
            from gogooku.core.progress import PipeConsole

            width = None if stream.isatty() else 160
            # what is printed is meant as it is: [x] in a path is no markup, :x: no emoji
            show(PipeConsole(file=stream, width=width, markup=False, emoji=False), *answer.parts)
    if answer.failure is not None:
        raise answer.failure
    chosen_options().found.update(answer.found)


def json_of(facts: Any) -> str:
    """The document that ``--json`` prints: null where a number is not known, else text."""
    from gogooku.core.files import finite

    return json.dumps(finite(facts), indent=1, ensure_ascii=False, allow_nan=False, default=str)


def complain(fault: GogookuError, *, as_json: bool) -> None:
    """Say on standard error what stopped a command; nothing can be said where it is closed."""
    ours = isinstance(fault, InternalError)
    trace = traceback.format_exception(fault.__cause__) if ours else []
    message = paragraph(str(fault))
    if as_json:
        facts = {"error": type(fault).__name__, "message": message}
        text = json.dumps({**facts, "trace": trace} if ours else facts, allow_nan=False)
    else:
        text = "".join(trace)
        text += message if isinstance(fault, StoppedError) else f"error: {message}"
    log = chosen_options().log
    if log is not None:
        with suppress(StorageError):  # what stopped the command is what is said
            log.line(f"stopped: {message}")
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
