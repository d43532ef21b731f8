"""Removal of artefacts: whole, so that nobody finds half of one; safe to interrupt and repeat."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from gogooku.core.files import locked, storage_errors, write_point

_HIDDEN: Final = re.compile(r"\.(?P<name>.+?)\.(building(\.key)?|old|removed)")
"""What an interrupted writer, or an interrupted removal, leaves beside the place of an artefact."""


def final_name(path: Path) -> str:
    """Name of an artefact, also of a hidden one: the one that it has, or would have had."""
    hidden = _HIDDEN.fullmatch(path.name)
    return hidden["name"] if hidden else path.name


def is_leftover(path: Path) -> bool:
    """Whether an interrupted writer or removal left it."""
    return _HIDDEN.fullmatch(path.name) is not None


def remove_alone(path: Path) -> None:
    """Remove an artefact, or what is left of one, that no command is writing.

    Raises
    ------
    BusyError
        A command is writing it.
    """
    with locked(path.with_name(final_name(path))):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a folder so that nobody finds half of one: it is renamed first.

    Raises
    ------
    StorageError
        The disk refuses.
    """
    with storage_errors(path):
        if not path.is_dir():
            path.unlink(missing_ok=True)
            write_point("removal.file")
            return
        aside = path
        if not path.name.startswith("."):
            aside = path.with_name(f".{path.name}.removed")
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(path, aside)
            write_point("removal.aside")
        shutil.rmtree(aside)
        write_point("removal.folder")
