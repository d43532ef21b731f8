"""What the evenings leave beside publications: how the last one went, and what was measured.

``HOME/status/SOURCE/evening.json`` is written after every evening, whatever came of it;
``HOME/status/SOURCE/DATE--BUNDLE.json`` belongs to a publication. Neither need be there, and one
that cannot be read keeps no ranking from being served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gogooku.core.errors import DataError
from gogooku.core.files import read_json


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
        What is wrong with either file.
    """

    evening: Mapping[str, Any] | None = None
    measured: Mapping[str, Any] | None = None
    unreadable: Sequence[str] = ()
    last_success: Mapping[str, datetime] = field(default_factory=dict)
    """When each step last ended well."""


def status_places(home: Path, source: str) -> tuple[Path, ...]:
    """What changes when an evening leaves something: the folder, and the file that is replaced."""
    folder = home / "status" / source
    return folder, folder / "evening.json"


def read_status(home: Path, source: str, session: date, bundle: str) -> Status:
    """What the evenings left of a source and of one of its publications."""
    folder, evening_file = status_places(home, source)
    unreadable: list[str] = []

    def read(path: Path) -> dict[str, Any] | None:
        try:
            return read_json(path) if path.exists() else None
        except DataError as fault:
            unreadable.append(str(fault))
            return None

    evening, measured = read(evening_file), read(folder / f"{session}--{bundle}.json")
    try:
        ended = _last_success(evening or {})
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        unreadable.append(f"{evening_file}: its steps cannot be read ({fault}); it is damaged")
        evening, ended = None, {}
    return Status(evening, measured, tuple(unreadable), ended)


def _last_success(evening: Mapping[str, Any]) -> dict[str, datetime]:
    """When each step last ended well, aware."""
    found = {}
    for step, facts in evening.get("steps", {}).items():
        at = datetime.fromisoformat(facts["at"])
        found[str(step)] = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return found
