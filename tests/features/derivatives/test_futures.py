"""Features on index futures against a naive re-derivation, and their laws."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.types import Axis, Role
from gogooku.features.derivatives.futures import FUTURES, FUTURES_INPUTS
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
    sign,
    z_of,
)
from support.source_world import FrameTables, source_world

PRODUCTS = {"topixf": "TOPIXF", "nk225f": "NK225F"}
NEEDED = ("futures", "topix", "index_options")
OWN = ("day_ret", "term_slope", "oi", "volume", "next_oi_share")
PAIR = ("night_ret", "night_range", "settle_ret", "oi_chg")


@pytest.fixture(scope="module")
def world():
    return source_world()


@pytest.fixture(scope="module")
def frames(world):
    """The lists with a late day, a week without futures, and an index close that comes late."""
    days = world.market.sessions
    gone = [day.item() for day in days[150:158]]

    def delayed(frame, day):
        late = pl.col("available_at") + timedelta(days=6)
        return frame.with_columns(
            pl.when(pl.col("event_date") == days[day].item())
            .then(late)
            .otherwise(pl.col("available_at"))
            .alias("available_at")
        )

    futures = delayed(world.typed("futures"), 100)
    return {
        "futures": futures.filter(~pl.col("event_date").is_in(gone)),
        "topix": delayed(world.typed("topix"), 90),
        "index_options": delayed(world.typed("index_options"), 80),
    }


def make(frames, timeline):
    out = {}
    for table in FUTURES_INPUTS:
        part = table.make(FrameTables(frames), timeline)
        assert set(part) == set(table.columns)
        out.update(part)
    return out


@pytest.fixture(scope="module")
def made(frames, world):
    return make(frames, world.timeline)


@pytest.fixture(scope="module")
def values(made):
    known = dict(made)
    for feature in FUTURES:
        known[feature.name] = feature.compute({n: known[n] for n in feature.inputs})
    return known


# --------------------------------------------------------------------------------------- oracle


def settle(row):
    price = row["day_close"] if isnan(row["settlement_price"]) else row["settlement_price"]
    return math.nan if isnan(price) else price


def best(rows):
    return min(rows, key=lambda r: (not r["is_central_month"], -r["volume_contracts"], r["days"]))


def day_facts(rows):
    central = best(rows)
    later = sorted((row for row in rows if row["days"] > central["days"]), key=lambda r: r["days"])
    facts = {
        "day_ret": central["day_close"] / central["day_open"] - 1,
        "oi": sum(row["open_interest_contracts"] for row in rows),
        "volume": sum(row["volume_contracts"] for row in rows),
        "settle": settle(central),
        "days": central["days"],
    }
    if later:
        gap = (later[0]["days"] - central["days"]) / 365
        mine, other = central["open_interest_contracts"], later[0]["open_interest_contracts"]
        facts["term_slope"] = math.log(settle(later[0]) / settle(central)) / gap
        facts["next_oi_share"] = over(other, mine + other)
    return facts


def pair_facts(days):
    facts = {}
    for day, rows in days.items():
        before = days.get(session_before(day))
        if before is None:
            continue
        found, old = {}, {row["code"]: row for row in before}
        both = [row for row in rows if row["code"] in old]
        night = [row for row in both if not isnan(row["night_close"])]
        if night:
            row = best(night)
            found["night_ret"] = row["night_close"] / settle(old[row["code"]]) - 1
            found["night_range"] = math.log(row["night_high"] / row["night_low"])
        if both:
            row = best(both)
            found["settle_ret"] = settle(row) / settle(old[row["code"]]) - 1
        now = sum(row["open_interest_contracts"] for row in both)
        then = sum(old[row["code"]]["open_interest_contracts"] for row in both)
        if now > 0 and then > 0:
            found["oi_chg"] = math.log(now / then)
        facts[day] = max(known_of(rows), known_of(before)), found
    return facts


def spots_of(frames, short):
    if short == "topixf":
        rows = frames["topix"].iter_rows(named=True)
        return {row["event_date"]: (row["available_at"], row["close"]) for row in rows}
    rows = frames["index_options"].select(
        "event_date", "available_at", "underlying_price", "settlement"
    )
    return {
        row["event_date"]: (row["available_at"], row["underlying_price"])
        for row in rows.unique().iter_rows(named=True)
        if row["settlement"] == "normal"
    }


PUBLISHED = {
    "night_ret": "fut_on_ret_topixf",
    "night_range": "fut_on_range_topixf",
    "day_ret": "fut_day_ret_topixf",
    "oi_chg": "fut_oi_chg_1d_topixf",
    "next_oi_share": "fut_next_oi_share_topixf",
    "carry": "fut_carry_ann_topixf",
}


def column(short, name):
    """The column of a fact; that of a fact that is a feature has the feature's name."""
    if name in ("basis", "term_slope"):
        return f"fut_{name}_{short}"
    return PUBLISHED.get(name, f"fu_topixf_{name}") if short == "topixf" else f"fu_{short}_{name}"


