"""Values of the sandbox exchange that are only known later, and what catches their misuse.

A trap is a column whose value at its event date contains the return that follows, up to the instant
at which the row is published. A join on the wrong date sees that return before it happens and lifts
the RankIC above the attainable one (by more than five standard errors on a market of 300 names and
750 sessions); a join on the right date sees an old return, which pays nothing beyond what prices
already say. Real sources have the same shape by accident: balances are collected after the close
and settle later, disclosures carry the date of the evening before the first price that knows them.

The valuation source has no trap: its ratios use the day's close and earlier documents only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """The checks of this project that catch a join on a wrong clock."""

    AUDIT = "audit: no look-ahead on source clocks"
    """Cuts every source at the decision and compares: a value that changes was known later."""
    FIRST_VISIBLE = "tables: first-visible-date oracle"
    """Compares the first session that can join a row with a hand-written publication table."""
    LEAK_GATE = "evaluate: leak gate"
    """A RankIC above the attainable by three standard errors, or above any real market's."""


@dataclass(frozen=True)
class Trap:
    """One trap.

    Attributes
    ----------
    name : str
    source, column : str
        Endpoint and wire column of the value (see `gogooku.ingest.jquants.endpoints`).
    wrong_date : str
        The date that tempts: joined there the value looks ahead.
    right_date : str
        When it is known, in words of the publication table.
    contains : str
        What of the future the value contains.
    caught_by : tuple of Check
        The checks that catch the wrong join; any of them alone is enough.
    """

    name: str
    source: str
    column: str
    wrong_date: str
    right_date: str
    contains: str
    caught_by: tuple[Check, ...]


_ALL: Final = (Check.AUDIT, Check.FIRST_VISIBLE, Check.LEAK_GATE)

TRAPS: Final = (
    Trap(
        name="margin balance at its date",
        source="margin_interest",
        column="ShrtVol",
        wrong_date="Date",
        right_date="second session of the following week; from 2026-09-25 PubDate",
        contains="the name's residual return of the session after Date",
        caught_by=_ALL,
    ),
    Trap(
        name="short position at its calculation",
        source="short_positions",
        column="ShrtPosToSO",
        wrong_date="CalcDate",
        right_date="DiscDate, two sessions later",
        contains="the name's residual return from CalcDate to DiscDate",
        caught_by=_ALL,
    ),
    Trap(
        name="flows at the end of their week",
        source="investor_types",
        column="FrgnBal",
        wrong_date="EnDate",
        right_date="PubDate, the fourth session of the following week",
        contains="the segment's return against the others from EnDate to PubDate",
        caught_by=_ALL,
    ),
    Trap(
        name="late revision on its day",
        source="statements",
        column="FEPS",
        wrong_date="DiscDate",
        right_date="the next session where DiscTime is after 17:30",
        contains="the reaction between open and close of the session after DiscDate",
        caught_by=_ALL,
    ),
)
"""Every trap of the sandbox exchange."""
