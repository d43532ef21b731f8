"""What each part of a home takes on disk.

A file with several names (hard links) is counted once, with the part that comes first: so the sum
of all parts is what the home takes, and what a part shows is what only it, or it first, holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "raw": "bodies as received; cannot be made again",
        "releases": "bundles and the registry; cannot be made again",
        "publications": "what was published; cannot be made again",
        "live": "skill of what was published; cannot be made again",
        "runs": "what was fitted, judged and traded",
        "studies": "trials of searches, and what they came to",
        "jobs": "single fits; can be made again",
        "datasets": "features and labels; can be made again",
        "tables": "typed rows; can be made again",
        "sources": "deliveries; made again from tables, or from your files",
        "status": "what the watch said of each evening",
        "evenings": "records of evenings",
        "metrics": "for Prometheus",
        "logs": "of the server and of evenings",
    }
)
"""Folders of a home, and what losing one means."""
OTHER: Final = "other"


@dataclass(frozen=True)
class DiskUse:
    """What a part takes.

    Attributes
    ----------
    part : str
        Of `PARTS`, or `OTHER`.
    files : int
        Those counted here.
    num_bytes : int
        Blocks on the disk, not lengths: a file with holes takes less than its length.
    """

    part: str
    files: int
    num_bytes: int


def disk_use(home: Path) -> list[DiskUse]:
    """What each part of a home takes, in the order of `PARTS`; parts that are not there are not."""
    seen: set[tuple[int, int]] = set()
    found = []
    for part in PARTS:
        if (home / part).is_dir():
            found.append(_use(part, _files_below([home / part]), seen))
    rest = [path for path in sorted(home.glob("*")) if path.name not in PARTS]
    hidden = [path for path in sorted(home.glob(".*")) if path not in rest]
    other = _use(OTHER, _files_below([*rest, *hidden]), seen)
    return [*found, other] if other.files else found


def _use(part: str, files: Iterable[os.stat_result], seen: set[tuple[int, int]]) -> DiskUse:
    count, total = 0, 0
    for facts in files:
        if (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            count += 1
            total += facts.st_blocks * 512
    return DiskUse(part, count, total)


def _files_below(paths: Iterable[Path]) -> Iterator[os.stat_result]:
    for path in paths:
        if path.is_symlink() or not path.is_dir():
            yield path.lstat()
            continue
        for place, _, names in os.walk(path):
            for name in names:
                yield Path(place, name).lstat()


def freed_bytes(paths: Iterable[Path]) -> int:
    """What removing some places frees: only files whose last name goes."""
    links: dict[tuple[int, int], list[int]] = {}
    for facts in _files_below(path for path in paths if os.path.lexists(path)):
        entry = links.setdefault(
            (facts.st_dev, facts.st_ino), [0, facts.st_nlink, facts.st_blocks * 512]
        )
        entry[0] += 1
    return sum(size for gone, all_of_it, size in links.values() if gone >= all_of_it)
