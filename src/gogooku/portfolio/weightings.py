"""The ways of weighting: one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gogooku.core.registry import Row, Table


@dataclass(frozen=True, kw_only=True)
class WeightingRow(Row):
    """One way of weighting the names that are chosen.

    Attributes
    ----------
    function : str
        Reference of a function. Where ``limited`` is false it is a `gogooku.portfolio.choice.Leg`,
        and the limits are applied to what it gives. Where it is true it takes a
        `gogooku.portfolio.choice.Choice` and gives a `gogooku.portfolio.choice.Weighed`: signed
        weights within all limits.
    limited : bool
        Whether the function keeps the limits itself.
    """

    function: str
    limited: bool = False


ROWS: Final = (
    WeightingRow(
        kind="equal",
        meaning="The same weight for each name.",
        config="gogooku.portfolio.config:EqualConfig",
        function="gogooku.portfolio.legs:equal",
    ),
    WeightingRow(
        kind="score",
        meaning="More weight for a better score.",
        config="gogooku.portfolio.config:ScoreConfig",
        function="gogooku.portfolio.legs:by_score",
    ),
    WeightingRow(
        kind="hrp",
        meaning="Hierarchical risk parity of the chosen names.",
        config="gogooku.portfolio.config:HrpConfig",
        function="gogooku.portfolio.optimise:risk_parity",
    ),
    WeightingRow(
        kind="mean_risk",
        meaning="Expected return less costs less risk, at its largest within the limits.",
        config="gogooku.portfolio.config:MeanRiskConfig",
        function="gogooku.portfolio.optimise:mean_risk",
        limited=True,
    ),
)

WEIGHTINGS: Final = Table[WeightingRow]("weighting", "gogooku.portfolio.weightings:ROWS")
"""All ways of weighting by kind."""
