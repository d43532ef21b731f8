"""What the evenings leave beside publications: how the last one went, and what was measured.

The last evening, the status of the publication and the live skill of its bundle are files of the
watch. None of them need be there, and one that cannot be read keeps no ranking from being served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import read_json
from gogooku.watch import status as of_publication
from gogooku.watch.live import SCHEMA, live_folder, read_live
from gogooku.watch.status import status_folder
from gogooku.watch.summary import evening_path

FoundT = TypeVar("FoundT")


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(SCHEMA))


@dataclass(frozen=True)
class Status:
    """What is known of the evenings.

    Attributes
    ----------
    evening : mapping or None
        The last evening: ``at``, ``succeeded_at``, ``failed``, ``refused``, ``steps``.
    measured : mapping or None
        The publication that is served: its checks, coverage, drift.
    unreadable : sequence of str
        What is wrong with any of the files.
    last_success : mapping
        When each step last ended well.
    live : polars.DataFrame
        Live skill of the bundle that is served: `gogooku.watch.live.SCHEMA`.
    """

    evening: Mapping[str, Any] | None = None
    measured: Mapping[str, Any] | None = None
    unreadable: Sequence[str] = ()
    last_success: Mapping[str, datetime] = field(default_factory=dict)
    live: pl.DataFrame = field(default_factory=_nothing, compare=False)


def status_places(home: Path, source: str) -> tuple[Path, ...]:
    """What changes when an evening leaves something: folders, and the file that is replaced."""
    return (
        status_folder(home, source),
        evening_path(home, source),
        live_folder(home, source),
    )


def read_status(home: Path, source: str, session: date, bundle: str) -> Status:
    """What the evenings left of a source and of one of its publications."""
    evening_file = evening_path(home, source)
    unreadable: list[str] = []

    def tried(read: Callable[[], FoundT]) -> FoundT | None:
        try:
            return read()
        except DataError as fault:
            unreadable.append(str(fault))
            return None

    evening = tried(lambda: read_json(evening_file) if evening_file.exists() else None)
    measured = tried(lambda: of_publication.read_status(home, source, session, bundle))
    live = tried(lambda: read_live(home, source, bundle))
    try:
        ended = _last_success(evening or {})
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        unreadable.append(f"{evening_file}: its steps cannot be read ({fault}); it is damaged")
        evening, ended = None, {}
    return Status(evening, measured, tuple(unreadable), ended, _nothing() if live is None else live)


def _last_success(evening: Mapping[str, Any]) -> dict[str, datetime]:
    """When each step last ended well, aware."""
    found = {}
    for step, facts in evening.get("steps", {}).items():
        at = datetime.fromisoformat(facts["at"])
        found[str(step)] = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return found
