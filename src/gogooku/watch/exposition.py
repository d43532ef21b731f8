"""Metrics in the text format of Prometheus."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gogooku.core.files import storage_errors, sync_path, write_point

Labels = tuple[tuple[str, str], ...]
GAUGE: Final = "gauge"


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
    lines: list[str] = []
    for one in sorted(families, key=lambda family: family.name):
        if one.samples:
            lines.append(f"# HELP {one.name} {_escaped(one.help)}")
            lines.append(f"# TYPE {one.name} {GAUGE}")
            lines += [
                f"{one.name}{_labels(labels)} {_number(value)}"
                for labels, value in sorted(one.samples.items())
            ]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(text: str, *, quoted: bool = False) -> str:
    """A text on one line: backslashes and line breaks are escaped, and in a label quotes."""
    plain = text.replace("\\", "\\\\").replace("\n", "\\n")
    return plain.replace('"', '\\"') if quoted else plain


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


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
