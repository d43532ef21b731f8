"""Windows of stress that have a name: what markets went through, with the dates of each.

Each goes from the first day of the fall of the market's index to its last, the same for every
account: no window was chosen by looking at a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from gogooku.core.calendar import DateArray
from gogooku.portfolio.attribution_tables import Windows

_TOKYO, _NEW_YORK = "tokyo", "new_york"
_BOTH: Final = (_TOKYO, _NEW_YORK)


@dataclass(frozen=True)
class Stress:
    """A window of stress: its name, first and last date, and the exchanges that it is known of."""

    name: str
    first: date
    last: date
    exchanges: tuple[str, ...] = _BOTH


STRESSES: Final = (
    Stress("financial crisis", date(2008, 9, 1), date(2009, 3, 10)),
    Stress("Tohoku earthquake", date(2011, 3, 11), date(2011, 3, 15), (_TOKYO,)),
    Stress("US downgrade", date(2011, 7, 22), date(2011, 8, 22)),
    Stress("May 2013 sell-off", date(2013, 5, 23), date(2013, 6, 13), (_TOKYO,)),
    Stress("August 2015, China", date(2015, 8, 18), date(2015, 9, 29)),
    Stress("early 2016", date(2016, 1, 4), date(2016, 2, 12)),
    Stress("Brexit vote", date(2016, 6, 24), date(2016, 6, 27)),
    Stress("February 2018, volatility", date(2018, 1, 29), date(2018, 2, 14)),
    Stress("end of 2018", date(2018, 10, 3), date(2018, 12, 25)),
    Stress("pandemic", date(2020, 2, 20), date(2020, 3, 23)),
    Stress("rates of 2022", date(2022, 1, 4), date(2022, 9, 30)),
    Stress("August 2024, carry trade", date(2024, 8, 1), date(2024, 8, 5)),
    Stress("April 2025, tariffs", date(2025, 4, 3), date(2025, 4, 8)),
)
"""Ascending by their first date."""


def stresses_within(sessions: DateArray, exchange: str) -> Windows:
    """The windows that lie wholly between the first and the last of some sessions.

    The first session is the evening of the first decision, so a window begins after it.

    Parameters
    ----------
    sessions : datetime64[D] [S]
        Of an account, ascending.
    exchange : str
    """
    if not len(sessions):
        return {}
    return {
        one.name: (one.first, one.last)
        for one in STRESSES
        if exchange in one.exchanges
        and sessions[0] < np.datetime64(one.first, "D")
        and np.datetime64(one.last, "D") <= sessions[-1]
    }
