"""A small raw store that holds a calendar and what a test puts into it."""

import json
from datetime import UTC, date, datetime, timedelta

from gogooku.core.progress import SilentReporter
from gogooku.ingest.jquants.ledger import BatchKind, Draft
from gogooku.ingest.jquants.raw import open_store
from gogooku.tables.parts import Known, derive

EVENING = datetime(2026, 10, 30, 12, tzinfo=UTC)
DAY = date(2026, 10, 30)


def commit(home, endpoint, rows, *, at=EVENING, first=DAY, last=None, kind=BatchKind.PAGES):
    """One answer with the given rows."""
    with open_store(home, "jq").writer() as writer:
        digest = writer.put(json.dumps({"data": rows}).encode())
        draft = Draft(
            endpoint=endpoint,
            query=f"{kind}-{first}-{at.isoformat()}",
            kind=kind,
            first=first,
            last=last or first,
            fetched_at=at,
            rows=len(rows),
        )
        writer.commit(draft, bodies=[digest])


def with_calendar(home):
    """The same home, with the calendar of October 2026."""
    days = [date(2026, 10, 1) + timedelta(days=n) for n in range(31)]
    rows = [
        {"Date": str(day), "HolDiv": "1" if day.weekday() < 5 and day.day != 12 else "0"}
        for day in days
    ]
    commit(home, "calendar", rows, first=None)
    return home


def tables(home, known=None):
    return derive(home, open_store(home, "jq"), known=known or Known(), reporter=SilentReporter())


def bar(day, close, code="72030", **more):
    return {"Date": str(day), "Code": code, "O": 10.0, "H": 12.0, "L": 9.0, "C": close,
            "Vo": 100.0, "Va": 1000.0, "AdjFactor": 1.0, "UL": "0", "LL": "0"} | more  # fmt: skip