def oracle_base(frames, timeline):
    out = {}
    for short, product in PRODUCTS.items():
        days = contracts_by_day(frames["futures"].filter(pl.col("product") == product))
        facts = {day: (known_of(rows), day_facts(rows)) for day, rows in days.items()}
        own, pair = as_known(facts, timeline, OWN), as_known(pair_facts(days), timeline, PAIR)
        out |= {column(short, name): series for name, series in {**own, **pair}.items()}
        spots, basis = spots_of(frames, short), {}
        for day, (known, found) in facts.items():
            if day in spots:
                gap = math.log(found["settle"] / spots[day][1])
                basis[day] = (
                    max(known, spots[day][0]),
                    {"basis": gap, "carry": gap * 365 / max(found["days"], 7)},
                )
        series = as_known(basis, timeline, ("basis", "carry"))
        out |= {column(short, name): each for name, each in series.items()}
    return out


def assert_same(made, expected):
    unread = {f"fu_nk225f_{name}" for name in ("night_range", "next_oi_share", "carry")}
    assert set(made) == set(expected) - unread
    for name in made:
        values = expected[name]
        np.testing.assert_allclose(made[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_base_columns_equal_a_naive_reading_of_the_lists(made, frames, world):
    assert_same(made, oracle_base(frames, world.timeline))
    assert np.isnan(made["fu_topixf_oi"][157])
    assert all(np.isfinite(values[200:]).mean() > 0.9 for values in made.values())


def test_base_columns_across_the_first_day_of_the_central_mark():
    early = source_world(first=date(2016, 5, 2), num_sessions=80, num_stocks=24, seed=5)
    frames = {name: early.typed(name) for name in NEEDED}
    unmarked = frames["futures"].filter(pl.col("is_central_month").is_null())
    assert 0 < len(unmarked) < len(frames["futures"])
    made = make(frames, early.timeline)
    assert_same(made, oracle_base(frames, early.timeline))
    for name in ("fut_basis_topixf", "fut_term_slope_topixf", "fu_topixf_oi"):
        assert np.isfinite(made[name][2:]).mean() > 0.95, name


def oracle_features(b):
    num = len(b["fu_topixf_oi"])

    def each(formula):
        return every_session(formula, num)

    def logs(name):
        return each(lambda t: log(b[name][t]))

    def z(series):
        return each(lambda t: z_of(series, t, 60))

    def sum5(series):
        return each(lambda t: 5 * mean_of(series, t, 5))

    def signed(short):
        price, change = b[f"fu_{short}_settle_ret"], b[column(short, "oi_chg")]
        return sum5(each(lambda t: sign(price[t]) * change[t]))

    night, day = b["fut_on_ret_topixf"], b["fut_day_ret_topixf"]

    def share(t):
        first, second = mean_of(night**2, t, 20), mean_of(day**2, t, 20)
        return over(first, first + second)

    basis = b["fut_basis_topixf"]
    volume, volume_nk = logs("fu_topixf_volume"), logs("fu_nk225f_volume")
    return {
        "_fut_volume_log_topixf": volume,
        "_fut_volume_log_nk225f": volume_nk,
        "fut_nt_on_ret": b["fu_nk225f_night_ret"] - night,
        "fut_nt_day_ret": b["fu_nk225f_day_ret"] - day,
        "fut_on_share_20_topixf": each(share),
        "fut_basis_chg_5d_topixf": each(lambda t: basis[t] - back(basis, t, 5)),
        "fut_oi_chg_5d_topixf": sum5(b["fut_oi_chg_1d_topixf"]),
        "fut_oi_chg_5d_nk225f": sum5(b["fu_nk225f_oi_chg"]),
        "fut_vol_z60_topixf": z(volume),
        "fut_vol_z60_nk225f": z(volume_nk),
        "fut_vol_oi_ratio_topixf": volume - logs("fu_topixf_oi"),
        "fut_nt_vol_ratio": volume_nk - volume,
        "fut_price_oi_5_topixf": signed("topixf"),
        "fut_price_oi_5_nk225f": signed("nk225f"),
    }


def test_features_equal_naive_formulas(made, values):
    expected = oracle_features(made)
    expected |= {feature.name: made[feature.name] for feature in FUTURES if feature.published}
    assert set(expected) == {feature.name for feature in FUTURES}
    for name, series in expected.items():
        np.testing.assert_allclose(values[name], series, rtol=1e-7, atol=1e-9, err_msg=name)


# ----------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("t", [41, 82, 92, 101, 102, 103, 260])
def test_rows_known_later_change_nothing(frames, made, world, t):
    decision = world.timeline.decisions[t].item()
    spoiled = make(
        {name: scrambled(frame, decision) for name, frame in frames.items()}, world.timeline
    )
    cut = {name: f.filter(pl.col("available_at") <= decision) for name, f in frames.items()}
    without = make(cut, world.timeline)
    for name, values in made.items():
        np.testing.assert_array_equal(spoiled[name][: t + 1], values[: t + 1], err_msg=name)
        np.testing.assert_array_equal(without[name][: t + 1], values[: t + 1], err_msg=name)
    assert not np.array_equal(spoiled["fu_topixf_oi"][t + 1 :], made["fu_topixf_oi"][t + 1 :])


def test_a_value_needs_its_lookback_only(made):
    assert_window_law(FUTURES, made, rows=(60, 140, 200, 329))


def test_order_of_rows_does_not_matter(frames, made, world):
    shuffled = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=1) for name, frame in frames.items()
    }
    mixed = make(shuffled, world.timeline)
    for name, values in made.items():
        np.testing.assert_array_equal(mixed[name], values, err_msg=name)


