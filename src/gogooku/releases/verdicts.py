"""Verdicts: what a gate says of a bundle, or of a session that is to be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a gate ends."""

    PASSED = "passed"
    WARNED = "warned"
    """Something a person should know; it stops nothing."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    """What one gate found.

    Attributes
    ----------
    gate : str
        Its name.
    outcome : Outcome
    said : str
        What, where, how many; of a refusal what to do as well.
    figures : mapping
        What was measured, and what is allowed; plain values.
    """

    gate: str
    outcome: Outcome
    said: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether it stops what it judges."""
        return self.outcome is Outcome.REFUSED

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "gate": self.gate,
            "outcome": str(self.outcome),
            "said": self.said,
            "figures": dict(self.figures),
        }


def passed(gate: str, said: str, **figures: Any) -> Verdict:
    """A gate that lets it through."""
    return Verdict(gate, Outcome.PASSED, said, figures)


def warned(gate: str, said: str, **figures: Any) -> Verdict:
    """A gate that lets it through and says why a person should look."""
    return Verdict(gate, Outcome.WARNED, said, figures)


def refused(gate: str, said: str, **figures: Any) -> Verdict:
    """A gate that stops it."""
    return Verdict(gate, Outcome.REFUSED, said, figures)


def refusals(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that stop what was judged."""
    return [one for one in verdicts if one.refused]
