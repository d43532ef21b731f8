"""What commands have in common: the types of their options, and how texts become values.

It is imported for ``--help``, so it imports no library but typer; what reads a value does so where
it is called.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gogooku.core.errors import UsageError
from gogooku.core.wall import JST
from gogooku.evaluate.words import Language

if TYPE_CHECKING:
    from gogooku.core.config import Execution
    from gogooku.core.progress import Reporter
    from gogooku.core.rotated import RotatedFile

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override one setting: path=value. Repeatable.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Threads = Annotated[int | None, typer.Option(help="Threads to use; all cores by default.")]
TrainThreads = Annotated[
    int, typer.Option("--threads", help="Numeric threads; they change the last bits of a training.")
]
FitJobs = Annotated[
    int, typer.Option("--jobs", help="Folds fitted at a time, each by a process of its own.")
]
FitProcesses = Annotated[
    int, typer.Option("--processes", help="Processes of this machine that fit a network together.")
]
FitOn = Annotated[
    str | None,
    typer.Option("--on", help="Where folds are fitted: local:N, ray:ADDRESS or slurm."),
]
Device = Annotated[
    str, typer.Option("--device", help="Where a network runs: cpu, cuda, or cuda:N for one GPU.")
]
Compiled = Annotated[
    bool, typer.Option("--compile", help="Compile a network for the GPU before it is trained.")
]
FewNames = Annotated[
    bool, typer.Option("--few-names", help="Settings for a market of some hundred names.")
]
RunName = Annotated[str, typer.Argument(help="Run folder, run id, or run name (its newest).")]
ExaminedRun = Annotated[
    str | None, typer.Argument(help="A run: say what is wrong with it; exit 1 on a finding.")
]
Artefact = Annotated[
    Path, typer.Argument(help="A source, dataset, run, or what is beside a run: folder or id.")
]
NameCode = Annotated[
    str | None,
    typer.Option(
        "--code", help="A name, as 7203 or 72030: whom a run's network listens to about it."
    ),
]
Day = Annotated[str | None, typer.Option("--date", help="Session; the newest by default.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="Write .csv, .parquet or .json instead.")
]
TrainedRun = Annotated[
    str, typer.Argument(help="ridge, lightgbm, momentum, reversal, atft-gat-fan or blend.")
]
Host = Annotated[str, typer.Option(help="Address to listen on; loopback by default.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Read every file and compare it; exit 1 on damage.")
]
WithImportance = Annotated[
    bool, typer.Option("--importance", help="Measure what each group of features is worth.")
]
PageLanguage = Annotated[
    str | None, typer.Option("--language", help="Language that the page opens in: en or ja.")
]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="Dataset id; the one built last by default.")
]
LogMib = Annotated[int, typer.Option("--log-mib", help="MiB of a log until another is begun.")]
LogKept = Annotated[int, typer.Option("--log-kept", help="Older logs that stay beside it.")]
MarketSize = Annotated[str, typer.Option("--size", help="tiny, demo, study or full.")]
MarketSeed = Annotated[
    int, typer.Option("--seed", help="Seed of the market; the same seed gives the same market.")
]


def reporter_for(*, as_json: bool) -> Reporter:
    """Progress for people; none where a program reads."""
    from gogooku.core.progress import ConsoleReporter, SilentReporter

    return SilentReporter() if as_json else ConsoleReporter()


def _shown(value: object) -> str:
    from gogooku.core.findings import short

    return short(value)


MOST_PORT = 65_535
_MOST = 2**63 - 1
MOST_THREADS = 1_024


def whole_number(value: int, *, option: str, least: int, most: int = _MOST) -> int:
    """The number of an option; one out of its bounds is a `UsageError`."""
    if value < least:
        raise UsageError(f"{option} {_shown(value)}: must be at least {least:,}")
    if value > most:
        raise UsageError(f"{option} {_shown(value)}: must be at most {most:,}")
    return value


def execution_for(
    threads: int | None, *, device: str = "cpu", compiled: bool = False, processes: int = 1
) -> Execution:
    """How to run with so many threads, all there are by default, and where networks run."""
    from gogooku.core.config import Execution, validated
    from gogooku.core.stamp import available_threads

    whole_number(processes, option="--processes", least=1, most=MOST_THREADS)
    wanted = (
        available_threads()
        if threads is None
        else whole_number(threads, option="--threads", least=1, most=MOST_THREADS)
    )
    settings = {"threads": wanted, "device": device, "compiled": compiled}
    return validated(Execution, {**settings, "processes": processes})


def cash_given(cash: float | None, holdings: Path | None) -> float | None:
    """The money of an option; a `UsageError` where nothing is said to be beside it."""
    if cash is not None and holdings is None:
        raise UsageError("--cash says the money beside holdings; state them too: --holdings FILE")
    if cash is not None and not math.isfinite(cash):
        raise UsageError(f"--cash {cash}: expected an amount of money")
    return cash


def day_given(text: str | None, *, option: str) -> date | None:
    """The date of an option; anything but YYYY-MM-DD of 1900 to 2199 is a `UsageError`."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as fault:
        raise UsageError(f"{option} {_shown(text)}: expected YYYY-MM-DD") from fault
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise UsageError(f"{option} {text}: expected a year from {_YEARS[0]} to {_YEARS[1]}")
    return day


