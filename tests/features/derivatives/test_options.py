"""Features on Nikkei 225 options against a naive re-derivation, and their laws."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.types import Axis, Role
from gogooku.features.derivatives.options import OPTIONS, OPTIONS_INPUTS
from support.derivatives import (
    as_known,
    assert_window_law,
    back,
    changed,
    contracts_by_day,
    every_session,
    isnan,
    known_of,
    log,
    mean_of,
    over,
    scrambled,
    session_before,
    z_of,
)
from support.source_world import FrameTables, source_world

[TABLE] = OPTIONS_INPUTS
AT = {
    "atm": 0.0,
    "put5": math.log(0.95),
    "put10": math.log(0.9),
    "call5": math.log(1.05),
    "call10": math.log(1.1),
}


@pytest.fixture(scope="module")
def world():
    return source_world()


@pytest.fixture(scope="module")
def odd(world):
    """The chain with a late day, a week without any, missing volatilities, a lone emergency row."""
    frame, days = world.typed("index_options"), world.market.sessions
    late, gone = days[100].item(), [day.item() for day in days[150:158]]
    lone = frame.filter(pl.col("event_date") == days[60].item())["code"].gather_every(7)
    day = pl.col("event_date")
    alone = (day == days[60].item()) & pl.col("code").is_in(lone.to_list())
    number = pl.int_range(pl.len())
    return frame.filter(~day.is_in(gone)).with_columns(
        pl.when(day == late)
        .then(pl.col("available_at") + timedelta(days=6))
        .otherwise(pl.col("available_at"))
        .alias("available_at"),
        pl.when(number % 17 != 0)
        .then(pl.col("implied_volatility_ratio"))
        .alias("implied_volatility_ratio"),
        pl.when(alone)
        .then(pl.lit("emergency_margin"))
        .otherwise(pl.col("settlement"))
        .alias("settlement"),
    )


def make(frame, timeline):
    return TABLE.make(FrameTables({"index_options": frame}), timeline)


@pytest.fixture(scope="module")
def made(odd, world):
    return make(odd, world.timeline)


@pytest.fixture(scope="module")
def base(made, world):
    close = world.typed("topix").sort("event_date")["close"].to_numpy()
    return {**made, "mkt_close": close}


@pytest.fixture(scope="module")
def values(base):
    known = dict(base)
    for feature in OPTIONS:
        known[feature.name] = feature.compute({n: known[n] for n in feature.inputs})
    return known


# --------------------------------------------------------------------------------------- oracle


def out_of_the_money(rows):
    kept = []
    for row in rows:
        is_put, below = row["put_call"] == "put", row["strike_price"] < row["underlying_price"]
        if is_put == below:
            kept.append({**row, "x": math.log(row["strike_price"] / row["underlying_price"])})
    return kept


def smile_at(rows, x):
    """Volatility at a log moneyness from one expiry, on the line of the two nearest strikes."""
    quoted = sorted(
        (row["x"], row["implied_volatility_ratio"])
        for row in rows
        if not isnan(row["implied_volatility_ratio"]) and row["implied_volatility_ratio"] > 0
    )
    below = [pair for pair in quoted if pair[0] <= x]
    above = [pair for pair in quoted if pair[0] > x]
    if not below or not above or above[0][0] - below[-1][0] > 0.06:
        return math.nan
    (x0, v0), (x1, v1) = below[-1], above[0]
    return (v0 * (x1 - x) + v1 * (x - x0)) / (x1 - x0)


def maturity(rows, x, tenor):
    points = [(0.0, 0.0)]
    for days in sorted({row["days"] for row in rows}):
        vol = smile_at([row for row in rows if row["days"] == days], x)
        if not isnan(vol):
            points.append((days, vol**2 * days))
    before = [p for p in points if p[0] <= tenor]
    after = [p for p in points if p[0] > tenor]
    if not after or after[0][0] - before[-1][0] > 70:
        return math.nan
    (d0, w0), (d1, w1) = before[-1], after[0]
    return math.sqrt((w0 * (d1 - tenor) + w1 * (tenor - d0)) / (d1 - d0) / tenor)


def near_of(rows):
    first = min((row["days"] for row in rows if row["days"] >= 7), default=None)
    return [row for row in rows if row["days"] == first]


def total(rows, column, side=None):
    return sum(row[column] or 0 for row in rows if side in (None, row["put_call"]))


def day_facts(rows):
    outside = out_of_the_money(rows)
    near = near_of(outside)
    around = [row for row in near if abs(row["x"]) <= 0.1]
    vols = [row["implied_volatility_ratio"] for row in around]
    vols = [v for v in vols if not isnan(v) and v > 0]
    facts = {
        f"io_iv_{name}_{tenor}": maturity(outside, AT[name], tenor)
        for tenor, names in ((30, tuple(AT)), (60, ("atm", "put5", "call5")))
        for name in names
    }
    facts["opt_iv_cmat_30d"] = facts.pop("io_iv_atm_30")
    for side in ("put", "call"):
        own = [row for row in outside if row["put_call"] == side]
        oi = total(own, "open_interest_contracts")
        weighted = sum(row["open_interest_contracts"] * row["x"] for row in own)
        facts[f"io_{side}_oi"] = oi
        facts[f"io_{side}_volume"] = total(own, "volume_contracts")
        facts[f"io_near_{side}_oi"] = total(around, "open_interest_contracts", side)
        facts[f"opt_oi_{side}_distance"] = over(weighted, oi)
    facts["opt_near_volume_share"] = over(
        total(near, "volume_contracts"), total(outside, "volume_contracts")
    )
    facts["opt_smile_width"] = np.std(vols, ddof=1) if len(vols) >= 4 else math.nan
    return facts


def night_facts(days):
    facts = {}
    for day, rows in days.items():
        before = days.get(session_before(day))
        if before is None:
            continue
        jump = math.nan
        old = [row for row in near_of(out_of_the_money(before)) if abs(row["x"]) <= 0.05]
        paid = {r["code"]: r["settlement_price"] for r in old if (r["settlement_price"] or 0) > 0}
        night = {r["code"]: r["night_close"] for r in rows if not isnan(r["night_close"])}
        both = paid.keys() & night.keys()
        if len(both) >= 4:
            jump = sum(night[code] for code in both) / sum(paid[code] for code in both) - 1
        facts[day] = max(known_of(rows), known_of(before)), {"opt_night_jump": jump}
    return facts


def oracle_base(frame, timeline):
    days = contracts_by_day(frame)
    facts = {day: (known_of(rows), day_facts(rows)) for day, rows in days.items()}
    names = [name for name in TABLE.columns if name != "opt_night_jump"]
    out = as_known(facts, timeline, names)
    out.update(as_known(night_facts(days), timeline, ["opt_night_jump"]))
    return out


def assert_same(made, expected):
    assert set(made) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(made[name], values, rtol=1e-9, atol=1e-9, err_msg=name)


def test_base_columns_equal_a_naive_reading_of_the_chain(made, odd, world):
    assert set(made) == set(TABLE.columns)
    assert_same(made, oracle_base(odd, world.timeline))
    assert np.isnan(made["opt_iv_cmat_30d"][157])
    assert all(np.isfinite(values[200:]).mean() > 0.9 for values in made.values())


def test_base_columns_across_the_first_day_of_settlement_prices():
    early = source_world(first=date(2016, 5, 2), num_sessions=80, num_stocks=24, seed=5)
    frame = early.typed("index_options")
    made = make(frame, early.timeline)
    assert_same(made, oracle_base(frame, early.timeline))
    assert np.isfinite(made["io_put_oi"][2:]).all()
    assert np.isnan(made["opt_night_jump"][:40]).all()
    assert np.isfinite(made["opt_night_jump"][-10:]).any()


def oracle_features(b):
    close = b["mkt_close"]
    num = len(close)
    iv, iv60 = b["opt_iv_cmat_30d"], b["io_iv_atm_60"]
    skew5, skew10 = b["io_iv_put5_30"] - iv, b["io_iv_put10_30"] - iv
    rr5, rr10 = b["io_iv_put5_30"] - b["io_iv_call5_30"], b["io_iv_put10_30"] - b["io_iv_call10_30"]
    slope = iv60 - iv

    def logs(top, bottom=None):
        return every_session(
            lambda t: log(over(b[top][t], b[bottom][t])) if bottom else log(b[top][t]), num
        )

    def plus(first, second):
        return every_session(lambda t: log(b[first][t] + b[second][t]), num)

    oi, volume = plus("io_put_oi", "io_call_oi"), plus("io_put_volume", "io_call_volume")
    pc_oi, pc_vol = logs("io_put_oi", "io_call_oi"), logs("io_put_volume", "io_call_volume")
    steps = every_session(lambda t: log(close[t] / back(close, t, 1)) ** 2, num)
    realised = every_session(lambda t: 245 * mean_of(steps, t, 20), num)
    vrp = iv**2 - realised

    def change(series, sessions):
        return every_session(lambda t: series[t] - back(series, t, sessions), num)

    def z(series):
        return every_session(lambda t: z_of(series, t, 60), num)

    return {
        "_opt_oi_log": oi,
        "_opt_volume_log": volume,
        "_opt_realised_20": realised,
        "opt_iv_cmat_30d": iv,
        "opt_term_slope_30_60": slope,
        "opt_skew_5pct": skew5,
        "opt_skew_10pct": skew10,
        "opt_rr_5pct": rr5,
        "opt_rr_10pct": rr10,
        "opt_fly_10pct": (b["io_iv_put10_30"] + b["io_iv_call10_30"]) / 2 - iv,
        "opt_rr_term_5pct": b["io_iv_put5_60"] - b["io_iv_call5_60"] - rr5,
        "opt_smile_width": b["opt_smile_width"],
        "opt_oi_put_call_ratio": logs("io_near_put_oi", "io_near_call_oi"),
        "opt_pc_oi_ratio": pc_oi,
        "opt_pc_vol_ratio": pc_vol,
        "opt_vol_oi_ratio": volume - oi,
        "opt_near_volume_share": b["opt_near_volume_share"],
        "opt_oi_put_distance": b["opt_oi_put_distance"],
        "opt_oi_call_distance": b["opt_oi_call_distance"],
        "opt_night_jump": b["opt_night_jump"],
        "opt_iv_chg_1d": change(np.log(iv), 1),
        "opt_iv_chg_5d": change(np.log(iv), 5),
        "opt_skew_chg_5d": change(skew5, 5),
        "opt_term_slope_chg_5d": change(slope, 5),
        "opt_pc_oi_chg_5d": change(pc_oi, 5),
        "opt_oi_chg_5d": change(oi, 5),
        "opt_iv_z_60": z(iv),
        "opt_rr_z_60": z(rr5),
        "opt_pc_vol_z_60": z(pc_vol),
        "opt_volume_z_60": z(volume),
        "opt_vrp_20": vrp,
        "opt_vrp_log_20": np.log(iv / np.sqrt(realised)),
        "opt_vrp_z_60": z(vrp),
    }


def test_features_equal_naive_formulas(base, values):
    expected = oracle_features(base)
    assert set(expected) == {feature.name for feature in OPTIONS}
    for name, series in expected.items():
        np.testing.assert_allclose(values[name], series, rtol=1e-7, atol=1e-9, err_msg=name)


# ----------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("t", [41, 101, 102, 103, 170, 260])
def test_rows_known_later_change_nothing(odd, made, world, t):
    decision = world.timeline.decisions[t].item()
    spoiled = make(scrambled(odd, decision), world.timeline)
    without = make(odd.filter(pl.col("available_at") <= decision), world.timeline)
    for name, values in made.items():
        np.testing.assert_array_equal(spoiled[name][: t + 1], values[: t + 1], err_msg=name)
        np.testing.assert_array_equal(without[name][: t + 1], values[: t + 1], err_msg=name)
    assert not np.array_equal(spoiled["io_put_oi"][t + 1 :], made["io_put_oi"][t + 1 :])


def test_a_value_needs_its_lookback_only(base):
    assert_window_law(OPTIONS, base, rows=(60, 140, 200, 329))


def test_order_of_rows_does_not_matter(odd, made, world):
    mixed = make(odd.sample(fraction=1.0, shuffle=True, seed=1), world.timeline)
    for name, values in made.items():
        np.testing.assert_array_equal(mixed[name], values, err_msg=name)


def test_a_chain_is_seen_from_the_session_after(world):
    frame, day = world.typed("index_options"), world.market.sessions[120].item()
    column = "implied_volatility_ratio"
    higher = pl.when(pl.col("event_date") == day).then(1.5 * pl.col(column)).otherwise(column)
    moved = make(frame.with_columns(higher.alias(column)), world.timeline)["opt_iv_cmat_30d"]
    same = make(frame, world.timeline)["opt_iv_cmat_30d"]
    assert changed(moved, same) == [121]
    assert moved[121] == pytest.approx(1.5 * same[121])


def test_contracts_in_the_money_do_not_enter(world):
    frame = world.typed("index_options")
    inside = (pl.col("put_call") == "put") != (pl.col("strike_price") < pl.col("underlying_price"))
    changed = frame.with_columns(
        pl.when(inside).then(9.0 * pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in (
            "implied_volatility_ratio",
            "open_interest_contracts",
            "volume_contracts",
            "settlement_price",
        )
    )
    first, second = make(frame, world.timeline), make(changed, world.timeline)
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name)


def test_emergency_rows_give_way_to_normal_ones(world):
    frame = world.typed("index_options")
    assert frame.filter(pl.col("settlement") == "emergency_margin").height > 100
    normal = frame.filter(pl.col("settlement") == "normal")
    first, second = make(frame, world.timeline), make(normal, world.timeline)
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name)


def test_a_flat_surface_is_its_own_volatility(world):
    frame = world.typed("index_options").with_columns(
        pl.lit(0.21).alias("implied_volatility_ratio")
    )
    made = make(frame, world.timeline)
    for name in (name for name in made if name.startswith("io_iv_")):
        known = np.isfinite(made[name])
        assert known.mean() > 0.9, name
        np.testing.assert_allclose(made[name][known], 0.21, rtol=1e-12)
    np.testing.assert_allclose(made["opt_smile_width"][1:], 0.0, atol=1e-12)


def test_total_variance_is_linear_between_expiries(world):
    """With variance a + b t in total the line has no error at any tenor beyond the first expiry."""
    days = (pl.col("special_quotation_date") - pl.col("event_date")).dt.total_days()
    frame = world.typed("index_options").with_columns(
        ((0.3 + 0.02 * days) / days).sqrt().alias("implied_volatility_ratio")
    )
    made = make(frame, world.timeline)
    exact = math.sqrt((0.3 + 0.02 * 60) / 60)
    known = np.isfinite(made["io_iv_atm_60"])
    np.testing.assert_allclose(made["io_iv_atm_60"][known], exact, rtol=1e-12)


def test_puts_are_dearer_than_calls_here(values):
    """The sandbox's smile falls with the strike: the sign of B18 in the reference is right."""
    for name in ("opt_skew_5pct", "opt_skew_10pct", "opt_rr_5pct", "opt_rr_10pct"):
        known = values[name][np.isfinite(values[name])]
        assert (known > 0).mean() > 0.99, name
    assert np.nanmax(values["opt_oi_put_distance"]) < 0 < np.nanmin(values["opt_oi_call_distance"])


