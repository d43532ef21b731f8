"""Cutting sessions into train, validation and test parts that cannot touch.

Out of time, one config each: explicit dates, fractions, a walk-forward whose test blocks tile the
last part of the sample, and a walk-forward by the calendar, which fits anew every year, half-year
or quarter. Purges lie strictly between the parts (Lopez de Prado, "Advances in
Financial Machine Learning", 2018, chapter 7); `gogooku.core.types.Fold` refuses anything shorter
than the longest horizon + 1 sessions. Cross-validations, whose train parts lie on both sides of the
tested sessions, are in `gogooku.evaluate.cross_split`.

>>> from datetime import date
>>> from gogooku.core.calendar import tokyo_sessions
>>> sessions = tokyo_sessions(date(2023, 1, 1), date(2024, 12, 31))
>>> fold = make_folds(FractionSplit(), sessions)[0]
>>> for part in ("train", "valid", "test"):
...     first, last = getattr(fold, part)
...     print(part, first, last, len(fold.indices(part)))
train 2023-01-04 2024-02-06 269
valid 2024-03-11 2024-06-17 67
test 2024-07-18 2024-12-30 113
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gogooku.core.calendar import DateArray
from gogooku.core.config import Config
from gogooku.core.errors import ConfigError
from gogooku.core.findings import Unit
from gogooku.core.types import PURGE_SESSIONS, Fold
from gogooku.evaluate.cross_split import (
    MIN_PART,
    NO_END,
    CombinatorialSplit,
    PurgedKFoldSplit,
    cross_folds,
    last_usable,
)


class Growth(StrEnum):
    """How the train part of a walk-forward moves from fold to fold."""

    EXPANDING = "expanding"
    """It always starts at the first session."""
    ROLLING = "rolling"
    """It keeps the length it has in the first fold."""


class DateSplit(Config):
    """One fold given by inclusive dates."""

    kind: Literal["dates"] = "dates"
    train: tuple[date, date]
    valid: tuple[date, date]
    test: tuple[date, date]
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)


class FractionSplit(Config):
    """One fold by shares of the usable sessions; the test part takes what is left.

    ``train`` and ``valid`` are shares of the usable sessions less the two purges.
    """

    kind: Literal["fractions"] = "fractions"
    train: float = Field(default=0.60, gt=0.0, lt=1.0)
    valid: float = Field(default=0.15, gt=0.0, lt=1.0)
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)
    end: date = NO_END
    """Last date that is used; everything after it stays unseen."""


class WalkForwardSplit(Config):
    """Consecutive test blocks of equal length over the end of the sample, one fold each.

    ``test`` is the share of usable sessions that the blocks cover together, ``valid`` the share
    that each fold's validation part has, right before its block (a purge apart).
    """

    kind: Literal["walk_forward"] = "walk_forward"
    num_folds: Annotated[int, Unit("folds")] = Field(default=3, ge=1)
    growth: Growth = Growth.EXPANDING
    valid: float = Field(default=0.12, gt=0.0, lt=1.0)
    test: float = Field(default=0.40, gt=0.0, lt=1.0)
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)
    end: date = NO_END
    """Last date that is used; everything after it stays unseen."""


class Every(StrEnum):
    """How often a walk-forward by the calendar fits anew: its months a period."""

    YEAR = "year"
    HALF_YEAR = "half_year"
    QUARTER = "quarter"

    @property
    def months(self) -> int:
        """Length of a period."""
        return {Every.YEAR: 12, Every.HALF_YEAR: 6, Every.QUARTER: 3}[self]


class CalendarSplit(Config):
    """Consecutive test blocks that are periods of the calendar, one fold each.

    The first block begins at ``start``, every later one with its period, and the last ends at
    ``end``, or at the last session where that is earlier. The validation part is the ``valid``
    sessions right before a block, and the train part all before that, a purge apart each.
    """

    kind: Literal["calendar"] = "calendar"
    start: date
    end: date = NO_END
    every: Every = Every.YEAR
    growth: Growth = Growth.EXPANDING
    valid: Annotated[int, Unit("sessions")] = Field(default=125, ge=MIN_PART)
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)


AnySplit = (
    DateSplit
    | FractionSplit
    | WalkForwardSplit
    | CalendarSplit
    | PurgedKFoldSplit
    | CombinatorialSplit
)
SplitConfig = Annotated[AnySplit, Field(discriminator="kind")]
"""Any of the six; ``kind`` says which."""


def make_folds(
    config: AnySplit,
    sessions: DateArray,
    *,
    first: int = 0,
) -> tuple[Fold, ...]:
    """Cut sessions into folds, in time order.

    Parameters
    ----------
    config : SplitConfig
    sessions : array of dates, shape [T]
        All sessions of the dataset, ascending.
    first : int
        Index of the first usable session (earlier ones only feed lookbacks); explicit dates are
        taken as they are.

    Returns
    -------
    tuple of Fold
        `gogooku.core.types.CrossFold` where the config is one of a cross-validation.

    Raises
    ------
    ConfigError
        The sessions are too few for the parts and purges asked for.
    """
    if first >= len(sessions):
        raise ConfigError(
            f"split: a warm-up of {first} sessions leaves none of the {len(sessions)} that the "
            "dataset has; set a smaller warmup_sessions or build from a longer sample"
        )
    if not isinstance(config, DateSplit | CalendarSplit):
        sessions = sessions[: last_usable(sessions, config.end)]
    if isinstance(config, PurgedKFoldSplit | CombinatorialSplit):
        return cross_folds(config, sessions, first=first)
    if isinstance(config, DateSplit):
        fold = Fold(sessions, config.train, config.valid, config.test, purge=config.purge)
        return (fold,)
    if isinstance(config, FractionSplit):
        return (_fraction_fold(config, sessions, first),)
    if isinstance(config, CalendarSplit):
        return _calendar_folds(config, sessions, first)
    return _walk_forward_folds(config, sessions, first)


def _fraction_fold(config: FractionSplit, sessions: DateArray, first: int) -> Fold:
    usable = len(sessions) - first - 2 * config.purge
    train, valid = int(config.train * usable), int(config.valid * usable)
    test = usable - train - valid
    _require(config, min(train, valid, test), len(sessions) - first)
    valid_first = first + train + config.purge
    test_first = valid_first + valid + config.purge
    return _fold(
        sessions,
        purge=config.purge,
        train=(first, first + train),
        valid=(valid_first, valid_first + valid),
        test=(test_first, len(sessions)),
    )


def _walk_forward_folds(
    config: WalkForwardSplit, sessions: DateArray, first: int
) -> tuple[Fold, ...]:
    usable = len(sessions) - first
    block = int(config.test * usable) // config.num_folds
    valid = int(config.valid * usable)
    train = usable - config.num_folds * block - valid - 2 * config.purge
    _require(config, min(block, valid, train), usable)
    folds = []
    for number in range(config.num_folds):
        test_first = len(sessions) - (config.num_folds - number) * block
        valid_last = test_first - config.purge
        train_last = valid_last - valid - config.purge
        start = first if config.growth is Growth.EXPANDING else train_last - train
        folds.append(
            _fold(
                sessions,
                purge=config.purge,
                train=(start, train_last),
                valid=(valid_last - valid, valid_last),
                test=(test_first, test_first + block),
            )
        )
    return tuple(folds)


def _calendar_folds(config: CalendarSplit, sessions: DateArray, first: int) -> tuple[Fold, ...]:
    start, end = np.datetime64(config.start, "D"), np.datetime64(config.end, "D")
    tested = np.flatnonzero((sessions >= start) & (sessions <= end))
    if not len(tested):
        raise ConfigError(
            f"split: no session from {start} to {end}; the dataset has {sessions[0]} to "
            f"{sessions[-1]}: change split.start or split.end"
        )
    months = sessions[tested].astype("datetime64[M]").astype(np.int64)
    blocks = np.split(tested, np.flatnonzero(np.diff(months // config.every.months)) + 1)
    folds, train = [], 0
    for block in blocks:
        valid_last = int(block[0]) - config.purge
        train_last = valid_last - config.valid - config.purge
        train = train or train_last - first
        if train < MIN_PART:
            raise ConfigError(
                f"split: {int(block[0]) - first} usable sessions before {sessions[block[0]]} leave "
                f"no train part beside {config.valid} of validation and two purges of "
                f"{config.purge}; choose a later split.start or a smaller split.valid"
            )
        folds.append(
            _fold(
                sessions,
                purge=config.purge,
                train=(
                    first if config.growth is Growth.EXPANDING else train_last - train,
                    train_last,
                ),
                valid=(valid_last - config.valid, valid_last),
                test=(int(block[0]), int(block[-1]) + 1),
            )
        )
    return tuple(folds)


def _require(config: FractionSplit | WalkForwardSplit, shortest: int, usable: int) -> None:
    if shortest < MIN_PART:
        raise ConfigError(
            f"split: {usable} usable sessions leave a part of {max(shortest, 0)} with two purges "
            f"of {config.purge} ({config.kind}); use a longer sample, fewer folds or other shares"
        )


def _fold(sessions: DateArray, *, purge: int, **parts: tuple[int, int]) -> Fold:
    """Make a fold from half-open index ranges."""
    days: dict[str, Any] = {
        name: (sessions[low].item(), sessions[high - 1].item())
        for name, (low, high) in parts.items()
    }
    return Fold(sessions=sessions, purge=purge, **days)
