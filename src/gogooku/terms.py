"""What a subscription's end asks for: everything that holds vendor data goes, measures stay.

J-Quants data is for its subscriber alone and is to be deleted when the subscription ends (J-Quants
terms of use). Raw bodies, typed tables, sources, datasets, predictions and ledgers of fills (which
hold prices) are removed; configs, stamps, checkpoints, metrics and their reports stay.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.errors import DataError
from gogooku.core.files import read_json, write_point
from gogooku.ingest.raw import open_store
from gogooku.ingest.store import sources_folder
from gogooku.learn.datasets import MANIFEST_FILE, datasets_folder
from gogooku.runs.folder import PREDICTIONS_FILE, finished_runs
from gogooku.runs.judging import BACKTEST_FOLDER
from gogooku.tables.parts import Basis, parts_folder


@dataclass(frozen=True)
class Holdings:
    """Everything in a home that came from a source, in the order in which it is removed.

    Attributes
    ----------
    files : tuple of Path
        Predictions and ledgers inside run folders that themselves stay.
    folders : tuple of Path
        Datasets, sources, typed tables and the raw store.
    """

    source: str
    files: tuple[Path, ...]
    folders: tuple[Path, ...]

    @property
    def num_bytes(self) -> int:
        """What they take on disk; hard links are counted once each."""
        inside = [path for folder in self.folders for path in folder.rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in (*self.files, *inside))


def holdings(home: Path, source: str) -> Holdings:
    """Find what came from a source.

    Raises
    ------
    DataError
        There is nothing of that name.
    """
    names = {source, *_derived_names(home, source)}
    datasets = [
        path.parent
        for path in sorted(datasets_folder(home).glob(f"*/{MANIFEST_FILE}"))
        if read_json(path).get("source") in names
    ]
    built = {folder.name for folder in datasets}
    runs = [
        folder
        for folder in finished_runs(home)
        if read_json(folder / "manifest.json")["dataset"] in built
    ]
    files = [
        path
        for run in runs
        for path in (run / PREDICTIONS_FILE, *sorted((run / BACKTEST_FOLDER).glob("*.parquet")))
        if path.exists()
    ]
    places = [
        *datasets,
        *(sources_folder(home) / name for name in sorted(names)),
        parts_folder(home, source),
        open_store(home, source).folder,
    ]
    folders = [place for place in places if place.exists()]
    if not folders:
        raise DataError(f"nothing from source {source!r} is in {home}")
    return Holdings(source=source, files=tuple(files), folders=tuple(folders))


def _derived_names(home: Path, source: str) -> list[str]:
    """Sources made from the same raw store for a date in the past."""
    prefixes = tuple(f"{source}-{basis}-" for basis in Basis)
    found = sources_folder(home).glob("*") if sources_folder(home).exists() else []
    return [path.name for path in found if path.name.startswith(prefixes)]


def forget(home: Path, held: Holdings) -> None:
    """Remove what `holdings` found; safe to repeat after an interruption.

    Raises
    ------
    BusyError
        A sync of the source is running.
    """
    store = open_store(home, held.source)
    with store.writer():
        _forget_pointer(home, {folder.name for folder in held.folders})
        for path in held.files:
            path.unlink(missing_ok=True)
            write_point("forget.file")
        for folder in held.folders:
            if folder != store.folder:
                shutil.rmtree(folder)
                write_point("forget.folder")
    store.remove()


def _forget_pointer(home: Path, gone: set[str]) -> None:
    """Drop the pointer to the current dataset where that is about to go."""
    pointer = datasets_folder(home) / "current.json"
    if pointer.exists() and read_json(pointer)["dataset"] in gone:
        pointer.unlink()
