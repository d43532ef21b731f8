"""Interactions against their formulas on plain numbers; all small groups on a world of sources."""

import math
from functools import cache

import numpy as np
import pytest

from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Axis, Role
from gogooku.features.catalogue import INPUT_TABLES, by_name, select
from gogooku.features.combined.interactions import INTERACTIONS
from gogooku.features.combined.masks import MASKS
from gogooku.features.combined.ranks import RANKS
from gogooku.features.laws import check_blocks, check_lookback, evaluate_dense
from support.naive import NAN, assert_declared, assert_same, bars
from support.source_world import source_world

BY_NAME = {feature.name: feature for feature in INTERACTIONS}


def sign(value):
    if value != value:
        return NAN
    return 0.0 if abs(value) <= 1e-10 else math.copysign(1.0, value)


def over(a, b):
    return a / b if b > 1e-9 else NAN


def some(*values):
    """Whether all are known."""
    return all(v == v for v in values)


def top(value):
    return value if value > 0 or value != value else 0.0


def beyond(z):
    return z - 2 if z > 2 else z + 2 if z < -2 else 0.0 * z


def aligned(x):
    signs = [sign(x[n]) for n in ("ma_gap_5_20", "ma_gap_20_60", "sec_mom_20")]
    if not some(*signs):
        return NAN
    return x["ma_gap_5_20"] if len(set(signs)) == 1 else 0.0


def faded(x):
    sessions = math.exp(x["stmt_sessions_since_statement"]) - 1
    news = x["stmt_rev_fore_op"] + x["stmt_progress_op_vs_usual"]
    return news * math.exp(-sessions / 20)


ORACLES = {
    "x_mom_sh_5": lambda x: over(x["ret_prev_5d"], x["volatility_20d"]),
    "x_mom_sh_10": lambda x: over(x["ret_prev_10d"], x["volatility_20d"]),
    "x_mom_sh_5_mktneu": lambda x: over(
        x["ret_prev_5d"] - x["beta_60d"] * x["mkt_ret_5d"], x["volatility_20d"]
    ),
    "x_rel_sec_mom": lambda x: x["rel_to_sec_5d"] * x["sec_mom_20"],
    "x_z_sec_gap_mom": lambda x: x["z_in_sec_ma_gap_5_20"] * x["sec_mom_20"],
    "x_tri_align": aligned,
    "x_rvol5_bb": lambda x: math.exp(x["volume_ratio_5"]) * x["z_close_20"],
    "x_bbbreak_rvol5": lambda x: math.exp(x["volume_ratio_5"]) * beyond(x["z_close_20"]),
    "x_liquidityshock_mom": lambda x: (
        max(-0.5, min(0.5, x["_volume_change"])) * x["ret_prev_5d"]
        if some(x["_volume_change"])
        else NAN
    ),
    "x_rev_gate": lambda x: top(-x["z_close_20"]) * top(x["vol_z_252"]),
    "x_bo_gate": lambda x: top(x["z_close_60"]) * top(-x["vol_ratio_20_60"]),
    "x_alpha_meanrev_stable": lambda x: -x["alpha_uni_1d"] * x["corr_uni_60d"] ** 2,
    "x_squeeze_pressure": lambda x: (
        x["margin_short_to_adv20"] * top(x["ret_prev_5d"] - x["uni_ret_5d"])
    ),
    "x_credit_rev_bias": lambda x: x["margin_imbalance"] * top(-x["z_close_20"]),
    "x_dmi_impulse_dir": lambda x: x["dmi_on_alert"] * x["ret_prev_1d"],
    "x_am_bd_pressure": lambda x: x["am_body"] * x["bd_net_z20"],
    "x_div_am_position": lambda x: x["div_pre3"] * (x["am_pos_in_am_range"] - 0.5),
    "x_pead_effect": faded,
}


@pytest.fixture(scope="module")
def facts():
    rng = np.random.default_rng(23)
    shape = (60, 25)
    out = {}
    for name in sorted({n for f in INTERACTIONS for n in f.inputs}):
        feature = None if name == "close" else by_name(name)
        values = 1.5 * rng.normal(size=shape)
        if name.startswith(("volatility", "stmt_sessions")):
            values = np.abs(values)
        if feature is not None and feature.unit == "flag":
            values = (values > 1.0).astype(float)
        if feature is not None and feature.role is Role.MARKET:
            values = values[:, 0]
        out[name] = np.where(rng.random(values.shape) < 0.93, values, NAN)
    out["volatility_20d"][3, :5] = 0.0
    out["ma_gap_20_60"][5, :9] = 1e-12
    out["close"] = np.exp(np.round(0.03 * out["close"], 2))
    return out


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_every_product(name, facts):
    feature = BY_NAME[name]
    with np.errstate(divide="ignore", invalid="ignore"):
        made = feature.compute({key: facts[key] for key in feature.inputs})
    expected = np.full(made.shape, NAN)
    for t, n in np.ndindex(*made.shape):
        cell = {k: facts[k][t] if facts[k].ndim == 1 else facts[k][t, n] for k in feature.inputs}
        expected[t, n] = ORACLES[name](cell) if some(*cell.values()) else NAN
    assert_same(made, expected, name, least=900)
    assert np.nanstd(expected) > 0


