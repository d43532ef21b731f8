"""Evenings of a home that is not synced, by a clock that is set."""

from datetime import UTC, datetime, time

from gogooku.core.config import Execution
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import VirtualClock
from gogooku.evening.evening import Asked, evening


def clock_at(day):
    """A clock at 20:30 in Tokyo of a session."""
    return VirtualClock(datetime.combine(day, time(11, 30), tzinfo=UTC))


def do_evening(home, day, **asked):
    """The evening of a session of the source ``tiny``."""
    return evening(
        home,
        Asked(source="tiny", **asked),
        fetch=None,
        execution=Execution(threads=1),
        clock=clock_at(day),
        reporter=SilentReporter(),
    )
