"""`gogooku doctor`: environment, disk, artefacts and left-overs, for when something is wrong."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.code import code_hash
from gogooku.core.config import assignments_for
from gogooku.core.errors import DataError, GogookuError
from gogooku.core.files import MANIFEST_FILE, free_bytes, read_json
from gogooku.core.stamp import (
    CONFIG_FILE,
    STAMP_FILE,
    Stamp,
    available_threads,
    installed_versions,
)
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.build import build
from gogooku.dataset.home import datasets_folder
from gogooku.dataset.reading import read_dataset
from gogooku.ingest.source import read_source, source_names
from gogooku.runs.find import opened
from gogooku.runs.folder import PREDICTIONS_FILE, finished_runs

_GIGABYTE = 1e9
_RUNS, _DATASETS = "runs that cannot be opened", "datasets of other code"


def doctor(home: Path) -> Answer:
    """Examine a home: a table of facts, and a line for each thing to decide about."""
    facts = examine(home)
    rows = [
        (name, str(len(value) if name in (_RUNS, _DATASETS) else value))
        for name, value in facts.items()
    ]
    lines = [text for name in (_RUNS, _DATASETS) for text in facts[name]]
    return Answer(facts=facts, parts=[table("doctor", ["", ""], rows), *lines])


def examine(home: Path) -> dict[str, Any]:
    """Facts about a home, in the order a person would look at them."""
    return {
        "home": str(home),
        "free_gigabytes": round(free_bytes(home) / _GIGABYTE, 1),
        "threads": available_threads(),
        **{f"version {name}": number for name, number in installed_versions().items()},
        **{f"source {name}": _source(home, name) for name in source_names(home)},
        "datasets": _names(home / "datasets"),
        "runs": _names(home / "runs"),
        "runs without predictions": _bare(home / "runs"),
        _RUNS: _closed_runs(home),
        _DATASETS: _other_datasets(home),
        "unfinished": _unfinished(home),
    }


def _source(home: Path, name: str) -> str:
    source = read_source(home, name)
    return f"{source.manifest['rows']:,} rows, content {source.content_hash}"


def _names(folder: Path) -> list[str]:
    return sorted(p.parent.name for p in folder.glob("[!.]*/manifest.json"))


def _bare(folder: Path) -> list[str]:
    """Finished runs whose predictions went with the data they came from (``sync --forget``)."""
    return [name for name in _names(folder) if not (folder / name / PREDICTIONS_FILE).exists()]


def _closed_runs(home: Path) -> list[str]:
    """Runs that an earlier version wrote, or that lost a file, and what to do about each."""
    out = []
    for folder in finished_runs(home):
        try:
            opened(folder)
        except GogookuError as fault:
            out.append(str(fault))
    return out


def _other_datasets(home: Path) -> list[str]:
    """Datasets that no build of this code finds again, and what to do about each."""
    code = code_hash((build.__module__,))
    out = []
    for manifest in sorted(datasets_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")):
        folder = manifest.parent
        if (folder / STAMP_FILE).exists() and Stamp.read(folder).code_hash == code:
            continue
        words = ["gogooku", "build", "--source", str(read_json(manifest)["source"])]
        written = read_json(folder / CONFIG_FILE) if (folder / CONFIG_FILE).exists() else {}
        settings = {path: entry for path, entry in written.items() if path != "source"}
        for text in assignments_for(settings, BuildConfig()):
            words += ["--set", text]
        out.append(
            f"dataset {folder.name} was made by other code than this: {_use_of(folder)}. A build "
            f"makes another one: {shlex.join(words)}"
        )
    return out


def _use_of(folder: Path) -> str:
    try:
        read_dataset(folder)
    except DataError as fault:
        return f"it cannot be read ({fault})"
    return f"it can still be trained on and predicted from (--dataset {folder.name})"


def _unfinished(home: Path) -> list[str]:
    """Artefacts whose writer stopped before the end, with the reason if it said so."""
    out = [
        f"{left.name.removeprefix('.').removesuffix('.removed')}: its removal was interrupted; run "
        "gogooku sync --forget again"
        for left in sorted(home.glob("*/.*.removed"))
    ]
    for building in sorted(home.glob("**/.*.building")):
        failure = building / "failure.json"
        why = f": {read_json(failure)['error']}" if failure.exists() else ""
        out.append(f"{building.name.removeprefix('.').removesuffix('.building')}{why}")
    return out
