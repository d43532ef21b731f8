"""Valuation features equal plain loops, see nothing early, and need no more than their lookback."""

from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from gogooku.features.company.valuation import CLIP, VALUATION, VALUATION_INPUTS, YEAR
from gogooku.features.engine.groups import FEWEST_MEMBERS
from gogooku.features.engine.kernels import STALE_LIMIT
from support.source_world import FrameTables, source_world

INPUT = VALUATION_INPUTS[0]
NAN = float("nan")
WIRE = {
    "val_eps": "eps_yen",
    "val_forward_eps": "forward_eps_yen",
    "val_bps": "bps_yen",
    "val_forward_return_on_equity": "forward_roe_ratio",
    "val_market_cap": "market_cap_yen",
}


@lru_cache(maxsize=1)
def world():
    return source_world(first=date(2025, 3, 3), num_sessions=400, num_stocks=24, seed=9)


@lru_cache(maxsize=1)
def rows():
    """Valuations with one name that ends early, and late corrections of old days."""
    frame = world().typed("valuation")
    ended = (pl.col("code") == world().timeline.codes[2]) & (
        pl.col("event_date") > date(2026, 1, 5)
    )
    late = frame.filter(pl.col("event_date") == date(2025, 9, 1)).with_columns(
        pl.lit(world().timeline.decisions[300]).cast(pl.Datetime("us")).alias("available_at"),
        pl.col("eps_yen") + 1000.0,
    )
    return pl.concat([frame.filter(~ended), late]).sort("event_date", "code", maintain_order=True)


@lru_cache(maxsize=1)
def made():
    return dict(INPUT.make(FrameTables({"valuation": rows()}), world().timeline))


