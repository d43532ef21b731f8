"""Artefacts on disk: written whole, renamed into place, safe against ``kill -9``.

An artefact is a folder. It is built under a hidden name beside its final place, synced, and
renamed once complete, so that a reader sees the whole of it or nothing. A lock (``flock``,
released by the kernel when its holder dies) keeps two writers of one artefact apart; whatever
an interrupted writer left under the hidden name is removed, or resumed, by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from safetensors import SafetensorError

from gogooku.core.errors import BusyError, DataError, StorageError

_CHUNK_BYTES = 1 << 22
MANIFEST_FILE = "manifest.json"
"""What an artefact says of itself; its folder counts as finished once it is there."""
GZIP_MAGIC = b"\x1f\x8b"
"""First bytes of a gzip file."""


WATCHERS: list[Callable[[str], None]] = []
"""Called with the name of every write point passed; empty but in tests, which kill there."""


def write_point(name: str) -> None:
    """Mark an instant at which a crash must leave nothing broken."""
    for watcher in WATCHERS:
        watcher(name)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a `StorageError` that names the place."""
    try:
        yield
    except (OSError, SafetensorError, pl.exceptions.ComputeError) as fault:
        code = _storage_fault(fault)
        if code is None:
            raise
        raise StorageError(
            f"{path}: cannot write ({os.strerror(code)}); nothing was changed. "
            "Free some space or set GOGOOKU_HOME to another disk, then run the same command."
        ) from fault


_STORAGE_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def _storage_fault(fault: Exception) -> int | None:
    """The errno of a disk that is full or cannot be written; None if the fault is another one.

    Libraries hide it: ``np.save`` gives an `OSError` without a number, Polars and safetensors give
    their own errors with the number in the text.
    """
    text = str(fault)
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault.errno if fault.errno in _STORAGE_FAULTS else None
    if isinstance(fault, OSError) and "requested and" in text and "written" in text:
        return errno.ENOSPC
    return next((code for code in _STORAGE_FAULTS if f"(os error {code})" in text), None)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_text(text: str) -> str:
    """First 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_json(value: Any) -> str:
    """Hash of a JSON-like value, independent of key order."""
    return hash_text(canonical_json(value))


def hash_file(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:16]


def write_parquet(frame: pl.DataFrame, path: Path, *, compression: str = "zstd") -> None:
    """Write a frame as Parquet; a full disk is an `OSError`, which Polars does not say itself."""
    try:
        frame.write_parquet(path, compression=compression)  # type: ignore[arg-type]
    except pl.exceptions.ComputeError as fault:
        if f"os error {errno.ENOSPC}" not in str(fault):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from fault


def new_array(path: Path, *, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Create a memory-mapped ``.npy`` file whose blocks are reserved at once.

    Without the reservation a disk that fills up later ends the process with SIGBUS; with it, it is
    an `OSError` here.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as handle:
        os.posix_fallocate(handle.fileno(), 0, path.stat().st_size)
    return array


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a ``.npy`` file atomically: what was there stays until all of it is on the disk."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as handle:
        np.save(handle, array)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what a library says of a missing or damaged file into a `DataError` that names it."""
    try:
        yield
    except (OSError, ValueError, EOFError, SafetensorError, pl.exceptions.PolarsError) as fault:
        first = str(fault).strip().partition("\n")[0]
        raise DataError(
            f"{path}: cannot be read ({first}); it is missing or damaged. Remove the artefact that "
            "it belongs to and run the step that makes it."
        ) from fault


def load_array(path: Path) -> npt.NDArray[Any]:
    """Open a ``.npy`` file, memory-mapped; a missing or damaged one is a `DataError`."""
    with readable(path):
        return np.asanyarray(np.load(path, mmap_mode="r"))


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file; a missing or damaged one is a `DataError`."""
    with readable(path):
        return pl.read_parquet(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: readable, sorted, newline at the end."""
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        try:
            with temporary.open("w", encoding="utf-8") as handle:
                json.dump(value, handle, indent=1, sort_keys=True, ensure_ascii=False)
                handle.write("\n")
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def stage_pointer(pointer: Path, target: str, *, key: str) -> None:
    """Write a pointer ``{key: target}`` beside its place, while its target is still hidden.

    So a disk that is full is known before the target appears; `publish_pointer` only renames.
    """
    write_json(_staged(pointer, target), {key: target})
    write_point("pointer.staged")


