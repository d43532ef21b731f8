"""Options of every command, declared once: where things are kept, and what is said meanwhile.

A command is declared with `Commands.command` and does not see them: `home_folder` and
`reporter` here know what was chosen.
"""

from __future__ import annotations

import inspect
import shlex
import shutil
import sys
import typing
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gogooku.commands.arguments import reporter_for
from gogooku.commands.following import next_lines
from gogooku.core import environment
from gogooku.core.log_file import LogFile

if TYPE_CHECKING:
    from gogooku.core.progress import Reporter

Home = Annotated[
    str | None, typer.Option("--home", help="Folder of everything, instead of GOGOOKU_HOME.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress and no hints: the answer and errors alone.")
]
LogTo = Annotated[
    Path | None, typer.Option("--log-file", help="Append what is said meanwhile to this file too.")
]


@dataclass(frozen=True)
class Shared:
    """What was chosen for the command that runs, and what it found (`Answer.found`)."""

    home: str | None = None
    quiet: bool = False
    log: LogFile | None = None
    found: dict[str, Any] = field(default_factory=dict)


OPTIONS = {"home": Home, "quiet": Quiet, "log_file": LogTo}
"""Options that every command has, by the name of their parameter; ``--json`` is each one's own."""

_CHOSEN: ContextVar[Shared] = ContextVar("shared", default=Shared())  # noqa: B039 - each command has its own


def chosen_options() -> Shared:
    """What was chosen for the command that runs."""
    return _CHOSEN.get()


def home_folder() -> Path:
    """Where everything is kept: ``--home``, else as `gogooku.core.environment.home_folder`."""
    return environment.home_folder(chosen_options().home)


def program_call() -> str:
    """How this program is called from here: by its name where a shell finds it, or its path."""
    called = Path(sys.argv[0])
    if called.stem == "__main__" and called.parent.name == "gogooku":
        return f"{shlex.quote(sys.executable)} -m gogooku"
    found = shutil.which("gogooku")
    if called.name != "gogooku" or (found and Path(found).samefile(called)):
        return "gogooku"
    return shlex.quote(str(called.absolute()))


def forget_options() -> None:
    """Begin a call: nothing is chosen yet."""
    _CHOSEN.set(Shared())


def reporter(*, as_json: bool) -> Reporter:
    """Progress for people unless a program reads or ``--quiet`` is given; a log gets it anyway."""
    chosen = chosen_options()
    made = reporter_for(as_json=as_json or chosen.quiet)
    if chosen.log is None:
        return made
    from gogooku.core.progress import LoggedReporter

    return LoggedReporter(made, chosen.log.line)


class Commands(typer.Typer):
    """Commands with the options of every command.

    Parameters
    ----------
    group : str
        Name of the group that they are below; empty at the top.
    """

    def __init__(self, group: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.group = group

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Declare a command; a list of commands shows the whole first line of its help."""

        def declared(function: Callable[..., None]) -> Any:
            first = (function.__doc__ or "").strip().partition("\n")[0]
            declare = super(Commands, self).command(name, short_help=first, **settings)
            word = name or function.__name__.replace("_", "-")
            return declare(_with_options(function, f"{self.group} {word}".strip()))

        return declared


def _with_options(function: Callable[..., None], command: str) -> Callable[..., None]:
    """A command that takes the options of every command beside its own, and says what follows."""
    hints = typing.get_type_hints(function, include_extras=True)
    own = inspect.signature(function).parameters.values()

    def run(**given: Any) -> None:
        picked = {name: given.pop(name) for name in OPTIONS}
        place = picked["log_file"]
        log = None if place is None else LogFile.opened(place)
        chosen = Shared(picked["home"], picked["quiet"], log)
        _CHOSEN.set(chosen)
        if log is not None:
            log.line(f"begun: gogooku {command}")
        function(**given)
        if log is not None:
            log.line(f"done: gogooku {command}")
        if not given["as_json"]:
            say_next(next_lines(command, {**given, **chosen.found}, home=picked["home"]))

    parameters = [
        *(one.replace(annotation=hints[one.name]) for one in own),
        *(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if name == "quiet" else None,
                annotation=kind,
            )
            for name, kind in OPTIONS.items()
        ),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {**hints, **OPTIONS}
    run.__name__, run.__doc__, run.__module__ = (
        function.__name__,
        function.__doc__,
        function.__module__,
    )
    return run


def say_next(lines: list[str]) -> None:
    """Say what one may do now, unless ``--quiet`` is given; on standard error, with progress."""
    if chosen_options().quiet:
        return
    for line in lines:
        typer.echo(line, err=True)
