"""Seals: an artefact's manifest states the digest of every file, and nothing else is believed.

``manifest.json`` holds, beside what it says of the artefact and outside every content hash:

- ``files``: of each file its size and SHA-256. A row file, which versions share and which may be
  gigabytes, has the digest of each of its rows in an array file (``digests``, ``column``), so that
  only the rows that are read are checked.
- ``seal``: the SHA-256 of the manifest itself, with the seal's place left blank. So an edited date,
  a setting or a digest is noticed too.

A folder in it that has a manifest of its own is sealed by that one, and only that manifest is
listed. What is written beside a finished artefact later (evaluations in a run's folder) is no part
of it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.errors import DataError, UnsealedError
from gogooku.core.files import (
    MANIFEST_FILE,
    digest_file,
    json_text,
    load_array,
    object_of,
    open_regular,
    read_bytes,
    read_json,
    read_parquet,
    write_json,
)

FILES, SEAL = "files", "seal"
ROW_DIGEST_BYTES = 16
"""Of the digest of a row: the first half of its SHA-256."""
_BLANK = "0" * 64
_HEX = re.compile(r"[0-9a-f]{64}")
_AGAIN: Mapping[str, str] = {
    "source": "gogooku import, gogooku sync or gogooku sandbox market",
    "dataset": "gogooku build",
    "labels": "gogooku build",
    "run": "gogooku train",
    "evaluation": "gogooku evaluate",
    "backtest": "gogooku backtest",
    "report": "gogooku report",
    "audit": "gogooku audit",
    "bundle": "gogooku release",
    "publication": "gogooku evening",
}
"""What makes each kind of artefact again."""


def row_digests(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Digest of each row's bytes, [t, 16]."""
    out = np.empty((len(rows), ROW_DIGEST_BYTES), dtype=np.uint8)
    for t, row in enumerate(rows):
        out[t] = row_digest(row)
    return out


