"""What a diagnosis of a run says: what is wrong, the numbers that say so, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What can be wrong with a run."""

    MISMATCH = "train-evaluate-mismatch"
    """The same weights give other scores: today than when they were stored, or by mode."""
    FLAT = "no-spread"
    """Names get the same score."""
    NO_SIGNAL = "labels-without-signal"
    """Nothing is related to the labels: no feature alone, nor the scores."""
    STARVED_OF_DATA = "starved-of-data"
    """Too few sessions, names or rows to learn or to select."""
    STARVED_OF_MEMORY = "starved-of-memory"
    """Steps were cut into smaller parts because memory ran out."""
    RATE_HIGH = "rate-too-high"
    """Steps move the weights too far."""
    RATE_LOW = "rate-too-low"
    """Steps hardly move the weights."""
    UNREACHED = "unreached"
    """Weights that the loss does not reach."""
    DEAD_PART = "part-does-nothing"
    """A part of a network that leaves the scores as they are."""
    NOT_LEARNING = "not-learning"
    """A single feature is related to the labels, and the scores are not."""
    OVER_REGULARISED = "over-regularised"
    """RankIC on train dates is no better than on validation dates, and both still rise."""
    OVERFIT = "overfit"
    """RankIC on train dates is far above that of validation dates, which falls."""
    CAP = "cap-hit"
    """The best was found at the end of what was allowed."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    fault : Fault
    what : str
        In words, with the numbers that say so.
    evidence : mapping
        Those numbers by name.
    next_step : str
        What to do: settings, and the command that tries them.
    where : str
        What it is about: a part of a network, a horizon, a group of weights; empty for all.
    member : str
        The member of a blend; empty for none.
    folds : tuple of int
        Folds in which it was seen.
    """

    fault: Fault
    what: str
    next_step: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    member: str = ""
    folds: tuple[int, ...] = ()

    @property
    def subject(self) -> tuple[Fault, str, str]:
        """What it is about, whichever the fold."""
        return self.fault, self.where, self.member

    def seen_in(self, folds: tuple[int, ...]) -> Finding:
        """The same of other folds."""
        return replace(self, folds=folds)

    def __str__(self) -> str:
        """One line for people."""
        member = f"{self.member}: " if self.member else ""
        return f"{member}{self.what}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "fault": str(self.fault),
            "what": self.what,
            "evidence": dict(self.evidence),
            "next_step": self.next_step,
            "where": self.where,
            "member": self.member,
            "folds": list(self.folds),
            "text": str(self),
        }
