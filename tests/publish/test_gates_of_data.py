"""Gates of the data of a session: what is whole passes, what lacks is refused by its own gate."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gogooku.publish.gates import PublishLimits
from gogooku.publish.gates_of_data import DATA_GATES, SessionData, data_of, judge_data
from gogooku.publish.orders import Desk
from support.portfolios import account, bars

WHOLE = SessionData(universe=10, before=10, scored=10, quoted=10)


def said(data, **limits):
    found = judge_data(data, PublishLimits(**limits))
    assert [one.gate for one in found] == list(DATA_GATES)
    return {one.gate: one.said for one in found if one.refused}


@pytest.mark.parametrize(
    ("changes", "gate", "words"),
    [
        ({"universe": 7, "scored": 7, "quoted": 7}, "universe",
         "7 names in the universe, 10 on the session before; at least 80% are expected"),
        ({"scored": 4}, "scored", "4 of 10 names of the universe are scored; at least 50%"),
        ({"quoted": 4}, "quoted", "4 of 10 names of the universe are quoted; at least 50%"),
    ],
)  # fmt: skip
def test_what_lacks_is_refused_by_its_gate(changes, gate, words):
    found = said(replace(WHOLE, **changes))
    assert list(found) == [gate]
    assert words in found[gate]
    assert "Run it again later" in found[gate]


def test_whole_data_and_data_at_the_limit_pass():
    assert said(WHOLE) == {}
    assert said(SessionData(universe=8, before=10, scored=4, quoted=4)) == {}


def test_limits_are_settings():
    few = SessionData(universe=7, before=10, scored=3, quoted=3)
    assert list(said(few)) == list(DATA_GATES)
    assert said(few, least_universe=0.7, least_scored=0.4, least_quoted=0.4) == {}


def test_a_session_is_counted():
    universe = np.ones((2, 10), dtype=bool)
    universe[1, :2] = False
    volume = np.full((2, 10), 1e9)
    volume[1, :5] = 0.0
    market = bars(*[np.full((2, 10), 100.0)] * 2, universe=universe, volume=volume)
    desk = Desk(None, market, None, None, account())

    def counted(t, scored):
        day = market.sessions[t].item()
        return data_of(desk, SimpleNamespace(date=day, frame=pl.DataFrame({"code": scored})))

    assert counted(1, ["a", "b"]) == SessionData(universe=8, before=10, scored=2, quoted=5)
    assert counted(0, ["a"]) == SessionData(universe=10, before=10, scored=1, quoted=10)
