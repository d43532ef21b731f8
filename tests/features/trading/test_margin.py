"""The margin features: an independent derivation, no look-ahead, windows, and the change of era."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.types import Role
from gogooku.features.laws import evaluate_dense
from gogooku.features.trading.margin import MARGIN, MARGIN_INPUTS, make_margin
from support.naive_rows import (
    ERA,
    NAN,
    NaiveRows,
    check_windows,
    corrected,
    fill,
    garbage_after,
    over,
    prices,
    relative,
    rolling_mean,
    same,
    stats,
    step,
    zscore,
)
from support.source_world import FrameTables, source_world

SHARES = [
    f"{side}{part}_shares"
    for side in ("long", "short")
    for part in ("", "_standardized", "_negotiable")
]


def tables(frame):
    return FrameTables({"margin_interest": frame})


@pytest.fixture(scope="module")
def world():
    return source_world()


def full_names(world):
    """Codes that have a row of every application date."""
    counts = world.typed("margin_interest").group_by("code").len()
    return sorted(counts.filter(pl.col("len") == pl.col("len").max())["code"])


@pytest.fixture(scope="module")
def frame(world):
    """Typed rows with corrections, a long hole, empty balances, nulls and changing classes."""
    rng = np.random.default_rng(3)
    rows = world.typed("margin_interest")
    code = full_names(world)
    hole = (pl.col("code") == code[2]) & pl.col("event_date").is_between(
        date(2026, 3, 1), date(2026, 6, 10)
    )
    rows = corrected(rows.filter(~hole), rng, columns=SHARES, rows=60)
    number = pl.int_range(pl.len())
    month = pl.col("event_date").dt.month()
    no_short = (pl.col("code") == code[3]) & (month % 2 == 0)
    none = (pl.col("code") == code[4]) & (month % 3 == 0)
    lost = number % 97 == 5
    return rows.with_columns(
        *(
            pl.when(none | (no_short if name.startswith("short") else False))
            .then(0.0)
            .when(lost if name == "long_shares" else False)
            .then(None)
            .otherwise(pl.col(name))
            .alias(name)
            for name in SHARES
        ),
        pl.when(number % 101 == 7)
        .then(None)
        .when(number % 11 == 0)
        .then(pl.lit("other"))
        .otherwise("margin_class")
        .alias("margin_class"),
    )


@pytest.fixture(scope="module")
def base(world, frame):
    return {**make_margin(tables(frame), world.timeline), **prices(world)}


@pytest.fixture(scope="module")
def values(base):
    return evaluate_dense(MARGIN, base)


@pytest.fixture(scope="module")
def naive(world, frame):
    rows = NaiveRows(frame, world.market, shares=SHARES)
    rows.link(5, 16, lambda gap: (abs(gap - 7), -gap))
    return rows


def per_week(row, value):
    if len(row["chain"]) < 2:
        return NAN
    gap = (row["event_date"] - row["chain"][1]["event_date"]).days
    return value(row, row["chain"][1]) * 7 / gap


def imbalance(row):
    return over(row["long_shares"] - row["short_shares"], row["long_shares"] + row["short_shares"])


def expected_side(side):
    def shares(row):
        return row[f"{side}_shares"]

    def share(row):
        return over(row[f"{side}_standardized_shares"], shares(row))

    def change(row):
        return per_week(row, lambda now, before: relative(shares(now), shares(before)))

    return {
        f"mi_{side}_shares": shares,
        f"mi_{side}_change_shares": lambda row: per_week(row, lambda a, b: shares(a) - shares(b)),
        f"margin_d_{side}_wow": change,
        f"margin_std_share_{side}": share,
        f"margin_d_std_share_{side}_wow": lambda row: per_week(
            row, lambda a, b: share(a) - share(b)
        ),
        f"margin_d_{side}_13w": lambda row: relative(shares(row), step(row, shares, 13)),
        f"margin_{side}_z52": lambda row: zscore([shares(r) for r in row["chain"]], 52),
        f"margin_d_{side}_z26": lambda row: zscore([change(r) for r in row["chain"][:26]], 26),
        f"margin_{side}_vol26": lambda row: stats([change(r) for r in row["chain"][:26]], 26)[1],
    }


def gross_momentum(row):
    gross = [r["long_shares"] + r["short_shares"] for r in row["chain"]]
    ratio = over(gross[0], stats(gross, 4)[0])
    return math.log(ratio) if ratio > 0 else NAN


EXPECTED = {
    **expected_side("long"),
    **expected_side("short"),
    "margin_d_imbalance_wow": lambda row: per_week(row, lambda a, b: imbalance(a) - imbalance(b)),
    "margin_d_imbalance_13w": lambda row: imbalance(row) - step(row, imbalance, 13),
    "margin_imbalance_z52": lambda row: zscore([imbalance(r) for r in row["chain"]], 52),
    "margin_gross_mom4": gross_momentum,
}


def test_declared_columns(base):
    assert set(EXPECTED) == set(MARGIN_INPUTS[0].columns)
    assert set(make_margin.__annotations__) >= {"tables", "timeline"}
    assert set(MARGIN_INPUTS[0].columns) <= set(base)


@pytest.mark.parametrize("column", sorted(EXPECTED))
def test_base_column_is_the_naive_one(base, naive, column):
    expected = fill(naive.shape, naive.standing(20), EXPECTED[column])
    assert np.isfinite(expected).sum() > 1000
    same(base[column], expected, what=column)


def naive_features(base):
    adv = rolling_mean(base["volume"], 20)
    out = {"_margin_adv20": adv}
    shape = adv.shape
    cells = [(t, n) for t in range(shape[0]) for n in range(shape[1])]

    def each(value):
        array = np.full(shape, NAN)
        for cell in cells:
            array[cell] = value(cell)
        return array

    def at(name):
        return base[f"mi_{name}"]

    for side in ("long", "short"):
        out[f"margin_{side}_to_adv20"] = each(lambda c, s=side: over(at(f"{s}_shares")[c], adv[c]))
        out[f"margin_d_{side}_to_adv20"] = each(
            lambda c, s=side: over(at(f"{s}_change_shares")[c], 5 * adv[c])
        )
        out[f"margin_mkt_d_{side}_wow"] = naive_market(
            base, lambda c, s=side: (at(f"{s}_change_shares")[c], at(f"{s}_shares")[c])
        )
    out["margin_d_net_to_adv20"] = each(
        lambda c: over(at("long_change_shares")[c] - at("short_change_shares")[c], 5 * adv[c])
    )
    long, short = at("long_shares"), at("short_shares")
    out["margin_imbalance"] = each(lambda c: over(long[c] - short[c], long[c] + short[c]))
    out["is_margin_valid"] = each(
        lambda c: NAN if math.isnan(base["listed"][c]) else float(not math.isnan(long[c]))
    )
    out["margin_mkt_imbalance"] = naive_market(
        base, lambda c: (long[c] - short[c], long[c] + short[c])
    )
    return out


def naive_market(base, parts):
    out = np.full(len(base["close"]), NAN)
    for t in range(len(out)):
        top, bottom = [], []
        for n in range(base["close"].shape[1]):
            part, whole = (value * base["close"][t, n] for value in parts((t, n)))
            if base["universe"][t, n] == 1.0 and not math.isnan(part + whole):
                top.append(part)
                bottom.append(whole)
        if len(top) >= 5:
            out[t] = over(math.fsum(top), math.fsum(bottom))
    return out


def test_features_are_the_naive_ones(base, values):
    expected = naive_features(base)
    expected |= {feature.name: base[feature.name] for feature in MARGIN if feature.published}
    assert set(expected) == {feature.name for feature in MARGIN}
    for name, array in expected.items():
        assert np.isfinite(array).mean() > 0.2, name
        same(values[name], array, what=name)


@pytest.mark.parametrize("session", [60, 150, 258, 262, 266, 300])
def test_no_look_ahead(world, frame, base, values, session):
    instant = world.timeline.decisions[session].item()
    spoiled = garbage_after(frame, instant, columns=SHARES).with_columns(
        pl.when(pl.col("available_at") > instant)
        .then(pl.lit("credit"))
        .otherwise("margin_class")
        .alias("margin_class")
    )
    cut = frame.filter(pl.col("available_at") <= instant)
    for other in (spoiled, cut):
        made = make_margin(tables(other), world.timeline)
        again = evaluate_dense(MARGIN, {**base, **made})
        for name, array in {**made, **again}.items():
            whole = values.get(name, base.get(name))
            stop = session + 1
            np.testing.assert_array_equal(array[:stop], whole[:stop], err_msg=name)
        late = made["mi_long_shares"][session + 1 :]
        assert not np.array_equal(late, base["mi_long_shares"][session + 1 :], equal_nan=True)


def test_windows(base, values):
    check_windows(MARGIN, base, values, sessions=(25, 140, 263, 329))


def test_balance_is_scale_free(world, frame, values, base):
    """Balances and volumes of one name in other units change nothing."""
    made = make_margin(tables(frame.with_columns(pl.col(SHARES) * 7.0)), world.timeline)
    again = evaluate_dense(MARGIN, {**base, **made, "volume": base["volume"] * 7.0})
    for feature in MARGIN:
        if not feature.name.startswith("_"):
            same(again[feature.name], values[feature.name], what=feature.name)


def test_split_changes_no_relative_value(world):
    """A name whose raw balances only follow its split shows no change."""
    growth = world.timeline.growth_TN
    n = int(np.argmax(np.abs(np.log(growth[-1]))))
    assert growth[-1, n] != 1.0
    rows = world.typed("margin_interest").filter(pl.col("code") == world.market.codes[n])
    event = np.searchsorted(world.market.sessions, rows["event_date"].to_numpy())
    raw = pl.Series(3000.0 / growth[event, n])
    made = make_margin(tables(rows.with_columns(raw.alias(c) for c in SHARES)), world.timeline)
    assert np.nanmax(np.abs(made["margin_d_long_wow"])) < 1e-12
    np.testing.assert_allclose(made["mi_long_shares"][20:, n], 3000.0, rtol=1e-12)


def test_balance_expires(world, base):
    """In the hole a balance stands for 20 sessions and no longer."""
    n = world.market.codes.index(full_names(world)[2])
    held = ~np.isnan(base["mi_short_shares"][:, n])
    gaps = np.flatnonzero(np.diff(held.astype(int)) == -1)
    assert len(gaps) >= 1
    last = world.market.sessions[gaps[0]].item()
    assert date(2026, 3, 3) + timedelta(days=26) <= last <= date(2026, 4, 7)


# ------------------------------------------------------------------------- the change of era


def with_balances(world, level):
    """The world's rows with balances that are a function of (event session, name)."""
    rows = world.typed("margin_interest")
    event = np.searchsorted(world.market.sessions, rows["event_date"].to_numpy())
    place = {code: n for n, code in enumerate(world.market.codes)}
    n = np.array([place[code] for code in rows["code"]])
    balance = pl.Series(level(event, n) / world.timeline.growth_TN[event, n])
    return rows.with_columns(
        *(balance.alias(f"{side}_shares") for side in ("long", "short")),
        *((balance * 0.5).alias(f"{side}_standardized_shares") for side in ("long", "short")),
    )


