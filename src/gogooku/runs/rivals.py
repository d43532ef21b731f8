"""Other runs that a run is held against: another learner, the same dataset, dates and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from gogooku.core.errors import UnsealedError
from gogooku.core.files import MANIFEST_FILE, read_json
from gogooku.evaluate.compare import compare_runs
from gogooku.runs.folder import OtherSettingsError, Run, finished_runs, read_run
from gogooku.runs.holdouts import may_be_judged

RIVALS: Final = ("ridge", "lightgbm", "reversal")
"""Learners whose skill another has to beat: linear, trees, and the last move turned round."""


@dataclass(frozen=True)
class Rivals:
    """Runs to be compared with.

    Attributes
    ----------
    runs : mapping of str to Run
        The newest run of each kind that is there.
    missing : tuple of str
        Kinds of which there is none.
    """

    runs: Mapping[str, Run] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def rivals_of(home: Path, run: Run) -> Rivals:
    """The newest run of each of `RIVALS` with the dataset, split and labels of a run.

    Of scores that were made elsewhere how time was cut is not known: a run counts that was tested
    on some of the same dates. A run that an earlier version wrote, with settings that no training
    has now, cannot be judged any more and is none, and so is one that has not spent a hold-out that
    it touches. The run's own kind is left out.

    Raises
    ------
    DataError
        A run of such a kind and dataset is damaged.
    """
    kinds = [kind for kind in RIVALS if kind != run.config.learner.kind]
    found: dict[str, Run] = {}
    for folder in finished_runs(home):
        manifest = read_json(folder / MANIFEST_FILE)
        if folder == run.folder or manifest.get("dataset") != run.dataset_name:
            continue
        try:
            other = read_run(folder)
        except (OtherSettingsError, UnsealedError):
            continue
        kind = other.config.learner.kind
        if kind in kinds and _comparable(run, other) and may_be_judged(home, other):
            found[kind] = other
    return Rivals(
        runs={kind: found[kind] for kind in kinds if kind in found},
        missing=tuple(kind for kind in kinds if kind not in found),
    )


def _comparable(run: Run, other: Run) -> bool:
    mine, theirs = run.config, other.config
    return (
        other.dataset_hash == run.dataset_hash
        and (_overlapping(run, other) if run.given else _cut_alike(run, other))
        and theirs.label_order is mine.label_order
    )


def _cut_alike(run: Run, other: Run) -> bool:
    return bool(other.manifest["folds"] == run.manifest["folds"])


def _overlapping(run: Run, other: Run) -> bool:
    first, last = (max(run.tested[0], other.tested[0]), min(run.tested[1], other.tested[1]))
    return other.out_of_time and first <= last


def _share_sessions(daily: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two runs have a RankIC of the same session and horizon."""
    keys = ["date", "horizon"]
    both = [one.drop_nulls("rank_ic").select(keys) for one in (daily, other)]
    return not both[0].join(both[1], on=keys, how="semi").is_empty()


def compared(
    daily: pl.DataFrame, others: Mapping[str, pl.DataFrame], *, name: str
) -> pl.DataFrame | None:
    """Paired differences of a run from others on the same sessions; None where there is no other.

    Parameters
    ----------
    daily : polars.DataFrame
        `gogooku.evaluate.skill.Skill.daily` of the run.
    others : mapping of str to polars.DataFrame
        That of the others.
    name : str
        Of the run.

    Returns
    -------
    polars.DataFrame or None
        `gogooku.evaluate.compare.COMPARISON_SCHEMA`, the run as ``a``.
    """
    others = {kind: one for kind, one in others.items() if _share_sessions(daily, one)}
    if not others:
        return None
    return pl.concat(compare_runs({name: daily, other: theirs}) for other, theirs in others.items())
