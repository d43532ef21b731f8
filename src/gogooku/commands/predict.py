"""`gogooku predict`: the ranking of a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.again import written
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, frame_table
from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError
from gogooku.core.expected import expected_session
from gogooku.core.types import Dataset
from gogooku.core.wall import WallClock
from gogooku.dataset.home import current_dataset
from gogooku.predict.output import write_ranking
from gogooku.releases.bundle import Bundle, open_bundle
from gogooku.releases.registry import read_registry
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.newest import names_beside
from gogooku.tables.parts import base_source

_WHEN = {Clock.EVENING: "after the close of", Clock.PREMARKET: "before the open after"}
"""When a decision is taken, in words."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which ranking is asked for.

    Attributes
    ----------
    day : date or None
        The session; None for the last of the dataset.
    horizon : int
        Which score ranks.
    top : int
        Names that people are shown; programs and files get all.
    """

    day: date | None
    horizon: int
    top: int


def predict(
    home: Path,
    asked: Asked,
    *,
    run: str | None,
    dataset: str | None,
    output: Path | None,
    clock: WallClock,
    device: str = "cpu",
) -> Answer:
    """Rank a session's universe, and write all of it to a file where one is named.

    A ranking that was not asked for by its date and is older than the calendar expects is made all
    the same, and says so.

    Parameters
    ----------
    run, dataset
        None for the released bundle of the dataset's source, and for the dataset built last.
    device : str
        Where a network scores.

    Raises
    ------
    DataError
        No run is named, and no bundle is released.
    GogookuError
        As `gogooku.pipeline.ranking` and `gogooku.predict.output.write_ranking`.
    """
    data = current_dataset(home, dataset)
    bundle = _released(home, base_source(str(data.manifest["source"]))) if run is None else None
    used = open_run(home, run) if bundle is None else bundle.run
    made = pipeline.ranking(used, data, asked.day, horizon=asked.horizon, device=device)
    late = _expected(data, made.date, clock) if asked.day is None else None
    named = made.with_names(names_beside(home, data))
    others = [name for name in made.beside if not name.endswith(f"_{made.horizon}")]
    shown = named.frame.head(asked.top).drop(others)
    title = (
        f"Ranking {_WHEN[made.clock]} {made.date} for the next "
        f"{counted(made.horizon, 'session')}: top {shown.height:,} of {made.frame.height:,}"
    )
    parts: list[object] = [
        frame_table(title, shown),
        f"{_named(bundle, used)}, dataset {made.dataset}",
    ]
    if late is not None:
        parts.append(_stale(made.date, late))
    if output is not None:
        changed = write_ranking(output, named)
        parts.append(written(output, f"{made.frame.height:,} names", changed=changed))
    facts = {
        **made.to_json(),
        "run": used.run_id if bundle is None else bundle.run_id,
        "bundle": None if bundle is None else bundle.bundle_id,
        "stale": late is not None,
        "expected": None if late is None else str(late),
    }
    return Answer(facts=facts, parts=parts)


def _stale(newest: date, expected: date) -> str:
    """That a ranking is old, and what helps."""
    return (
        f"STALE: the newest session is {newest}; {expected} should be there by now. Fetch and "
        "build: gogooku sync, gogooku build"
    )


def _named(bundle: Bundle | None, run: Run) -> str:
    """Whose ranking it is."""
    if bundle is None:
        return f"run {run.run_id}"
    return f"bundle {bundle.bundle_id}, released for {bundle.source} (run {bundle.run_id})"


def _released(home: Path, source: str) -> Bundle:
    """The bundle in service; where none is, what to do instead."""
    name = read_registry(home).released(source)
    if name is not None:
        return open_bundle(home, name)
    newest = open_run(home, None).manifest["name"]
    raise DataError(
        f"{source}: no bundle is released, so nothing says which run ranks. Name a run: gogooku "
        f"predict --run {newest}; or put one in service: gogooku release {newest}"
    )


def _expected(dataset: Dataset, newest: date, clock: WallClock) -> date | None:
    """The session that should be there by now and is not; None where the newest one is it."""
    exchange = str(dataset.manifest["exchange"])
    expected = expected_session(exchange, dataset.clock, clock.now(), dataset.sessions)
    return expected if newest < expected else None