def first_daily(world):
    """First session whose newest balance is of the daily era."""
    return int(np.searchsorted(world.market.sessions, np.datetime64(ERA))) + 1


def test_steady_growth_shows_no_switch(world):
    days = (world.market.sessions - world.market.sessions[0]).astype(int)
    rows = with_balances(world, lambda event, n: 1e6 * np.exp(0.002 * days[event]) + 0.0 * n)
    made = make_margin(tables(rows), world.timeline)
    switch = first_daily(world)
    week = 2.0 * math.tanh(0.007)
    change = made["margin_d_long_wow"][20:]
    assert np.nanmax(np.abs(change / week - 1.0)) < 1e-3
    quarter = made["margin_d_long_13w"][switch - 40 :]
    usual = np.nanmedian(quarter[:40])
    assert np.nanmax(np.abs(quarter / usual - 1.0)) < 0.08
    z = made["margin_long_z52"][switch - 1 :]
    assert np.isfinite(z).any()
    assert np.nanmax(np.abs(np.diff(z, axis=0))) < 0.1
    sd = np.nanmax(made["margin_long_vol26"])
    assert sd < 1e-3 * week


def test_noise_of_changes_is_the_same_in_both_eras(world):
    rng = np.random.default_rng(8)
    walk = np.cumsum(rng.normal(0.0, 0.05, world.timeline.shape), axis=0)
    rows = with_balances(world, lambda event, n: 1e6 * np.exp(walk[event, n]))
    made = make_margin(tables(rows), world.timeline)
    switch = first_daily(world)
    for column in ("margin_d_long_wow", "margin_gross_mom4", "margin_d_long_13w"):
        array = made[column]
        before, after = array[switch - 65 : switch], array[switch : switch + 65]
        ratio = np.nanstd(after) / np.nanstd(before)
        assert 0.75 < ratio < 1.33, (column, ratio)
    levels = [made["margin_d_long_z26"][switch + lag] for lag in range(-40, 60)]
    assert 0.7 < np.nanstd(levels) < 1.3


