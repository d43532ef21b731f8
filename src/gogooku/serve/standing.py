"""How fresh what is served is: the newest session against the one that the calendar expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np

from gogooku.core.calendar import TOKYO, Clock, exchange_named, tokyo_sessions
from gogooku.core.expected import expected_session

GRACE: Final[Mapping[Clock, timedelta]] = {
    Clock.EVENING: timedelta(hours=3),
    Clock.PREMARKET: timedelta(minutes=20),
}
"""How long after its decision a session may be missing: the time that an evening takes."""
_ELSEWHERE = timedelta(days=7)
"""Age at which a session is old on an exchange whose calendar is not known here."""


@dataclass(frozen=True)
class Standing:
    """What is served against what should be.

    Attributes
    ----------
    session : date
        The newest that is served.
    expected : date or None
        The newest that should be; None where the calendar of the exchange is not known.
    behind : int
        Sessions that are missing.
    age : timedelta
        Since the decision after that session.
    why : str
        Why it is degraded; empty where it is not.
    stale : str
        Of that, why something newer is not served.
    """

    session: date
    expected: date | None
    behind: int
    age: timedelta
    why: str
    stale: str = ""

    @property
    def status(self) -> str:
        """In one word."""
        return "degraded" if self.why else "ok"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "status": self.status,
            "session": str(self.session),
            "expected": None if self.expected is None else str(self.expected),
            "sessions_behind": self.behind,
            "why": self.why or None,
        }


def standing(
    session: date, *, exchange: str, clock: Clock, now: datetime, stale: str = ""
) -> Standing:
    """How fresh a session is.

    Parameters
    ----------
    session : date
        The newest that is served.
    stale : str
        Why something newer is not served.
    """
    place = exchange_named(exchange)
    day = np.array([session], dtype="datetime64[D]")
    decided = place.decision(day, clock)[0].item().replace(tzinfo=UTC)
    age = now - decided
    if place is not TOKYO:
        late = "" if age < _ELSEWHERE else f"the newest session, {session}, is {age.days} days old"
        return Standing(session, None, 0, age, "; ".join(filter(None, (late, stale))), stale)
    expected = expected_session(exchange, clock, now - GRACE[clock], day)
    behind = len(tokyo_sessions(session, expected)) - 1 if expected > session else 0
    late = f"the newest session is {session}, {expected} is due" if behind else ""
    why = "; ".join(filter(None, (late, stale)))
    return Standing(session, expected, behind, age, why, stale)