def test_declarations():
    names = [feature.name for feature in OPTIONS]
    assert len(set(names)) == len(names)
    assert len([name for name in names if name.startswith("opt_")]) == 30
    assert all(f.role is Role.MARKET and f.axis is Axis.ACROSS for f in OPTIONS)
    assert all(f.group == "options" and f.meaning.endswith(".") for f in OPTIONS)
    given = {*TABLE.columns, "mkt_close", *names}
    assert all(name in given for feature in OPTIONS for name in feature.inputs)
    used = {name for feature in OPTIONS for name in feature.inputs}
    assert set(TABLE.columns) <= used


def test_what_counts_contracts_says_which():
    """Contracts in the money are in no count, so a move of the underlying changes what is."""
    counts = {"io_put_oi", "io_call_oi", "io_put_volume", "io_call_volume"}
    counts |= {"io_near_put_oi", "io_near_call_oi", "opt_near_volume_share"}
    counts |= {"opt_oi_put_distance", "opt_oi_call_distance"}
    by_name = {feature.name: feature for feature in OPTIONS}

    def counted(name):
        if name in counts or name not in by_name:
            return name in counts
        return any(counted(of) for of in by_name[name].inputs if of != name)

    told = [f for f in OPTIONS if counted(f.name) and not f.name.startswith("opt_pc_vol_z")]
    assert len(told) == 12
    assert [f.name for f in told if "out of the money" not in f.meaning] == []
    assert not any("all months and strikes" in f.meaning for f in OPTIONS)
    moved = ("opt_pc_oi_ratio", "opt_pc_vol_ratio", "opt_pc_oi_chg_5d", "opt_oi_chg_5d")
    for name in moved:
        assert "expire or change sides of the underlying" in by_name[name].meaning, name


