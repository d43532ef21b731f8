"""Every limit of the watch, at one place: what is beyond is a failed check and an alert."""

from __future__ import annotations

from typing import Final

LEAST_ROWS: Final = 20
"""Rows of a session below which a table is not judged by their number: documents come as they do.
"""
LEAST_COVERAGE: Final = 0.8
"""Of the fewest rows that any of the sessions before brought."""
LEAST_NAMES: Final = 0.5
"""Of the names that a tested session had."""
MORE_TIES: Final = 0.05
"""By which the share of tied scores may lie above that of any tested session."""
LEAST_SPREAD: Final = 0.5
"""Of the smallest spread of scores of any tested session."""
LOWER_AUTOCORRELATION: Final = 0.2
"""By which the rank correlation with the session before may lie below that of any tested one."""
FROZEN: Final = 0.9999
"""Rank correlation from which a ranking is that of the session before."""
MORE_TURNOVER: Final = 0.1
"""By which the share of new names in the top K may lie above that of any tested session."""
MOST_IN_A_SECTOR: Final = 0.35
"""Share of the top K in one sector above the sector's share of the universe."""
MOST_EXPOSED: Final = 2.0
"""Mean of a trait over the top K, in standard deviations over the universe."""
LEAST_DRIFT: Final = 0.25
"""Stability index up to which a feature has not drifted, however steady it was in training."""
MOST_DRIFTED: Final = 0.1
"""Share of the features beyond what the sessions of the training and chance explain."""
MOST_TIMES: Final = 5.0
"""Stability index of one feature as a multiple of what it may be without drift."""
MORE_NULLS: Final = 0.05
"""By which the share of nulls of a feature may lie above that of any session of the training."""
MOST_WITH_NULLS: Final = 0.02
"""Share of the features with more nulls than that."""
