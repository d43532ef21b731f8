"""What a command says that finds its work done, and how it knows: by what was there before it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gogooku.core.files import MANIFEST_FILE


def already(done: str) -> str:
    """``already built, nothing to do``: the words of every command for it."""
    return f"already {done}, nothing to do"


def written(place: Path, what: str, *, changed: bool) -> str:
    """That a file is there: written now, or the same already."""
    return f"{'written' if changed else already('written')}: {place} ({what})"


class Before:
    """Finished artefacts that were there when a command began.

    Parameters
    ----------
    folders : iterable of Path
        Where they lie: each is a folder below one of these. One that is not there holds none.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._there = {
            manifest.parent: _mark(manifest)
            for folder in folders
            for manifest in folder.glob(f"*/{MANIFEST_FILE}")
        }

    def had(self, *made: Path) -> bool:
        """Whether all of these were there and are still the same: none was made anew meanwhile."""
        return all(self._there.get(one) == _mark(one / MANIFEST_FILE) for one in made)


def _mark(manifest: Path) -> tuple[int, int]:
    """What is another one once a file was written anew."""
    facts = manifest.stat()
    return facts.st_ino, facts.st_mtime_ns
