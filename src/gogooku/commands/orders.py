"""`gogooku orders`: the orders that the released bundle published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.commands.again import written
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, frame_table
from gogooku.core.calendar import Clock, DateArray
from gogooku.core.errors import DataError, FindingError
from gogooku.core.expected import expected_session
from gogooku.core.terms import money
from gogooku.core.wall import WallClock
from gogooku.predict.output import write_table
from gogooku.publish.orders import HOLDINGS, ORDERS_CSV, PORTFOLIO
from gogooku.publish.publication import (
    ORDERS,
    TARGET,
    Publication,
    newest_publication,
    open_publication,
)
from gogooku.releases.bundle import Bundle, open_bundle
from gogooku.releases.registry import the_released

_BASIS: Mapping[str, str] = {
    "new": "an empty account",
    "target": "the last published target, as if filled at its reference prices",
    HOLDINGS: "the holdings that were stated",
}
"""Where the account of an evening is from, in words."""


@dataclass(frozen=True)
class Asked:
    """Which evening is asked for.

    Attributes
    ----------
    source : str
    day : date or None
        The session; None for the newest published.
    output : Path or None
        File that the whole table is written to.
    """

    source: str
    day: date | None = None
    output: Path | None = None


def orders(home: Path, asked: Asked, *, clock: WallClock) -> Answer:
    """The orders after a session; without a date they must be those of the expected session.

    Raises
    ------
    GogookuError
        As `gogooku.publish.publication.open_publication`; or it has no orders.
    """
    bundle, made, account = published(home, asked)
    frame = made.frame(ORDERS)
    parts: list[object] = [
        frame_table(f"Orders after {made.session} of {bundle.bundle_id}", frame)
        if frame.height
        else f"No orders after {made.session} of {bundle.bundle_id}",
        *account_lines(bundle, account),
    ]
    waiting = _not_ordered(made.frame(TARGET))
    if waiting.height:
        parts.insert(1, frame_table("Not what is aimed at", waiting))
    if asked.output is not None:
        csv = asked.output.suffix == ".csv"
        raw = made.files.path(ORDERS_CSV).read_bytes() if csv else None
        changed = write_table(asked.output, frame, raw=raw)
        parts.append(written(asked.output, counted(frame.height, "order"), changed=changed))
    facts = {**facts_of(bundle, made, account), "orders": frame.to_dicts(),
             "not_ordered": waiting.to_dicts()}  # fmt: skip
    late = None if asked.day is not None else _late(bundle, made, clock)
    return Answer(facts=facts, parts=parts, failure=late)


def published(home: Path, asked: Asked) -> tuple[Bundle, Publication, Mapping[str, Any]]:
    """The released bundle, its publication, and the account of that evening."""
    bundle = open_bundle(home, the_released(home, asked.source))
    if asked.day is not None:
        made = open_publication(home, asked.source, asked.day, bundle.bundle_id)
    else:
        newest = newest_publication(home, asked.source, bundle.bundle_id)
        if newest is None:
            raise DataError(
                f"{asked.source}: {bundle.bundle_id} has published nothing yet. Run: gogooku "
                f"evening --source {asked.source}"
            )
        made = newest
    if not made.has(ORDERS):
        raise DataError(
            f"{asked.source}: no orders were made after {made.session}: the data was not that of "
            "the expected session. Run gogooku evening when the vendor has sent it"
        )
    return bundle, made, made.facts[PORTFOLIO]


def facts_of(bundle: Bundle, made: Publication, account: Mapping[str, Any]) -> dict[str, Any]:
    """What programs read of an evening beside its tables."""
    return {
        "date": str(made.session),
        "bundle": bundle.bundle_id,
        "source": bundle.source,
        "folder": str(made.folder),
        PORTFOLIO: dict(account),
    }


def account_lines(bundle: Bundle, account: Mapping[str, Any]) -> list[str]:
    """The account behind an evening, in words."""
    place = bundle.exchange
    return [
        f"account: {_BASIS[account['basis']]}; worth {money(account['equity'], place)}, cash "
        f"{money(account['cash'], place)}, {money(account['cash_after'], place)} after the orders",
        *(f"note: {text}" for text in account["notes"]),
    ]


def _not_ordered(target: pl.DataFrame) -> pl.DataFrame:
    """Names whose holding after the orders is not what is aimed at, and why."""
    after = pl.col("held") + pl.col("ordered")
    columns = ("code", "name_ja", "name_en", "shares", "held", "ordered", "left")
    return target.filter((after != pl.col("shares")) | (pl.col("left") != "")).select(columns)


def _late(bundle: Bundle, made: Publication, clock: WallClock) -> FindingError | None:
    """What to say where the orders are not those of the session that is expected by now."""
    days: DateArray = pl.Series([made.session]).to_numpy().astype("datetime64[D]")
    expected = expected_session(
        bundle.exchange, Clock(str(bundle.manifest["clock"])), clock.now(), days
    )
    if expected <= made.session:
        return None
    return FindingError(
        f"these orders follow {made.session}, and {expected} is past: do not send them. Run "
        f"gogooku evening --source {bundle.source}"
    )
