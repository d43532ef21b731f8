"""Files: read whole and only if they are files, written atomically; locks, hashes, free space.

What is read is bounded: a manifest of 10 GB, a file that is a pipe, a list a million levels deep or
an array that holds objects is refused by name, whoever put it there.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl
from safetensors import SafetensorError

from gogooku.core.errors import BusyError, DataError, StorageError
from gogooku.core.resources import resource_error

_CHUNK_BYTES = 1 << 20
_NPY_LENGTH = 8
"""Where a ``.npy`` file of version 1 states the length of its header, in two bytes."""
MANIFEST_FILE = "manifest.json"
"""What an artefact says of itself; its folder counts as finished once it is there."""
GZIP_MAGIC = b"\x1f\x8b"
"""First bytes of a gzip file."""
_JSON_BYTES = 1 << 28
"""Most bytes of a JSON file of ours; the manifest of a dataset of 100,000 names has a tenth."""


WATCHERS: list[Callable[[str], None]] = []
"""Called with the name of every write point passed; empty but in tests, which kill there."""


def write_point(name: str) -> None:
    """Mark an instant at which a crash must leave nothing broken."""
    for watcher in WATCHERS:
        watcher(name)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a `StorageError` that names the place and what helps."""
    try:
        yield
    except (OSError, SafetensorError, pl.exceptions.ComputeError) as fault:
        code = _storage_fault(fault)
        if code is None:
            raise
        raise StorageError(
            f"{path}: cannot write ({os.strerror(code)}); nothing was changed. {_HELP[code]}, then "
            "run the same command."
        ) from fault


_ROOM = "Free some space or set GOGOOKU_HOME to another disk"
_RIGHT = "Become a user who may write there or set GOGOOKU_HOME to a folder of your own"
_PLACE = "Set GOGOOKU_HOME to a folder"
_HELP: Mapping[int, str] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "Raise the limit of the size of files (ulimit -f unlimited)",
    errno.EIO: "Check the disk, or set GOGOOKU_HOME to another one",
    errno.EROFS: "Mount the disk for writing or set GOGOOKU_HOME to another one",
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.ENOTDIR: _PLACE,
    errno.ENAMETOOLONG: "Set GOGOOKU_HOME to a folder with a shorter name",
}
"""What helps against each fault of a disk or a place."""


def _storage_fault(fault: Exception) -> int | None:
    """The errno of a disk that is full or cannot be written; None if the fault is another one.

    Libraries hide it: ``np.save`` gives an `OSError` without a number, Polars and safetensors give
    their own errors with the number in the text.
    """
    text = str(fault)
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault.errno if fault.errno in _HELP else None
    if isinstance(fault, OSError) and "requested and" in text and "written" in text:
        return errno.ENOSPC
    return next((code for code in _HELP if f"(os error {code})" in text), None)


def finite(value: Any) -> Any:
    """The same values with None for a number that is not known or without bound.

    JSON has no NaN and no infinity; a reader that keeps to it stops at one. Numbers of numpy become
    plain ones.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(
        finite(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def hash_text(text: str) -> str:
    """First 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_json(value: Any) -> str:
    """Hash of a JSON-like value, independent of key order."""
    return hash_text(canonical_json(value))


