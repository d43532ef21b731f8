"""Gates of the data of a session: whether it is whole enough to be ranked and traded.

They are asked before a target is made, since of data that is not whole no order is made. The gates
of `gogooku.publish.gates` judge what was made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from gogooku.portfolio.fill_config import FillPrice
from gogooku.predict.predictor import Ranking
from gogooku.publish.gates import PublishLimits
from gogooku.publish.orders import Desk
from gogooku.releases.verdicts import Verdict, passed, refused

_LATE: Final = "Is a file of the vendor late? Run it again later"


@dataclass(frozen=True)
class SessionData:
    """How much there is of a session.

    Attributes
    ----------
    universe : int
        Names in the universe.
    before : int
        Those of the session before.
    scored : int
        Names that the model gave a score.
    quoted : int
        Names of the universe that have a price of the session.
    """

    universe: int
    before: int
    scored: int
    quoted: int


def data_of(desk: Desk, made: Ranking) -> SessionData:
    """Count what there is of a session that was ranked."""
    bars = desk.bars
    t = int(np.flatnonzero(bars.sessions == np.datetime64(made.date))[0])
    members = bars.universe[t]
    now = int(members.sum())
    return SessionData(
        universe=now,
        before=int(bars.universe[t - 1].sum()) if t else now,
        scored=made.frame.height,
        quoted=int(np.isfinite(bars.price(t, FillPrice.CLOSE)[members]).sum()),
    )


def _universe(data: SessionData, limits: PublishLimits, gate: str) -> Verdict:
    """The universe against that of the session before."""
    least = limits.least_universe
    figures = {"names": data.universe, "before": data.before, "least": least}
    said = f"{data.universe:,} names in the universe, {data.before:,} on the session before"
    if data.universe < least * data.before:
        return refused(gate, f"{said}; at least {least:.0%} are expected. {_LATE}", **figures)
    return passed(gate, said, **figures)


def _scored(data: SessionData, limits: PublishLimits, gate: str) -> Verdict:
    """The names of the universe that have a score."""
    return _known(data, gate, "scored", data.scored, limits.least_scored)


def _quoted(data: SessionData, limits: PublishLimits, gate: str) -> Verdict:
    """The names of the universe that have a price of the session."""
    return _known(data, gate, "quoted", data.quoted, limits.least_quoted)


def _known(data: SessionData, gate: str, what: str, count: int, least: float) -> Verdict:
    figures = {"names": count, "universe": data.universe, "least": least}
    said = f"{count:,} of {data.universe:,} names of the universe are {what}"
    if count < least * data.universe:
        return refused(gate, f"{said}; at least {least:.0%} are expected. {_LATE}", **figures)
    return passed(gate, said, **figures)


DATA_GATES: Final[Mapping[str, Callable[[SessionData, PublishLimits, str], Verdict]]] = {
    "universe": _universe,
    "scored": _scored,
    "quoted": _quoted,
}
"""Every gate of the data of a session by its name."""


def judge_data(data: SessionData, limits: PublishLimits) -> list[Verdict]:
    """Try every gate."""
    return [check(data, limits, name) for name, check in DATA_GATES.items()]
