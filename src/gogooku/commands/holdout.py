"""`gogooku holdout`: sessions that are kept for one last look, and who has looked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.errors import UsageError
from gogooku.dataset.home import current_dataset
from gogooku.runs.holdouts import register
from gogooku.runs.trials import Holdout, Trial, TrialLedger


def add(
    home: Path, name: str, *, first: date | None, last: date | None, dataset: str | None
) -> Answer:
    """Register a hold-out of the source of a dataset; it cannot be changed or removed.

    Raises
    ------
    UsageError, DataError
        As `gogooku.runs.holdouts.register`; or a date is missing.
    """
    if first is None or last is None:
        raise UsageError("holdout add: needs --from and --to")
    made = register(home, current_dataset(home, dataset), name, first=first, last=last)
    seen = _seen_before(made, TrialLedger(home).trials())
    parts = [
        f"hold-out {made.name} of source {made.source}: {made.first} to {made.last}. A run whose "
        f"test or validation part reaches {made.closed_from} is judged only with "
        f"--spend-holdout {made.name}"
    ]
    if seen:
        parts.append(
            f"warning: {len(seen)} runs were judged on its sessions before it was registered, so "
            f"it is no unseen sample: {', '.join(seen)}"
        )
    return Answer(facts=_facts(made, home, seen), parts=parts)


def listed(home: Path) -> Answer:
    """Every hold-out with the runs that have looked at it."""
    ledger = TrialLedger(home)
    trials = ledger.trials()
    facts = [_facts(one, home, _seen_before(one, trials)) for one in ledger.holdouts()]
    rows = [
        [
            *(fact["source"], fact["name"], fact["from"], fact["to"], fact["closed_from"]),
            *(len(fact["spent"]), len(fact["seen_before"])),
            ", ".join(f"{one['run']} ({one['at'][:10]})" for one in fact["spent"]),
        ]
        for fact in facts
    ]
    columns = ["source", "name", "from", "to", "closed from", "looks", "seen before", "spent by"]
    none = "no hold-out is registered: gogooku holdout add NAME --from DATE --to DATE"
    return Answer(facts=facts, parts=[table("hold-outs", columns, rows) if rows else none])


def _seen_before(holdout: Holdout, trials: list[Trial]) -> list[str]:
    """Runs that were judged on its sessions before it was registered."""
    mine = [
        one.run
        for one in trials
        if one.source == holdout.source
        and one.at < holdout.at
        and holdout.touches([(one.first, one.last)])
    ]
    return list(dict.fromkeys(mine))


def _facts(one: Holdout, home: Path, seen: list[str]) -> dict[str, Any]:
    spent = TrialLedger(home).spent(one)
    return {
        "source": one.source,
        "name": one.name,
        "from": str(one.first),
        "to": str(one.last),
        "closed_from": str(one.closed_from),
        "dataset": one.dataset,
        "at": one.at.isoformat(),
        "spent": [
            {"run": look.run, "number": look.number, "at": look.at.isoformat()} for look in spent
        ],
        "seen_before": seen,
    }
