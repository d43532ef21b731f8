"""Labels on disk: row files that versions share, and what is still open of each version.

A label is settled when no later session can change it, nor a row that comes late for one of the
newest `FRESH_SESSIONS`. Settled rows are the same in every version that grows from another, so they
lie in row files with one link per version. The others are open: each version has its own copy of
them, which a reader lays over the rows of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.digests import Digest, digest_of, same_nulls, text_of
from gogooku.core.errors import ContractError
from gogooku.core.files import (
    MANIFEST_FILE,
    load_array,
    readable,
    require_space,
    write_json,
    write_point,
)
from gogooku.core.rowfiles import FRESH_SESSIONS, CheckedRows, RowFile, share
from gogooku.core.seal import FILES, Loose, open_sealed, row_digests, row_entry, seal
from gogooku.core.types import HORIZONS, OUTCOMES, DateArray, Labels, Outcome

VARIANTS = ("raw", "excess", "residual")
"""Forms of the same return."""
_NO_ENTRY = OUTCOMES.index(Outcome.NO_ENTRY)
_UNRESOLVED = OUTCOMES.index(Outcome.UNRESOLVED)
_KINDS: Mapping[str, tuple[npt.DTypeLike, float]] = {
    "raw": (np.float32, np.nan),
    "excess": (np.float32, np.nan),
    "residual": (np.float32, np.nan),
    "outcome": (np.int8, _NO_ENTRY),
    "late": (np.int16, 0),
    "tradable": (np.bool_, False),
}
"""Arrays [T, N, H], the last [T, N], and what stands for names that were not listed."""
_DIGESTS_FILE = "digests.npy"
"""Content of each session, by which a newer version knows that of those it keeps."""
_ROW_DIGESTS_FILE = "row_digests.npy"
"""Digest of each row of each of `LabelFiles.files`, [T, arrays, 16], all places included."""
_RESOLVED_FILE = "resolved.npy"
_COUNTS = ("capacity", "sessions", "names", "settled")
"""What the manifest states of `LabelFiles`, beside the horizons."""


@dataclass(frozen=True)
class LabelFiles:
    """The files of one version's labels.

    Attributes
    ----------
    capacity : int
        Names that rows have room for.
    horizons, sessions, names : int
        How many this version has.
    settled : int
        First sessions whose rows no later session can change, nor another version of the newest
        `FRESH_SESSIONS`.
    files_at : Loose or None
        Files of finished labels, each checked before it is read; None of labels being made.
    """

    folder: Path
    capacity: int
    horizons: int = len(HORIZONS)
    sessions: int = 0
    names: int = 0
    settled: int = 0
    files_at: Loose | None = None

    @classmethod
    def read(cls, folder: Path) -> LabelFiles:
        """Files of finished labels.

        Raises
        ------
        DataError
            They are damaged, or an earlier version of the program has written them.
        """
        sealed = open_sealed(folder, kind="labels")
        manifest = sealed.manifest
        sizes = {name: int(manifest[name]) for name in _COUNTS}
        return cls(folder, horizons=len(manifest["horizons"]), files_at=sealed, **sizes)

    def file(self, name: str) -> RowFile:
        """Rows of one array, shared with other versions."""
        kind, filler = _KINDS[name]
        shape = (self.capacity,) if name == "tradable" else (self.capacity, self.horizons)
        return RowFile(self.folder / f"{name}.bin", kind, shape, fill=filler)

    def files(self) -> list[RowFile]:
        """All row files."""
        return [self.file(name) for name in _KINDS]

    def open_file(self, name: str) -> Path:
        """Rows of one array that are not shared: from the first session that is not settled."""
        return self.folder / f"{name}.open.npy"

    def rows(self) -> dict[str, CheckedRows]:
        """The rows of this version by name, memory-mapped; each is checked when it is read.

        Raises
        ------
        DataError
            A file is missing or damaged.
        """
        files, out = self.files_at or Loose(self.folder), {}
        digests = files.array(_ROW_DIGESTS_FILE)
        for column, name in enumerate(_KINDS):
            own, file = self.open_file(name), self.file(name)
            files.path(own.name)
            rows = file.overlaid(self.settled, self.sessions, own)
            out[name] = CheckedRows(rows, digests[:, column], file.path, width=self.names)
        return out

    def arrays(self, *, whole: bool) -> dict[str, npt.NDArray[Any]]:
        """The arrays of this version by name, memory-mapped; [T, N, H], of tradable [T, N].

        Parameters
        ----------
        whole : bool
            Check every row; otherwise they are to be passed on with their digests.

        Raises
        ------
        DataError
            A file is missing or damaged.
        """
        return {
            name: rows.whole() if whole else rows.unchecked()[:, : self.names]
            for name, rows in self.rows().items()
        }

    def entries(self) -> dict[str, dict[str, Any]]:
        """What the manifest states of the row files, see `gogooku.core.seal`."""
        return {
            file.path.name: row_entry(
                rows=self.settled,
                row_bytes=file.row_bytes,
                digests=_ROW_DIGESTS_FILE,
                column=column,
            )
            for column, file in enumerate(self.files())
        }


@dataclass(frozen=True)
class Kept:
    """What a newer version takes over of the labels of an older one.

    Attributes
    ----------
    sessions : int
        First sessions, whose labels are settled for both.
    alone : bool
        Whether the newer version may write again what is open in the older one, see
        `used_elsewhere`.
    """

    labels: Labels
    sessions: int
    alone: bool = True


def begin_labels(
    folder: Path, *, sessions: int, capacity: int, kept: Kept | None
) -> dict[str, npt.NDArray[Any]]:
    """Row files that hold what is kept of an older version, and the rows behind it to be filled.

    Returns
    -------
    mapping
        Writable rows of every array, the places of names that there are not yet filled already.

    Raises
    ------
    StorageError
        No room for rows that cannot be shared.
    """
    made, first = LabelFiles(folder, capacity), 0
    if kept is not None:
        first, old = kept.sessions, LabelFiles.read(kept.labels.folder)
        # what is settled in the older version must stay as it is in its file
        alone = kept.alone and first >= old.settled
        alone &= (old.capacity, old.horizons) == (made.capacity, made.horizons)
        if old.capacity != made.capacity:
            old.arrays(whole=True)
        if not alone:
            each = sum(file.row_bytes for file in made.files())
            require_space(folder, num_bytes=first * each)
        for theirs, mine in zip(old.files(), made.files(), strict=True):
            share(theirs, mine, theirs.rows(first), alone=alone)
    arrays = {name: made.file(name).extend(first, sessions - first) for name in _KINDS}
    for name, array in arrays.items():
        array[:] = made.file(name).fill
    return arrays


def finish_labels(
    folder: Path,
    arrays: Mapping[str, npt.NDArray[Any]],
    resolved_TH: DateArray,
    *,
    names: int,
    kept: Kept | None,
    threads: int,
) -> str:
    """Write what makes filled row files a version of labels; returns its content hash.

    Parameters
    ----------
    arrays : mapping
        As `begin_labels` gave them.
    """
    sessions, capacity = len(resolved_TH), arrays["raw"].shape[1]
    first = 0 if kept is None else kept.sessions
    settled = first + _settled(
        arrays["outcome"][:, :names],
        arrays["late"][:, :names],
        at=first,
        known=max(0, sessions - FRESH_SESSIONS),
    )
    made = LabelFiles(folder, capacity, sessions=sessions, names=names, settled=settled)
    for name, array in arrays.items():
        if isinstance(array, np.memmap):
            array.flush()
        np.save(made.open_file(name), array[settled - first :])
    write_point("labels.arrays")
    np.save(folder / _RESOLVED_FILE, resolved_TH)
    digests = label_digests(arrays, resolved_TH[first:], threads=threads)
    if kept is not None:
        older = load_array(kept.labels.folder / _DIGESTS_FILE)
        digests = np.concatenate([older[:first], digests])
    np.save(folder / _DIGESTS_FILE, digests)
    np.save(folder / _ROW_DIGESTS_FILE, _row_digests(made, arrays, first=first, kept=kept))
    content = _content(digests)
    write_json(
        folder / MANIFEST_FILE,
        {
            FILES: made.entries(),
            "kind": "labels",
            "content_hash": content,
            "horizons": list(HORIZONS),
            "capacity": capacity,
            "sessions": sessions,
            "names": names,
            "settled": settled,
        },
    )
    seal(folder)
    write_point("labels.written")
    return content


def _row_digests(
    made: LabelFiles, arrays: Mapping[str, npt.NDArray[Any]], *, first: int, kept: Kept | None
) -> npt.NDArray[np.uint8]:
    """Digests of all rows: those of rows that were kept are kept, unless rows are wider now."""
    new = np.stack([row_digests(arrays[name]) for name in _KINDS], axis=1)
    if kept is None:
        return new
    old = LabelFiles.read(kept.labels.folder)
    if old.capacity == made.capacity:
        older = Loose(old.folder).array(_ROW_DIGESTS_FILE)[:first]
    else:
        older = np.stack([row_digests(file.rows(first)) for file in made.files()], axis=1)
    return np.concatenate([older, new])


def settled_sessions(labels: Labels, *, known: int) -> int:
    """First settled sessions that are all resolved by opens of the first ``known`` sessions.

    No later session can change them.
    """
    settled = int(labels.manifest["settled"])
    if known > len(labels.sessions) - FRESH_SESSIONS:
        return settled
    return min(settled, _settled(labels.outcome_TNH, labels.late_TNH, at=0, known=known))


def _settled(
    outcome_tNH: npt.NDArray[np.int8], late_tNH: npt.NDArray[np.int16], *, at: int, known: int
) -> int:
    """The same for rows from session ``at`` on: how many of them."""
    open_t = (outcome_tNH == _UNRESOLVED).any(axis=(1, 2))
    # before these rows even the latest exit of all lies among the known sessions
    first = max(0, known - 1 - max(HORIZONS) - int(late_tNH.max(initial=0)) - at)
    sessions = at + np.arange(first, len(outcome_tNH))[:, None, None]
    used = sessions + 1 + np.array(HORIZONS) + late_tNH[first:]
    open_t[first:] |= (used >= known).any(axis=(1, 2))
    return int(np.argmax(open_t)) if open_t.any() else len(open_t)


def used_elsewhere(folder: Path, others: Sequence[Path]) -> bool:
    """Whether other labels that share these row files have settled what is open in these.

    Parameters
    ----------
    others : sequence of Path
        Label folders of all finished datasets, of whatever source or version of the program.

    Raises
    ------
    DataError
        These labels, or such as share their files, are damaged.
    """
    mine = LabelFiles.read(folder)
    path = mine.file("raw").path
    with readable(path):
        inode = path.stat().st_ino
    for other in others:
        one = other / path.name
        if other == folder or not one.exists() or one.stat().st_ino != inode:
            continue
        if LabelFiles.read(other).settled > mine.settled:
            return True
    return False


def label_digests(
    arrays: Mapping[str, npt.NDArray[Any]], resolved_tH: DateArray, *, threads: int = 1
) -> Digest:
    """Content of each session of these rows, [t, 32].

    Names for which there is nothing to say do not enter, so names that come later change nothing.
    """
    out = np.empty((len(resolved_tH), 32), dtype=np.uint8)

    def hash_day(t: int) -> None:
        day = {name: array[t] for name, array in arrays.items()}
        known = (day["outcome"] != _NO_ENTRY) | (day["late"] != 0)
        for name in VARIANTS:
            known |= ~np.isnan(day[name])
        names = np.flatnonzero(known.any(axis=1) | day["tradable"])
        shown = [same_nulls(day[name][names]) for name in VARIANTS]
        shown += [day[name][names] for name in ("outcome", "late", "tradable")]
        out[t] = digest_of(names, *shown, resolved_tH[t].astype(np.int64))

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(hash_day, range(len(resolved_tH))):
            pass
    return out


def _content(digests: Digest) -> str:
    return text_of(digest_of(digests))


def labels_content(folder: Path) -> str | None:
    """Content hash of the labels that lie in a folder, from their values; None if damaged.

    A newer version takes over the digests, and settled rows with the places of names that may come:
    the digests must be those of the values, and nothing be said in those places.
    """
    rows = {name: one.unchecked() for name, one in LabelFiles.read(folder).rows().items()}
    digests = label_digests(rows, load_array(folder / _RESOLVED_FILE))
    kept = load_array(folder / _DIGESTS_FILE)
    return _content(digests) if np.array_equal(kept, digests) else None


def read_labels(
    folder: Path, *, sessions: DateArray, codes: tuple[str, ...], whole: bool = True
) -> Labels:
    """Open the labels of a dataset, memory-mapped.

    Parameters
    ----------
    whole : bool
        Check every row. A newer version, which passes old rows on with their digests, does not.

    Raises
    ------
    ContractError
        They were made for other sessions or codes.
    DataError
        A file is missing or damaged.
    """
    files = LabelFiles.read(folder)
    if (files.sessions, files.names) != (len(sessions), len(codes)):
        raise ContractError(
            f"{folder}: labels are {(files.sessions, files.names)}, the dataset is "
            f"{(len(sessions), len(codes))}; rebuild it: gogooku build"
        )
    arrays, sealed = files.arrays(whole=whole), open_sealed(folder)
    return Labels(
        folder=folder,
        manifest=sealed.manifest,
        horizons=tuple(sealed.manifest["horizons"]),
        sessions=sessions,
        codes=codes,
        raw_TNH=arrays["raw"],
        excess_TNH=arrays["excess"],
        residual_TNH=arrays["residual"],
        outcome_TNH=arrays["outcome"],
        late_TNH=arrays["late"],
        tradable_TN=arrays["tradable"],
        resolved_TH=sealed.array(_RESOLVED_FILE),
    )
