"""What a finished dataset says beside its content: what is wrong with its sources, how it grew.

These are remarks: they are in the manifest and in no content hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gogooku.core.config import DEFAULT_ORIGIN, Resolved
from gogooku.core.files import MANIFEST_FILE, read_json, read_parquet, write_json, write_point
from gogooku.core.seal import broken
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.manifest import DESCRIPTION_FILE, GROWTH_FILE
from gogooku.dataset.membership import universe_facts
from gogooku.dataset.state import LISTED, Grown, load_grown
from gogooku.features.catalogue import by_name
from gogooku.features.source_notes import source_notes
from gogooku.ingest.source import Source
from gogooku.tables.arrivals import ARRIVALS_FILE

NOTES = "source_notes"
GROWTH = "growth"
UNIVERSE = "universe"


def write_growth(folder: Path, *, before: Path | None, sessions: int) -> None:
    """Keep which dataset this one goes on from, and how many of its sessions it took over."""
    name = before.name if before is not None and sessions else None
    write_json(folder / GROWTH_FILE, {"from": name, "sessions_taken_over": sessions})


def annotate(folder: Path, source: Source, resolved: Resolved[BuildConfig]) -> None:
    """Add the remarks to the manifest and the description of an assembled dataset.

    Raises
    ------
    DataError
        A file of the dataset or of the source is missing or damaged.
    """
    config = resolved.config
    manifest = read_json(folder / MANIFEST_FILE)
    grown = load_grown(folder)
    names = [*manifest["features"], *manifest["market_features"], *manifest["absent"]]
    notes = source_notes(
        source,
        [by_name(name) for name in names],
        read_parquet(folder / ARRIVALS_FILE),
        sessions=grown.sessions,
        clock=config.clock,
        null_shares=last_null_shares(grown),
    )
    growth = read_json(folder / GROWTH_FILE)
    growth["new_sessions"] = grown.rows - int(growth["sessions_taken_over"])
    remarks = {
        NOTES: [note.to_json() for note in notes],
        GROWTH: growth,
        UNIVERSE: _universe(grown, source, resolved),
    }
    description = read_json(folder / DESCRIPTION_FILE)
    write_json(folder / DESCRIPTION_FILE, {**description, **remarks})
    write_json(folder / MANIFEST_FILE, {**broken(manifest, DESCRIPTION_FILE), **remarks})
    write_point("dataset.annotated")


def _universe(grown: Grown, source: Source, resolved: Resolved[BuildConfig]) -> dict[str, Any]:
    """What is said of the universe, of the whole history however the dataset has grown."""
    listed_TN = grown.layout.bar(LISTED).rows(grown.rows)[:, : len(grown.codes)]
    origin = resolved.origins.get("universe.markets", DEFAULT_ORIGIN)
    return universe_facts(
        source,
        resolved.config.universe,
        sessions=grown.sessions,
        members_T=grown.valid_TN.sum(axis=1),
        listed_T=listed_TN.sum(axis=1),
        stated=not origin.startswith(DEFAULT_ORIGIN),
    )


def last_null_shares(grown: Grown) -> Mapping[str, float]:
    """Null share of every feature on the last session: of the universe, or of the one value."""
    members = max(int(grown.valid_TN[-1].sum()), 1)
    shares = {
        name: float(n) / members for name, n in zip(grown.features, grown.nulls[-1, 2], strict=True)
    }
    market = np.isnan(grown.market_TM[-1])
    return shares | {n: float(v) for n, v in zip(grown.market_features, market, strict=True)}
