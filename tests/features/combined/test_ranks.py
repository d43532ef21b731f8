"""Ranks against naive counting, on random inputs with ties, holes and a universe that changes."""

import numpy as np
import pytest

from gogooku.core.types import Axis
from gogooku.features.catalogue import by_name
from gogooku.features.combined.ranks import RANKS, sector_rank, universe_rank
from gogooku.features.laws import check_lookback
from support.naive import NAN, assert_declared, assert_same, fewest, mean, sd

BY_NAME = {feature.name: feature for feature in RANKS}
NUM_SESSIONS, NUM_NAMES = 190, 22


@pytest.fixture(scope="module")
def facts():
    """Every input of a rank: slow random series on a coarse grid, so that ties happen."""
    rng = np.random.default_rng(17)
    shape = (NUM_SESSIONS, NUM_NAMES)
    out = {}
    for name in sorted({n for f in RANKS for n in f.inputs} - {"universe", "sector"}):
        values = np.cumsum(rng.normal(size=shape), axis=0) + 4.0 * rng.normal(size=NUM_NAMES)
        out[name] = np.where(rng.random(shape) < 0.96, np.round(0.01 * values, 2), NAN)
    out["universe"] = np.where(rng.random(shape) < 0.95, 1.0, NAN)
    out["universe"][100:, 4] = NAN
    sector = np.repeat([0.0, 1.0, 2.0, NAN], [9, 8, 3, 2])
    out["sector"] = np.tile(sector, (NUM_SESSIONS, 1))
    out["sector"][120:, 3] = 1.0
    return out


def place(value, others):
    """Rank in -0.5 to 0.5 by counting who is below and who is equal, itself included."""
    below = sum(o < value - 1e-12 for o in others)
    equal = sum(abs(o - value) <= 1e-12 for o in others)
    return (below + 0.5 * equal) / len(others) - 0.5


def ranked(values, facts):
    out = np.full(values.shape, NAN)
    for t, n in np.ndindex(*values.shape):
        inside = [v for v, u in zip(values[t], facts["universe"][t], strict=True) if u == 1.0]
        if facts["universe"][t, n] == 1.0 and values[t, n] == values[t, n]:
            out[t, n] = place(values[t, n], [v for v in inside if v == v])
    return out


def ranked_in_sector(values, facts):
    out = ranked(values, facts)
    for t, n in np.ndindex(*values.shape):
        if out[t, n] != out[t, n]:
            continue
        own = [
            values[t, m]
            for m in range(NUM_NAMES)
            if facts["sector"][t, m] == facts["sector"][t, n]
            and facts["universe"][t, m] == 1.0
            and values[t, m] == values[t, m]
        ]
        if len(own) >= 3:
            out[t, n] = place(values[t, n], own)
    return out


def rolled(ranks, window, statistic):
    out = np.full(ranks.shape, NAN)
    for t, n in np.ndindex(*ranks.shape):
        some = [v for v in ranks[max(0, t - window + 1) : t + 1, n] if v == v]
        if len(some) >= fewest(window):
            out[t, n] = statistic(some)
    return out


def changed(ranks, sessions):
    out = np.full(ranks.shape, NAN)
    out[sessions:] = ranks[sessions:] - ranks[:-sessions]
    return out


