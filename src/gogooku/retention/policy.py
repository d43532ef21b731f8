"""What of a home can go, and what stays whatever its age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import Field, field_validator

from gogooku.core.artefact import CURRENT_FILE
from gogooku.core.config import Config
from gogooku.core.files import MANIFEST_FILE, read_json
from gogooku.core.removal import final_name, is_leftover
from gogooku.core.stamp import STAMP_FILE, Stamp
from gogooku.dataset.home import datasets_folder
from gogooku.publish.publication import publications_folder, published_sessions
from gogooku.releases.bundle import bundle_ids, open_bundle
from gogooku.releases.registry import read_registry
from gogooku.retention.disk import freed_bytes
from gogooku.runs.folder import finished_runs, runs_folder
from gogooku.runs.job import finished_jobs, jobs_folder
from gogooku.runs.trials import TrialLedger
from gogooku.search.folder import RESULT_FILE, studies_folder
from gogooku.watch.status import status_folder

SHORTEST_PUBLICATIONS: Final = 120
"""Days that a publication is kept at least: its labels are settled, and drift is seen beside it."""


class PruneConfig(Config):
    """How long what may go is kept.

    Attributes
    ----------
    datasets : int
        Newest datasets of each source; those that something needs stay beside them.
    job_days : int
        Single fits; each can be made again.
    leftover_days : int
        What interrupted commands left; until then the same command goes on with it.
    status_days : int
        What the watch said of an evening.
    log_days : int
        Logs that were moved aside, in the home's ``logs``; the one that is written stays.
    run_days : int
        Runs that no bundle was made from; 0 keeps all. Their tries stay counted.
    publication_days : int
        Publications, but for the newest of each bundle; 0 keeps all, and fewer days than it takes
        until their labels are settled are refused.
    """

    datasets: int = Field(default=2, ge=1)
    job_days: int = Field(default=30, ge=0)
    leftover_days: int = Field(default=7, ge=0)
    status_days: int = Field(default=400, ge=1)
    log_days: int = Field(default=90, ge=1)
    run_days: int = Field(default=0, ge=0)
    publication_days: int = Field(default=0, ge=0)

    @field_validator("publication_days")
    @classmethod
    def _settled(cls, value: int) -> int:
        if 0 < value < SHORTEST_PUBLICATIONS:
            raise ValueError(
                f"is {value}, but labels of a publication are settled after "
                f"{SHORTEST_PUBLICATIONS} days; give 0 to keep all, or {SHORTEST_PUBLICATIONS} or "
                "more"
            )
        return value


@dataclass(frozen=True)
class Item:
    """Something that can go: its part of the home, where it is, and why."""

    part: str
    path: Path
    why: str


@dataclass(frozen=True)
class PrunePlan:
    """What can go and what stays.

    Attributes
    ----------
    items : tuple of Item
    kept : mapping of str to list of str
        By part, names of what is old enough to go and stays, each with the reason.
    """

    items: tuple[Item, ...]
    kept: dict[str, list[str]] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """What it frees."""
        return freed_bytes(item.path for item in self.items)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "items": [
                {"part": one.part, "path": str(one.path), "why": one.why} for one in self.items
            ],
            "kept": self.kept,
            "bytes": self.num_bytes,
        }


def plan_prune(home: Path, config: PruneConfig, *, now: datetime) -> PrunePlan:
    """Find what can go; nothing is touched.

    Raises
    ------
    DataError
        A bundle, a run or the ledger of trials is damaged: what it needs cannot be known.
    """
    kept: dict[str, list[str]] = {}
    runs = list(_runs(home, config, kept, now=now))
    gone = {item.path for item in runs}
    items = (
        *_leftovers(home, config, now=now),
        *runs,
        *_datasets(home, config, kept, gone=gone),
        *_jobs(home, config, now=now),
        *_publications(home, config, kept, now=now),
        *_statuses(home, config, now=now),
        *_logs(home, config, now=now),
    )
    return PrunePlan(items=tuple(items), kept=kept)


def _older(path: Path, days: int, *, now: datetime) -> bool:
    made = datetime.fromtimestamp(path.lstat().st_mtime, tz=UTC)
    return made < now - timedelta(days=days)


def _leftovers(home: Path, config: PruneConfig, *, now: datetime) -> Iterator[Item]:
    """What interrupted commands left, of every kind of artefact."""
    for path in sorted([*home.glob("*/.*"), *home.glob("*/*/.*"), *home.glob("*/*/*/.*")]):
        part = path.relative_to(home).parts[0]
        if path.name.endswith(".removed"):
            yield Item(part, path, "its removal was interrupted")
        elif is_leftover(path) and _older(path, config.leftover_days, now=now):
            why = f"left by an interrupted command more than {config.leftover_days} days ago"
            yield Item(part, path, why)


def _runs(
    home: Path, config: PruneConfig, kept: dict[str, list[str]], *, now: datetime
) -> Iterator[Item]:
    if not config.run_days:
        return
    bundled = {open_bundle(home, name).run_id for name in bundle_ids(home)}
    for folder in finished_runs(home):
        if not _older(folder / MANIFEST_FILE, config.run_days, now=now):
            continue
        if folder.name in bundled:
            kept.setdefault("runs", []).append(f"{folder.name}: a bundle was made from it")
        else:
            yield Item("runs", folder, f"older than {config.run_days} days, in no bundle")


def _datasets(
    home: Path, config: PruneConfig, kept: dict[str, list[str]], *, gone: set[Path]
) -> Iterator[Item]:
    """Datasets beyond the newest of their source that nothing needs."""
    needed = dict(_needed_datasets(home, gone=gone))
    of_source: dict[str, list[Path]] = {}
    for manifest in datasets_folder(home).glob(f"[!.]*/{MANIFEST_FILE}"):
        of_source.setdefault(str(read_json(manifest)["source"]), []).append(manifest)
    for manifests in of_source.values():
        manifests.sort(key=lambda path: (path.stat().st_mtime_ns, path.parent.name))
        for manifest in manifests[: -config.datasets]:
            name = manifest.parent.name
            if name in needed:
                kept.setdefault("datasets", []).append(f"{name}: {needed[name]}")
            else:
                why = f"not among the {config.datasets} newest of its source, and nothing needs it"
                yield Item("datasets", manifest.parent, why)


def _stamped_datasets(folder: Path) -> list[str]:
    """Names of the datasets that the stamp of a folder, if it has one, says it is made of."""
    inputs = Stamp.read(folder).inputs if (folder / STAMP_FILE).exists() else {}
    return [one.removeprefix("dataset ") for one in inputs if one.startswith("dataset ")]


def _needed_datasets(home: Path, *, gone: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Names of datasets that something needs, and what."""
    for name in bundle_ids(home):
        bundle = open_bundle(home, name)
        yield bundle.run.dataset_name, f"bundle {name} was fitted on it"
    for one in TrialLedger(home).holdouts():
        yield one.dataset, f"hold-out {one.name} was registered on it"
    for place in (runs_folder(home), jobs_folder(home)):
        for path in place.glob(".*.building"):
            for name in _stamped_datasets(path):
                yield name, f"{final_name(path)} is being fitted"
    for study in studies_folder(home).glob("[!.]*"):
        if not (study / RESULT_FILE).exists():
            for name in _stamped_datasets(study):
                yield name, f"search {study.name} is not finished"
    for folder in finished_runs(home):
        if folder not in set(gone):
            name = str(read_json(folder / MANIFEST_FILE)["dataset"])
            yield name, f"run {folder.name} was fitted on it"
    pointer = datasets_folder(home) / CURRENT_FILE
    if pointer.exists():
        yield str(read_json(pointer)["dataset"]), "it is the current one"


