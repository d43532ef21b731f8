"""The alert features: an independent derivation, no look-ahead, windows, spells."""

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.types import Role
from gogooku.features.laws import evaluate_dense
from gogooku.features.trading.alert import ALERT, ALERT_INPUTS, REASONS, make_alert
from gogooku.features.trading.margin import MARGIN
from support.naive_rows import (
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
    step,
    zscore,
)
from support.source_world import FrameTables, source_world

SIDES = ("long", "short")
SHARES = [f"{side}{part}_shares" for side in SIDES for part in ("", "_standardized")]
NUMBERS = [*SHARES, *(f"{side}_listed_ratio" for side in SIDES)]
CLASSES = ["002", "003", "001", "101", "102", "004", "005", "006", None, "777"]
LEVELS = {"101": 0, "102": 1, "002": 2, "001": 3, "003": 4, "004": 5, "005": 6, "006": 7}
ADV = tuple(feature for feature in MARGIN if feature.name == "_margin_adv20")


def tables(frame):
    return FrameTables({"margin_alert": frame})


@pytest.fixture(scope="module")
def world():
    return source_world(num_stocks=60)


@pytest.fixture(scope="module")
def frame(world):
    """Typed rows with all classes and reasons, more corrections, nulls, holes and long spells.

    Rows of five names are those of the fund, which is always on the list, under their codes.
    """
    rng = np.random.default_rng(5)
    rows = world.typed("margin_alert")
    fund = rows.filter(pl.col("code") == "13060")
    parts = [rows]
    for place, n in enumerate((4, 17, 33, 41, 58)):
        part = fund[40 * place : 40 * place + 150]
        factors = pl.Series(rng.uniform(0.3, 2.0, len(part)))
        parts.append(
            part.with_columns(
                pl.lit(world.market.codes[n]).alias("code"),
                *(pl.col(name) * factors for name in SHARES),
                pl.Series(rng.uniform(0.0, 0.2, len(part))).alias("long_listed_ratio"),
            )
        )
    rows = corrected(pl.concat(parts), rng, columns=NUMBERS, rows=40)
    rows = rows.filter(pl.Series(rng.random(len(rows)) > 0.03))
    start = fund["event_date"][90]
    hole = (pl.col("code") == world.market.codes[17]) & pl.col("event_date").is_between(
        start, start + timedelta(days=13)
    )
    rows = rows.filter(~hole)
    classes = pl.Series([CLASSES[i] for i in rng.integers(len(CLASSES), size=len(rows))])
    odd = pl.int_range(pl.len()) % 61 == 3
    empty = pl.int_range(pl.len()) % 67 == 9
    return rows.with_columns(
        classes.alias("regulation"),
        *(
            pl.Series([(True, False, None)[i] for i in rng.integers(3, size=len(rows))]).alias(
                f"reason_{reason}"
            )
            for reason in REASONS
        ),
        pl.when(odd).then(None).otherwise("long_shares").alias("long_shares"),
        *(
            pl.when(empty).then(0.0).otherwise(name).alias(name)
            for name in SHARES
            if "short" in name
        ),
    )


@pytest.fixture(scope="module")
def base(world, frame):
    return {**make_alert(tables(frame), world.timeline), **prices(world)}


@pytest.fixture(scope="module")
def values(base):
    return evaluate_dense((*ADV, *ALERT), base)


@pytest.fixture(scope="module")
def naive(world, frame):
    rows = NaiveRows(frame, world.market, shares=SHARES)
    rows.link(1, 14, lambda gap: gap)
    return rows


def number(value):
    return NAN if value is None else float(value)


def imbalance(row):
    return over(row["long_shares"] - row["short_shares"], row["long_shares"] + row["short_shares"])


def expected_side(side):
    def shares(row):
        return row[f"{side}_shares"]

    return {
        f"al_{side}_shares": shares,
        f"dmi_{side}_listed_ratio": lambda row: number(row[f"{side}_listed_ratio"]),
        f"dmi_std_share_{side}": lambda row: over(row[f"{side}_standardized_shares"], shares(row)),
        f"al_{side}_change_shares": lambda row: shares(row) - step(row, shares),
        f"dmi_d_{side}_1d": lambda row: relative(shares(row), step(row, shares)),
        f"dmi_z26_{side}": lambda row: zscore([shares(r) for r in row["chain"]], 26),
    }


