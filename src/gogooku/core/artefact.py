"""Artefacts on disk: written whole, sealed, renamed into place, safe against ``kill -9``.

An artefact is a folder. It is built under a hidden name beside its final place, sealed, synced, and
renamed once complete, so that a reader sees the whole of it or nothing. A lock (``flock``,
released by the kernel when its holder dies) keeps two writers of one artefact apart; whatever
an interrupted writer left under the hidden name is removed, or resumed, by the next one.

A pointer is a file ``{key: name}`` that names the current one of the folders beside it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gogooku.core.errors import DataError
from gogooku.core.files import (
    MANIFEST_FILE,
    locked,
    read_bytes,
    read_json,
    storage_errors,
    sync_tree,
    write_json,
    write_point,
)
from gogooku.core.seal import FILES, SEAL, open_sealed, seal

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_KEY_BYTES = 4096
CURRENT_FILE = "current.json"
"""Pointer to the current one of the artefacts beside it."""


def stage_pointer(pointer: Path, target: str, *, key: str) -> None:
    """Write a pointer ``{key: target}`` beside its place, while its target is still hidden.

    So a disk that is full is known before the target appears; `publish_pointer` only renames.
    """
    with _alone_at(pointer):
        write_json(_staged(pointer, target), {key: target})
    write_point("pointer.staged")


def publish_pointer(pointer: Path, target: str) -> None:
    """Put a staged pointer in its place; nothing if another process has just put the same one."""
    with _alone_at(pointer), suppress(FileNotFoundError):
        os.replace(_staged(pointer, target), pointer)


@contextmanager
def _alone_at(pointer: Path) -> Iterator[None]:
    """Wait until no other process writes a pointer of this folder: two may name one at once."""
    descriptor = os.open(pointer.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _staged(pointer: Path, target: str) -> Path:
    return pointer.with_name(f".{pointer.name}.{target}")


def pointed(pointer: Path, *, key: str) -> Path:
    """The folder that a pointer names.

    Raises
    ------
    DataError
        The pointer is damaged, or leads out of the folder that it lies in; or what it names is
        gone.
    """
    name = read_json(pointer).get(key)
    if not isinstance(name, str) or not is_folder_name(name):
        raise DataError(
            f"{pointer}: names {str(name)[:80]!r}, which is no name of a folder beside it; it is "
            "damaged. Remove it and run the step that makes it."
        )
    folder = pointer.parent / name
    if not os.path.lexists(folder):
        raise DataError(
            f"{pointer}: names {name}, which is not there any more. Run the step that makes it, or "
            "remove the pointer."
        )
    if not os.path.lexists(folder / MANIFEST_FILE):
        raise DataError(
            f"{folder / MANIFEST_FILE}: is missing; the artefact is damaged. Remove {folder} and "
            "run the step that makes it."
        )
    return folder


def is_folder_name(name: str) -> bool:
    """Whether a text can be the name of an artefact's folder, and of nothing above or below it."""
    return _FOLDER_NAME.fullmatch(name) is not None


def make_private(folder: Path) -> None:
    """Let only the user read a folder and all that is in it, whatever the umask."""
    for path in (folder, *folder.rglob("*")):
        facts = path.lstat()
        wanted = 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600
        if stat.S_IMODE(facts.st_mode) != wanted and not stat.S_ISLNK(facts.st_mode):
            path.chmod(wanted)


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
        left = read_bytes(key_file, most=_KEY_BYTES) if key_file.is_file() else None
        if resume is None or left != resume.encode():
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
        manifest = building / MANIFEST_FILE
        if manifest.exists() and SEAL not in read_json(manifest):
            seal(building)
        make_private(building)
        sync_tree(building)
        key_file.unlink(missing_ok=True)
        replace_folder(building, final)
        write_point("artefact.done")


def copy_artefact(folder: Path, to: Path) -> None:
    """Copy a finished artefact, and nothing that was written beside it later.

    Raises
    ------
    DataError
        A file of it is missing or damaged; each is checked before it is copied.
    """
    sealed = open_sealed(folder)
    to.mkdir(parents=True)
    shutil.copyfile(folder / MANIFEST_FILE, to / MANIFEST_FILE)
    for name in sealed.manifest[FILES]:
        inner = name.removesuffix(f"/{MANIFEST_FILE}")
        if inner != name:
            copy_artefact(folder / inner, to / inner)
        else:
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sealed.path(name), to / name)


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