def test_volume_and_direction(facts):
    feature = BY_NAME["x_rvol5_dir"]
    made = feature.compute({key: facts[key] for key in feature.inputs})
    close, ratio = facts["close"], facts["volume_ratio_5"]
    expected = np.full(close.shape, NAN)
    for t, n in np.ndindex(*close.shape):
        before = [v for v in close[max(0, t - 4) : t, n] if v == v]
        if before and some(close[t, n], ratio[t, n]):
            expected[t, n] = math.exp(ratio[t, n]) * sign(close[t, n] / before[-1] - 1)
    assert_same(made, expected, feature.name, least=900)
    assert (expected == 0.0).sum() > 10


def test_declared():
    assert_declared(INTERACTIONS, "interactions")
    assert set(BY_NAME) == set(ORACLES) | {"x_rvol5_dir"}
    for feature in INTERACTIONS:
        inputs = [by_name(n) for n in feature.inputs if n != "close"]
        assert feature.lookback == max(f.lookback for f in inputs), feature.name
        # a factor that is the same for all names leaves the ranks of the other one
        assert sum(f.role is not Role.MARKET for f in inputs) >= 1
        if len(inputs) == 2 and feature.name != "x_rvol5_dir":
            assert all(f.role is not Role.MARKET for f in inputs), feature.name


# ---------------------------------------------------------------- on a world with all its sources


@cache
def world():
    """Base columns with all tables, the features in order, and their values."""
    sources = source_world()
    base = dict(bars())
    base["traded"] = np.where(base["listed"] == 1.0, np.isfinite(base["close"]).astype(float), NAN)
    base["split"] = np.zeros(base["close"].shape)
    base["limit_up_flag"] = base["limit_down_flag"] = np.where(base["traded"] == 1.0, 0.0, NAN)
    level = 1000.0 * np.exp(np.cumsum(np.nan_to_num(base["ret_prev_1d"]).mean(axis=1)))
    for name in ("mkt_open", "mkt_high", "mkt_low", "mkt_close"):
        base[name] = level
    for name in ("_close", "ret_prev_1d", "ret_prev_5d"):
        del base[name]
    names = sorted({name for table in INPUT_TABLES for name in table.tables})
    tables = sources.tables(*names)
    for table in INPUT_TABLES:
        base |= table.make(tables, sources.timeline)
    chosen = select("all", available=tuple(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        return base, chosen, evaluate_dense(chosen.ordered, base)


SMALL_GROUPS = (*INTERACTIONS, *RANKS, *MASKS)


def test_the_world_has_them_all():
    _, chosen, values = world()
    assert {f.name for f in SMALL_GROUPS} <= {f.name for f in chosen.visible}
    for feature in SMALL_GROUPS:
        made = values[feature.name]
        assert not np.isinf(made).any(), feature.name
        if feature.role is not Role.MASK:
            assert np.nanstd(made[feature.lookback :]) > 0, feature.name


def test_lookbacks_through_all_inputs():
    base, chosen, _ = world()
    own = {f.name for f in SMALL_GROUPS}
    needed = set(own)
    for feature in reversed(chosen.ordered):
        if feature.name in needed:
            needed |= set(feature.inputs)
    features = [f for f in chosen.ordered if f.name in needed]
    found = check_lookback(features, base, sessions=[322, 329])
    assert [f for f in found if f.feature in own] == []


def test_features_along_time_see_one_name():
    base, chosen, values = world()
    along = [f for f in SMALL_GROUPS if f.axis is Axis.ALONG]
    needed = {name for f in along for name in f.inputs}
    known = {"close": base["close"]} | {n: values[n] if n in values else base[n] for n in needed}
    assert check_blocks(along, known, block_names=1) == []
    peers = tuple(f"the source lacks {room}" for room in ("graph_", "_graph_", "peer_", "_peer_"))
    assert {name for name, why in chosen.absent.items() if not why.startswith(peers)} == set()


def ranks_of(feature, values, universe):
    inside = np.where(universe == 1.0, values, NAN)
    return inside if feature.role is Role.MASK else centred_ranks(inside)


def test_none_is_nearly_another_feature():
    base, chosen, values = world()
    late = slice(60, None, 3)
    stock = [f for f in chosen.visible if f.role is not Role.MARKET]
    ranks = {f.name: ranks_of(f, values[f.name][late], base["universe"][late]) for f in stock}
    near = []
    for feature in SMALL_GROUPS:
        one = ranks[feature.name]
        for name, other in ranks.items():
            both = ~(np.isnan(one) | np.isnan(other))
            if name == feature.name or both.sum() < 400:
                continue
            a, b = one[both], other[both]
            if a.std() > 0 and b.std() > 0 and abs(np.corrcoef(a, b)[0, 1]) >= 0.995:
                near.append((feature.name, name))
    assert near == []
