"""Features of the two halves of a session against plain loops over typed rows."""

import math

import numpy as np
import polars as pl
import pytest

from gogooku.features.laws import evaluate_dense
from gogooku.features.trading.morning import MORNING, MORNING_INPUTS
from support.naive import (
    NAN,
    assert_declared,
    assert_no_look_ahead,
    assert_not_duplicates,
    assert_same,
    assert_window_laws,
    bars,
    corr,
    div,
    log,
    mean,
    per_name,
    roll,
    z,
)
from support.source_world import FrameTables, source_world

PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def frames():
    """Typed rows, those of one session known only the morning after."""
    frame = source_world().typed("quotes")
    late = pl.col("event_date") == source_world().timeline.sessions[120].item()
    available = pl.col("available_at")
    moved = pl.when(late).then(available + pl.duration(hours=16)).otherwise(available)
    kept = [c for c in frame.columns if c.startswith(("morning_", "afternoon_"))]
    return {"quotes": frame.select("event_date", moved.alias("available_at"), "code", *kept)}


@pytest.fixture(scope="module")
def inputs(frames):
    (table,) = MORNING_INPUTS
    made = table.make(FrameTables(frames), source_world().timeline)
    assert set(made) == set(table.columns)
    return bars() | dict(made)


@pytest.fixture(scope="module")
def values(inputs):
    return evaluate_dense(MORNING, inputs)


def test_base_columns_equal_a_loop_over_rows(frames, inputs):
    timeline = source_world().timeline
    session = {d: t for t, d in enumerate(timeline.sessions.tolist())}
    names = [n for n in inputs if n.startswith("mq_")]
    assert len(names) == 11
    expected = {name: np.full(timeline.shape, NAN) for name in names}
    place = {code: n for n, code in enumerate(timeline.codes)}
    for row in frames["quotes"].iter_rows(named=True):
        t, n = session[row["event_date"]], place.get(row["code"])
        late = np.datetime64(row["available_at"], "us") > timeline.decisions[t]
        if n is None or late or row["morning_close"] is None:
            continue
        growth = timeline.growth_TN[t, n]
        for prefix, half in (("mq_am", "morning"), ("mq_pm", "afternoon")):
            for part in PRICES:
                if row[f"{half}_{part}"] is not None:
                    expected[f"{prefix}_{part}"][t, n] = row[f"{half}_{part}"] / growth
            expected[f"{prefix}_volume"][t, n] = row[f"{half}_volume_shares"] * growth
        expected["mq_am_turnover"][t, n] = row["morning_turnover_yen"]
    for name in names:
        assert_same(inputs[name], expected[name], name, least=1000)
        assert np.isnan(inputs[name][120]).all()
    split = timeline.growth_TN.min(axis=0) < 1.0
    assert split.any(), "no name has a split, so the basis is not tested"


def oracle(x):
    """Every feature of one name from its lists."""
    rows = range(len(x["close"]))
    am = {part: x[f"mq_am_{part}"] for part in (*PRICES, "volume", "turnover")}
    pm = {part: x[f"mq_pm_{part}"] for part in (*PRICES, "volume")}
    last, stale, before = NAN, 0, []
    for t in rows:
        before.append(last if stale <= 20 else NAN)
        known = x["close"][t] == x["close"][t]
        last, stale = (x["close"][t], 0) if known else (last, stale + 1)
    share = [div(am["volume"][t], am["volume"][t] + pm["volume"][t]) for t in rows]
    am_body = [div(am["close"][t], am["open"][t]) - 1 for t in rows]
    pm_body = [div(pm["close"][t], pm["open"][t]) - 1 for t in rows]
    side = []
    for t in rows:
        unknown = am["high"][t] != am["high"][t] or pm["high"][t] != pm["high"][t]
        top = am["high"][t] >= pm["high"][t] * (1 - 1e-10)
        bottom = am["low"][t] <= pm["low"][t] * (1 + 1e-10)
        side.append(NAN if unknown else float(top) - float(bottom))
    typical = roll(am["volume"], 20, mean)
    return {
        "am_gap_prev_close": [div(am["close"][t], before[t]) - 1 for t in rows],
        "am_body": am_body,
        "am_range": [div(am["high"][t], am["low"][t]) - 1 for t in rows],
        "am_pos_in_am_range": [
            div(am["close"][t] - am["low"][t], am["high"][t] - am["low"][t]) for t in rows
        ],
        "am_to_full_range": [
            div(am["high"][t] - am["low"][t], x["high"][t] - x["low"][t]) for t in rows
        ],
        "am_vwap_gap": [div(am["close"][t] * am["volume"][t], am["turnover"][t]) - 1 for t in rows],
        "am_vol_ratio_20": [log(div(am["volume"][t], typical[t])) for t in rows],
        "am_vol_share": share,
        "am_vol_share_z20": z(share, 20),
        "pm_gap_am_close": [div(pm["open"][t], am["close"][t]) - 1 for t in rows],
        "pm_body": pm_body,
        "pm_range": [div(pm["high"][t], pm["low"][t]) - 1 for t in rows],
        "am_body_20": roll(am_body, 20, mean),
        "pm_body_20": roll(pm_body, 20, mean),
        "am_pm_corr_60": corr(am_body, pm_body, 60),
        "am_high_less_low_20": roll(side, 20, mean),
        "is_am_valid": [
            NAN if math.isnan(x["listed"][t]) else float(am["close"][t] == am["close"][t])
            for t in rows
        ],
    }


def test_features_equal_loops(inputs, values):
    expected = per_name(inputs, oracle)
    assert set(expected) == {f.name for f in MORNING}
    for name, want in expected.items():
        assert_same(values[name], want, name, least=1000)


def test_nothing_is_known_before_its_time(frames):
    timeline = source_world().timeline
    assert_no_look_ahead(MORNING_INPUTS, frames, timeline, (0, 119, 120, 320))


def test_a_plan_without_halves_has_nulls(frames):
    (table,) = MORNING_INPUTS
    frame = frames["quotes"]
    empty = frame.with_columns(
        pl.lit(None, dtype=frame[c].dtype).alias(c) for c in frame.columns[3:]
    )
    made = table.make(FrameTables({"quotes": empty}), source_world().timeline)
    assert all(np.isnan(v).all() for v in made.values())


def test_window_laws_and_declarations(inputs, values):
    assert_window_laws(MORNING, inputs, (100, 121, 290, 329))
    assert_declared(MORNING, "morning")
    assert_not_duplicates(MORNING, values, inputs["universe"])
    for feature in MORNING:
        if feature.role != "mask":
            assert np.nanstd(values[feature.name]) > 0, feature.name
