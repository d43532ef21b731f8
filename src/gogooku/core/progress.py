"""Progress for people on standard error: one place, and silent when nobody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column


class Step(Protocol):
    """One piece of long work that can say how far it is."""

    def advance(self, amount: float = 1.0) -> None:
        """Move forward by ``amount`` of the declared total."""

    def note(self, text: str) -> None:
        """Show a short remark beside the bar."""


class Reporter(Protocol):
    """Shows steps; passed down as an argument, never reached for."""

    def step(self, name: str, total: float | None = None) -> AbstractContextManager[Step]:
        """Open a step; a context manager that yields a `Step`."""

    def say(self, text: str) -> None:
        """Show a line that stays."""


@dataclass
class _Quiet:
    """A step that nobody watches."""

    def advance(self, amount: float = 1.0) -> None:
        del amount

    def note(self, text: str) -> None:
        del text


class SilentReporter:
    """Reports nothing: tests, ``--json`` and pipes."""

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Open a step that shows nothing."""
        del name, total
        yield _Quiet()

    def say(self, text: str) -> None:
        """Show nothing."""
        del text


@dataclass
class _Bar:
    progress: Progress
    task: TaskID

    def advance(self, amount: float = 1.0) -> None:
        self.progress.advance(self.task, amount)

    def note(self, text: str) -> None:
        self.progress.update(self.task, note=text)


class PipeConsole(Console):
    """A console whose reader may go: the fault is the caller's, not an exit code of its own."""

    def on_broken_pipe(self) -> None:
        """Called where a `BrokenPipeError` is being handled."""
        raise  # noqa: PLE0704


_BAR = 16
"""Characters of a bar: with all times a line of 80 has 26 for the step and 12 for the note."""


def _columns(total: float | None) -> tuple[ProgressColumn, ...]:
    """What a line of progress shows; it is one line at 80 columns, whatever names are in it."""
    cut = Column(ratio=2, no_wrap=True, overflow="ellipsis")
    note = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    known = total is not None
    return (
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=cut),
        BarColumn(bar_width=_BAR),
        *((TaskProgressColumn(),) if known else ()),
        TimeElapsedColumn(),
        *((TextColumn("left"), TimeRemainingColumn()) if known else ()),
        TextColumn("{task.fields[note]}", table_column=note),
    )


@dataclass
class LoggedReporter:
    """Another reporter, and a line in a log for each step that ends and whatever is said."""

    shown: Reporter
    log: Callable[[str], None]

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Open the step of the other; its seconds are logged when it ends."""
        begun = time.perf_counter()
        with self.shown.step(name, total) as step:
            yield step
        self.log(f"{name}: {time.perf_counter() - begun:.1f} s")

    def say(self, text: str) -> None:
        """Show a line, and log it."""
        self.shown.say(text)
        self.log(text)


@dataclass
class ConsoleReporter:
    """Bars on a terminal, one line per finished step otherwise."""

    console: Console = field(default_factory=lambda: PipeConsole(stderr=True))

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Open a step: its time, and with ``total`` how much is done and how long it will take."""
        begun = time.perf_counter()
        if self.console.is_terminal:
            with Progress(*_columns(total), console=self.console, transient=True) as progress:
                task = progress.add_task(name, total=total, note="")
                yield _Bar(progress=progress, task=task)
        else:
            yield _Quiet()
        self.console.print(f"  {name}: {time.perf_counter() - begun:.1f} s", highlight=False)

    def say(self, text: str) -> None:
        """Show a line above the bars."""
        self.console.print(text, highlight=False, markup=False)