def publish_pointer(pointer: Path, target: str) -> None:
    """Put a staged pointer in its place; nothing if another process has just put the same one."""
    with suppress(FileNotFoundError):
        os.replace(_staged(pointer, target), pointer)


def _staged(pointer: Path, target: str) -> Path:
    return pointer.with_name(f".{pointer.name}.{target}")


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is a `DataError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise DataError(f"{path}: not found. Run the step that makes it.") from fault
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise DataError(f"{path}: not readable as JSON ({fault}). Remove it and rerun.") from fault


def free_bytes(path: Path) -> int:
    """Free bytes on the disk that holds ``path`` (or its nearest existing parent)."""
    place = path
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def require_space(path: Path, *, num_bytes: int) -> None:
    """Refuse to start a write that cannot end.

    Raises
    ------
    StorageError
        Less than ``num_bytes`` are free on the disk of ``path``.
    """
    free = free_bytes(path)
    if free < num_bytes:
        raise StorageError(
            f"{path}: {free / 1e6:,.0f} MB free, this step writes about {num_bytes / 1e6:,.0f} MB; "
            "nothing was changed. Free some space or set GOGOOKU_HOME to another disk."
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an artefact; a second holder is refused at once with `BusyError`."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = (path.parent / f".{path.name}.lock").open("w")
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise BusyError(
                f"{path}: another process is writing it; wait for it to end and run again."
            ) from fault
        yield
    finally:
        handle.close()


def sync_tree(folder: Path) -> None:
    """Flush every file of a folder to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            sync_path(path)


def sync_path(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def new_artefact(final: Path, *, resume: str | None = None) -> Iterator[Path]:
    """Build an artefact folder: yields a hidden folder, renames it to ``final`` at the end.

    Parameters
    ----------
    final : Path
        Where the artefact will be. If it exists already it is replaced as a whole.
    resume : str or None
        A key of what is being built. A folder left behind by an interrupted writer with the same
        key is handed out again with its content, otherwise it is removed first.

    Raises
    ------
    BusyError
        Another process is building the same artefact.
    StorageError
        The disk is full; ``final`` is untouched.

    Whatever stops the writer, the hidden folder is removed, unless ``resume`` is given: what took
    hours to fit is kept for the next try.
    """
    building = final.with_name(f".{final.name}.building")
    key_file = building.with_name(f"{building.name}.key")
    with locked(final), storage_errors(final):
        left_key = key_file.read_text() if key_file.exists() else None
        if resume is None or left_key != resume:
            shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True, exist_ok=True)
        if resume is not None:
            key_file.write_text(resume)
        write_point("artefact.begin")
        try:
            yield building
        except BaseException:
            if resume is None:
                shutil.rmtree(building, ignore_errors=True)
            raise
        write_point("artefact.built")
        sync_tree(building)
        key_file.unlink(missing_ok=True)
        replace_folder(building, final)
        write_point("artefact.done")


def replace_folder(source: Path, final: Path) -> None:
    """Put ``source`` in the place of ``final``; a reader never sees a mixture.

    When ``final`` exists it is moved aside first. A crash between the two renames leaves no
    ``final``; running the same command again makes it anew.
    """
    aside = final.with_name(f".{final.name}.old")
    if final.exists():
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(final, aside)
        write_point("artefact.aside")
    os.rename(source, final)
    write_point("artefact.renamed")
    shutil.rmtree(aside, ignore_errors=True)


def hash_parts(parts: Mapping[str, str]) -> str:
    """One hash over named hashes, independent of their order."""
    return hash_json(dict(parts))
