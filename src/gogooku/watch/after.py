"""What is done after an evening: measure what was published, judge what matured, write metrics.

Each part is kept where it is made and is not made twice, so that a killed evening goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gogooku.core.types import Dataset
from gogooku.publish.publication import open_publication, published_sessions
from gogooku.releases.bundle import Bundle
from gogooku.releases.registry import read_registry
from gogooku.watch.live import judge_matured
from gogooku.watch.metrics import write_metrics
from gogooku.watch.status import status_path, write_status
from gogooku.watch.summary import record_evening

CATCH_UP: Final = 30
"""Newest publications of which a missing status is made."""


def after_publication(home: Path, bundle: Bundle, dataset: Dataset, *, in_service: bool) -> str:
    """Measure what a bundle published and judge what matured; says what was done.

    Parameters
    ----------
    in_service : bool
        Whether it is the released bundle: what others publish is judged and not measured.

    Raises
    ------
    DataError
        A publication or a file of the dataset is damaged.
    """
    source, name = bundle.source, bundle.bundle_id
    measured = 0
    days = dataset.sessions.tolist()
    recent = published_sessions(home, source, name)[-CATCH_UP:] if in_service else []
    for day in recent:
        if day in days and not status_path(home, source, day, name).exists():
            write_status(home, bundle, dataset, open_publication(home, source, day, name))
            measured += 1
    return f"{measured} measured, {judge_matured(home, bundle, dataset)} matured"


def after_evening(
    home: Path,
    source: str,
    *,
    at: datetime,
    steps: Mapping[str, float],
    refused: Sequence[str] = (),
    gates: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Keep how an evening ended, and write the metrics; see `record_evening`.

    Raises
    ------
    DataError
        Something that is read is damaged.
    StorageError
        The disk is full.
    """
    record_evening(home, source, at=at, steps=steps, refused=refused, gates=gates)
    write_metrics(home, now=at)


def evening_failed(home: Path, source: str, why: str, *, at: datetime) -> None:
    """Keep that an evening did not come to its end.

    Of a source without a released bundle nothing is kept: its name may be misspelt.
    """
    if read_registry(home).released(source) is not None:
        record_evening(home, source, at=at, steps={}, failed=why)
        write_metrics(home, now=at)
