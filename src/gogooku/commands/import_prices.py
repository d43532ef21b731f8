"""`gogooku import`: daily prices from CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.config import resolve
from gogooku.core.progress import Reporter
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.source import sources_folder


def import_prices(
    home: Path,
    files: Sequence[Path],
    *,
    columns: Mapping[str, str],
    config: Path | None,
    assignments: Sequence[str],
    reporter: Reporter,
) -> Answer:
    """Import files, and say what was kept, which column is which, and what was wrong.

    Parameters
    ----------
    columns : mapping
        Field -> column of the files, over what would be guessed.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.import_prices`.
    """
    resolved = resolve(
        ImportConfig(columns=dict(columns)) if columns else ImportConfig(),
        base_name="import",
        file=config,
        assignments=assignments,
    )
    before = Before(sources_folder(home).glob("*"))
    made = pipeline.import_prices(home, files, resolved, reporter=reporter)
    facts = made.to_json()
    there = [already("imported")] if before.had(made.source.folder) else []
    return Answer(facts=facts, parts=[*_tables(facts), *there])


def _tables(facts: Mapping[str, Any]) -> list[object]:
    """What was kept and the column mapping, then the kinds of defect with their policies."""
    found = [
        (row["defect"], row["policy"], row["count"], row["cells"], row["first"], row["meaning"])
        for row in facts["table"]
        if row["count"]
    ]
    kept = [
        ("source", facts["source"]),
        ("rows", facts["rows"]),
        ("codes", facts["codes"]),
        ("sessions", f"{facts['first']} to {facts['last']} ({facts['sessions']:,})"),
        ("columns", ", ".join(f"{f}={c}" for f, c in facts["mapping"].items())),
        ("ignored columns", ", ".join(facts["ignored_columns"]) or "none"),
        *([("read as", "; ".join(facts["written"]))] if facts["written"] else []),
        ("adjustment", facts["adjustment"]),
        *([("units", facts["units"])] if facts["units"] else []),
        *(("known bias", text) for text in facts["known_bias"]),
        *(("absent", text) for text in facts["absent_groups"]),
        ("content", facts["content_hash"]),
    ]
    return [
        table("imported", ["", ""], kept),
        table(
            f"{len(found)} kinds of defect",
            ["defect", "policy", "rows", "cells", "first", "meaning"],
            found,
        ),
    ]
