"""`gogooku build`: facts for programs and tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gogooku.commands.display import dataset_table
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import UsageError
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.dataset.assemble import BuildConfig
from gogooku.pipeline import build, tables_source
from gogooku.tables.parts import Basis, Known


@dataclass(frozen=True)
class Shown:
    """What the command has to say."""

    facts: dict[str, Any]
    parts: Sequence[object]


def run_build(
    home: Path,
    *,
    source: str | None,
    known: Known | None,
    config: Path | None,
    assignments: Sequence[str],
    execution: Execution,
    reporter: Reporter,
) -> Shown:
    """Build a dataset and present it.

    Parameters
    ----------
    source : str or None
        Its name; None for the one of the settings.
    known : Known or None
        Derive the source anew, as it was known then; None to take it as it is.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.build` and `gogooku.pipeline.tables_source`.
    """
    if known is not None:
        source = tables_source(home, source or "jquants", known=known, reporter=reporter).name
    texts = [f"source={source}"] if source else []
    resolved = resolve(
        BuildConfig(), base_name="build", file=config, assignments=[*texts, *assignments]
    )
    dataset = build(home, resolved, execution=execution, reporter=reporter)
    return Shown(facts=_facts(dataset), parts=[dataset_table(dataset), *_remarks(dataset)])


def knowledge(as_known_on: date | None, *, by_rule: bool) -> Known | None:
    """What ``--as-known-on`` and ``--by-rule`` ask for.

    Raises
    ------
    UsageError
        A rule without a date.
    """
    if as_known_on is None:
        if by_rule:
            raise UsageError("--by-rule needs --as-known-on DATE")
        return None
    return Known(on=as_known_on, basis=Basis.RULE if by_rule else Basis.FETCHED)


def _facts(dataset: Dataset) -> dict[str, Any]:
    kept = {key: value for key, value in dataset.manifest.items() if key != "codes"}
    return {"dataset": dataset.folder.name, "num_codes": len(dataset.codes), **kept}


def _remarks(dataset: Dataset) -> list[str]:
    """A line per source of which something is wrong."""
    return [str(note["line"]) for note in dataset.manifest.get("source_notes", ())]
