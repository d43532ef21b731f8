"""Factors in the rows of an answer."""

from datetime import date

import polars as pl

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.factors import factors_of
from gogooku.ingest.jquants.ledger import Factor
from gogooku.ingest.jquants.moments import sessions_of
from support.vendor import tokyo

QUOTES = ENDPOINTS["quotes"]
SESSIONS = sessions_of({}, now=tokyo("2026-11-20 20:00"))
FRAME = pl.DataFrame(
    {
        "Date": ["2026-11-18", "2026-11-18", "2026-11-22", "no date", "2026-11-19"],
        "Code": ["72030", "13010", "13020", "13030", "13040"],
        "AdjFactor": [0.5, 1.0, 10.0, 2.0, None],
    }
)


def test_factors_other_than_one_with_the_instant_at_which_they_are_public():
    assert factors_of(QUOTES, FRAME, sessions=SESSIONS) == (
        Factor("72030", date(2026, 11, 18), 0.5, tokyo("2026-11-18 16:30")),
        Factor("13020", date(2026, 11, 22), 10.0, tokyo("2026-11-22 00:00")),
    )


def test_an_endpoint_without_factors_has_none_and_unknown_sessions_tell_nothing():
    assert factors_of(ENDPOINTS["topix"], FRAME, sessions=SESSIONS) is None
    assert factors_of(QUOTES, FRAME, sessions=None) is None
    assert factors_of(QUOTES, FRAME.head(0), sessions=SESSIONS) == ()