@lru_cache(maxsize=1)
def inputs():
    market, timeline = world().market, world().timeline
    rng = np.random.default_rng(3)
    close = np.exp(rng.normal(0.0, 0.02, timeline.shape).cumsum(axis=0)) * 900.0
    close[rng.random(timeline.shape) < 0.03] = np.nan
    close[40:80, 5] = np.nan
    sector = np.repeat(np.arange(timeline.shape[1]) // 7, 1).astype(np.float64)
    universe = np.where(rng.random(timeline.shape) < 0.9, 1.0, np.nan)
    assert market.listed.shape == timeline.shape
    return {
        **made(),
        "close": close,
        "turnover": np.where(np.isnan(close), np.nan, rng.lognormal(18.0, 1.0, timeline.shape)),
        "sector": np.tile(sector, (timeline.shape[0], 1)),
        "universe": universe,
    }


@lru_cache(maxsize=1)
def values():
    known = dict(inputs())
    for feature in VALUATION:
        known[feature.name] = feature.compute({name: known[name] for name in feature.inputs})
    return known


def test_base_columns_equal_plain_loops():
    timeline = world().timeline
    expected = {name: np.full(timeline.shape, np.nan) for name in WIRE}
    sessions = timeline.sessions
    for n, code in enumerate(timeline.codes):
        known = rows().filter(pl.col("code") == code).to_dicts()
        steps = sorted(
            (int(np.sum(timeline.decisions < np.datetime64(row["available_at"], "us"))), i)
            for i, row in enumerate(known)
        )
        for t in range(timeline.shape[0]):
            seen = [(known[i]["event_date"], since, i) for since, i in steps if since <= t]
            if not seen or t - max(seen)[1] > STALE_LIMIT:
                continue
            row = known[max(seen)[2]]
            event = int(np.sum(sessions <= np.datetime64(row["event_date"]))) - 1
            for name, column in WIRE.items():
                value = NAN if row[column] is None else row[column]
                per_share = name in ("val_eps", "val_forward_eps", "val_bps")
                basis = timeline.growth_TN[event, n] if per_share else 1.0
                expected[name][t, n] = value / basis
    for name, column in expected.items():
        np.testing.assert_allclose(made()[name], column, rtol=1e-12, err_msg=name)
        assert np.isfinite(column).mean() > 0.5, name


def last_close(t, n):
    for back in range(STALE_LIMIT + 1):
        if t - back >= 0 and np.isfinite(inputs()["close"][t - back, n]):
            return inputs()["close"][t - back, n]
    return NAN


def clipped(value, limit=CLIP):
    return value if value != value else min(max(value, -limit), limit)


def naive(name, t, n):
    x = inputs()

    def at(column, back=0):
        return x[column][t - back, n] if t >= back else NAN

    per_share = {
        "val_earnings_yield": "val_eps",
        "val_forward_earnings_yield": "val_forward_eps",
        "val_book_to_price": "val_bps",
    }
    if name in per_share:
        return clipped(at(per_share[name]) / last_close(t, n))
    if name == "val_log_market_cap":
        return np.log(at("val_market_cap"))
    if name == "val_turnover_to_market_cap":
        window = [at("turnover", back) for back in range(20)]
        seen = [value for value in window if value == value]
        return np.log(sum(seen) / len(seen) / at("val_market_cap")) if len(seen) >= 16 else NAN
    if name == "val_forward_roe":
        return clipped(at("val_forward_return_on_equity"))
    if name == "val_forward_growth":
        return clipped((at("val_forward_eps") - at("val_eps")) / abs(at("val_eps")))
    if name.startswith("val_forward_eps_change_"):
        before = at("val_forward_eps", int(name.rsplit("_", 1)[1]))
        return clipped((at("val_forward_eps") - before) / last_close(t, n))
    if name.endswith(f"_z_{YEAR}"):
        return naive_z(name.removesuffix(f"_z_{YEAR}"), t, n)
    return naive_gap(name.removesuffix("_sec_gap"), t, n)


def naive_z(of, t, n):
    column = values()[of][max(t - YEAR + 1, 0) : t + 1, n]
    seen = column[np.isfinite(column)]
    if len(seen) < 0.8 * YEAR or np.isnan(values()[of][t, n]):
        return NAN
    return clipped((values()[of][t, n] - seen.mean()) / seen.std(ddof=1), 10.0)


def naive_gap(of, t, n):
    column = values()[of][t]
    member = np.isfinite(inputs()["universe"][t]) & np.isfinite(column)
    peers = member & (inputs()["sector"][t] == inputs()["sector"][t, n])
    peers = peers if peers.sum() >= FEWEST_MEMBERS else member
    return column[n] - column[peers].mean() if peers.any() else NAN


@pytest.mark.parametrize("feature", VALUATION, ids=lambda f: f.name)
def test_features_equal_plain_formulas(feature):
    found = values()[feature.name]
    checked = 0
    for t in (*range(0, 380, 37), 390, 399):
        for n in range(found.shape[1]):
            expected = naive(feature.name, t, n)
            np.testing.assert_allclose(found[t, n], expected, rtol=1e-7, atol=1e-9)
            checked += expected == expected
    assert checked > 20


@pytest.mark.parametrize("feature", VALUATION, ids=lambda f: f.name)
def test_lookback_is_enough(feature):
    found = values()[feature.name]
    raw = {f.name: f for f in VALUATION}
    for t in (280, 345, 399):
        known = {n: v[t - feature.lookback + 1 : t + 1] for n, v in inputs().items()}
        for name in feature.inputs:
            if name in raw:
                known[name] = raw[name].compute({i: known[i] for i in raw[name].inputs})
        again = feature.compute({name: known[name] for name in feature.inputs})
        np.testing.assert_array_equal(again[-1], found[t], err_msg=feature.name)


def test_later_rows_change_nothing_before():
    timeline = world().timeline
    for t in (60, 210, 333):
        later = pl.col("available_at") > pl.lit(timeline.decisions[t].item())
        spoiled = rows().with_columns(
            pl.when(later).then(-99.0).otherwise(column).alias(column) for column in WIRE.values()
        )
        again = INPUT.make(FrameTables({"valuation": spoiled}), timeline)
        for name, column in made().items():
            np.testing.assert_array_equal(again[name][: t + 1], column[: t + 1], err_msg=name)
        assert not np.array_equal(again["val_eps"], made()["val_eps"], equal_nan=True)