def _jobs(home: Path, config: PruneConfig, *, now: datetime) -> Iterator[Item]:
    for folder in finished_jobs(home):
        if _older(folder / MANIFEST_FILE, config.job_days, now=now):
            yield Item("jobs", folder, f"older than {config.job_days} days; can be made again")


def _publications(
    home: Path, config: PruneConfig, kept: dict[str, list[str]], *, now: datetime
) -> Iterator[Item]:
    if not config.publication_days:
        return
    end = now.date() - timedelta(days=config.publication_days)
    states = read_registry(home).states
    for source, bundle in sorted((source, name) for name, (source, _) in states.items()):
        days = published_sessions(home, source, bundle)
        for day in days[:-1]:
            if day < end:
                path = publications_folder(home, source) / f"{day}--{bundle}"
                yield Item("publications", path, f"older than {config.publication_days} days")
        if days and days[-1] < end:
            why = f"{source}/{days[-1]}--{bundle}: the newest of its bundle"
            kept.setdefault("publications", []).append(why)


def _statuses(home: Path, config: PruneConfig, *, now: datetime) -> Iterator[Item]:
    end = now.date() - timedelta(days=config.status_days)
    for path in sorted(status_folder(home, "*").parent.glob("*/*.json")):
        day = _day_of(path.name)
        if day is not None and day < end:
            yield Item("status", path, f"older than {config.status_days} days")


def _logs(home: Path, config: PruneConfig, *, now: datetime) -> Iterator[Item]:
    """Of logs, those that a newer one has taken the place of: their names end with a number."""
    for path in sorted((home / "logs").glob("*.*")):
        if path.suffix[1:].isdecimal() and _older(path, config.log_days, now=now):
            yield Item("logs", path, f"older than {config.log_days} days")


def _day_of(name: str) -> date | None:
    """The session that a status is named by; None of the newest one, which has no date."""
    try:
        return date.fromisoformat(name[:10])
    except ValueError:
        return None