def hash_file(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return _digest(handle)[:16]


def digest_file(path: Path) -> str:
    """SHA-256 of a regular file of ours.

    Raises
    ------
    DataError
        It is missing, or no regular file.
    """
    with open_regular(path) as handle, readable(path):
        return _digest(handle)


_DIGESTS: dict[tuple[int, ...], str] = {}
"""Digests of files that this process has read; a file that changes is another one."""


def _sha256(handle: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := handle.read(_CHUNK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _digest(handle: BinaryIO) -> str:
    facts = os.fstat(handle.fileno())
    times = (facts.st_mtime_ns, facts.st_ctime_ns)
    known = (facts.st_dev, facts.st_ino, facts.st_size, *times)
    if known not in _DIGESTS:
        _DIGESTS[known] = _sha256(handle)
    return _DIGESTS[known]


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
    """Turn what a library says of a missing or damaged file into a `DataError` that names it.

    Raises
    ------
    ResourceError
        Nothing is wrong with the file: there is no memory, or too few files may be open.
    """
    try:
        yield
    except (OSError, ValueError, EOFError, SafetensorError, pl.exceptions.PolarsError) as fault:
        scarce = resource_error(fault)
        if scarce is not None:
            raise scarce from fault
        first = str(fault).strip().partition("\n")[0]
        what, help_ = _CLOSED if isinstance(fault, PermissionError) else _DAMAGED
        raise DataError(f"{path}: cannot be read ({first}); {what}. {help_}") from fault


_DAMAGED = (
    "it is missing or damaged",
    "Remove the artefact that it belongs to and run the step that makes it.",
)
_CLOSED = ("it belongs to another user", "Become a user who may read it.")


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe, a device, a folder or a link is refused, and never waits.

    Raises
    ------
    DataError
        It is no regular file, or cannot be read.
    """
    with readable(path):
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            raise DataError(
                f"{path}: is a link; what it leads to is not read. Put the file itself there."
            )
        if not stat.S_ISREG(mode):
            raise DataError(
                f"{path}: is no file. Remove the artefact that it belongs to and run the step that "
                "makes it."
            )
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, *, most: int = _JSON_BYTES) -> bytes:
    """Content of a small file.

    Raises
    ------
    DataError
        It is missing, no regular file, or larger than ``most`` bytes.
    """
    if not os.path.lexists(path):
        raise DataError(f"{path}: not found. Run the step that makes it.")
    with open_regular(path) as handle, readable(path):
        size = os.fstat(handle.fileno()).st_size
        if size > most:
            raise DataError(
                f"{path}: has {size:,} bytes, at most {most:,} are expected; it is damaged. Remove "
                "it and rerun."
            )
        return handle.read(most)


def load_array(path: Path) -> npt.NDArray[Any]:
    """Read a ``.npy`` file into memory; the array cannot be written to.

    It is not mapped: to read a mapped file that has been cut off ends the process (SIGBUS).

    Raises
    ------
    DataError
        It is missing, not an array of numbers, or has not as many bytes as its header says.
    """
    with open_regular(path) as handle, readable(path):
        version = np.lib.format.read_magic(handle)
        if version != (1, 0):
            raise ValueError(f"format {version} of an array")
        shape, columns, dtype = np.lib.format.read_array_header_1_0(handle)
        if dtype.hasobject:
            raise ValueError("an array of objects")
        handle.seek(_NPY_LENGTH)
        begin = _NPY_LENGTH + 2 + int.from_bytes(handle.read(2), "little")
        count = math.prod(shape)
        size, wanted = os.fstat(handle.fileno()).st_size, begin + count * dtype.itemsize
        if size != wanted:
            raise ValueError(f"{size:,} bytes, its header says {wanted:,}")
        handle.seek(begin)
        values = np.fromfile(handle, dtype=dtype, count=count)
        if len(values) != count:
            raise ValueError(f"cut off while it was read, its header says {wanted:,} bytes")
    array = values.reshape(shape, order="F" if columns else "C")
    array.flags.writeable = False
    return array


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file; a missing or damaged one is a `DataError`."""
    with open_regular(path), readable(path):
        return pl.read_parquet(path)


def json_text(value: Any) -> str:
    """JSON as it is written: readable, sorted, newline at the end."""
    text = json.dumps(finite(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    write_text(path, json_text(value))


def write_text(path: Path, text: str) -> None:
    """Write a text atomically.

    Raises
    ------
    StorageError
        It cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        try:
            with temporary.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing or broken file is a `DataError` that names it."""
    return object_of(read_bytes(path), path)


def object_of(content: bytes, path: Path) -> dict[str, Any]:
    """The JSON object that the bytes of a file say.

    Raises
    ------
    DataError
        They are no JSON, or a list, a number or nothing instead of an object.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as fault:
        what = "too deep" if isinstance(fault, RecursionError) else str(fault).partition("\n")[0]
        raise DataError(f"{path}: not readable as JSON ({what}). Remove it and rerun.") from fault
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: holds a {type(value).__name__} where an object is meant; it is damaged. "
            "Remove it and rerun."
        )
    return value


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
        handle = _lock_of(path).open("w")
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


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of an artefact now; it is not taken."""
    if not _lock_of(path).exists():
        return False
    with _lock_of(path).open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock_of(path: Path) -> Path:
    return path.parent / f".{path.name}.lock"


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


def hash_parts(parts: Mapping[str, str]) -> str:
    """One hash over named hashes, independent of their order."""
    return hash_json(dict(parts))
