"""The raw store: what a source delivered, written whole and never changed.

``sources/<name>/<version>/`` holds the frames of one delivery; ``sources/<name>/current.json``
names the newest. Nothing here knows finance beyond the column names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.artefact import (
    CURRENT_FILE,
    is_folder_name,
    new_artefact,
    pointed,
    publish_pointer,
    stage_pointer,
)
from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_file,
    hash_parts,
    read_parquet,
    readable,
    require_space,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.findings import did_you_mean, short
from gogooku.core.frames import SourceFrames
from gogooku.core.seal import FILES, Loose, Sealed, carried_from, open_sealed, seal
from gogooku.core.stamp import CONFIG_FILE, Stamp

MARKETS_FILE = "markets.parquet"
SOURCE_NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
"""What a source may be called: it is the name of a folder."""
SANDBOX: Final = "sandbox"
"""The source that a sync fetches from the sandbox exchange."""


@dataclass(frozen=True)
class Source:
    """A stored delivery: where it is, and what its manifest says.

    A file is checked before it is read, if the manifest states it; a view of a delivery that is
    made for an audit states none.
    """

    name: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def content_hash(self) -> str:
        """Hash of the delivered content; no time, path or config inside."""
        return str(self.manifest["content_hash"])

    @property
    def exchange(self) -> str:
        """Name of the exchange."""
        return str(self.manifest["exchange"])

    @property
    def files(self) -> Loose:
        """Its files."""
        return Sealed(self.folder, self.manifest) if FILES in self.manifest else Loose(self.folder)

    def paths(self, place: str) -> list[Path]:
        """Files of a subfolder, sorted; not checked before `checked` is called with them."""
        return [self.folder / name for name in self.files.names(place, ".parquet")]

    def checked(self, paths: Sequence[Path]) -> list[Path]:
        """The same files, of which each is what was written.

        Raises
        ------
        DataError
            One is missing or damaged.
        """
        return [self.files.path(path.relative_to(self.folder).as_posix()) for path in paths]

    def quotes(self) -> pl.LazyFrame:
        """Quotes of all years, sorted by (date, code); a damaged file is a `DataError`."""
        paths = self.checked(self.paths("quotes"))
        for path in paths:
            with readable(path):
                pl.read_parquet_schema(path)
        return pl.scan_parquet([str(path) for path in paths])

    def listings(self) -> pl.DataFrame:
        """Read the listing facts."""
        return self.files.parquet("listings.parquet")

    def listing_facts(self) -> pl.DataFrame | None:
        """Dated facts of the names (see `gogooku.tables.listings`); None where none were sent."""
        name = "listing_facts.parquet"
        return self.files.parquet(name) if self.files.has(name) else None

    def markets(self) -> pl.DataFrame | None:
        """Markets of names that change theirs, by date; None where none does or nobody says."""
        return self.files.parquet(MARKETS_FILE) if self.files.has(MARKETS_FILE) else None

    def table_paths(self, name: str) -> list[Path]:
        """Files of a typed table, by year; empty where the source does not have it."""
        return self.paths(f"tables/{name}")

    def superseded(self) -> pl.DataFrame | None:
        """Typed bars that a correction replaced; None where the source has none.

        ``until`` is the naive UTC instant from which the correction was known.
        """
        paths = self.checked(self.paths("superseded"))
        return pl.concat([read_parquet(path) for path in paths]) if paths else None

    def indices(self) -> pl.DataFrame:
        """Index bars."""
        return self.files.parquet("indices.parquet")

    def extra(self, name: str) -> pl.DataFrame | None:
        """Read a frame kept beside the delivery; None where there is none of that name."""
        name = f"extras/{name}.parquet"
        return self.files.parquet(name) if self.files.has(name) else None


def sources_folder(home: Path) -> Path:
    """Where deliveries live."""
    return home / "sources"


def write_source(
    home: Path, name: str, frames: SourceFrames, *, stamp: Stamp, config: Mapping[str, Any]
) -> Source:
    """Store a delivery and make it the current one of its name.

    Written once per content key of the stamp; a rerun of the same import changes nothing.

    Raises
    ------
    UsageError
        The name is not a name.
    StorageError
        The disk is full: nothing visible is written.
    BusyError
        Another process is storing the same delivery.
    """

    def fill(building: Path) -> Filled:
        return Filled(
            parts=_write_frames(building, frames),
            rows=frames.quotes.height,
            exchange=frames.exchange,
            facts=frames.facts,
        )

    num_bytes = int(frames.quotes.estimated_size() * 0.8) + 1_000_000
    return publish_source(home, name, fill, num_bytes=num_bytes, stamp=stamp, config=config)


@dataclass(frozen=True)
class Filled:
    """What was put into a delivery: content hash of each part, rows of quotes, exchange, facts.

    ``before`` is an older delivery with which it shares files.
    """

    parts: Mapping[str, str]
    rows: int
    exchange: str
    facts: Mapping[str, Any]
    before: Path | None = None


def publish_source(
    home: Path,
    name: str,
    fill: Callable[[Path], Filled],
    *,
    num_bytes: int,
    stamp: Stamp,
    config: Mapping[str, Any],
) -> Source:
    """Let ``fill`` write a delivery into a hidden folder, and make it the current one of its name.

    ``num_bytes`` is what it will take on disk, at most. Errors as `write_source`.
    """
    if not re.fullmatch(SOURCE_NAME, name):
        raise UsageError(
            f"source name {name!r}: lower-case letters, digits, - and _ only, at most 64"
        )
    folder = sources_folder(home) / name / stamp.key
    pointer = folder.parent / CURRENT_FILE
    if not (folder / MANIFEST_FILE).exists():
        require_space(folder, num_bytes=num_bytes)
        with new_artefact(folder) as building:
            filled = fill(building)
            write_json(building / CONFIG_FILE, dict(config))
            stamp.write(building)
            write_json(
                building / MANIFEST_FILE,
                {
                    "kind": "source",
                    "name": name,
                    "exchange": filled.exchange,
                    "content_hash": hash_parts(filled.parts),
                    "parts": dict(filled.parts),
                    "rows": filled.rows,
                    "facts": dict(filled.facts),
                },
            )
            if filled.before is not None:
                seal(building, carried_from(filled.before, building))
            stage_pointer(pointer, stamp.key, key="version")
    else:
        stage_pointer(pointer, stamp.key, key="version")
    publish_pointer(pointer, stamp.key)
    write_point("source.current")
    return delivery(folder)


def delivery(folder: Path) -> Source:
    """A finished delivery by its folder.

    Raises
    ------
    DataError
        It is missing or damaged.
    """
    manifest = open_sealed(folder, kind="source").manifest
    return Source(name=folder.parent.name, folder=folder, manifest=manifest)


def read_source(home: Path, name: str) -> Source:
    """Find the current delivery of a name.

    Raises
    ------
    DataError
        No such source; the message lists those that exist.
    """
    pointer = sources_folder(home) / name / CURRENT_FILE
    if not is_folder_name(name) or not os.path.lexists(pointer):
        known = source_names(home)
        if not known:
            raise DataError(
                f"No source {short(name)} in {home}, and no other. Make one: gogooku import FILE, "
                "gogooku sync or gogooku sandbox market."
            )
        raise DataError(
            f"No source {short(name)} in {home}{did_you_mean(name, known)} Run: gogooku build "
            f"--source {known[0] if len(known) == 1 else 'NAME'}"
        )
    return delivery(pointed(pointer, key="version"))


def source_names(home: Path) -> list[str]:
    """Names of all stored sources."""
    found = sources_folder(home).glob(f"[!.]*/{CURRENT_FILE}")
    return sorted(pointer.parent.name for pointer in found)


def _write_frames(folder: Path, frames: SourceFrames) -> dict[str, str]:
    paths: dict[str, Path] = {}
    (folder / "quotes").mkdir()
    years = frames.quotes.get_column("date").dt.year()
    for year in years.unique().sort().to_list():
        path = folder / "quotes" / f"{year}.parquet"
        write_parquet(frames.quotes.filter(years == year), path)
        paths[f"quotes/{year}"] = path
        write_point("source.year")
    for name, frame in (("listings", frames.listings), ("indices", frames.indices)):
        paths[name] = folder / f"{name}.parquet"
        write_parquet(frame, paths[name])
    if frames.markets is not None:
        paths["markets"] = folder / MARKETS_FILE
        write_parquet(frames.markets, paths["markets"])
    if frames.extras:
        (folder / "extras").mkdir()
    for name, frame in frames.extras.items():
        paths[f"extras/{name}"] = folder / "extras" / f"{name}.parquet"
        write_parquet(frame, paths[f"extras/{name}"])
    write_point("source.frames")
    return {name: hash_file(path) for name, path in paths.items()}
