"""`gogooku status`: what is published, how old it is, and whether it is what was promised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, estimate_text, table
from gogooku.core.errors import DataError, FindingError
from gogooku.core.findings import did_you_mean, short
from gogooku.core.wall import WallClock
from gogooku.watch.summary import summary, watched_sources


def status(home: Path, source: str | None, *, clock: WallClock) -> Answer:
    """Say how a source stands, or every source that has a released bundle.

    Raises
    ------
    DataError
        There is no such source, or none at all; or something is damaged.
    """
    there = watched_sources(home)
    if source is not None and source not in there:
        known = did_you_mean(source, there) if there else ", and of no other source"
        raise DataError(
            f"status: no bundle is released and no evening was done of source {short(source)}"
            f"{known}. Release one: gogooku release RUN"
        )
    if not there:
        raise DataError(
            f"status: no bundle is released in {home}; release one: gogooku release RUN"
        )
    found = [summary(home, one, now=clock.now()) for one in there if source in (None, one)]
    parts = [part for one in found for part in _parts(one)]
    wrong = [f"{one['source']}: {text}" for one in found for text in one["problems"]]
    failure = None
    if wrong:
        failure = FindingError(f"{counted(len(wrong), 'problem')}, first {wrong[0]}")
    return Answer(facts={"sources": found}, parts=parts, failure=failure)


def _parts(one: Mapping[str, Any]) -> list[object]:
    """What people are shown of a source."""
    made, evening, found = one["publication"], one["evening"], one["status"]
    rows = [("bundle", one["bundle"])]
    if made is not None:
        rows += [
            ("newest session", made["session"]),
            ("published", made["published_at"]),
            ("next is due", made["next_due_at"]),
        ]
    if evening is not None:
        rows += [("last evening", evening["at"]), ("ended well last", evening["succeeded_at"])]
    parts: list[object] = [table(f"status of {one['source']}", ["", ""], rows)]
    if found is not None:
        parts += [_checks(found), _drift(found)]
    if one["live"]:
        parts.append(_live(one))
    parts += [_other(other) for other in one["others"] if other["against_released"]]
    said = [f"problem: {text}" for text in one["problems"]]
    return [*parts, *(said or ["nothing is wrong"])]


def _checks(found: Mapping[str, Any]) -> object:
    rows = [
        (check["name"], check["of"], check["value"], check["limit"], _verdict(check))
        for check in found["checks"]
    ]
    return table(f"checks of {found['session']}", ["check", "of", "value", "limit", ""], rows)


def _verdict(check: Mapping[str, Any]) -> str:
    return "FAILED" if check["failed"] else "ok"


def _drift(found: Mapping[str, Any]) -> object:
    rows = [
        (row["feature"], row["role"], row["stability"], row["usual"], row["times"], row["ks"])
        for row in found["drift"]["worst"]
    ]
    columns = ["feature", "role", "stability index", "most in training", "times", "KS"]
    return table("drift from the training, worst first", columns, rows)


def _live(one: Mapping[str, Any]) -> object:
    rows = []
    for live in one["live"]:
        cusum = live["cusum"] or {}
        rows.append(
            (
                live["horizon"],
                live["rank_ic"]["n"],
                estimate_text(live["rank_ic"]),
                live["promised"],
                estimate_text(live["top_excess"]),
                cusum.get("value"),
                cusum.get("threshold"),
                cusum.get("first_alarm"),
            )
        )
    columns = ["horizon", "sessions", "RankIC", "promised", "top excess", "CUSUM", "limit"]
    return table("live skill of published scores", [*columns, "first alarm"], rows)


def _other(other: Mapping[str, Any]) -> object:
    rows = [
        (row["horizon"], row["n"], row["difference"], row["low"], row["high"], row["p_value"])
        for row in other["against_released"]
    ]
    columns = ["horizon", "sessions", "RankIC less released", "low", "high", "p"]
    return table(f"{other['bundle']} ({other['state']})", columns, rows)
