"""Laws that every declared feature keeps, looped over the catalogue."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError
from gogooku.core.types import Axis, Role
from gogooku.features.catalogue import (
    BASE_INPUTS,
    BASIC,
    CATALOGUE,
    FEATURE_SETS,
    INPUT_TABLES,
    base_inputs,
    by_name,
    select,
)
from gogooku.features.engine.compute import compute_rows, levels_of
from gogooku.features.laws import (
    check_blocks,
    check_lookback,
    check_no_look_ahead,
    dense_views,
    evaluate_dense,
    overstated_lookbacks,
)
from gogooku.features.peers.peer_columns import peer_names

NASTY = (330, 430, 431, 434, 438, 439, 443, 449, 460, 479)
"""Late sessions around the halts, the first closes after them and the last session."""
UNITS = {"ratio", "return", "z", "rank", "log", "sessions", "flag", "share"}
GRAPHS = frozenset(peer_names(has_sector=True))
"""Columns of the weekly graphs; their features are tried in test_peer_features."""
FROM_TABLES = GRAPHS | {name for table in INPUT_TABLES for name in table.columns}
WITHOUT_EXTRAS = tuple(
    n for n in BASE_INPUTS - FROM_TABLES if n != "sector" and not n.startswith("mkt_")
)
BAR_GROUPS = {
    "price", "volatility", "liquidity", "limits", "breadth", "market", "sector", "interactions",
    "ranks", "masks",
}  # fmt: skip
TABLE_GROUPS = {
    "listing", "index", "flow", "margin", "alert", "shorts", "breakdown", "morning", "statements",
    "valuation", "events", "dividend", "options", "futures", "calendar", "graph", "peer",
}  # fmt: skip


def test_no_look_ahead(market, everything):
    views = dense_views(market, rng=np.random.default_rng(1))
    assert check_no_look_ahead(everything.ordered, views, sessions=NASTY) == []


def test_lookback_is_exact(market, everything):
    assert check_lookback(everything.ordered, market, sessions=NASTY) == []
    assert max(f.lookback for f in everything.ordered) <= min(NASTY)


def sessions_of(ordered, market, t, rows):
    """Every feature of the last sessions up to one, from what it needs of those before."""
    base = {name: values[: t + 1] for name, values in market.items()}
    kept = [feature.name for feature in ordered]
    return compute_rows(ordered, base, rows=rows, kept=kept, execution=Execution(threads=1))


def unequal_at_the_end(few, many):
    """Features whose last session differs in any bit."""
    pairs = {name: (few.stock(name)[-1], many.stock(name)[-1]) for name in few.names}
    pairs |= {name: (few.market[name][-1], many.market[name][-1]) for name in few.market}
    return [name for name, (a, b) in pairs.items() if not np.array_equal(a, b, equal_nan=True)]


@pytest.mark.parametrize("t", NASTY)
def test_one_session_is_that_of_the_whole_history(t, market, everything):
    whole = sessions_of(everything.ordered, market, t, t + 1)
    assert unequal_at_the_end(sessions_of(everything.ordered, market, t, 1), whole) == []


def test_an_understated_window_is_caught(market, everything):
    ordered, t = everything.ordered, NASTY[-1]
    name = "mom_20_rank_chg_20"
    wrong = [replace(f, window=f.window - 1) if f.name == name else f for f in ordered]
    whole = sessions_of(ordered, market, t, t + 1)
    assert unequal_at_the_end(sessions_of(wrong, market, t, 1), whole) == [name]


def test_lookbacks_are_not_overstated(market, everything):
    """Half of the stated lookback changes a value somewhere.

    The long tail of a lookback is the return after a halt of 20 sessions, which one name has.
    """
    assert overstated_lookbacks(everything.ordered, market, sessions=NASTY) == []


def test_along_features_see_one_name(market, everything):
    assert check_blocks(everything.ordered, market, block_names=1) == []
    assert check_blocks(everything.ordered, market, block_names=7) == []


def rescaled(market, factor):
    out = dict(market)
    for name in ("open", "high", "low", "close"):
        out[name] = market[name] * factor
    out["volume"] = market["volume"] / factor
    return out


@pytest.mark.parametrize("factor", [7.0, 1e-3])
def test_features_are_scale_free(market, everything, values, factor):
    names = np.where(np.arange(market["close"].shape[1]) % 2, factor, 1.0)
    other = evaluate_dense(everything.ordered, rescaled(market, names))
    for feature in everything.visible:
        spread = np.nanstd(values[feature.name])
        np.testing.assert_allclose(
            other[feature.name],
            values[feature.name],
            rtol=0,
            atol=1e-8 * spread,
            err_msg=feature.name,
        )


def test_a_split_changes_nothing_but_itself(market, everything, values):
    """Raw prices fall by the factor; adjusted forward, all ratios are what they were."""
    shape = market["close"].shape
    growth = np.where(np.arange(shape[0])[:, None] >= 200, 0.2, 1.0)
    raw = rescaled(market, growth)
    adjusted = rescaled(raw, 1.0 / growth)
    adjusted["split"] = market["split"].copy()
    adjusted["split"][200] = 1.0
    other = evaluate_dense(everything.ordered, adjusted)
    for feature in (f for f in everything.visible if "split" not in base_inputs(f)):
        spread = np.nanstd(values[feature.name])
        np.testing.assert_allclose(
            other[feature.name],
            values[feature.name],
            rtol=0,
            atol=1e-8 * spread,
            err_msg=feature.name,
        )


def test_values_are_finite_or_null_and_mostly_there(market, everything, values):
    member = market["universe"] == 1.0
    untraded = np.isnan(market["close"])
    for feature in everything.visible:
        made = values[feature.name]
        assert not np.isinf(made).any(), feature.name
        warm = made[feature.lookback :]
        if feature.role is Role.MARKET:
            share = np.isnan(warm).mean()
        else:
            kept = member[feature.lookback :] & ~untraded[feature.lookback :]
            share = np.isnan(warm[kept]).mean()
        assert share <= feature.max_null_share, (feature.name, share)
        assert np.nanstd(warm) > 0, feature.name


def test_an_empty_name_is_null_everywhere(market, everything):
    empty = {n: v.copy() for n, v in market.items()}
    for name, column in empty.items():
        if column.ndim == 2 and name not in ("split", "sector", "universe", "listed"):
            column[:, 0] = np.nan
    made = evaluate_dense(everything.ordered, empty)
    from_peers = {
        "sec_ret_1d_eq",
        "sec_ret_5d_eq",
        "sec_mom_20",
        "sec_mom_60",
        "sec_gap_5_20",
        "sec_vol_20",
        "sec_vol_20_z",
        "sec_dispersion_20",
    }
    for feature in everything.ordered:
        if feature.role is not Role.MARKET and feature.name not in from_peers:
            assert np.isnan(made[feature.name][:, 0]).all(), feature.name


def test_a_flat_price_gives_no_infinities(market, everything):
    flat = {n: v.copy() for n, v in market.items()}
    for name in ("open", "high", "low", "close"):
        flat[name][:, 1] = 500.0
    flat["volume"][:, 1], flat["turnover"][:, 1] = 1000.0, 500_000.0
    made = evaluate_dense(everything.ordered, flat)
    assert all(not np.isinf(values).any() for values in made.values())


def test_declarations():
    assert max(Counter(f.name for f in CATALOGUE).values()) == 1
    for feature in CATALOGUE:
        assert feature.unit in UNITS, feature.name
        assert feature.meaning.endswith("."), feature.name
        assert len(feature.meaning) > 10
        assert feature.group in BAR_GROUPS | TABLE_GROUPS
        if feature.role is Role.MARKET:
            assert feature.axis is Axis.ACROSS, feature.name
        for name in feature.inputs:
            assert name in BASE_INPUTS or by_name(name), feature.name
            assert "target" not in name
            assert "label" not in name


def test_counts_per_group():
    bare = select("all", available=WITHOUT_EXTRAS)
    whole = select("all", available=tuple(BASE_INPUTS))
    assert len(bare.visible) >= 80
    assert len(whole.visible) == len(FEATURE_SETS["all"])
    groups = {f.group for f in bare.visible}
    mixed = {"interactions", "ranks", "masks"}
    assert groups == {"price", "volatility", "liquidity", "limits", "breadth"} | mixed
    assert {by_name(n).group for n in bare.absent} == {"market", "sector"} | mixed | TABLE_GROUPS
    assert "mkt_close" in bare.absent["mkt_ret_1d"]
    assert bare.absent["ret_1d_sec_z"] == "the source lacks sector"


def test_basic_has_what_the_gates_need():
    assert 45 <= len(BASIC) <= 54
    assert len(set(BASIC)) == len(BASIC)
    assert {
        "ret_1d_sec_z",
        "sec_z_5d",
        "sec_z_20d",
        "sec_z_60d",
        "turnover_5_60",
        "adv60_log",
        "mkt_vol_20d",
        "uni_vol_20",
    } <= set(BASIC)
    assert "sector" in base_inputs(by_name("ret_1d_sec_z"))


def test_selection_orders_inputs_first():
    chosen = select(["adx_14", "beta_60d"], available=tuple(BASE_INPUTS), also=("beta_uni_60d",))
    placed = set(BASE_INPUTS)
    for feature in chosen.ordered:
        assert set(feature.inputs) <= placed, feature.name
        placed.add(feature.name)
    assert [f.name for f in chosen.visible] == ["adx_14", "beta_60d"]
    assert "beta_uni_60d" in {f.name for f in chosen.ordered}
    stages = levels_of(chosen.ordered, list(BASE_INPUTS))
    assert sum(len(stage) for stage in stages) == len(chosen.ordered)


def test_selection_refuses_what_cannot_be():
    everything_ = tuple(BASE_INPUTS)
    with pytest.raises(ConfigError, match="nearest: rsi_14"):
        select(["rsi_41"], available=everything_)
    with pytest.raises(ConfigError, match="intermediate"):
        select(["_close"], available=everything_)
    with pytest.raises(ConfigError, match="does not exist"):
        select("zzzzzzzz", available=everything_)
    with pytest.raises(ConfigError, match="supports none"):
        select(["beta_60d"], available=("close",))
    with pytest.raises(ConfigError, match="is needed"):
        select("basic", available=WITHOUT_EXTRAS, also=("beta_60d",))
