"""Labels on disk: row files that versions share, and what is still open of each version.

A label is settled when no later session can change it. Settled rows are the same in every version
that grows from another, so they lie in row files with one link per version. The newest sessions are
open: each version has its own copy of them, which a reader lays over the rows of the file.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.digests import Digest, digest_of, same_nulls, text_of
from gogooku.core.errors import ContractError
from gogooku.core.files import load_array, read_json, write_json, write_point
from gogooku.core.rowfiles import RowFile, link_or_copy, share
from gogooku.core.types import HORIZONS, OUTCOMES, DateArray, Labels, Outcome

VARIANTS = ("raw", "excess", "residual")
"""Forms of the same return."""
MANIFEST_FILE = "manifest.json"
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
_RESOLVED_FILE = "resolved.npy"


@dataclass(frozen=True)
class LabelFiles:
    """The files of one version's labels.

    Attributes
    ----------
    capacity : int
        Names that rows have room for.
    sessions, names : int
        Of this version.
    settled : int
        First sessions whose rows no later session can change.
    """

    folder: Path
    capacity: int
    sessions: int = 0
    names: int = 0
    settled: int = 0

    @classmethod
    def read(cls, folder: Path) -> LabelFiles:
        """Files of finished labels."""
        told = read_json(folder / MANIFEST_FILE)
        counts = ("capacity", "sessions", "names", "settled")
        return cls(folder, **{name: int(told[name]) for name in counts})

    def file(self, name: str) -> RowFile:
        """Rows of one array, shared with other versions."""
        kind, filler = _KINDS[name]
        shape = (self.capacity,) if name == "tradable" else (self.capacity, len(HORIZONS))
        return RowFile(self.folder / f"{name}.bin", kind, shape, fill=filler)

    def files(self) -> list[RowFile]:
        """All row files."""
        return [self.file(name) for name in _KINDS]

    def open_file(self, name: str) -> Path:
        """Rows of one array that are not shared: from the first session that is not settled."""
        return self.folder / f"{name}.open.npy"

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of this version by name, memory-mapped; [T, N, H], of tradable [T, N].

        Raises
        ------
        DataError
            A file is missing or damaged.
        """
        out = {}
        for name in _KINDS:
            rows = self.file(name).overlaid(self.settled, load_array(self.open_file(name)))
            out[name] = rows[:, : self.names]
        return out


def begin_labels(
    folder: Path, *, rows: slice, capacity: int, before: Labels | None
) -> dict[str, npt.NDArray[Any]]:
    """Row files that hold an older version's labels before ``rows``, and those rows to be filled.

    Parameters
    ----------
    rows : slice
        Sessions of the new version that are not taken over; the older one has no more than it.

    Returns
    -------
    mapping
        Writable rows of every array, the places of names that there are not yet filled already.
    """
    made = LabelFiles(folder, capacity)
    old = None if before is None else LabelFiles.read(before.folder)
    arrays = {}
    for name in _KINDS:
        if old is not None:
            share(old.file(name), made.file(name), rows=rows.start, alone=rows.start >= old.settled)
        arrays[name] = made.file(name).extend(rows.start, rows.stop - rows.start)
        arrays[name][:] = made.file(name).fill
    return arrays


def finish_labels(
    folder: Path,
    arrays: Mapping[str, npt.NDArray[Any]],
    resolved_TH: DateArray,
    *,
    names: int,
    before: Labels | None,
    first: int,
    threads: int,
) -> str:
    """Write what makes filled row files a version of labels; returns its content hash.

    Parameters
    ----------
    arrays : mapping
        Rows from ``first`` on, as `begin_labels` gave them.
    """
    sessions, capacity = len(resolved_TH), arrays["raw"].shape[1]
    settled = first + _settled(
        arrays["outcome"][:, :names], arrays["late"][:, :names], at=first, known=sessions
    )
    made = LabelFiles(folder, capacity, sessions=sessions, names=names, settled=settled)
    for name, array in arrays.items():
        if isinstance(array, np.memmap):
            array.flush()
        np.save(made.open_file(name), array[settled - first :])
    write_point("labels.arrays")
    np.save(folder / _RESOLVED_FILE, resolved_TH)
    digests = label_digests(arrays, resolved_TH[first:], threads=threads)
    if before is not None:
        digests = np.concatenate([load_array(before.folder / _DIGESTS_FILE)[:first], digests])
    np.save(folder / _DIGESTS_FILE, digests)
    content = _content(digests)
    write_json(
        folder / MANIFEST_FILE,
        {
            "kind": "labels",
            "content_hash": content,
            "horizons": list(HORIZONS),
            "capacity": capacity,
            "sessions": sessions,
            "names": names,
            "settled": settled,
        },
    )
    return content


