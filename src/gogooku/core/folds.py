"""How time is cut: train, validation and test parts that cannot touch.

`Fold` is one step of a walk-forward: train, then validation, then test. `CrossFold` is one split of
a cross-validation: its train part may lie on both sides of its test part, so what it measures is
not out of time. Both refuse, when they are made, whatever would let a label be seen twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

import numpy as np

from gogooku.core.calendar import DateArray
from gogooku.core.errors import ConfigError
from gogooku.core.panel import IntArray

HORIZONS = (1, 5, 10, 20)
"""Sessions from the next open to the open at which a label ends."""

PURGE_SESSIONS = max(HORIZONS) + 1
"""Fewest sessions strictly between two parts of a fold: a label of horizon h made on d is
known at the open of d + 1 + h."""

PARTS = ("train", "valid", "test")

Span = tuple[date, date]
"""First and last date, both included."""


@dataclass(frozen=True)
class Fold:
    """Train, validation and test parts as inclusive date ranges on a list of sessions.

    Attributes
    ----------
    sessions : array of dates
        The sessions of the dataset.
    train, valid, test : (first, last)
        Inclusive dates.
    purge : int
        Fewest sessions that must lie strictly between two parts.
    """

    sessions: DateArray
    train: Span
    valid: Span
    test: Span
    purge: int = PURGE_SESSIONS

    out_of_time: ClassVar[bool] = True
    """Whether everything that was fitted on lies before the test part."""

    def __post_init__(self) -> None:
        """Refuse empty parts, overlaps and too short a purge."""
        _require_purge(self.purge)
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        for name, span in parts.items():
            self._refuse_empty(name, span)
        for earlier, later in (("train", "valid"), ("valid", "test")):
            end, start = parts[earlier][1], parts[later][0]
            between = int(
                np.sum(
                    (self.sessions > np.datetime64(end, "D"))
                    & (self.sessions < np.datetime64(start, "D"))
                )
            )
            if start <= end:
                shared = np.intersect1d(self.indices(earlier), self.indices(later))
                both = f"share {len(shared)} sessions" if len(shared) else "are in the wrong order"
                raise ConfigError(
                    f"fold: {earlier} ({_said(parts[earlier])}) and {later} "
                    f"({_said(parts[later])}) {both}; {later} must begin more than {self.purge} "
                    f"sessions after {earlier} ends: set split.{earlier} or split.{later}"
                )
            if between < self.purge:
                raise ConfigError(
                    f"fold: {between} sessions between {earlier} (ends {end}) and {later} (starts "
                    f"{start}), the purge needs {self.purge}; move the dates apart: set "
                    f"split.{earlier} or split.{later}"
                )

    def _refuse_empty(self, part: str, span: Span) -> None:
        if len(self._indices(*span)):
            return
        why = "has no sessions" if span[0] <= span[1] else "ends before it begins"
        raise ConfigError(
            f"fold: {part} {_said(span)} {why}; the dataset has {len(self.sessions)} sessions from "
            f"{self.sessions[0]} to {self.sessions[-1]}: set split.{part} within them"
        )

    def _indices(self, first: date, last: date) -> IntArray:
        low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
        return np.flatnonzero((self.sessions >= low) & (self.sessions <= high))

    def indices(self, part: str) -> IntArray:
        """Session indices of ``train``, ``valid`` or ``test``, ascending."""
        first, last = getattr(self, part)
        return self._indices(first, last)

    def refit_indices(self) -> IntArray:
        """Sessions to fit on once nothing is selected any more: train, validation and between.

        Only the test part must not be touched, so the purge between the two comes in too.
        """
        low, high = self.indices("train")[0], self.indices("valid")[-1]
        return np.arange(int(low), int(high) + 1)

    def closes(self, indices: IntArray, others: Sequence[str]) -> IntArray:
        """For each session, the first later one of other parts: its label must be known before.

        The number of sessions where no other part comes later.
        """
        beyond = np.sort(np.concatenate([self.indices(part) for part in others]))
        ends = np.append(beyond, len(self.sessions))
        return np.asarray(ends[np.searchsorted(beyond, indices, side="right")], dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        """Dates as text."""
        return {
            "purge": self.purge,
            **{part: [str(day) for day in getattr(self, part)] for part in PARTS},
        }


@dataclass(frozen=True)
class CrossFold(Fold):
    """One split of a cross-validation: parts of several spans, with an embargo after the test part.

    The training sessions before a test session end ``purge`` sessions before it, because their
    labels would reach into it; those after it begin ``purge + embargo`` sessions after it, because
    its own labels reach that far and what moves slowly goes on (Lopez de Prado, "Advances in
    Financial Machine Learning", 2018, section 7.4). The same holds for the validation part, against
    the test part and against the train part. It is made by `CrossFold.of`.

    Attributes
    ----------
    train, valid, test : (first, last)
        First and last date of each part; what lies between need not belong to it.
    embargo : int
        Sessions that are left out after the purge behind a tested or a validation session.
    spans : mapping of str to tuple of spans
        What each part consists of, in time order.
    paths : tuple of int
        For each test span, the path of scores that it belongs to; see `evaluate.cross_split`.
    """

    embargo: int = 0
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    paths: tuple[int, ...] = (0,)

    out_of_time: ClassVar[bool] = False

    @classmethod
    def of(
        cls,
        sessions: DateArray,
        spans: Mapping[str, Sequence[Span]],
        *,
        purge: int = PURGE_SESSIONS,
        embargo: int = 0,
        paths: Sequence[int] = (0,),
    ) -> CrossFold:
        """Make one of the spans of its parts.

        Raises
        ------
        ConfigError
            A part is empty, parts overlap, or lie nearer than the purge and the embargo allow.
        """
        ordered = {part: tuple(sorted(spans.get(part, ()))) for part in PARTS}
        train, valid, test = (
            (ordered[part][0][0], ordered[part][-1][1]) if ordered[part] else (date.max, date.min)
            for part in PARTS
        )
        return cls(
            sessions=sessions,
            train=train,
            valid=valid,
            test=test,
            purge=purge,
            embargo=embargo,
            spans=ordered,
            paths=tuple(paths),
        )

    def __post_init__(self) -> None:
        """Refuse empty parts, overlaps, and sessions that lie too near to another part."""
        _require_purge(self.purge)
        empty = [part for part in PARTS if not self.spans.get(part)]
        if empty:
            raise ConfigError(f"fold: {', '.join(empty)} has no sessions")
        if self.embargo < 0:
            raise ConfigError(f"fold: embargo {self.embargo} is below 0")
        if len(self.paths) != len(self.spans["test"]):
            raise ConfigError(
                f"fold: {len(self.paths)} paths for {len(self.spans['test'])} test spans"
            )
        for part, found in self.spans.items():
            for span in found:
                self._refuse_empty(part, span)
        self._refuse_repeats()
        for part, others in (("train", ("valid", "test")), ("valid", ("test",))):
            for other in others:
                self._refuse_near(part, other)

    def indices(self, part: str) -> IntArray:
        """Session indices of ``train``, ``valid`` or ``test``, ascending."""
        return np.concatenate([self._indices(*span) for span in self.spans[part]])

    def refit_indices(self) -> IntArray:
        """Sessions to fit on once nothing is selected any more: all that the test part allows."""
        low = min(self.indices("train")[0], self.indices("valid")[0])
        high = max(self.indices("train")[-1], self.indices("valid")[-1])
        wanted = np.arange(int(low), int(high) + 1)
        return np.asarray(wanted[~self._near(wanted, "test")], dtype=np.int64)

    def path_indices(self, path: int) -> IntArray:
        """Sessions of the test part that belong to one path of scores."""
        mine = [
            self._indices(*span)
            for span, one in zip(self.spans["test"], self.paths, strict=True)
            if one == path
        ]
        return np.concatenate(mine) if mine else np.empty(0, dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        """Dates as text, a list of spans for each part."""
        return {
            "purge": self.purge,
            "embargo": self.embargo,
            "paths": list(self.paths),
            **{
                part: [[str(first), str(last)] for first, last in self.spans[part]]
                for part in PARTS
            },
        }

    def _near(self, indices: IntArray, part: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which sessions lie in a part, in the purge before it, or in purge and embargo after it.

        With the sessions of the part sorted, only the nearest one on each side counts.
        """
        there = np.sort(self.indices(part))
        after = np.searchsorted(there, indices, side="left")
        ahead = np.append(there, np.iinfo(np.int64).max)[after] - indices
        behind = indices - np.insert(there, 0, -(1 << 40))[np.searchsorted(there, indices, "right")]
        return np.asarray((ahead <= self.purge) | (behind <= self.purge + self.embargo))

    def _refuse_repeats(self) -> None:
        joined = np.concatenate([self.indices(part) for part in PARTS])
        days, counts = np.unique(joined, return_counts=True)
        if (counts > 1).any():
            raise ConfigError(
                f"fold: {int((counts > 1).sum())} sessions lie in two parts, first "
                f"{self.sessions[days[counts > 1][0]]}; move the dates apart"
            )

    def _refuse_near(self, part: str, other: str) -> None:
        mine = self.indices(part)
        near = self._near(mine, other)
        if near.any():
            raise ConfigError(
                f"fold: {int(near.sum())} sessions of {part} lie within {self.purge} before or "
                f"{self.purge + self.embargo} after a session of {other}, first "
                f"{self.sessions[mine[near][0]]}; move the dates apart"
            )


def _said(span: Span) -> str:
    return f"{span[0]} to {span[1]}"


def _require_purge(purge: int) -> None:
    if purge < PURGE_SESSIONS:
        raise ConfigError(
            f"fold: purge {purge} is shorter than the longest horizon + 1 "
            f"({PURGE_SESSIONS} sessions); set split.purge={PURGE_SESSIONS} or more"
        )
