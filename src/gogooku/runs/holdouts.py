"""Registered hold-outs: sessions that a run may look at once, and that everybody knows of.

A hold-out belongs to the name of a source, so it holds for every dataset of it, whatever the
exchange: sessions that are kept too long cost less than those that are seen too soon. A run whose
test or validation part touches one is judged, traded and shown only after it has spent it: `gogooku
evaluate --spend-holdout NAME` enters that in the ledger of trials before anything is looked at.
Each run spends a hold-out once and may then be judged again as often as wanted. A second run may
spend it too, as explicitly, but then it has been seen: how many did is said wherever such a run is
judged or compared. Nothing takes a hold-out, or that it was spent, out of the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from gogooku.core.calendar import DateArray
from gogooku.core.errors import DataError, UsageError
from gogooku.core.types import PURGE_SESSIONS, Dataset
from gogooku.core.wall import SystemClock, WallClock
from gogooku.evaluate.words import Text
from gogooku.runs.folder import Run, require_name
from gogooku.runs.trials import Holdout, Spent, TrialLedger
from gogooku.tables.parts import base_source

DECIDED = ("test", "valid")
"""Parts of a fold whose labels are looked at to judge or to select."""


@dataclass(frozen=True)
class Touched:
    """A hold-out that a run has spent, and everybody who has, the first one first."""

    holdout: Holdout
    spent: tuple[Spent, ...]

    def said(self, run: str) -> Text:
        """What a reader has to know: the hold-out, and the how-manieth look this was."""
        mine = next(one for one in self.spent if one.run == run)
        name = Text("hold-out {name} ({first} to {last})", "ホールドアウト{name}({first}〜{last})")
        named = name.filled(
            name=self.holdout.name, first=str(self.holdout.first), last=str(self.holdout.last)
        )
        if len(self.spent) == 1:
            return Text(
                "{named}: spent by this run alone, on {day}",
                "{named}: この実行だけが{day}に使用",
            ).filled(named=named, day=str(mine.at.date()))
        return Text(
            "{named}: this run was number {number} of {count} to look at it (others: {others}), so "
            "it is no unseen sample",
            "{named}: この実行は{count}件中{number}番目の使用(ほか: {others})で、"
            "未使用の標本ではない",
        ).filled(
            named=named,
            number=str(mine.number),
            count=str(len(self.spent)),
            others=", ".join(one.run for one in self.spent if one.run != run),
        )


def register(
    home: Path,
    dataset: Dataset,
    name: str,
    *,
    first: date,
    last: date,
    clock: WallClock | None = None,
) -> Holdout:
    """Register a hold-out of the source of a dataset.

    Parameters
    ----------
    first, last : date
        Both included; the last may lie after the newest session, for a dataset that grows.

    Raises
    ------
    UsageError
        The name cannot be one or is taken, or the dates are in the wrong order.
    DataError
        The dataset has none of the sessions.
    """
    require_name("hold-out", name)
    if last < first:
        raise UsageError(f"hold-out {name}: --to {last} is before --from {first}")
    days = dataset.sessions
    inside = np.flatnonzero(
        (days >= np.datetime64(first, "D")) & (days <= np.datetime64(last, "D"))
    )
    if not len(inside):
        raise DataError(
            f"hold-out {name}: no session from {first} to {last} is in dataset "
            f"{dataset.folder.name}, which has {days[0]} to {days[-1]}; choose dates within, or "
            "another --dataset"
        )
    made = Holdout(
        source=base_source(str(dataset.manifest["source"])),
        name=name,
        first=first,
        last=last,
        closed_from=closed_from(days, int(inside[0]), first),
        dataset=dataset.folder.name,
        at=(clock or SystemClock()).now(),
    )
    TrialLedger(home).add_holdout(made)
    return made


def closed_from(days: DateArray, place: int, first: date) -> date:
    """First session whose label may end in the hold-out; days enough where the dataset begins."""
    if place < PURGE_SESSIONS:
        return first - timedelta(days=2 * PURGE_SESSIONS)
    found: date = days[place - PURGE_SESSIONS].item()
    return min(found, first)


def touched_by(home: Path, run: Run) -> list[Holdout]:
    """Hold-outs of its source that the test or validation part of a run touches."""
    source = base_source(str(run.manifest["source"]))
    windows = run.windows(*DECIDED)
    return [one for one in TrialLedger(home).holdouts(source) if one.touches(windows)]


def refuse_unspent(home: Path, run: Run, spend: Sequence[str] = ()) -> list[Holdout]:
    """Refuse a run that touches a hold-out that is neither spent nor to be spent; spend none.

    Parameters
    ----------
    spend : sequence of str
        Names of hold-outs that the caller is ready to spend.

    Returns
    -------
    list of Holdout
        Those that the run touches.

    Raises
    ------
    UsageError
        It touches one that is not spent, or a named one is not there or not touched.
    """
    touched, ledger = touched_by(home, run), TrialLedger(home)
    named = {one.name for one in touched}
    for name in spend:
        if name not in named:
            source = base_source(str(run.manifest["source"]))
            known = [one.name for one in ledger.holdouts(source)]
            why = (
                f"run {run.run_id} does not touch it"
                if name in known
                else f"source {source} has {', '.join(known) or 'none'}"
            )
            raise UsageError(f"--spend-holdout {name}: {why}; nothing was spent")
    for one in touched:
        who = [entry.run for entry in ledger.spent(one)]
        if one.name not in spend and run.run_id not in who:
            seen = f", which {len(who)} other runs have looked at already" if who else ""
            away = (
                f"judge no scores from {one.closed_from} on"
                if run.given
                else f"train with a test part that ends before {one.closed_from}, for example by "
                "--set split.end=DATE"
            )
            raise UsageError(
                f"run {run.run_id} is tested or selected on sessions of hold-out {one.name} "
                f"({one.first} to {one.last}){seen}, or on labels that end in it. To look at it, "
                f"once and on record: gogooku evaluate {run.run_id} --spend-holdout {one.name}. To "
                f"keep away from it, {away}"
            )
    return touched


def may_be_judged(home: Path, run: Run) -> bool:
    """Whether a run touches no hold-out that it has not spent."""
    return len(touched_by(home, run)) == len(spent_by(home, run))


def spend_and_enter(
    home: Path, run: Run, spend: Sequence[str] = (), *, clock: WallClock | None = None
) -> None:
    """Let a run look at what it touches: enter in the ledger what is spent by it, before it does.

    Raises
    ------
    UsageError
        As `refuse_unspent`; nothing is spent then.
    """
    touched = refuse_unspent(home, run, spend)
    for one in touched:
        if one.name in spend:
            TrialLedger(home).spend(one, run=run.run_id, at=(clock or SystemClock()).now())


def spent_by(home: Path, run: Run) -> list[Touched]:
    """The hold-outs that a run has spent, and who else has."""
    ledger = TrialLedger(home)
    found = [Touched(one, tuple(ledger.spent(one))) for one in touched_by(home, run)]
    return [one for one in found if run.run_id in {entry.run for entry in one.spent}]
