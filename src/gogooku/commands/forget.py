"""What a subscription's end asks for: everything that holds vendor data goes, measures stay.

J-Quants data is for its subscriber alone and is to be deleted when the subscription ends (J-Quants
terms of use). Raw bodies, typed tables, sources, datasets, predictions, single fits (which hold
predictions), ledgers of fills (which hold prices), pages (which hold names and scores of a
session), publications and what was judged of them are removed, finished or not; configs, stamps,
checkpoints, bundles and metrics stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.artefact import CURRENT_FILE
from gogooku.core.errors import BusyError, DataError
from gogooku.core.files import MANIFEST_FILE, locked, read_json, write_point
from gogooku.core.removal import final_name, remove, remove_alone
from gogooku.core.stamp import STAMP_FILE, Stamp
from gogooku.dataset.home import datasets_folder
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.source import sources_folder
from gogooku.publish.publication import publications_folder
from gogooku.releases.bundle import RUN_FOLDER, bundle_ids, bundles_folder
from gogooku.runs.folder import OF_VENDOR, REPORT, REPORT_FILE, finished_runs, runs_folder
from gogooku.runs.job import DoneJob, finished_jobs, jobs_folder
from gogooku.runs.trade import BACKTEST
from gogooku.tables.parts import base_source, parts_folder
from gogooku.watch.live import live_folder
from gogooku.watch.status import status_folder


@dataclass(frozen=True)
class Holdings:
    """Everything in a home that came from a source, in the order in which it is removed.

    Attributes
    ----------
    unfinished : tuple of Path
        What interrupted commands left of datasets, runs and single fits; hidden.
    files : tuple of Path
        Predictions, ledgers and pages inside run folders that themselves stay.
    folders : tuple of Path
        Datasets, sources, single fits, typed tables and, last, the raw store.
    """

    source: str
    unfinished: tuple[Path, ...]
    files: tuple[Path, ...]
    folders: tuple[Path, ...]

    @property
    def places(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.unfinished, *self.files, *self.folders)

    @property
    def num_bytes(self) -> int:
        """What they take on disk; a file with several names (hard links) is counted once."""
        sizes = {}
        for place in self.places:
            for path in (place, *place.rglob("*")):
                if path.is_file():
                    facts = path.stat()
                    sizes[facts.st_dev, facts.st_ino] = facts.st_size
        return sum(sizes.values())


def holdings(home: Path, source: str) -> Holdings:
    """Find what came from a source, also what an interrupted command or removal left.

    Raises
    ------
    DataError
        There is nothing of that name.
    """
    meant = _meant(source)
    datasets = _kept(datasets_folder(home), lambda name: meant(_source_of(home, name)))
    runs = [
        folder
        for folder in finished_runs(home)
        if meant(_source_of(home, str(read_json(folder / MANIFEST_FILE)["dataset"])))
    ]
    places = [
        *datasets,
        *_kept(sources_folder(home), meant),
        *(
            path
            for place in (publications_folder, status_folder, live_folder)
            for path in _kept(place(home, source).parent, meant)
        ),
        *(fit for fit in finished_jobs(home) if meant(str(DoneJob.read(fit).manifest["source"]))),
        *_kept(parts_folder(home, source).parent, lambda name: name == source),
        *_kept(open_store(home, source).folder.parent, lambda name: name == source),
    ]
    held = Holdings(
        source=source,
        unfinished=tuple(_unfinished(home, meant)),
        files=tuple(
            path for run in [*runs, *_released(home, meant)] for path in _vendor_files(run)
        ),
        folders=tuple(places),
    )
    if not held.places:
        raise DataError(f"nothing from source {source!r} is in {home}")
    return held


def _released(home: Path, meant: Callable[[str], bool]) -> list[Path]:
    """The run inside each bundle of it; the bundle stays, without scores."""
    return [
        folder / RUN_FOLDER
        for folder in (bundles_folder(home) / name for name in bundle_ids(home))
        if meant(str(read_json(folder / MANIFEST_FILE)["source"]))
    ]


def _meant(source: str) -> Callable[[str], bool]:
    """Whether a source is the named one, or was made from its raw store for a date in the past."""
    return lambda name: source in (name, base_source(name))


def _kept(folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Artefacts of a folder by name, hidden ones by the name they would have had; sorted."""
    found = []
    for path in sorted(folder.glob("*")):
        name = final_name(path)
        if not name.startswith(".") and wanted(name):
            found.append(path)
    return found


def _source_of(home: Path, dataset: str) -> str:
    """Name of the source of a dataset: by its manifest, or, where it has none, by its name."""
    manifest = datasets_folder(home) / dataset / MANIFEST_FILE
    if manifest.exists():
        return str(read_json(manifest)["source"])
    return dataset.rpartition("-")[0]


def _unfinished(home: Path, meant: Callable[[str], bool]) -> Iterator[Path]:
    """Runs and single fits on its datasets that were interrupted."""
    places = (runs_folder(home), jobs_folder(home))
    for path in sorted(left for place in places for left in place.glob(".*.building")):
        inputs = Stamp.read(path).inputs if (path / STAMP_FILE).exists() else {}
        datasets = [name.removeprefix("dataset ") for name in inputs if name.startswith("dataset ")]
        if any(meant(_source_of(home, name)) for name in datasets):
            yield path
            key = path.with_name(f"{path.name}.key")
            if key.exists():
                yield key


def _vendor_files(run: Path) -> list[Path]:
    """Predictions, outputs, pages, fills and holdings of a run, and what was interrupted.

    Every backtest and page, of whatever settings; and those that an earlier version kept without a
    key.
    """
    files = [run / name for name in OF_VENDOR]
    files += sorted(run.glob(f"[!.]*/{REPORT_FILE}"))
    for folder in sorted(run.glob(f"{BACKTEST}*")):
        files += sorted(folder.glob("*.parquet"))
    left = [
        path
        for kind in (BACKTEST, REPORT)
        for path in sorted(run.glob(f".{kind}*"))
        if path.is_dir()
    ]
    return [path for path in files if path.exists()] + left


def forget(home: Path, held: Holdings) -> None:
    """Remove what `holdings` found; safe to repeat after an interruption.

    Raises
    ------
    BusyError
        A sync of the source, or a command that writes one of its artefacts, is running.
    """
    with _alone(home, held.source):
        for path in held.unfinished:
            remove_alone(path)
        _forget_pointers(home, {final_name(folder) for folder in held.folders})
        for path in held.files:
            remove(path)
        for folder in held.folders:
            if folder.parent in (datasets_folder(home), jobs_folder(home)):
                remove_alone(folder)
            else:
                remove(folder)


@contextmanager
def _alone(home: Path, source: str) -> Iterator[None]:
    """Keep out a sync and the derivation of tables."""
    try:
        with locked(open_store(home, source).folder), locked(parts_folder(home, source)):
            yield
    except BusyError as fault:
        raise BusyError(
            f"{fault} Of {source}, what was not removed yet is still there: run the same command "
            "again."
        ) from fault


def _forget_pointers(home: Path, gone: set[str]) -> None:
    """Drop the pointer to the current dataset where that goes, and one that was never published."""
    pointer = datasets_folder(home) / CURRENT_FILE
    if pointer.exists() and read_json(pointer)["dataset"] in gone:
        pointer.unlink()
        write_point("forget.pointer")
    for name in gone:
        pointer.with_name(f".{pointer.name}.{name}").unlink(missing_ok=True)