def take_labels(old: Path, new: Path, *, alone: bool) -> None:
    """Give a newer version's folder the labels of an older one.

    Parameters
    ----------
    alone : bool
        Whether the newer version may write again what is open in the older one; otherwise it gets
        row files of its own.
    """
    shared = {file.path.name for file in LabelFiles.read(old).files()}
    for path in old.iterdir():
        if path.name in shared and not alone:
            shutil.copyfile(path, new / path.name)
        else:
            link_or_copy(path, new / path.name)


def settled_sessions(labels: Labels, *, known: int) -> int:
    """First sessions whose labels are all resolved by opens of the first ``known`` sessions.

    No later session can change them.
    """
    if known == len(labels.sessions):
        return int(labels.manifest["settled"])
    return _settled(labels.outcome_TNH, labels.late_TNH, at=0, known=known)


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


def used_elsewhere(folder: Path, *, rows: int, others: list[Path]) -> bool:
    """Whether other labels that share these row files count rows that these may write again.

    Parameters
    ----------
    rows : int
        Sessions that a newer version will have.
    others : list of Path
        Label folders of all finished datasets.
    """
    mine = LabelFiles.read(folder)
    inode = mine.file("raw").path.stat().st_ino
    for other in others:
        if other == folder or not (other / MANIFEST_FILE).exists():
            continue
        theirs = LabelFiles.read(other)
        path = theirs.file("raw").path
        shared = path.exists() and path.stat().st_ino == inode
        if shared and (theirs.settled > mine.settled or theirs.sessions > rows):
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
        told = (day["outcome"] != _NO_ENTRY) | (day["late"] != 0)
        for name in VARIANTS:
            told |= ~np.isnan(day[name])
        names = np.flatnonzero(told.any(axis=1) | day["tradable"])
        shown = [same_nulls(day[name][names]) for name in VARIANTS]
        shown += [day[name][names] for name in ("outcome", "late", "tradable")]
        out[t] = digest_of(names, *shown, resolved_tH[t].astype(np.int64))

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(hash_day, range(len(resolved_tH))):
            pass
    return out


def _content(digests: Digest) -> str:
    return text_of(digest_of(digests))


def labels_content(folder: Path) -> str:
    """Content hash of the labels that lie in a folder, from their values."""
    files = LabelFiles.read(folder)
    return _content(label_digests(files.arrays(), load_array(folder / _RESOLVED_FILE)))


def read_labels(folder: Path, *, sessions: DateArray, codes: tuple[str, ...]) -> Labels:
    """Open the labels of a dataset, memory-mapped.

    Raises
    ------
    ContractError
        They were made for other sessions or codes.
    DataError
        A file is missing or damaged.
    """
    manifest, files = read_json(folder / MANIFEST_FILE), LabelFiles.read(folder)
    if (files.sessions, files.names) != (len(sessions), len(codes)):
        raise ContractError(
            f"{folder}: labels are {(files.sessions, files.names)}, the dataset is "
            f"{(len(sessions), len(codes))}; rebuild it: gogooku build"
        )
    arrays = files.arrays()
    return Labels(
        folder=folder,
        manifest=manifest,
        horizons=tuple(manifest["horizons"]),
        sessions=sessions,
        codes=codes,
        raw_TNH=arrays["raw"],
        excess_TNH=arrays["excess"],
        residual_TNH=arrays["residual"],
        outcome_TNH=arrays["outcome"],
        late_TNH=arrays["late"],
        tradable_TN=arrays["tradable"],
        resolved_TH=load_array(folder / _RESOLVED_FILE),
    )