def instant_given(text: str | None, *, option: str) -> datetime | None:
    """The instant of an option, in Tokyo time: ``YYYY-MM-DDTHH:MM``; else a `UsageError`."""
    if text is None:
        return None
    try:
        local = datetime.strptime(text.replace(" ", "T"), "%Y-%m-%dT%H:%M")
    except ValueError as fault:
        raise UsageError(f"{option} {_shown(text)}: expected YYYY-MM-DDTHH:MM in Tokyo") from fault
    day_given(str(local.date()), option=option)
    return local.replace(tzinfo=JST)


_YEARS = (1900, 2199)
"""Of dates that an option may name: a market has others never."""


def language_given(text: str | None, *, option: str) -> Language:
    """The language of an option, English by default; one without a page is a `UsageError`."""
    known = {str(one): one for one in Language}
    if text is not None and text not in known:
        raise UsageError(f"{option} {text}: must be {' or '.join(known)}")
    return Language.EN if text is None else known[text]


def columns_given(mapping: Sequence[str]) -> dict[str, str]:
    """Columns by field from texts ``field=column``; anything else is a `UsageError`."""
    columns = {}
    for text in mapping:
        field, sign, column = text.partition("=")
        if not sign:
            raise UsageError(
                f"--map {_shown(text)}: expected field=column, for example close=px_last"
            )
        columns[field.strip()] = column.strip()
    return columns


def log_given(path: Path | None, *, mib: int, kept: int) -> RotatedFile | None:
    """The log of an option, opened; None where none was named.

    Raises
    ------
    UsageError
        Its size or number is out of bounds.
    StorageError
        It cannot be written.
    """
    from gogooku.core.files import storage_errors
    from gogooku.core.rotated import MIB, RotatedFile

    most = whole_number(mib, option="--log-mib", least=1, most=_MOST_LOG_MIB) * MIB
    older = whole_number(kept, option="--log-kept", least=1, most=_MOST_LOGS)
    if path is None:
        return None
    with storage_errors(path):
        return RotatedFile(path, most_bytes=most, kept=older)


_MOST_LOG_MIB, _MOST_LOGS = 1 << 20, 1_000


def confirmed(question: str) -> bool:
    """Ask on standard error; no answer, as where there is nobody to ask, is a no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def in_plain_words(fault: Any) -> None:
    """Change what typer says of a value of the wrong type: it repeats what pydantic says."""
    from pydantic import ValidationError

    from gogooku.core.findings import explain_value

    if isinstance(fault.__cause__, ValidationError):
        fault.message = "; ".join(explain_value(one) for one in fault.__cause__.errors())
