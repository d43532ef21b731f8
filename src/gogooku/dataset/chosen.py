"""Which dataset a build is asked for: its settings, with the source of a home that has one only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gogooku.core.config import DEFAULT_ORIGIN, Resolved, resolve
from gogooku.dataset.assemble import BuildConfig
from gogooku.ingest.source import source_names


def chosen_build(
    home: Path,
    *,
    source: str | None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Resolved[BuildConfig]:
    """The settings of a build; of a home with one source, that one, where none is named.

    Raises
    ------
    ConfigError
        A setting is wrong.
    """
    texts = [f"source={source}"] if source else []
    resolved = resolve(
        BuildConfig(),
        base_name="build",
        file=file,
        assignments=[*texts, *assignments],
        settings=settings,
    )
    there = source_names(home)
    if resolved.origins["source"] == DEFAULT_ORIGIN and len(there) == 1:
        return chosen_build(
            home, source=there[0], file=file, assignments=assignments, settings=settings
        )
    return resolved
