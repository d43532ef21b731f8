"""The status of a publication: what was measured of it and which checks failed.

``HOME/status/SOURCE/DATE--BUNDLE.json`` lies beside the publication and holds no time, so that it
is the same whenever it is made. It is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.files import read_json, storage_errors, write_json
from gogooku.core.metrics import number_or_none
from gogooku.core.types import Dataset
from gogooku.ingest.source import delivery, sources_folder
from gogooku.publish.publication import RANKING, TARGET, Publication, newest_publication
from gogooku.releases.bundle import Bundle
from gogooku.releases.score_distribution import MEASURES, score_measures
from gogooku.watch.checks import (
    drift_checks,
    exposure_checks,
    score_checks,
    table_checks,
)
from gogooku.watch.drift import drift_summary, feature_drift, null_summary
from gogooku.watch.exposure import exposure_of
from gogooku.watch.tables import table_states

KIND: Final = "status"


def status_folder(home: Path, source: str) -> Path:
    """Where the status of the publications of a source lies."""
    return home / "status" / source


def status_path(home: Path, source: str, session: date, bundle: str) -> Path:
    """Where the status of a publication is kept."""
    return status_folder(home, source) / f"{session}--{bundle}.json"


def read_status(home: Path, source: str, session: date, bundle: str) -> dict[str, Any] | None:
    """The status of a publication; None where it was not made.

    Raises
    ------
    DataError
        It is damaged.
    """
    path = status_path(home, source, session, bundle)
    return read_json(path) if path.exists() else None


def write_status(home: Path, bundle: Bundle, dataset: Dataset, made: Publication) -> dict[str, Any]:
    """Measure a publication and keep what was found.

    Parameters
    ----------
    dataset : Dataset
        With the session of the publication.

    Raises
    ------
    DataError
        A file is damaged.
    """
    path = status_path(home, bundle.source, made.session, bundle.bundle_id)
    found = status_of(home, bundle, dataset, made)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found)
    return found


def status_of(home: Path, bundle: Bundle, dataset: Dataset, made: Publication) -> dict[str, Any]:
    """What is measured of a publication, and its checks; see the module."""
    t = dataset.index_of(made.session)
    tested = bundle.tested_scores
    top_k = int(tested["top_k"])
    before = newest_publication(home, bundle.source, bundle.bundle_id, before=made.session)
    ranking = made.frame(RANKING)
    scores = _scores(ranking, _session_before(before, dataset, t), top_k=top_k)
    tables = [one.to_json() for one in table_states(_delivery(home, dataset), dataset, t)]
    moved = feature_drift(dataset, t, bundle.trained_on)
    drift, nulls = drift_summary(moved), null_summary(moved)
    top = ranking.head(top_k).get_column("code").to_list()
    exposure = exposure_of(dataset, t, top, _held(made))
    checks = [
        *table_checks(tables),
        *(
            one
            for horizon, now in scores.items()
            for one in score_checks(horizon, now, tested["horizons"][horizon])
        ),
        *exposure_checks(exposure),
        *drift_checks(drift, nulls),
    ]
    return {
        "kind": KIND,
        "source": bundle.source,
        "session": str(made.session),
        "bundle": bundle.bundle_id,
        "publication": made.content_hash,
        "top_k": top_k,
        "tables": tables,
        "scores": scores,
        "exposure": exposure,
        "drift": drift,
        "nulls": nulls,
        "checks": [one.to_json() for one in checks],
    }


def _held(made: Publication) -> dict[str, float] | None:
    """Weights of the target of a publication; None where it has none."""
    if not made.has(TARGET):
        return None
    return dict(made.frame(TARGET).select("code", "weight").iter_rows())


def _delivery(home: Path, dataset: Dataset) -> Any:
    named = dataset.manifest
    return delivery(sources_folder(home) / str(named["source"]) / str(named["source_version"]))


def _session_before(before: Publication | None, dataset: Dataset, t: int) -> pl.DataFrame | None:
    """The ranking after the session before; None where that session has none."""
    if before is None or t == 0 or np.datetime64(before.session) != dataset.sessions[t - 1]:
        return None
    return before.frame(RANKING)


def _scores(
    now: pl.DataFrame, before: pl.DataFrame | None, *, top_k: int
) -> dict[str, dict[str, float | None]]:
    """`MEASURES` by horizon."""
    columns = [name for name in now.columns if name.startswith("score_")]
    wide = now.select("code", *columns)
    if before is not None:
        old = before.select("code", *(pl.col(name).alias(f"{name} before") for name in columns))
        wide = wide.join(old, on="code", how="full", coalesce=True)
    found: dict[str, dict[str, float | None]] = {}
    for name in columns:
        rows = [name] if before is None else [f"{name} before", name]
        both = wide.select(pl.col(rows).fill_null(float("nan"))).to_numpy().T
        measured = score_measures(np.ascontiguousarray(both), top_k=top_k)
        found[name.removeprefix("score_")] = {
            measure: number_or_none(float(measured[measure][-1])) for measure in MEASURES
        }
    return found


def failed_checks(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Checks of a status that failed."""
    return [one for one in status["checks"] if one["failed"]]