def short_change(row):
    return row["short_shares"] - step(row, lambda r: r["short_shares"])


EXPECTED = {
    **expected_side("long"),
    **expected_side("short"),
    "dmi_tse_reg_level": lambda row: LEVELS.get(row["regulation"], NAN) / 7,
    "dmi_d_imbalance_1d": lambda row: imbalance(row) - step(row, imbalance),
    "dmi_z26_imbalance": lambda row: zscore([imbalance(r) for r in row["chain"]], 26),
    "dmi_z26_d_short_1d": lambda row: zscore([short_change(r) for r in row["chain"][:26]], 26),
}


@pytest.mark.parametrize("column", sorted(EXPECTED))
def test_base_column_is_the_naive_one(base, naive, column):
    expected = fill(naive.shape, naive.standing(5), EXPECTED[column])
    assert np.isfinite(expected).sum() > 150
    same(base[column], expected, what=column)


@pytest.mark.parametrize("column", ["on_alert", *(f"reason_{reason}" for reason in REASONS)])
def test_flags_are_the_naive_ones(world, base, naive, column):
    state = naive.standing(5)
    expected = np.full(naive.shape, NAN)
    begins = min(t for t, _ in state)
    for t in range(naive.shape[0]):
        for n in range(naive.shape[1]):
            if not world.market.listed[t, n] or t < begins:
                continue
            row = state.get((t, n))
            given = True if column == "on_alert" else row[column] if row else False
            expected[t, n] = number(given) if row else 0.0
    assert {0.0, 1.0} <= set(np.unique(expected))
    same(base[f"dmi_{column}"], expected, what=column)


def test_declared_columns():
    flags = {"dmi_on_alert", *(f"dmi_reason_{reason}" for reason in REASONS)}
    assert set(EXPECTED) | flags == set(ALERT_INPUTS[0].columns)


def naive_features(base):
    adv = rolling_mean(base["volume"], 20)
    on = base["dmi_on_alert"]
    shape = adv.shape
    cells = [(t, n) for t in range(shape[0]) for n in range(shape[1])]

    def each(value):
        array = np.full(shape, NAN)
        for cell in cells:
            array[cell] = value(cell)
        return array

    def left(cell):
        t, n = cell
        window = [s for s in range(max(t - 19, 0), t + 1) if not math.isnan(on[s, n])]
        if len(window) < 16:
            return NAN
        return float(any(s > 0 and on[s - 1, n] == 1 and on[s, n] == 0 for s in window))

    out = {"_margin_adv20": adv}
    for side in SIDES:
        shares, change = base[f"al_{side}_shares"], base[f"al_{side}_change_shares"]
        out[f"dmi_{side}_to_adv20"] = each(lambda c, s=shares: over(s[c], adv[c]))
        out[f"dmi_d_{side}_to_adv20"] = each(lambda c, s=change: over(s[c], adv[c]))
    long, short = base["al_long_shares"], base["al_short_shares"]
    out["dmi_imbalance"] = each(lambda c: over(long[c] - short[c], long[c] + short[c]))
    change = base["al_long_change_shares"] - base["al_short_change_shares"]
    out["dmi_d_net_to_adv20"] = each(lambda c: over(change[c], adv[c]))
    out["dmi_left_20"] = each(left)
    for window in (60, 250):
        out[f"dmi_alert_share_{window}"] = rolling_mean(on, window)
    share = np.full(shape[0], NAN)
    for t in range(shape[0]):
        member = [
            on[t, n]
            for n in range(shape[1])
            if base["universe"][t, n] == 1.0 and not math.isnan(on[t, n])
        ]
        share[t] = over(math.fsum(member), len(member))
    out["dmi_mkt_alert_share"] = share
    return out


def test_features_are_the_naive_ones(base, values):
    expected = naive_features(base)
    expected |= {feature.name: base[feature.name] for feature in ALERT if feature.published}
    assert set(expected) == {"_margin_adv20", *(feature.name for feature in ALERT)}
    for name, array in expected.items():
        assert np.isfinite(array).sum() > 100, name
        assert np.nanstd(array) > 0, name
        same(values[name], array, what=name)


