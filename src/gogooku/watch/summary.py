"""All that the watch knows of a source: for `gogooku status`, for Prometheus and for the server.

What an evening leaves of itself beside its publications is ``HOME/status/SOURCE/evening.json``:
when it ran last, when it last ended well, and what stopped it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from gogooku.core.calendar import TOKYO, Clock, exchange_named, next_tokyo_sessions
from gogooku.core.files import read_json, storage_errors, write_json
from gogooku.publish.publication import newest_publication
from gogooku.releases.bundle import open_bundle
from gogooku.releases.registry import Registry, State, read_registry, scored_each_evening
from gogooku.watch.live import against, live_skill, read_live
from gogooku.watch.status import failed_checks, read_status, status_folder

EVENING_FILE: Final = "evening.json"
ALLOWED: Final = timedelta(hours=3)
"""From a decision to its publication."""
_UNKNOWN_HOLIDAY: Final = timedelta(days=1)
"""Longer where no calendar of the exchange is known."""


def evening_path(home: Path, source: str) -> Path:
    """Where the last evening of a source is kept."""
    return status_folder(home, source) / EVENING_FILE


def record_evening(
    home: Path,
    source: str,
    *,
    at: datetime,
    steps: Mapping[str, float],
    refused: Sequence[str] = (),
    gates: Sequence[Mapping[str, Any]] = (),
    failed: str | None = None,
) -> None:
    """Keep what an evening says of itself, in the place of the one before.

    Parameters
    ----------
    steps : mapping of str to float
        Seconds of each step that ended well.
    refused : sequence of str
        What a check found.
    gates : sequence of mapping
        Of those, the verdicts of gates with their sessions.
    failed : str or None
        What stopped it.
    """
    path = evening_path(home, source)
    old = read_json(path) if path.exists() else {}
    now = at.isoformat(timespec="seconds")
    well = failed is None and not refused
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        path,
        {
            "kind": "evening",
            "at": now,
            "succeeded_at": now if well else old.get("succeeded_at"),
            "failed": failed,
            "refused": list(refused),
            "refused_gates": [dict(one) for one in gates],
            "steps": {**old.get("steps", {}), **_by_kind(steps, now)},
        },
    )


def _by_kind(steps: Mapping[str, float], now: str) -> dict[str, dict[str, Any]]:
    """Steps of one kind together: ``publish 2026-11-27`` is a ``publish``."""
    found: dict[str, dict[str, Any]] = {}
    for name, seconds in steps.items():
        one = found.setdefault(name.partition(" ")[0], {"seconds": 0.0, "at": now})
        one["seconds"] = round(one["seconds"] + seconds, 3)
    return found


def due_after(exchange: str, clock: Clock, session: date) -> datetime:
    """When the publication after the one of a session should be there; UTC, naive.

    Where no calendar of the exchange is known the next weekday counts as a session, and a day is
    allowed for it being none.
    """
    place = exchange_named(exchange)
    if place is TOKYO:
        following = next_tokyo_sessions(session + timedelta(days=1), 1)
        allowed = ALLOWED
    else:
        following = np.busday_offset(np.array([session], "datetime64[D]"), 1, roll="backward")
        allowed = ALLOWED + _UNKNOWN_HOLIDAY
    decided: datetime = place.decision(following, clock)[0].item()
    return decided + allowed


def watched_sources(home: Path) -> list[str]:
    """Sources with a released bundle, or with an evening on record."""
    released = {of for of, state in read_registry(home).states.values() if state is State.RELEASED}
    evenings = {path.parent.name for path in (home / "status").glob(f"*/{EVENING_FILE}")}
    return sorted(released | evenings)


def summary(home: Path, source: str, *, now: datetime) -> dict[str, Any]:
    """What is published of a source, how old it is, its checks and its live skill.

    Raises
    ------
    DataError
        Something that is read is damaged.
    """
    registry = read_registry(home)
    name = registry.released(source)
    path = evening_path(home, source)
    found: dict[str, Any] = {
        "source": source,
        "bundle": name,
        "evening": read_json(path) if path.exists() else None,
        "publication": None,
        "status": None,
        "live": [],
        "others": [],
    }
    if name is not None:
        found |= _of_bundle(home, registry, source, name, now=now)
    return {**found, "problems": problems(found)}


def _of_bundle(
    home: Path, registry: Registry, source: str, name: str, *, now: datetime
) -> dict[str, Any]:
    bundle = open_bundle(home, name)
    live = read_live(home, source, name)
    others = [
        {
            "bundle": other,
            "state": str(registry.state_of(other)),
            "against_released": against(read_live(home, source, other), live),
        }
        for other in scored_each_evening(registry, source)[1:]
    ]
    made = newest_publication(home, source, name)
    moves = [move.at for move in registry.history if move.bundle == name]
    facts: dict[str, Any] = {
        "released_at": moves[-1].isoformat(timespec="seconds"),
        "run": bundle.run_id,
        "live": live_skill(live, bundle.scorecard.get("skill", {})),
        "others": others,
    }
    if made is None:
        return facts
    clock = Clock(str(bundle.manifest["clock"]))
    due = due_after(bundle.exchange, clock, made.session).replace(tzinfo=now.tzinfo)
    return {
        **facts,
        "publication": {
            "session": str(made.session),
            "published_at": made.published_at.isoformat(timespec="seconds"),
            "next_due_at": due.isoformat(timespec="seconds"),
            "overdue": now > due,
            "content_hash": made.content_hash,
        },
        "status": read_status(home, source, made.session, name),
    }


def problems(found: Mapping[str, Any]) -> list[str]:
    """What is wrong, a sentence each; the gravest first."""
    said = []
    evening, made, status = found["evening"], found["publication"], found["status"]
    if found["bundle"] is None:
        said.append("no bundle is released")
    if evening is not None and evening["failed"]:
        said.append(f"the last evening ({evening['at']}) failed: {evening['failed']}")
    if evening is not None:
        said += [f"refused: {text}" for text in evening["refused"]]
    if made is None:
        said.append("nothing is published")
    elif made["overdue"]:
        said.append(
            f"the newest publication is of {made['session']}; the next was due at "
            f"{made['next_due_at']}"
        )
    if made is not None and status is None:
        said.append(f"the publication of {made['session']} was not measured")
    said += [str(one["says"]) for one in failed_checks(status or {"checks": []})]
    said += [_below(one) for one in found["live"] if _alarmed(one)]
    return said


def _alarmed(one: Mapping[str, Any]) -> bool:
    return one["cusum"] is not None and one["cusum"]["value"] > one["cusum"]["threshold"]


def _below(one: Mapping[str, Any]) -> str:
    return (
        f"horizon {one['horizon']}: live skill is below what was promised, RankIC "
        f"{one['rank_ic']['value']:+.3f} over {one['rank_ic']['n']} sessions, promised "
        f"{one['promised']:+.3f} (first alarm {one['cusum']['first_alarm']})"
    )
