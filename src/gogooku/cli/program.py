"""The program: its commands put together, how a call begins and ends, and its exit codes.

Exit codes: 0 done, 1 a finding or a failed check, 2 wrong usage or configuration, 3 data, service
or environment, 70 a defect of the program; 128 + N where signal N stopped the command (130: Ctrl-C)
or the reader of its output has gone (141).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gogooku import __version__
from gogooku.cli.data import app as data_app
from gogooku.cli.output import complain
from gogooku.cli.runs import app as runs_app
from gogooku.cli.service import app as service_app
from gogooku.cli.shared import forget_options
from gogooku.cli.use import app as use_app
from gogooku.commands.arguments import in_plain_words
from gogooku.core.errors import UsageError
from gogooku.core.memory import keep_freed_memory
from gogooku.core.process import (
    READER_GONE_CODE,
    discard,
    escape_the_rest,
    meaning,
    open_standard_streams,
    signals_raise,
    writes_out,
)
from gogooku.core.resources import PRIVATE_UMASK, require_resources, supervised

WrongCall: Any = typer.BadParameter.__base__
"""A call that typer refuses; click's ``UsageError``, which typer keeps a copy of."""

app = typer.Typer(
    name="gogooku",
    help="An evening ranking of the Tokyo market whose quality can be believed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gogooku {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_say_version),
    ] = False,
) -> None:
    del version  # it was printed


for _subject in (data_app, runs_app, service_app, use_app):
    app.add_typer(_subject)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command, turn every fault into one paragraph and an exit code.

    What a command writes, wherever, is for its user alone.
    """
    forget_options()
    given = list(sys.argv[1:] if arguments is None else arguments)
    os.umask(PRIVATE_UMASK)
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        escape_the_rest(stream)
    as_json = "--json" in given
    supervised(
        lambda: _call(given, as_json=as_json),
        complain=lambda fault: complain(fault, as_json=as_json),
    )


def _call(given: list[str], *, as_json: bool) -> None:
    """Run a command; always ends in `SystemExit`."""
    keep_freed_memory()
    try:
        with signals_raise():
            require_resources()
            code = _run(given)
    except BrokenPipeError:
        discard(sys.stdout)
        discard(sys.stderr)
        sys.exit(READER_GONE_CODE)
    except WrongCall as fault:
        in_plain_words(fault)
        if as_json:
            complain(UsageError(fault.format_message()), as_json=True)
        else:
            fault.show()
        sys.exit(UsageError.exit_code)
    except SystemExit:
        raise
    except BaseException as fault:  # noqa: BLE001 - every fault has an exit code and words
        error = meaning(fault, given)
        if error is not fault:
            error.__cause__ = fault
        complain(error, as_json=as_json)
        sys.exit(error.exit_code)
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Run a command and give its exit code; faults are raised as they are."""
    command: Any = typer.main.get_command(app)
    command._main_shell_completion({}, "gogooku")  # ends here where a shell asks what may follow
    try:
        with command.make_context("gogooku", given) as context:
            command.invoke(context)
        code = 0
    except typer.Exit as end:
        code = end.exit_code
    with writes_out(sys.stdout):
        return code