@pytest.mark.parametrize("session", [30, 117, 200, 260, 300])
def test_no_look_ahead(world, frame, base, values, session):
    instant = world.timeline.decisions[session].item()
    late = pl.col("available_at") > instant
    spoiled = garbage_after(frame, instant, columns=NUMBERS).with_columns(
        pl.when(late).then(pl.lit("006")).otherwise("regulation").alias("regulation"),
        (pl.col("reason_restricted") | late).alias("reason_restricted"),
    )
    cut = frame.filter(pl.col("available_at") <= instant)
    for other in (spoiled, cut):
        made = make_alert(tables(other), world.timeline)
        again = evaluate_dense((*ADV, *ALERT), {**base, **made})
        stop = session + 1
        for name, array in {**made, **again}.items():
            whole = values.get(name, base.get(name))
            np.testing.assert_array_equal(array[:stop], whole[:stop], err_msg=name)
        after = made["al_long_shares"][stop:]
        assert not np.array_equal(after, base["al_long_shares"][stop:], equal_nan=True)


def test_windows(base, values):
    check_windows((*ADV, *ALERT), base, values, sessions=(255, 263, 300, 329))


def test_a_name_that_left_is_not_on_alert(world):
    """The untouched source: nothing stands more than five sessions after the last publication."""
    made = make_alert(tables(world.typed("margin_alert")), world.timeline)
    rows = world.typed("margin_alert").filter(pl.col("code") != "13060")
    checked = 0
    for (code,), spell in rows.group_by("code"):
        n = world.market.codes.index(code)
        instant = np.datetime64(spell["available_at"].max())
        last = int(np.searchsorted(world.timeline.decisions, instant))
        assert made["dmi_on_alert"][last, n] == 1.0
        assert not np.any(made["dmi_on_alert"][last + 6 :, n] == 1.0)
        assert np.isnan(made["al_long_shares"][last + 6 :, n]).all()
        checked += last + 6 < len(made["dmi_on_alert"])
    assert checked >= 3


def test_two_spells_are_not_compared(world):
    """The first publication of a later spell has no change."""
    rows = world.typed("margin_alert").filter(pl.col("code") == "13060")
    code = world.market.codes[4]
    kept = pl.concat([rows[20:40], rows[60:70]]).with_columns(pl.lit(code).alias("code"))
    kept = kept.unique("event_date", keep="first", maintain_order=True)
    made = make_alert(tables(kept), world.timeline)
    on, n = made["dmi_on_alert"][:, 4] == 1.0, 4
    starts = np.flatnonzero(on & ~np.append(False, on[:-1]))
    assert len(starts) == 2
    assert np.isnan(made["al_long_change_shares"][starts, n]).all()
    assert np.isfinite(made["al_long_change_shares"][starts + 1, n]).all()


def test_declarations():
    names = [feature.name for feature in ALERT]
    assert len(names) == len(set(names)) == 28
    assert all(name.startswith("dmi_") for name in names)
    masks = {feature.name for feature in ALERT if feature.role is Role.MASK}
    assert masks == {"dmi_on_alert", "dmi_left_20", *(f"dmi_reason_{reason}" for reason in REASONS)}
    known = {*ALERT_INPUTS[0].columns, "universe", "_margin_adv20"}
    assert {name for feature in ALERT for name in feature.inputs} <= known


def test_of_an_empty_table_nothing_is_told(world):
    made = make_alert(tables(world.typed("margin_alert").clear()), world.timeline)
    for name in ("dmi_on_alert", "dmi_reason_restricted", "al_long_shares"):
        assert np.isnan(made[name]).all(), name


def test_nobody_is_off_the_list_before_the_first_list_is_known(world):
    rows = world.typed("margin_alert")
    decisions = world.timeline.decisions
    rows = rows.filter(pl.col("available_at") >= decisions[100].item())
    first = int(np.searchsorted(decisions, np.datetime64(rows["available_at"].min())))
    made = make_alert(tables(rows), world.timeline)
    listed = world.timeline.listed_TN[first:]
    assert first >= 100
    for name in ("dmi_on_alert", "dmi_reason_monitoring"):
        assert np.isnan(made[name][:first]).all()
        assert np.isfinite(made[name][first:][listed]).all()
