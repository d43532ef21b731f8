"""`gogooku build`: a dataset of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table

from gogooku import pipeline
from gogooku.commands.again import already
from gogooku.commands.answer import Answer
from gogooku.commands.display import bias_lines, table
from gogooku.core.config import Execution
from gogooku.core.errors import UsageError
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.dataset.chosen import chosen_build
from gogooku.dataset.home import dataset_names
from gogooku.tables.parts import Basis, Known


def build(
    home: Path,
    *,
    source: str | None,
    known: Known | None,
    config: Path | None,
    assignments: Sequence[str],
    execution: Execution,
    reporter: Reporter,
) -> Answer:
    """Build a dataset, and say what is in it and what is wrong with its sources.

    Parameters
    ----------
    source : str or None
        Its name; None for the one of the settings, or the only one there is.
    known : Known or None
        Derive the source anew, as it was known then; None to take it as it is.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.build` and `gogooku.pipeline.tables_source`.
    """
    if known is not None:
        name = source or "jquants"
        source = pipeline.tables_source(home, name, known=known, reporter=reporter).name
    resolved = chosen_build(home, source=source, file=config, assignments=assignments)
    finished = set(dataset_names(home))
    dataset = pipeline.build(home, resolved, execution=execution, reporter=reporter)
    there = [already("built")] if dataset.folder.name in finished else []
    return Answer(facts=_facts(dataset), parts=[_table(dataset), *there, *_remarks(dataset)])


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
    """A line for each thing that is wrong: with a source, with the universe, with all results."""
    facts = dataset.manifest
    return [
        *(str(note["line"]) for note in facts.get("source_notes", ())),
        *(str(line) for line in facts.get("universe", {}).get("lines", ())),
        *bias_lines(facts),
    ]


def _table(dataset: Dataset) -> Table:
    """What was built."""
    facts = dataset.manifest
    rows = [
        ("sessions", f"{facts['first']} to {facts['last']} ({len(dataset.sessions):,})"),
        ("clock", str(dataset.clock)),
        ("codes", len(dataset.codes)),
        ("names x sessions listed", facts["rows"]),
        ("names x sessions in the universe", facts["universe_rows"]),
        *_universe_rows(facts.get("universe", {})),
        ("features", f"{len(dataset.features)} stock, {len(dataset.market_features)} market"),
        *_growth_rows(facts.get("growth", {})),
        ("content", dataset.content_hash),
    ]
    return table(f"dataset {dataset.folder.name}", ["", ""], rows)


def _universe_rows(universe: Mapping[str, Any]) -> list[tuple[str, object]]:
    """By what names were chosen, in numbers with their currency."""
    if not universe:
        return []
    names = ", ".join(f"{market} {count:,}" for market, count in universe["names"].items())
    collapsed = sum(one["sessions"] for one in universe["collapsed"])
    return [
        ("floor", universe["floor"]),
        ("names by market", names or "every name"),
        ("names on the last session", universe["last_names"]),
        ("collapsed sessions", f"{collapsed or 'none'} ({universe['collapse_rule']})"),
    ]


def _growth_rows(growth: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What an older dataset gave, and what was computed."""
    if not growth.get("from"):
        return []
    return [
        ("taken over", f"{growth['sessions_taken_over']:,} sessions, from {growth['from']}"),
        ("new sessions", growth["new_sessions"]),
    ]
