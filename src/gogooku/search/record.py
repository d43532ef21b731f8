"""What stays of a trial that is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gogooku.core.space import Value


@dataclass(frozen=True)
class TrialRecord:
    """A trial that is over.

    Attributes
    ----------
    number : int
        0 is the run as it is.
    state : str
        ``complete``, ``pruned`` or ``failed``.
    values : mapping of str to value
        Of its knobs.
    worth : mapping or None
        `gogooku.search.objective.Worth.to_json`; None for a failed trial.
    blocks : mapping of int to float
        Mean RankIC of its blocks of sessions, by their number in the study.
    fault : str
        Why it failed; empty where it did not.
    """

    number: int
    state: str
    values: Mapping[str, Value]
    worth: Mapping[str, Any] | None
    blocks: Mapping[int, float] = field(default_factory=dict)
    fault: str = ""

    @property
    def feasible(self) -> bool:
        """Whether it can be picked: complete, with a value, and within every limit."""
        worth = self.worth
        return (
            self.state == "complete"
            and worth is not None
            and worth["value"] is not None
            and not worth["broken"]
        )