def test_a_move_of_the_underlying_alone_moves_the_open_interest(world):
    frame = world.typed("index_options")
    day = frame["event_date"].unique().sort()[100]
    column = "underlying_price"
    moved = pl.when(pl.col("event_date") == day).then(pl.col(column) * 1.05).otherwise(column)
    before, after = (
        make(rows, world.timeline) for rows in (frame, frame.with_columns(moved.alias(column)))
    )
    here = before["io_put_oi"] != after["io_put_oi"]
    assert np.flatnonzero(here & np.isfinite(before["io_put_oi"])).tolist() == [101]
    assert after["io_put_oi"][101] > before["io_put_oi"][101]
    assert after["io_call_oi"][101] < before["io_call_oi"][101]


def test_nulls_stay_within_what_is_declared(world):
    close = world.typed("topix").sort("event_date")["close"].to_numpy()
    known = {**make(world.typed("index_options"), world.timeline), "mkt_close": close}
    for feature in OPTIONS:
        known[feature.name] = feature.compute({n: known[n] for n in feature.inputs})
        share = np.isnan(known[feature.name][feature.lookback :]).mean()
        assert share <= feature.max_null_share, feature.name
        assert not np.isinf(known[feature.name]).any(), feature.name


def test_an_empty_list_gives_nulls(world):
    made = make(world.typed("index_options").clear(), world.timeline)
    assert set(made) == set(TABLE.columns)
    assert all(np.isnan(values).all() for values in made.values())
