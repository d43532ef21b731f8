"""Publications: what a bundle says after a session, as a folder that never changes.

``HOME/publications/SOURCE/DATE--BUNDLE/`` holds the ranking with company names, the target
portfolio, the orders and what was checked. One of the released bundle is what is served; those of
shadows and of the bundle that a rollback would put back lie beside it, so that a rollback has
something to serve at once. What is current follows from two things on the disk, each of which
changes by one rename: which bundle is released, and which publications there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.artefact import new_artefact
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, hash_file, hash_parts, write_json, write_parquet
from gogooku.core.seal import Sealed, open_sealed

PUBLICATION: Final = "publication"
RANKING: Final = "ranking"
TARGET: Final = "target"
ORDERS: Final = "orders"
FACTS_FILE: Final = "facts.json"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})--(.+)")

RANKING_COLUMNS: Final = ("rank", "before", "code", "name_ja", "name_en", "sector", "close")
"""First columns of a ranking; ``score_1``, ``score_5``, ... come behind them. ``before`` is the
rank after the session before, null where the name had none."""


@dataclass(frozen=True)
class Content:
    """What is to be published.

    Attributes
    ----------
    frames : mapping of str to polars.DataFrame
        ``ranking``, ``target``, ``orders`` and whatever else is kept, by the name of its file.
    facts : mapping
        What programs read: horizon, counts, verdicts of its gates. No times, and nothing that
        names what it was made from: made anew from the same knowledge, it is the same.
    files : mapping of str to bytes
        Whatever else is kept, by the name of its file.
    """

    frames: Mapping[str, pl.DataFrame]
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def with_facts(self, **more: Any) -> Content:
        """The same with more facts."""
        return replace(self, facts={**self.facts, **more})


@dataclass(frozen=True)
class Publication:
    """A finished publication on disk."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def files(self) -> Sealed:
        """Its files; each is checked before it is read."""
        return Sealed(self.folder, self.manifest)

    @property
    def session(self) -> date:
        """The session that it follows."""
        return date.fromisoformat(str(self.manifest["session"]))

    @property
    def bundle_id(self) -> str:
        """The bundle that made it."""
        return str(self.manifest["bundle"])

    @property
    def published_at(self) -> datetime:
        """When it was made; UTC."""
        return datetime.fromisoformat(str(self.manifest["published_at"]))

    @property
    def content_hash(self) -> str:
        """Hash of everything in it but times."""
        return str(self.manifest["content_hash"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """`Content.facts`, and the name of the dataset that it was made from."""
        return {**self.files.json(FACTS_FILE), "dataset": self.manifest["inputs"].get("dataset")}

    def frame(self, name: str) -> pl.DataFrame:
        """One of `Content.frames`."""
        return self.files.parquet(f"{name}.parquet")

    def has(self, name: str) -> bool:
        """Whether there is such a frame."""
        return self.files.has(f"{name}.parquet")


def publications_folder(home: Path, source: str) -> Path:
    """Where the publications of a source live."""
    return home / "publications" / source


def published_sessions(home: Path, source: str, bundle: str) -> list[date]:
    """Sessions after which a bundle has published, ascending; nothing is opened."""
    found = publications_folder(home, source).glob(f"[!.]*--{bundle}/{MANIFEST_FILE}")
    named = [_NAME.fullmatch(path.parent.name) for path in found]
    return sorted(date.fromisoformat(one[1]) for one in named if one is not None)


def open_publication(home: Path, source: str, session: date, bundle: str) -> Publication:
    """The publication of a bundle after a session.

    Raises
    ------
    DataError
        There is none, or it is damaged.
    """
    folder = publications_folder(home, source) / f"{session}--{bundle}"
    if not (folder / MANIFEST_FILE).exists():
        there = published_sessions(home, source, bundle)
        said = (
            f"it has published {there[0]} to {there[-1]}" if there else "it has published nothing"
        )
        raise DataError(f"{source}: no publication of {bundle} after {session}; {said}")
    return Publication(folder, open_sealed(folder, kind=PUBLICATION).manifest)


def newest_publication(
    home: Path, source: str, bundle: str, *, before: date | None = None
) -> Publication | None:
    """The last publication of a bundle, or the last one before a session; None where there is none.

    Raises
    ------
    DataError
        It is damaged.
    """
    days = [
        day for day in published_sessions(home, source, bundle) if before is None or day < before
    ]
    return open_publication(home, source, days[-1], bundle) if days else None


def publish(
    home: Path,
    source: str,
    session: date,
    bundle: str,
    content: Content,
    *,
    inputs: Mapping[str, str],
    at: datetime,
) -> Publication:
    """Put a publication in its place, whole or not at all.

    One that is there already stays as it is: what was published is not published again.

    Parameters
    ----------
    inputs : mapping of str to str
        What it was made from: ``dataset`` its name, of others their content hashes.
    at : datetime
        Now, aware.
    """
    folder = publications_folder(home, source) / f"{session}--{bundle}"
    if not (folder / MANIFEST_FILE).exists():
        with new_artefact(folder) as building:
            parts = _written(building, content)
            write_json(
                building / MANIFEST_FILE,
                {
                    "kind": PUBLICATION,
                    "source": source,
                    "session": str(session),
                    "bundle": bundle,
                    "inputs": dict(inputs),
                    "published_at": at.isoformat(timespec="seconds"),
                    "parts": parts,
                    "content_hash": hash_parts(parts),
                },
            )
    return open_publication(home, source, session, bundle)


def _written(building: Path, content: Content) -> dict[str, str]:
    """Write what is published; returns the hash of each file."""
    for name, frame in content.frames.items():
        write_parquet(frame, building / f"{name}.parquet")
    for name, raw in content.files.items():
        (building / name).write_bytes(raw)
    write_json(building / FACTS_FILE, dict(content.facts))
    return {path.name: hash_file(path) for path in sorted(building.iterdir())}
