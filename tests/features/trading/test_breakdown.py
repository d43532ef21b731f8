"""Breakdown features against plain loops over typed rows."""

import math

import numpy as np
import polars as pl
import pytest

from gogooku.features.laws import evaluate_dense
from gogooku.features.trading.breakdown import BREAKDOWN, BREAKDOWN_INPUTS
from support.naive import (
    NAN,
    assert_declared,
    assert_no_look_ahead,
    assert_not_duplicates,
    assert_same,
    assert_window_laws,
    back,
    bars,
    corr,
    div,
    log,
    mean,
    minus,
    per_name,
    roll,
    z,
)
from support.source_world import FrameTables, source_world

KINDS = (
    "long_sell",
    "short_sell",
    "margin_sell_new",
    "margin_sell_close",
    "long_buy",
    "margin_buy_new",
    "margin_buy_close",
)


@pytest.fixture(scope="module")
def frames():
    """Typed rows, those of one session known only the morning after."""
    frame = source_world().typed("breakdown")
    late = pl.col("event_date") == source_world().timeline.sessions[120].item()
    available = pl.col("available_at")
    moved = pl.when(late).then(available + pl.duration(hours=12)).otherwise(available)
    # names without a row of their own on the next session would show the late one there
    gone = (pl.col("event_date") == source_world().timeline.sessions[121].item()) & (
        pl.col("code") < source_world().timeline.codes[10]
    )
    return {"breakdown": frame.with_columns(moved.alias("available_at")).filter(~gone)}


@pytest.fixture(scope="module")
def inputs(frames):
    (table,) = BREAKDOWN_INPUTS
    made = table.make(FrameTables(frames), source_world().timeline)
    assert set(made) == set(table.columns)
    return bars() | dict(made)


@pytest.fixture(scope="module")
def values(inputs):
    return evaluate_dense(BREAKDOWN, inputs)


def test_base_columns_equal_a_loop_over_rows(frames, inputs):
    timeline = source_world().timeline
    session = {d: t for t, d in enumerate(timeline.sessions.tolist())}
    expected = {kind: np.full(timeline.shape, NAN) for kind in KINDS}
    for row in frames["breakdown"].iter_rows(named=True):
        t = session[row["event_date"]]
        if np.datetime64(row["available_at"], "us") > timeline.decisions[t]:
            continue
        n = timeline.codes.index(row["code"])
        for kind in KINDS:
            expected[kind][t, n] = row[f"{kind}_yen"]
    for kind in KINDS:
        assert_same(inputs[f"bd_{kind}"], expected[kind], kind, least=1000)
        assert np.isnan(inputs[f"bd_{kind}"][120]).all()


def oracle(x):
    """Every feature of one name from its lists."""
    ls, ss, msn, msc = (x[f"bd_{k}"] for k in KINDS[:4])
    mbn, mbc = x["bd_margin_buy_new"], x["bd_margin_buy_close"]
    rows = range(len(ls))
    total = [ls[t] + ss[t] + msn[t] + msc[t] for t in rows]
    buys = [x["bd_long_buy"][t] + mbn[t] + mbc[t] for t in rows]
    margin = [msn[t] + msc[t] + mbn[t] + mbc[t] for t in rows]
    opening = [x["bd_long_buy"][t] + mbn[t] - ls[t] - ss[t] - msn[t] for t in rows]
    net = [div(opening[t], total[t]) for t in rows]
    short = [div(ss[t] + msn[t], total[t]) for t in rows]
    share = [div(margin[t], total[t] + buys[t]) for t in rows]

    def flow(a, b, w):
        top = roll([a[t] - b[t] for t in rows], w, mean)
        bottom = roll(total, w, mean)
        return [div(top[t], bottom[t]) for t in rows]

    five = minus(roll(net, 5, mean), roll(net, 60, mean))
    turned = [
        NAN
        if five[t] != five[t] or t < 5 or five[t - 5] != five[t - 5]
        else float(five[t] > 0 and five[t - 5] <= 0)
        for t in rows
    ]
    active, net_yen = roll(margin, 20, mean), roll(opening, 5, mean)
    adv = roll(x["turnover"], 60, mean)
    return {
        "_bd_total": total,
        "bd_short_share": short,
        "bd_margin_buy_share": [div(mbn[t], buys[t]) for t in rows],
        "bd_margin_short_mix": [div(msn[t], msn[t] + ss[t]) for t in rows],
        "bd_margin_share": share,
        "bd_net_ratio": net,
        "bd_credit_new_net": [div(mbn[t] - msn[t], total[t]) for t in rows],
        "bd_net_ratio_chg_1d": minus(net, back(net, 1)),
        "bd_short_share_chg_1d": minus(short, back(short, 1)),
        "bd_net_z20": z(net, 20),
        "bd_net_z260": z(net, 260),
        "bd_short_z20": z(short, 20),
        "bd_short_z260": z(short, 260),
        "bd_short_share_20": roll(short, 20, mean),
        "bd_margin_share_20": roll(share, 20, mean),
        "bd_long_flow_5": flow(mbn, msc, 5),
        "bd_long_flow_20": flow(mbn, msc, 20),
        "bd_short_flow_5": flow(msn, mbc, 5),
        "bd_short_flow_20": flow(msn, mbc, 20),
        "bd_margin_activity_20": [log(div(margin[t], active[t])) for t in rows],
        "bd_turn_up": turned,
        "bd_net_adv60": [div(net_yen[t], adv[t]) for t in rows],
        "bd_short_ret_corr_60": corr(short, x["ret_prev_1d"], 60),
        "is_bd_valid": [
            NAN
            if math.isnan(x["listed"][t])
            else float(sum(v == v for v in total[max(t - 19, 0) : t + 1]) >= 16)
            for t in rows
        ],
    }


@pytest.fixture(scope="module")
def expected(inputs):
    return per_name(inputs, oracle)


def test_features_of_one_name_equal_loops(values, expected):
    across = {f.name for f in BREAKDOWN if f.axis == "across"}
    assert set(expected) == {f.name for f in BREAKDOWN} - across
    for name, want in expected.items():
        assert_same(values[name], want, name, least=1000)


def test_features_of_all_names_equal_loops(inputs, values):
    universe = inputs["universe"]
    num_sessions = len(universe)
    for name, of in (
        ("bd_mkt_margin_share", "bd_margin_share"),
        ("bd_mkt_net_ratio", "bd_net_ratio"),
    ):
        want = []
        for t in range(num_sessions):
            row = [v for v, u in zip(values[of][t], universe[t], strict=True) if u == 1 and v == v]
            want.append(mean(row) if len(row) >= 5 else NAN)
        assert_same(values[name], want, name, least=200)


def test_nothing_is_known_before_its_time(frames):
    timeline = source_world().timeline
    assert_no_look_ahead(BREAKDOWN_INPUTS, frames, timeline, (0, 119, 120, 200, 320))


def test_window_laws_and_declarations(inputs, values):
    assert_window_laws(BREAKDOWN, inputs, (100, 121, 290, 329))
    assert_declared(BREAKDOWN, "breakdown")
    assert_not_duplicates(BREAKDOWN, values, inputs["universe"])
    for feature in BREAKDOWN:
        if feature.role != "mask":
            assert np.nanstd(values[feature.name]) > 0, feature.name