def row_digest(row: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Digest of the bytes of one row."""
    digest = hashlib.sha256(np.ascontiguousarray(row).reshape(-1).view(np.uint8).data)
    return np.frombuffer(digest.digest()[:ROW_DIGEST_BYTES], dtype=np.uint8)


# ----------------------------------------------------------------------------------------- writing


def seal(folder: Path, carried: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """State the digest of every file in the manifest of a folder, and seal it.

    Parameters
    ----------
    folder : Path
        With a manifest. Entries of ``files`` that are in it already are kept: a writer states row
        files itself.
    carried : mapping or None
        Entries that are known, see `carried_from`: these files are not read.
    """
    manifest = read_json(folder / MANIFEST_FILE)
    listed = {**(carried or {}), **manifest.get(FILES, {})}
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        if name not in listed and name != MANIFEST_FILE:
            listed[name] = {"size": path.lstat().st_size, "sha256": digest_file(path)}
    manifest |= {FILES: listed, SEAL: _BLANK}
    digest = hashlib.sha256(json_text(manifest).encode()).hexdigest()
    write_json(folder / MANIFEST_FILE, {**manifest, SEAL: digest})


def broken(manifest: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A manifest whose seal is open again, because files of these names are written anew."""
    kept = {name: entry for name, entry in manifest.get(FILES, {}).items() if name not in names}
    return {**{key: value for key, value in manifest.items() if key != SEAL}, FILES: kept}


def files_of(folder: Path) -> Iterator[Path]:
    """Files of an artefact in order; of what is sealed by itself, its manifest. No hidden ones."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_symlink() or not path.is_dir():
            yield path
        elif (path / MANIFEST_FILE).exists():
            yield path / MANIFEST_FILE
        else:
            yield from files_of(path)


def carried_from(older: Path, folder: Path) -> dict[str, Mapping[str, Any]]:
    """Entries of files that a folder shares with an older artefact by a hard link.

    They are not read again; one that is damaged there is damaged here, and noticed in both.
    """
    found = {}
    for name, entry in open_sealed(older).files.items():
        mine, theirs = folder / name, older / name
        if "sha256" in entry and mine.exists() and theirs.exists() and mine.samefile(theirs):
            found[name] = entry
    return found


# ----------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Loose:
    """Files of a folder that is not sealed: one that is being made, or a view of another."""

    folder: Path

    def names(self, place: str, ending: str) -> list[str]:
        """Names of the files below a subfolder with an ending, sorted."""
        found = (self.folder / place).rglob(f"*{ending}")
        return sorted(path.relative_to(self.folder).as_posix() for path in found if path.is_file())

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / name).exists()

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self.folder / name

    def json(self, name: str) -> dict[str, Any]:
        """Content of a JSON file."""
        return object_of(read_bytes(self.path(name)), self.path(name))

    def parquet(self, name: str) -> pl.DataFrame:
        """Content of a Parquet file."""
        return read_parquet(self.path(name))

    def array(self, name: str) -> npt.NDArray[Any]:
        """Content of an array file; it cannot be written to."""
        return load_array(self.path(name))


@dataclass(frozen=True)
class Sealed(Loose):
    """A finished artefact, whose manifest is whole; a file is checked before it is handed out.

    Attributes
    ----------
    folder : Path
    manifest : mapping
        As written, with its seal.
    """

    manifest: Mapping[str, Any]

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """What the manifest states of each file, by its name in the folder."""
        found: Mapping[str, Mapping[str, Any]] = self.manifest[FILES]
        return found

    def names(self, place: str, ending: str) -> list[str]:
        """Names of the stated files below a subfolder with an ending, sorted."""
        return sorted(
            name for name in self.files if name.startswith(f"{place}/") and name.endswith(ending)
        )

    def has(self, name: str) -> bool:
        """Whether the manifest states such a file."""
        return name in self.files

    def path(self, name: str) -> Path:
        """Where a file is, which has been checked.

        Raises
        ------
        DataError
            It is not what the manifest states: missing, another size, other bytes, no regular file
            or a link.
        """
        entry, path = self._entry(name), self.folder / name
        if "sha256" not in entry:
            return self._row_file(path, entry)
        size = _size_of(self.folder, name)
        if size != entry["size"]:
            raise self.damage(name, f"has {size:,} bytes, written were {entry['size']:,}")
        if digest_file(path) != entry["sha256"]:
            raise self.damage(name, "its bytes are not those that were written")
        return path

    def _entry(self, name: str) -> Mapping[str, Any]:
        if name not in self.files:
            raise self.damage(name, f"{MANIFEST_FILE} does not name it")
        return self.files[name]

    def _row_file(self, path: Path, entry: Mapping[str, Any]) -> Path:
        """A row file that is long enough; its rows are checked when they are read."""
        name = path.relative_to(self.folder).as_posix()
        size, least = _size_of(self.folder, name), entry["rows"] * entry["row_bytes"]
        if size < least:
            raise self.damage(name, f"has {size:,} bytes, written were {least:,}")
        return path

    def damage(self, name: str, what: str) -> DataError:
        """What to say of a file that is not what was written."""
        kind = str(self.manifest.get("kind"))
        return DataError(
            f"{self.folder / name}: is damaged ({what}). Nothing of it is used. Remove the "
            f"artefact {self.folder.name} and make it again: {_AGAIN.get(kind, 'see its stamp')}"
        )

    def check(self, place: str) -> None:
        """Check every file of a subfolder, of which there must be some."""
        names = self.names(place, "")
        if not names:
            raise self.damage(place, f"{MANIFEST_FILE} names no file of it")
        for name in names:
            self.path(name)

    def damaged_rows(self, name: str) -> list[int]:
        """Rows of a row file that are not those that were written."""
        entry, path = self.files[name], self.path(name)
        stated = self.array(entry["digests"])[: entry["rows"], entry["column"]]
        width, found = int(entry["row_bytes"]), []
        with open_regular(path) as handle:
            for t, digest in enumerate(stated):
                row = np.frombuffer(handle.read(width), dtype=np.uint8)
                if (row_digest(row) != digest).any():
                    found.append(t)
        return found


def row_entry(*, rows: int, row_bytes: int, digests: str, column: int) -> dict[str, Any]:
    """Entry of a row file: how many rows are this version's, and where their digests are."""
    return {"rows": rows, "row_bytes": row_bytes, "digests": digests, "column": column}


def open_sealed(folder: Path, *, kind: str | None = None) -> Sealed:
    """A finished artefact by its folder; its manifest has been checked.

    Raises
    ------
    UnsealedError
        The manifest has no seal: an earlier version of the program has written it.
    DataError
        The manifest is missing, damaged, or that of another kind of artefact; or the folder is a
        link.
    """
    path = folder / MANIFEST_FILE
    if folder.is_symlink():
        raise DataError(f"{folder}: is a link; an artefact is a folder. Put the folder there.")
    content = read_bytes(path)
    manifest = object_of(content, path)
    again = _AGAIN.get(kind or str(manifest.get("kind")), "the step that made it")
    if FILES not in manifest and SEAL not in manifest:
        raise UnsealedError(
            f"{path}: states no digests of its files; an earlier version of the program has "
            f"written it, and whether it is whole cannot be known. Make it again: {again}"
        )
    if not _is_sealed(manifest, content):
        raise DataError(
            f"{path}: is damaged (it was changed after it was written). Nothing of it is used. "
            f"Remove the artefact {folder.name} and make it again: {again}"
        )
    if kind is not None and manifest.get("kind") != kind:
        raise DataError(
            f"{folder}: is an artefact of the kind {manifest.get('kind')!r}, not {kind!r}. Remove "
            f"it and make the right one: {again}"
        )
    return Sealed(folder, manifest)


def _is_sealed(manifest: Mapping[str, Any], content: bytes) -> bool:
    """Whether the bytes of a manifest are those that its seal stands for, and its entries sound."""
    given = manifest.get(SEAL)
    if not isinstance(given, str) or not _HEX.fullmatch(given):
        return False
    line = f'"{SEAL}": "{given}"'.encode()
    blank = content.replace(line, f'"{SEAL}": "{_BLANK}"'.encode())
    if content.count(line) != 1 or hashlib.sha256(blank).hexdigest() != given:
        return False
    return isinstance(manifest[FILES], dict) and all(map(is_inside, manifest[FILES]))


def is_inside(name: str) -> bool:
    """Whether a relative name stays in the folder that it is looked up in."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and not {"..", "."} & {*path.parts}


def _size_of(folder: Path, name: str) -> int:
    """Size of a regular file; no part of its name below the folder is a link.

    Raises
    ------
    DataError
        It is missing, a link, or something else than a file.
    """
    place = folder
    for part in PurePosixPath(name).parts[:-1]:
        place = place / part
        if place.is_symlink():
            raise DataError(
                f"{place}: is a link; what it leads to is not read. Put the folder itself there."
            )
    try:
        facts = os.lstat(folder / name)
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise DataError(
            f"{folder / name}: cannot be read (missing). Remove the artefact {folder.name} and run "
            "the step that makes it."
        ) from fault
    if stat.S_ISLNK(facts.st_mode):
        raise DataError(
            f"{folder / name}: is a link; what it leads to is not read. Put the file itself there."
        )
    if not stat.S_ISREG(facts.st_mode):
        raise DataError(
            f"{folder / name}: is no file. Remove the artefact {folder.name} and run the step that "
            "makes it."
        )
    return facts.st_size
