"""Gauges of the evenings, and their file for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gogooku.core import exposition as core_exposition
from gogooku.core.exposition import Metric, MetricKind, Sample
from gogooku.core.files import storage_errors, sync_path, write_point

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """One metric: its name, what it is, and a value for each set of labels."""

    name: str
    help: str
    samples: dict[Labels, float] = field(default_factory=dict)

    def add(self, value: float | None, **labels: str) -> None:
        """Set the value of some labels; None leaves it out."""
        if value is not None:
            self.samples[tuple(sorted(labels.items()))] = float(value)


def exposition(families: Iterable[Family]) -> str:
    """The text of metrics, by name; a metric without a value is left out."""
    return core_exposition.exposition(
        Metric(
            one.name,
            MetricKind.GAUGE,
            one.help,
            [Sample(value, dict(labels)) for labels, value in sorted(one.samples.items())],
        )
        for one in sorted(families, key=lambda family: family.name)
        if one.samples
    )


def write_exposition(path: Path, families: Mapping[str, Family]) -> None:
    """Write metrics in the place of those that were there: a scrape sees the old ones or the new.

    Raises
    ------
    StorageError
        The disk is full; what was there stays.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(exposition(families.values()), encoding="utf-8")
        sync_path(temporary)
        os.replace(temporary, path)
    write_point("metrics.written")
