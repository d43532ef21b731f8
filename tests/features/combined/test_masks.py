"""Masks against plain loops, and the halt of the exchange on a calendar."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.types import Role
from gogooku.features.combined.masks import MASKS, MASKS_INPUTS
from gogooku.features.laws import check_blocks, check_lookback
from support.naive import assert_declared, assert_same
from support.source_world import source_world

NAN = float("nan")
BY_NAME = {feature.name: feature for feature in MASKS}


@pytest.fixture(scope="module")
def facts():
    """Random inputs of every mask: halts, late listings, sectors that are born and die."""
    rng = np.random.default_rng(9)
    shape = (400, 16)
    listed = np.arange(shape[0])[:, None] >= np.where(np.arange(16) % 5 == 4, 25 * np.arange(16), 0)
    quiet = np.where(np.arange(16) % 4 == 1, 0.25, 0.02)
    traded = np.where(listed, (rng.random(shape) > quiet).astype(float), NAN)
    traded[100:180, 2] = 0.0
    sector = np.tile(np.repeat([0.0, 1.0, 2.0, NAN], [6, 5, 3, 2]), (shape[0], 1))
    sector[200:, 13] = 1.0
    universe = np.where(listed & (rng.random(shape) < 0.8), 1.0, NAN)
    out = {"traded": traded, "sector": sector, "universe": universe}
    for name in ("fs_net_margin", "val_forward_earnings_yield", "ssp_reporters"):
        out[name] = np.where(rng.random(shape) < 0.7, rng.normal(size=shape), NAN)
    halted = np.zeros(shape[0])
    halted[150] = 1.0
    return out | {"cal_halted": halted, "close": traded}


def made(name, facts):
    feature = BY_NAME[name]
    return feature.compute({key: facts[key] for key in feature.inputs})


def looped(facts, one):
    shape = facts["traded"].shape
    out = np.full(shape, NAN)
    for t in range(shape[0]):
        for n in range(shape[1]):
            if facts["traded"][t, n] == facts["traded"][t, n]:
                out[t, n] = float(one(t, n))
    return out


@pytest.mark.parametrize(("window", "enough"), [(5, 4), (60, 48), (252, 202)])
def test_history(facts, window, enough):
    traded = facts["traded"]

    def filled(t, n):
        days = range(max(0, t - window + 1), t + 1)
        return sum(traded[day, n] == 1.0 for day in days) >= enough

    expected = looped(facts, filled)
    name = f"is_history_{window}"
    assert_same(made(name, facts), expected, name)
    assert 0.1 < np.nanmean(expected) < 0.95
    assert str(enough) in BY_NAME[name].meaning


def test_sector(facts):
    sector, universe = facts["sector"], facts["universe"]

    def compared(t, n):
        own = sector[t, n]
        members = [m for m in range(16) if sector[t, m] == own and universe[t, m] == 1.0]
        return own == own and len(members) >= 3

    expected = looped(facts, compared)
    assert_same(made("is_sec_valid", facts), expected, "is_sec_valid")
    assert np.nanmean(expected[:200, 12]) > np.nanmean(expected[200:, 12])
    assert np.nansum(expected[:, 14:]) == 0.0


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("is_fs_valid", "fs_net_margin"),
        ("is_forecast_valid", "val_forward_earnings_yield"),
        ("is_ssp_open", "ssp_reporters"),
    ],
)
def test_coverage(facts, name, of):
    expected = looped(facts, lambda t, n: facts[of][t, n] == facts[of][t, n])
    assert_same(made(name, facts), expected, name)
    assert 0.5 < np.nanmean(expected) < 0.9


def test_halted(facts):
    expected = looped(facts, lambda t, _: t == 150)
    assert_same(made("is_halt_20201001", facts), expected, "is_halt_20201001")


def test_the_halt_is_one_session_of_the_calendar():
    timeline = source_world().timeline
    sessions = tokyo_sessions(date(2020, 9, 1), date(2020, 10, 30))
    around = replace(
        timeline,
        sessions=sessions,
        decisions=timeline.decisions[: len(sessions)],
        growth_TN=timeline.growth_TN[: len(sessions)],
        listed_TN=timeline.listed_TN[: len(sessions)],
    )
    (table,) = MASKS_INPUTS
    halted = table.make(None, around)["cal_halted"]
    assert sessions[halted == 1.0].tolist() == [date(2020, 10, 1)]
    assert table.make(None, timeline)["cal_halted"].sum() == 0.0
    assert set(table.make(None, timeline)) == set(table.columns)


def test_windows_and_blocks(facts):
    assert check_lookback(MASKS, facts, sessions=[47, 150, 201, 251, 399]) == []
    assert check_blocks(MASKS, facts, block_names=1) == []


def test_declared():
    assert_declared(MASKS, "masks")
    assert all(f.role is Role.MASK and f.unit == "flag" for f in MASKS)
