"""`gogooku export`: a dataset in another program's format."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.core.errors import UsageError
from gogooku.core.progress import Reporter
from gogooku.dataset.export.qlib import export_qlib
from gogooku.dataset.home import current_dataset


def export(
    home: Path,
    folder: Path,
    *,
    to: str,
    features: str | None,
    dataset: str | None,
    reporter: Reporter,
) -> Answer:
    """Write a dataset and its bars into a new folder.

    Raises
    ------
    UsageError
        An unknown format, or a folder that is there already.
    GogookuError
        As `gogooku.dataset.export.qlib.export_qlib`.
    """
    if to != "qlib":
        raise UsageError(f"--to {to!r}: the formats are: qlib")
    made = export_qlib(current_dataset(home, dataset), folder, features=features, reporter=reporter)
    fields, market = len(made.facts["fields"]), len(made.facts["market_fields"])
    counts = f"{made.facts['instruments']:,} instruments x {fields} fields, {market} of the market"
    return Answer(facts=made.to_json(), parts=[f"written: {folder} ({counts})"])
