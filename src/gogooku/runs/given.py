"""Scores that were made elsewhere, as a run: judged, traded and shown by what judges any other.

Its folder holds the scores as a test part, and nothing that was fitted: no checkpoint, no
validation part. It is decided by the content of the scores and by the dataset, so the same scores
are found again under their name. What asks for a model is refused by `gogooku.runs.folder.Run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gogooku.core.artefact import new_artefact
from gogooku.core.config import Resolved, leaves
from gogooku.core.errors import UsageError
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_file,
    hash_json,
    hash_parts,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.stamp import CONFIG_FILE, make_stamp
from gogooku.core.types import Dataset
from gogooku.dataset.home import labels_of
from gogooku.runs.config import GivenConfig, GivenScores
from gogooku.runs.folder import (
    GIVEN,
    PREDICTIONS_FILE,
    Run,
    of_part,
    origin,
    read_run,
    require_name,
    runs_folder,
)
from gogooku.runs.given_scores import GivenFrame, given_frame
from gogooku.runs.named import run_names


def bring(
    home: Path,
    name: str,
    frame: object,
    dataset: Dataset,
    *,
    horizon: int | None = None,
    drop_unknown: bool = False,
) -> Run:
    """Keep scores that were made elsewhere as a run; the same ones are found, and not kept twice.

    Where the scores of a run were removed since (``sync --forget``), they are kept again.

    Parameters
    ----------
    frame, horizon, drop_unknown
        As `gogooku.runs.given_scores.given_frame`.

    Raises
    ------
    UsageError
        The name cannot be one, or is that of a learner; or as `given_frame`.
    DataError
        What is wrong with the scores.
    """
    require_name("run", name)
    if name in run_names():
        raise UsageError(
            f"run {name}: a run of this name is one that gogooku trains; give the scores another"
        )
    labels = labels_of(dataset)
    scores = given_frame(
        frame,
        dataset,
        known_horizons=labels.horizons,
        horizon=horizon,
        drop_unknown=drop_unknown,
    )
    config = GivenConfig(learner=GivenScores(content=scores.content_hash))
    stamp = make_stamp(
        "judge",
        config_hash=hash_json([config.content_hash, dict(scores.left_out)]),
        code=(__name__,),
        inputs={
            f"dataset {dataset.folder.name}": dataset.content_hash,
            "labels": str(labels.manifest["content_hash"]),
        },
    )
    folder = runs_folder(home) / f"{name}-{stamp.key}"
    if not all((folder / name).exists() for name in (MANIFEST_FILE, PREDICTIONS_FILE)):
        with new_artefact(folder) as building:
            paths = [path for path, _ in leaves(config.model_dump(mode="json"))]
            resolved = Resolved(config=config, origins=dict.fromkeys(paths, "the scores"))
            write_json(building / CONFIG_FILE, resolved.to_json())
            stamp.write(building)
            write_parquet(of_part(scores.frame, 0, "test"), building / PREDICTIONS_FILE)
            write_point("judge.predictions")
            hashes = {"predictions": hash_file(building / PREDICTIONS_FILE)}
            write_json(building / MANIFEST_FILE, _manifest(name, dataset, scores, hashes))
    return read_run(folder)


def _manifest(
    name: str, dataset: Dataset, scores: GivenFrame, hashes: Mapping[str, str]
) -> dict[str, Any]:
    days = scores.frame.get_column("date")
    return {
        **origin(name, dataset),
        "feature_hash": "none",
        "horizons": list(scores.horizons),
        "folds": [{"test": [str(days.min()), str(days.max())]}],
        GIVEN: {"left_out": dict(scores.left_out)},
        "content_hash": hash_parts(hashes),
        "parts": dict(hashes),
    }
