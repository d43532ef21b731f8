"""What an audit says: findings, facts and the tables they were read from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl


class Check(StrEnum):
    """What was checked."""

    CONTENT = "content"
    """Files are what the manifest says, and the tensor is what the values encode to."""
    LOOK_AHEAD = "look-ahead"
    """The values of a session do not depend on what became known after its decision."""
    LEAK = "leak"
    """No single feature knows the label."""
    COVERAGE = "coverage"
    """Nulls stay within what each feature declares, in every part of the history."""
    DRIFT = "drift"
    """A scale-free feature has the same distribution early and late."""
    COPIES = "copies"
    """No feature is another one."""
    CONSTANT = "constant"
    """Every feature varies."""
    SURVIVAL = "survival"
    """Names that left are there until they left, and their labels too."""
    DOCUMENTATION = "documentation"
    """Every feature has its meaning, unit, source and line in the reference."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Where a statistic becomes a finding.

    Attributes
    ----------
    mean_ic : float
        Mean daily rank correlation of one feature with a label, by more than ``errors`` standard
        errors beyond it.
    day_ic, day_share : float
        Rank correlation with a label on one session, and the share of sessions beyond it.
    dark_share : float
        Coverage in a part of the history, as a share of that in the other parts.
    stability : float
        Population stability index over deciles; 0.25 is called a shift in credit scoring, a change
        of unit gives 5 and more.
    correlation : float
        Absolute rank correlation of two features of which one is a copy. Two that measure the same
        thing in two ways come close to it where all names are as volatile as each other; the page
        has the closest pairs.
    tolerance : float
        Difference of two values, as a share of the cross-section's spread.
    """

    mean_ic: float = 0.15
    errors: float = 3.0
    day_ic: float = 0.5
    day_share: float = 0.25
    dark_share: float = 0.1
    stability: float = 4.0
    correlation: float = 0.999
    tolerance: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    check : Check
    features : tuple of str
        Names it is about; empty where it is about the dataset.
    what : str
        In words.
    value, limit : float
        What was measured, and what is allowed; NaN where it is no matter of degree.
    sessions : tuple of str
        Dates at which it was seen; empty where it is about the whole history.
    """

    check: Check
    what: str
    features: tuple[str, ...] = ()
    value: float = math.nan
    limit: float = math.nan
    sessions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line for people."""
        names = ", ".join(self.features[:4])
        more = f" and {len(self.features) - 4} more" if len(self.features) > 4 else ""
        return f"{names}{more}: {self.what}" if names else self.what

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN becomes null."""
        plain: dict[str, Any] = {**asdict(self), "text": str(self)}
        for name in ("value", "limit"):
            number = plain[name]
            plain[name] = float(number) if math.isfinite(number) else None
        return plain


@dataclass(frozen=True)
class Checked:
    """What one check gives: findings, facts and tables for the page."""

    findings: Sequence[Finding] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """A finished audit.

    Attributes
    ----------
    dataset : str
        Its id.
    findings : tuple of Finding
    facts : mapping
        Effective rank, counts, seconds per check.
    tables : mapping of str to polars.DataFrame
        Behind the page: per feature what was measured.
    """

    dataset: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]

    def to_json(self) -> dict[str, Any]:
        """Findings and facts, for programs."""
        return {
            "dataset": self.dataset,
            "findings": [finding.to_json() for finding in self.findings],
            "facts": dict(self.facts),
        }
