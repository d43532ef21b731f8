"""Every file of every artefact in some folders, compared with what its manifest states."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.errors import DataError, UnsealedError
from gogooku.core.files import MANIFEST_FILE
from gogooku.core.seal import Sealed, files_of, open_sealed


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written.

    Attributes
    ----------
    place : Path
        Of the file.
    what : str
        What is wrong with it, in a sentence.
    """

    place: Path
    what: str


@dataclass(frozen=True)
class Verified:
    """What was found: how many files are good, which are damaged, and what cannot be checked.

    Attributes
    ----------
    files : int
        Compared.
    damaged : tuple of Damage
    unsealed : tuple of Path
        Artefacts of earlier versions of the program, which state no digests.
    """

    files: int
    damaged: tuple[Damage, ...]
    unsealed: tuple[Path, ...]


def artefacts_in(rooms: Sequence[Path]) -> list[Path]:
    """Folders with a manifest below some folders, sorted; hidden ones are not finished."""
    found = []
    for room in rooms:
        for place, folders, files in os.walk(room):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if MANIFEST_FILE in files:
                found.append(Path(place))
    return sorted(found)


def verify(
    artefacts: Sequence[Path],
    *,
    expected: Callable[[Path], bool],
    seen: Callable[[], None],
) -> Verified:
    """Compare every file of some artefacts with what its manifest states.

    Parameters
    ----------
    artefacts : sequence of Path
        Folders.
    expected : callable
        Whether a file that is missing should be there; what was removed on purpose should not.
    seen : callable
        Called whenever a folder has been compared.
    """
    damaged: list[Damage] = []
    unsealed, count = [], 0
    for folder in artefacts:
        try:
            sealed = open_sealed(folder)
        except UnsealedError:
            unsealed.append(folder)
            continue
        except DataError as fault:
            damaged.append(Damage(folder / MANIFEST_FILE, str(fault)))
            continue
        finally:
            seen()
        damaged += _damaged(sealed, expected)
        count += len(sealed.files) + 1
    return Verified(count, tuple(damaged), tuple(unsealed))


def _damaged(sealed: Sealed, expected: Callable[[Path], bool]) -> Iterator[Damage]:
    """Files of one artefact that are damaged, and such as it did not write."""
    for name, entry in sealed.files.items():
        path = sealed.folder / name
        if not os.path.lexists(path) and not expected(path):
            continue
        try:
            rows = sealed.damaged_rows(name) if "sha256" not in entry else []
            sealed.path(name)
        except DataError as fault:
            yield Damage(path, str(fault))
            continue
        if rows:
            what = f"{len(rows)} of {entry['rows']} sessions differ, first number {rows[0]}"
            yield Damage(path, str(sealed.damage(name, what)))
    mine = {*sealed.files, MANIFEST_FILE}
    for path in files_of(sealed.folder):
        name = path.relative_to(sealed.folder).as_posix()
        if name not in mine and path.name != MANIFEST_FILE:
            yield Damage(path, f"{path}: was not written with the artefact; remove it")
