"""What is kept beside a run: its evaluations, backtests and pages, each keyed by what made it.

Each is an artefact in the run's folder, ``KIND-KEY``, with a manifest, a config and a stamp of its
own. The key hangs on the settings, the code, the run's content and whatever else is named as an
input, so other settings make another one and the same ones find what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gogooku.core.artefact import new_artefact
from gogooku.core.config import ConfigT, Resolved
from gogooku.core.files import MANIFEST_FILE, hash_file, hash_parts, write_json
from gogooku.core.seal import open_sealed
from gogooku.core.stamp import CONFIG_FILE, make_stamp
from gogooku.runs.folder import Run

METRICS_FILE = "metrics.json"


def keep_beside(
    run: Run,
    kind: str,
    resolved: Resolved[ConfigT],
    *,
    code: Sequence[str],
    inputs: Mapping[str, str],
    fill: Callable[[Path], None],
) -> Path:
    """The folder of what some settings make of a run; made now if it is not there, or not whole.

    Parameters
    ----------
    run : Run
    kind : str
        Stage of the stamp, and first part of the folder's name.
    resolved : Resolved
        The settings.
    code : sequence of str
        Modules that make it, see `gogooku.core.code`.
    inputs : mapping of str to str
        Content hashes of what it is made from, besides the run and its dataset.
    fill : callable
        Writes the files into a folder.
    """
    stamp = make_stamp(
        kind,
        config_hash=resolved.config.content_hash,
        code=code,
        inputs={
            f"run {run.run_id}": run.content_hash,
            f"dataset {run.dataset_name}": run.dataset_hash,
            **inputs,
        },
    )
    folder = run.folder / f"{kind}-{stamp.key}"
    if not is_whole(folder):
        with new_artefact(folder) as building:
            fill(building)
            parts = {path.name: hash_file(path) for path in sorted(building.iterdir())}
            write_json(building / CONFIG_FILE, resolved.to_json())
            stamp.write(building)
            write_json(building / MANIFEST_FILE, _manifest(kind, run, parts))
    return folder


def is_whole(folder: Path) -> bool:
    """Whether an artefact beside a run is finished and none of its files was removed since."""
    return (folder / MANIFEST_FILE).exists() and not missing(folder, open_sealed(folder).manifest)


def missing(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Files that a manifest names and that are not there any more."""
    return [name for name in manifest["parts"] if not (folder / name).exists()]


def _manifest(kind: str, run: Run, parts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": kind,
        "run": run.run_id,
        "run_content_hash": run.content_hash,
        "dataset": run.dataset_name,
        "content_hash": hash_parts(parts),
        "parts": dict(parts),
    }


def content_of(folder: Path) -> dict[str, str]:
    """Name and content hash of an artefact, as the stamp of another one names its inputs."""
    return {folder.name: str(open_sealed(folder).manifest["content_hash"])}
