"""`gogooku evenings`: what the evenings did."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.errors import UsageError
from gogooku.core.findings import did_you_mean, short
from gogooku.core.wall import tokyo_time
from gogooku.evening.record import Outcome, Record, recorded_sources, records

_SHOWN = 20


def evenings(home: Path, source: str | None) -> Answer:
    """List the evenings of a source, or of all; people see the newest of each.

    Raises
    ------
    UsageError
        No evening of that source.
    DataError
        A record is damaged.
    """
    known = recorded_sources(home)
    if source is not None and source not in known:
        hint = did_you_mean(source, known) if known else "; there has been none at all"
        raise UsageError(f"--source {short(source)}: no evening of it is recorded{hint}")
    found = {name: records(home, name) for name in ([source] if source else known)}
    rows = [
        (name, _when(one), str(one.outcome), f"{one.seconds:.1f}", _said(one))
        for name, kept in found.items()
        for one in kept[-_SHOWN:]
    ]
    return Answer(
        facts={name: [one.to_json() for one in kept] for name, kept in found.items()},
        parts=[table("evenings", ["source", "started (Tokyo)", "outcome", "seconds", ""], rows)],
    )


def _when(one: Record) -> str:
    return tokyo_time(one.started_at).strftime("%Y-%m-%d %H:%M")


def _said(one: Record) -> str:
    """What came of it, in a line."""
    facts = one.facts
    if one.outcome in (Outcome.RUNNING, Outcome.INTERRUPTED):
        steps = facts["steps"]
        return f"at step {steps[-1]['name']}" if steps else "before its first step"
    parts = [str(facts["said"])] if facts["said"] else []
    parts += [str(line) for line in facts["refused"]]
    days = [str(entry["session"]) for entry in facts["published"]]
    parts += [f"published {', '.join(days)}"] if days else []
    return "; ".join(parts)
