"""Wire rows made by hand, converted by one table."""

from datetime import date

from gogooku.core.calendar import tokyo_sessions
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2027, 2, 28))


def convert(table, *rows):
    """Convert rows of a table's endpoint; fields that are not given are absent."""
    return table.rule().convert(decoded(table.name, rows), SESSIONS)


def one(table, row):
    """The one row of the typed table."""
    made = convert(table, row)
    assert made.frame.height == 1, made.quarantine["reason"].to_list()
    return made.frame.row(0, named=True)


def refused(table, row, reason):
    """The row is kept aside, with this reason among its reasons."""
    made = convert(table, row)
    assert made.frame.is_empty()
    assert reason in made.quarantine["reason"][0].split("; "), made.quarantine["reason"][0]