CHANGES = {
    "mom_20_rank_chg_20": ("ret_prev_20d", 20),
    "mom_120_rank_chg_20": ("ret_prev_120d", 20),
    "vol_20_rank_chg_20": ("volatility_20d", 20),
    "vol_60_rank_chg_60": ("volatility_60d", 60),
    "adv20_rank_chg_5": ("adv20_log", 5),
    "adv20_rank_chg_60": ("adv20_log", 60),
    "high_252_rank_chg_20": ("dist_high_252", 20),
    "beta_uni_rank_chg_60": ("beta_uni_60d", 60),
}
IN_SECTOR = {
    "adv60_rank_in_sec": "adv60_log",
    "mom_252_21_rank_in_sec": "mom_252_21",
    "high_252_rank_in_sec": "dist_high_252",
    "amihud_60_rank_in_sec": "amihud_60",
    "op_margin_rank_in_sec": "fs_op_margin",
    "roe_rank_in_sec": "fs_roe_ttm",
    "equity_ratio_rank_in_sec": "fs_equity_ratio",
    "cfo_margin_rank_in_sec": "fs_ttm_cfo_margin",
}
OTHERS = {
    "ret_rank_mean_20": lambda x: rolled(ranked(x["ret_prev_1d"], x), 20, mean),
    "ret_rank_mean_60": lambda x: rolled(ranked(x["ret_prev_1d"], x), 60, mean),
    "ret_rank_sd_60": lambda x: rolled(ranked(x["ret_prev_1d"], x), 60, sd),
    "volume_rank_sd_60": lambda x: rolled(ranked(x["volume_ratio_20"], x), 60, sd),
    "volume_less_move_rank": lambda x: (
        ranked(x["volume_ratio_20"], x) - ranked(abs(x["ret_prev_1d"]), x)
    ),
    "value_mom_rank": lambda x: (
        (ranked(x["val_book_to_price"], x) + ranked(x["mom_252_21"], x)) / 2
    ),
    "magic_formula_rank": lambda x: (
        (ranked(x["val_earnings_yield"], x) + ranked(x["fs_roa_ttm"], x)) / 2
    ),
    "forecast_less_price_rank": lambda x: (
        (ranked(x["stmt_rev_fore_op_year"], x) - ranked(x["ret_prev_60d"], x)) / 2
    ),
}


def oracle(name, facts):
    if name in CHANGES:
        of, sessions = CHANGES[name]
        return changed(ranked(facts[of], facts), sessions)
    if name in IN_SECTOR:
        return ranked_in_sector(facts[IN_SECTOR[name]], facts)
    return OTHERS[name](facts)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_rank(name, facts):
    feature = BY_NAME[name]
    made = feature.compute({key: facts[key] for key in feature.inputs})
    assert_same(made, oracle(name, facts), name, least=2000)


def test_rounding_parts_no_tie():
    values = np.array([[0.1 + 0.2, 0.3, 1.0, 0.3 - 1e-16]])
    universe, sector = np.ones((1, 4)), np.zeros((1, 4))
    expected = [[-0.125, -0.125, 0.375, -0.125]]
    np.testing.assert_allclose(universe_rank(values, universe), expected)
    np.testing.assert_allclose(sector_rank(values, universe, sector), expected)


def test_names_outside_the_universe_have_no_rank_and_move_none():
    universe = np.array([[1.0, NAN, 1.0, 1.0]])
    one = universe_rank(np.array([[3.0, 9.0, 1.0, 2.0]]), universe)
    np.testing.assert_allclose(one, [[1 / 3, NAN, -1 / 3, 0.0]], atol=1e-15)
    other = sector_rank(np.array([[3.0, -9.0, 1.0, 2.0]]), universe, np.zeros((1, 4)))
    np.testing.assert_array_equal(one, other)


def test_lookbacks_hold_those_of_the_inputs(facts):
    windows = {"ret_rank_mean_20": 20} | dict.fromkeys(
        ("ret_rank_mean_60", "ret_rank_sd_60", "volume_rank_sd_60"), 60
    )
    windows |= {name: sessions + 1 for name, (_, sessions) in CHANGES.items()}
    for feature in RANKS:
        inputs = [by_name(n) for n in feature.inputs if n not in ("universe", "sector")]
        own = windows.get(feature.name, 1)
        assert feature.lookback == own + max(f.lookback for f in inputs) - 1, feature.name
    known = facts | {"close": facts["universe"]}
    assert check_lookback(RANKS, known, sessions=[100, 140, 189]) == []


def test_declared():
    assert_declared(RANKS, "ranks")
    assert all(f.unit == "rank" and f.axis is Axis.ACROSS for f in RANKS)
    assert set(BY_NAME) == set(CHANGES) | set(IN_SECTOR) | set(OTHERS)
