"""Which executor a text means: ``here``, ``local:2``, ``ray:ADDRESS`` or ``slurm``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gogooku.core.errors import UsageError
from gogooku.execute.local import LocalExecutor
from gogooku.execute.on_ray import RayExecutor
from gogooku.execute.on_slurm import SlurmExecutor
from gogooku.execute.task import Executor, HereExecutor
from gogooku.execute.waiting import say_nothing


def executor_for(
    text: str,
    *,
    folder: Path,
    threads: int = 1,
    say: Callable[[str], None] = say_nothing,
) -> Executor:
    """The executor that a text means.

    Parameters
    ----------
    text : str
        ``here`` (this process), ``local:N`` (N processes of this machine), ``ray:ADDRESS`` (a
        cluster that runs; ``ray:auto`` on a node of it), ``slurm`` or ``slurm:PARTITION``.
    folder : Path
        For files of an executor, such as Slurm's; every node sees it under this path.
    threads : int
        Numeric threads of a task.
    say : callable
        Takes a line for people.

    Raises
    ------
    UsageError
        It means none.
    """
    kind, colon, rest = text.partition(":")
    if text == "here":
        return HereExecutor()
    if kind == "local" and rest.isascii() and rest.isdigit() and int(rest) > 0:
        return LocalExecutor(int(rest), threads=threads, say=say)
    if kind == "ray" and rest:
        return RayExecutor(rest, threads=threads, say=say)
    if kind == "slurm" and bool(rest) == bool(colon):
        settings = {"slurm_partition": rest} if rest else {}
        return SlurmExecutor(folder, threads=threads, settings=settings, say=say)
    raise UsageError(
        f"executor {text[:80]!r} is none: expected here, local:N with a whole number of processes, "
        "ray:HOST:PORT, ray:auto, slurm or slurm:PARTITION"
    )
