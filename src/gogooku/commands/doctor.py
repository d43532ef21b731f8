"""`gogooku doctor`: environment, disk, artefacts and left-overs, for when something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.files import free_bytes, read_json
from gogooku.core.stamp import available_threads, installed_versions
from gogooku.ingest.source import read_source, source_names
from gogooku.runs.folder import PREDICTIONS_FILE

_GIGABYTE = 1e9


def doctor(home: Path) -> Answer:
    """Examine a home."""
    facts = examine(home)
    rows = [(name, str(value)) for name, value in facts.items()]
    return Answer(facts=facts, parts=[table("doctor", ["", ""], rows)])


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
