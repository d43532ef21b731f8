"""Memory of processes on this machine: what one holds for itself, and what is still to be had."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_CGROUPS: Final = Path("/sys/fs/cgroup")
GIB: Final = 2**30


def held_bytes(process: int | str = "self", *, proc: Path = _PROC) -> int | None:
    """Memory that a process holds for itself, without files that it shares with others.

    None where the system does not say, or the process has ended.
    """
    found = _kilobytes(proc / str(process) / "status")
    if "RssAnon" not in found:
        return None
    return found["RssAnon"] + found.get("RssShmem", 0)


def peak_bytes() -> int:
    """The most memory that this process has had in use so far, shared files among it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def available_bytes(*, proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Memory that new work can have: of the machine, and of the control groups it runs in.

    None where the system does not say.
    """
    found = _kilobytes(proc / "meminfo").get("MemAvailable")
    rooms = [room for group in _groups(proc, cgroups) if (room := _room(group)) is not None]
    return found if found is None else min([found, *rooms])


def _kilobytes(file: Path) -> dict[str, int]:
    """Lines ``name: number kB``, in bytes."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    fields = [(name, rest.split()) for name, _, rest in (line.partition(":") for line in lines)]
    return {n: int(rest[0]) * 1024 for n, rest in fields if len(rest) == 2 and rest[1] == "kB"}


def _groups(proc: Path, cgroups: Path) -> list[Path]:
    """The control group of this process and those above it (version 2)."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None:
        return []
    place = cgroups / own.strip("/")
    return [place, *(one for one in place.parents if one.is_relative_to(cgroups))]


def _room(group: Path) -> int | None:
    """What a control group may still take, its cache of files counted as free."""
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        facts = (group / "memory.stat").read_text().split()
    except OSError:
        return None
    if limit == "max":
        return None
    cache = int(facts[facts.index("inactive_file") + 1]) if "inactive_file" in facts else 0
    return max(0, int(limit) - used + cache)
