"""Listing features against plain loops over the lists, the window law and no look-ahead."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.features.market.listing import (
    LISTING,
    LISTING_INPUTS,
    OLDEST,
    SECTORS33,
    STANDS,
    pick,
)
from support.source_world import FrameTables, source_world

SEGMENT = {
    "0101": 2, "0111": 2, "0102": 1, "0106": 1, "0112": 1, "0104": 0, "0107": 0, "0113": 0,
}  # fmt: skip
SCALE = {
    "-": 0,
    "TOPIX Small 2": 1,
    "TOPIX Small 1": 2,
    "TOPIX Mid400": 3,
    "TOPIX Large70": 4,
    "TOPIX Core30": 5,
}
MARGIN = {"other": 0, "credit": 1, "lendable": 2}
NAN = math.nan


@pytest.fixture(scope="module")
def world():
    """The restructuring of 2022-04-04 lies inside, and more than the oldest age that is told."""
    return source_world(date(2021, 2, 1), 800, 24, 3)


@pytest.fixture(scope="module")
def master(world):
    """The lists with moves, a gap in a listing and missing classes."""
    frame = world.typed("master")
    days = world.timeline.sessions.tolist()
    code = world.timeline.codes
    since = pl.col("event_date") >= days[300]

    def change(frame, column, name, when, value):
        hit = (pl.col("code") == name) & when
        return frame.with_columns(
            pl.when(hit).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
        )

    frame = change(frame, "market_code", code[0], since, "0113")
    frame = change(frame, "market_code", code[0], pl.col("event_date") >= days[500], "0111")
    frame = change(frame, "market_code", code[5], pl.col("event_date") >= days[600], "0105")
    frame = change(frame, "scale", code[1], since, "TOPIX Core30")
    frame = change(frame, "scale", code[1], pl.col("event_date") >= days[390], "TOPIX Mid400")
    frame = change(frame, "margin_class", code[2], ~since, "credit")
    frame = change(frame, "margin_class", code[2], since, "lendable")
    frame = change(frame, "margin_class", code[3], pl.col("event_date") < days[100], None)
    frame = change(frame, "sector33", code[4], since, "9999")
    gone = (pl.col("code") == code[6]) & pl.col("event_date").is_between(days[40], days[59])
    return frame.filter(~gone)


@pytest.fixture(scope="module")
def timeline(world):
    listed = world.timeline.listed_TN.copy()
    listed[40:60, 6] = False
    return replace(world.timeline, listed_TN=listed)


def base_of(master, timeline):
    (table,) = LISTING_INPUTS
    made = table.make(FrameTables({"master": master}), timeline)
    assert set(made) == set(table.columns)
    assert all(values.shape == timeline.shape for values in made.values())
    return made


def features_of(base):
    return {f.name: f.compute({name: base[name] for name in f.inputs}) for f in LISTING}


@pytest.fixture(scope="module")
def base(master, timeline):
    return base_of(master, timeline)


@pytest.fixture(scope="module")
def naive(master, timeline):
    """Base columns by walking through the lists of every name."""
    out = {name: np.full(timeline.shape, NAN) for name in
           ("lst_segment", "lst_scale", "lst_margin", "lst_sector33", "listing_age")}  # fmt: skip
    lists = sorted(set(master["event_date"].to_list()))
    for n, code in enumerate(timeline.codes):
        rows = master.filter(pl.col("code") == code).sort("event_date").to_dicts()
        on = {row["event_date"] for row in rows}
        age, ages = None, {}
        for place, day in enumerate(lists):
            if day not in on:
                age = None
                continue
            began = age is None
            age = 0 if began else age + 1
            first = place if began else first  # noqa: F821 - set when it began
            ages[day] = NAN if first == 0 and age < OLDEST else float(min(age, OLDEST))
        for t, session in enumerate(timeline.sessions.tolist()):
            decision = timeline.decisions[t].item()
            if not timeline.listed_TN[t, n]:
                continue
            row = [row for row in rows if row["available_at"] <= decision][-1]
            out["lst_segment"][t, n] = SEGMENT.get(row["market_code"], NAN)
            out["lst_scale"][t, n] = SCALE.get(row["scale"], NAN)
            out["lst_margin"][t, n] = MARGIN.get(row["margin_class"], NAN)
            sector = row["sector33"]
            out["lst_sector33"][t, n] = SECTORS33.index(sector) if sector in SECTORS33 else NAN
            out["listing_age"][t, n] = ages[session]
    return out


def test_base_columns_equal_loops(base, naive):
    for name, values in naive.items():
        np.testing.assert_array_equal(base[name], values, err_msg=name)
        assert np.nanmax(values) > np.nanmin(values)


def flag(value, wanted):
    return NAN if math.isnan(value) else float(value in wanted)


def moved(values, t, way):
    """Whether a move that way lies in the last 60 sessions; null with fewer than 48 known."""
    steps = [
        values[s] - values[s - 1]
        for s in range(max(t - 59, 1), t + 1)
        if not math.isnan(values[s] - values[s - 1])
    ]
    return NAN if len(steps) < 48 else float(any(way * step > 0 for step in steps))


def test_features_equal_loops(base, naive):
    made = features_of(base)
    flags = {
        "is_borrowable": ("lst_margin", {2.0}),
        "is_prime": ("lst_segment", {2.0}),
        "is_standard": ("lst_segment", {1.0}),
        "is_growth": ("lst_segment", {0.0}),
        "is_scale_core30": ("lst_scale", {5.0}),
        "is_scale_large70": ("lst_scale", {4.0}),
        "is_scale_mid400": ("lst_scale", {3.0}),
        "is_scale_small": ("lst_scale", {1.0, 2.0}),
    }
    moves = {
        "is_segment_up_60": ("lst_segment", 1),
        "is_segment_down_60": ("lst_segment", -1),
        "is_scale_up_60": ("lst_scale", 1),
        "is_scale_down_60": ("lst_scale", -1),
        "is_margin_up_60": ("lst_margin", 1),
    }
    assert {*flags, *moves, "listing_age"} == set(made)
    num_sessions, num_names = naive["listing_age"].shape
    for n in range(num_names):
        for t in range(num_sessions):
            for name, (of, wanted) in flags.items():
                assert same(made[name][t, n], flag(naive[of][t, n], wanted)), (name, t, n)
            assert same(made["listing_age"][t, n], naive["listing_age"][t, n])
            if t % 3 == 0 or 295 < t < 365:
                for name, (of, way) in moves.items():
                    wanted = moved(naive[of][:, n], t, way)
                    assert same(made[name][t, n], wanted), (name, t, n)
    for name in moves:
        assert np.nanmax(made[name]) == 1.0


def same(value, wanted):
    return (math.isnan(value) and math.isnan(wanted)) or abs(value - wanted) < 1e-12


def test_a_move_counts_from_the_evening_before_and_predecessors_continue(base, timeline):
    assert base["lst_segment"][298, 0] != 0.0
    assert base["lst_segment"][299, 0] == 0.0  # the list of session 300 is out at 17:30
    switch = int(np.searchsorted(timeline.sessions, np.datetime64("2022-04-04")))
    kept = [n for n in range(timeline.shape[1]) if n != 0]
    np.testing.assert_array_equal(
        base["lst_segment"][switch - 2, kept], base["lst_segment"][switch + 1, kept]
    )


def test_a_second_listing_starts_anew(base):
    assert np.isnan(base["listing_age"][39, 6])  # age since before the source began
    assert base["listing_age"][60, 6] == 0.0
    assert base["listing_age"][65, 6] == 5.0


def test_a_fact_stands_for_a_while_without_a_list_and_windows_see_the_same(master, world):
    """Two names drop off the lists, one for good, and a month of lists is missing."""
    timeline = world.timeline
    always = np.flatnonzero(timeline.listed_TN.all(axis=0) & (np.arange(24) != 6))
    gone, back = always[-1], always[-2]
    days = timeline.sessions.tolist()
    day, code = pl.col("event_date"), pl.col("code")
    off = ((code == timeline.codes[gone]) & (day >= days[100])) | (
        (code == timeline.codes[back]) & day.is_between(days[100], days[110])
    )
    thin = master.filter(~off & ~day.is_between(days[30], days[60]))
    made = base_of(thin, timeline)
    fact = made["lst_segment"]
    end = 99 + STANDS + 1  # the last list with the name is that of session 99
    assert np.isfinite(fact[70:end, gone]).all()
    assert np.isnan(fact[end:, gone]).all()
    assert np.isfinite(fact[70:, back]).all()
    assert np.isnan(made["listing_age"][100:111, back]).all()
    assert made["listing_age"][120, back] == 9.0
    silent = slice(29 + STANDS + 1, 60)  # no list at all for longer than a fact stands
    assert np.isfinite(fact[silent.start - 1, always]).all()
    assert np.isnan(fact[silent]).all()
    for first in (45, 60, 61, 110, 119, 120, OLDEST + 29, OLDEST + 45, OLDEST + 49):
        part = base_of(thin, timeline.tail(first))
        for name, values in part.items():
            np.testing.assert_array_equal(values, made[name][first:], err_msg=f"{name} {first}")


@pytest.mark.parametrize("t", [55, 301, 640])
def test_later_lists_change_nothing(master, timeline, base, t):
    later = pl.col("available_at") > timeline.decisions[t].item()
    garbage = master.with_columns(
        pl.when(later).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
        for column, value in (
            ("market_code", "0105"),
            ("scale", "TOPIX Core30"),
            ("margin_class", "other"),
            ("sector33", "9050"),
        )
    )
    for frame in (garbage, master.filter(~later)):
        made = base_of(frame, timeline)
        changed = 0
        for name, values in made.items():
            np.testing.assert_array_equal(values[: t + 1], base[name][: t + 1], err_msg=name)
            changed += int((values[t + 1 :] != base[name][t + 1 :]).sum())
        assert changed


def test_value_from_exactly_the_lookback(base):
    whole = features_of(base)
    for f in LISTING:
        for t in (60, 345, 358, 448, 558, 799):  # 358, 448, 558: a move 60 sessions ago
            part = {name: base[name][t - f.lookback + 1 : t + 1] for name in f.inputs}
            np.testing.assert_array_equal(f.compute(part)[-1], whole[f.name][t], err_msg=f.name)
        if f.lookback > 1:
            short = [
                f.compute({name: base[name][t - f.lookback + 2 : t + 1] for name in f.inputs})[-1]
                for t in range(f.lookback, 500)
            ]
            assert not np.array_equal(short, whole[f.name][f.lookback : 500], equal_nan=True)


def test_pick():
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    which = np.array([[1.0, 0.0, NAN], [NAN, 1.0, 1.0]])
    np.testing.assert_array_equal(pick(table, which), [[2.0, 1.0, NAN], [NAN, 4.0, 4.0]])
