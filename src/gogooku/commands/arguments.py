"""What commands have in common: the types of their options, and how texts become values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from gogooku.core.config import Execution, validated
from gogooku.core.errors import UsageError
from gogooku.core.findings import explain_value
from gogooku.core.progress import ConsoleReporter, Reporter, SilentReporter
from gogooku.core.stamp import available_threads

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override one setting: path=value. Repeatable.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Threads = Annotated[int | None, typer.Option(help="Threads to use; all cores by default.")]
TrainThreads = Annotated[
    int, typer.Option("--threads", help="Numeric threads; they change the last bits of a training.")
]
Device = Annotated[
    str, typer.Option("--device", help="Where a network runs: cpu, cuda, or cuda:N for one GPU.")
]
RunName = Annotated[str, typer.Argument(help="Run folder, run id, or run name (its newest).")]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="Dataset id; the one built last by default.")
]
MarketSize = Annotated[str, typer.Option("--size", help="tiny, demo, study or full.")]
MarketSeed = Annotated[
    int, typer.Option("--seed", help="Seed of the market; the same seed gives the same market.")
]


def reporter_for(*, as_json: bool) -> Reporter:
    """Progress for people; none where a program reads."""
    return SilentReporter() if as_json else ConsoleReporter()


def execution_for(threads: int | None, *, device: str = "cpu") -> Execution:
    """How to run with so many threads, all there are by default, and where networks run."""
    wanted = available_threads() if threads is None else threads
    return validated(Execution, {"threads": wanted, "device": device})


def day_given(text: str | None, *, option: str) -> date | None:
    """The date of an option; anything but YYYY-MM-DD is a `UsageError`."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise UsageError(f"{option} {text!r}: expected YYYY-MM-DD") from fault


def columns_given(mapping: Sequence[str]) -> dict[str, str]:
    """Columns by field from texts ``field=column``; anything else is a `UsageError`."""
    columns = {}
    for text in mapping:
        field, sign, column = text.partition("=")
        if not sign:
            raise UsageError(f"--map {text!r}: expected field=column, for example close=px_last")
        columns[field.strip()] = column.strip()
    return columns


def confirmed(question: str) -> bool:
    """Ask on standard error; no answer, as where there is nobody to ask, is a no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def in_plain_words(fault: Any) -> None:
    """Change what typer says of a value of the wrong type: it repeats what pydantic says."""
    if isinstance(fault.__cause__, ValidationError):
        fault.message = "; ".join(explain_value(one) for one in fault.__cause__.errors())
