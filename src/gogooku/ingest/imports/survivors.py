"""Files of today's names: a market from which nobody, or next to nobody, ever leaves."""

from __future__ import annotations

import polars as pl

from gogooku.core.calendar import SESSIONS_PER_YEAR

LONG_SESSIONS = 250
"""Sessions in which some name of a market must have left it: about one year."""
MANY_NAMES = 50
"""Names for which that holds."""
USUAL_RATE = 0.01
"""Share of the names of a market that leave it each year, at the least: in Tokyo two to three of a
hundred do, in New York five to ten."""
_SURELY, _FEW = 20.0, 0.2
"""Names that should have left, from which on so small a share of them is too few."""


def survivors_only(rows: pl.DataFrame, listings: pl.DataFrame) -> list[str]:
    """Say that a delivery holds survivors only, for ``known_bias``; nothing where it does not.

    Parameters
    ----------
    rows : polars.DataFrame
        Kept rows, of which ``date`` is read.
    listings : polars.DataFrame
        With `gogooku.core.frames.LISTINGS_SCHEMA`; a name has left whose ``listed_to`` lies before
        the last session.
    """
    count, names = rows.get_column("date").n_unique(), listings.height
    if count <= LONG_SESSIONS or names <= MANY_NAMES:
        return []
    left = int((listings.get_column("listed_to") < rows.get_column("date").max()).sum())
    usual = USUAL_RATE * names * count / SESSIONS_PER_YEAR
    if left and (usual < _SURELY or left >= _FEW * usual):
        return []
    who = f"only {left:,}" if left else "none"
    return [
        f"survivors only: {who} of {names:,} names left in {count:,} sessions. Names that failed "
        "or were bought are missing, so absolute returns are too high"
    ]