def test_a_row_is_seen_from_the_session_after(world):
    frames = {name: world.typed(name) for name in NEEDED}
    day = world.market.sessions[120].item()
    raised = frames["futures"].with_columns(
        pl.when(pl.col("event_date") == day)
        .then(1.01 * pl.col("night_close"))
        .otherwise(pl.col("night_close"))
        .alias("night_close")
    )
    same = make(frames, world.timeline)["fut_on_ret_topixf"]
    moved = make({**frames, "futures": raised}, world.timeline)["fut_on_ret_topixf"]
    assert changed(moved, same) == [121]
    assert 1 + moved[121] == pytest.approx(1.01 * (1 + same[121]))


def test_prices_never_change_across_a_roll(world):
    """A constant gap between contracts leaves every return as it is."""
    frames = {name: world.typed(name) for name in NEEDED}
    rank = pl.col("special_quotation_date").rank("dense").over("product")
    prices = ("settlement_price", "night_high", "night_low", "night_close", "day_open", "day_close")
    apart = frames["futures"].with_columns(
        (pl.col(name) * 1.1**rank).alias(name) for name in prices
    )
    same, moved = make(frames, world.timeline), make({**frames, "futures": apart}, world.timeline)
    for short in PRODUCTS:
        for name in ("night_ret", "settle_ret", "day_ret", "oi_chg"):
            price = column(short, name)
            np.testing.assert_allclose(moved[price], same[price], atol=1e-12, err_msg=price)
    price = column("topixf", "night_range")
    np.testing.assert_allclose(moved[price], same[price], atol=1e-12, err_msg=price)
    assert np.nanmin(moved["fut_term_slope_topixf"]) > 0.3


def test_emergency_rows_give_way_to_normal_ones(world):
    frames = {name: world.typed(name) for name in NEEDED}
    assert frames["futures"].filter(pl.col("settlement") == "emergency_margin").height > 4
    normal = frames["futures"].filter(pl.col("settlement") == "normal")
    first = make(frames, world.timeline)
    second = make({**frames, "futures": normal}, world.timeline)
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values, err_msg=name)


def test_declarations():
    names = [feature.name for feature in FUTURES]
    columns = {name for table in FUTURES_INPUTS for name in table.columns}
    assert len(set(names)) == len(names)
    assert len([name for name in names if name.startswith("fut_")]) == 22
    assert all(f.role is Role.MARKET and f.axis is Axis.ACROSS for f in FUTURES)
    assert all(f.group == "futures" and f.meaning.endswith(".") for f in FUTURES)
    assert all(name in {*columns, *names} for feature in FUTURES for name in feature.inputs)


def test_nulls_stay_within_what_is_declared(world):
    known = make({name: world.typed(name) for name in NEEDED}, world.timeline)
    for feature in FUTURES:
        known[feature.name] = feature.compute({n: known[n] for n in feature.inputs})
        share = np.isnan(known[feature.name][feature.lookback :]).mean()
        assert share <= feature.max_null_share, feature.name
        assert not np.isinf(known[feature.name]).any(), feature.name


def test_an_empty_list_gives_nulls(world):
    frames = {name: world.typed(name) for name in NEEDED}
    made = make({**frames, "futures": frames["futures"].clear()}, world.timeline)
    assert all(np.isnan(values).all() for values in made.values())