def test_daily_era_sampled_at_week_ends_agrees(world):
    """On week ends a week after the last one, the changes are those of weekly rows alone."""
    rows = world.typed("margin_interest")
    week = pl.col("event_date").dt.truncate("1w")
    ends = rows.filter(pl.col("event_date") == pl.col("event_date").max().over(week))
    assert len(ends) < 0.6 * len(rows)
    daily = make_margin(tables(rows), world.timeline)
    weekly = make_margin(tables(ends), world.timeline)
    dates = set(ends["event_date"])
    checked = 0
    for day in sorted(dates):
        if day < ERA or day - timedelta(days=7) not in dates:
            continue
        known = rows.filter(pl.col("event_date") == day)["available_at"][0]
        t = int(np.searchsorted(world.timeline.decisions, np.datetime64(known)))
        for column in ("margin_d_long_wow", "mi_short_change_shares", "margin_d_imbalance_wow"):
            same(daily[column][t], weekly[column][t], what=column)
        checked += 1
    assert checked >= 8


def test_declarations():
    names = [feature.name for feature in MARGIN]
    assert len(names) == len(set(names))
    assert sum(not name.startswith("_") for name in names) == 28
    assert {f.name for f in MARGIN if f.role is Role.MASK} == {"is_margin_valid"}
    known = {*MARGIN_INPUTS[0].columns, "volume", "close", "universe", "listed", *names}
    assert {name for feature in MARGIN for name in feature.inputs} <= known


def test_empty_table(world):
    empty = world.typed("margin_interest").clear()
    made = make_margin(tables(empty), world.timeline)
    assert all(np.isnan(array).all() for array in made.values())
