"""Dividend features equal plain loops over what was announced, corrected and deleted by then."""

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest
from source_world import CALENDAR, FrameTables, source_world

from gogooku.features.dividend import CLIP, DIVIDEND, DIVIDEND_INPUTS, HORIZON
from gogooku.features.kernels import CLOSE
from gogooku.features.timeline import Timeline

INPUT = DIVIDEND_INPUTS[0]
NAN = float("nan")


@lru_cache(maxsize=1)
def world():
    return source_world(first=date(2022, 6, 1), num_sessions=1000, num_stocks=24, seed=21)


def _later(frame, every, days, **changes):
    chosen = frame.filter(pl.int_range(pl.len()) % every == 2)
    return chosen.with_columns(
        pl.col("event_date") + timedelta(days=days),
        pl.col("available_at") + timedelta(days=days),
        reference=pl.lit(f"2098{every}") + pl.col("reference"),
        **changes,
    )


@lru_cache(maxsize=1)
def rows():
    """Announcements with more corrections of amounts, deletions and special payments."""
    frame = (
        world()
        .typed("dividends")
        .with_columns(
            special=pl.when(pl.int_range(pl.len()) % 7 == 0)
            .then(pl.lit("special"))
            .otherwise("special")
        )
    )
    deleted = _later(frame, 11, 9, status=pl.lit("deletion"))
    corrected = _later(
        frame, 6, 5, status=pl.lit("correction"), dividend_yen=pl.col("dividend_yen") + 3.0
    )
    return pl.concat([frame, deleted, corrected], how="vertical_relaxed").sort(
        "event_date", "reference"
    )


@lru_cache(maxsize=1)
def made():
    return INPUT.make(FrameTables({"dividends": rows()}), world().timeline)


def number(day):
    return int(np.sum(np.datetime64(day, "D") > CALENDAR))


def prepared(code, n):
    timeline = world().timeline
    frame = rows().sort("available_at", "event_date", "reference").filter(pl.col("code") == code)
    known = frame.to_dicts()
    for row in known:
        row["t"] = int(np.sum(timeline.decisions < np.datetime64(row["available_at"], "us")))
        event = int(np.sum(timeline.sessions <= np.datetime64(row["event_date"]))) - 1
        raw = row["dividend_yen"]
        row["amount"] = NAN if raw is None else raw / timeline.growth_TN[max(event, 0), n]
        row["payment"] = (row["term"], row["term_month"])
        row["serial"] = int(row["term_month"][:4]) * 12 + int(row["term_month"][5:7])
        row["chain"] = row["corrects"] or row["reference"]
    return known


def standing(known, payment):
    """The announcement of a payment that stands: of the newest chain that is not deleted."""
    chains = {}
    for row in known:
        if row["payment"] == payment:
            chains.setdefault(row["chain"], []).append(row)
    alive = [chain[-1] for chain in chains.values() if chain[-1]["status"] != "deletion"]
    return alive[-1] if alive else None


def annual(known, states, back):
    """Decided amounts of a year of terms; null until the terms reach beyond the first by a year."""
    ever = []
    for end in range(1, len(known) + 1):
        row = standing(known[:end], known[end - 1]["payment"])
        if row and row["certainty"] == "decided" and row["amount"] == row["amount"]:
            ever.append(row["serial"])
    if not ever or max(ever) < min(ever) + 12 + back:
        return NAN
    high = max(ever) - back
    decided = [
        r for r in states if r and r["certainty"] == "decided" and r["amount"] == r["amount"]
    ]
    return sum(r["amount"] for r in decided if high - 12 < r["serial"] <= high)


def announcements(known):
    """Change and kind by the newest announcements."""
    out, amounts = {}, {}
    for end, row in enumerate(known, start=1):
        state = standing(known[:end], row["payment"])
        now = state["amount"] if state else NAN
        before = amounts.get(row["payment"], NAN)
        if now == now and before == before and before != 0:
            out["dv_change"], out["change_t"] = (now - before) / abs(before), row["t"]
        if now == now:
            amounts[row["payment"]] = now
        if state and state["certainty"] == "decided":
            out["dv_special"] = float(state["special"] in ("special", "commemorative", "both"))
    return out


def naive_base():
    timeline = world().timeline
    out = {name: np.full(timeline.shape, np.nan) for name in INPUT.columns}
    for n, code in enumerate(timeline.codes):
        known, count, state, past = prepared(code, n), -1, {}, None
        for t, day in enumerate(timeline.sessions):
            seen = [row for row in known if row["t"] <= t]
            now = number(day)
            if len(seen) != count:
                count = len(seen)
                states = [standing(seen, payment) for payment in {r["payment"] for r in seen}]
                state = announcements(seen)
                state["dv_annual"] = annual(seen, states, 0)
                state["dv_annual_before"] = annual(seen, states, 12)
            days = [(number(r["ex_date"]), r["amount"]) for r in states if r and r["ex_date"]]
            coming = [pair for pair in days if now < pair[0] <= now + HORIZON]
            if coming:
                out["dv_to"][t, n] = min(coming)[0] - now
                out["dv_next"][t, n] = min(coming)[1]
            gone = [pair[0] for pair in days if pair[0] <= now]
            past = max([*gone, *([] if past is None else [past])], default=None)
            if past is not None:
                out["dv_since"][t, n] = now - past
            for name in ("dv_change", "dv_special", "dv_annual", "dv_annual_before"):
                out[name][t, n] = state.get(name, NAN)
            if "change_t" in state:
                out["dv_change_age"][t, n] = t - state["change_t"]
    return out


def test_base_columns_equal_plain_loops():
    for name, expected in naive_base().items():
        np.testing.assert_allclose(made()[name], expected, rtol=1e-9, atol=1e-6, err_msg=name)
        assert np.isfinite(expected).mean() > 0.1, name
        assert np.nanstd(expected) > 0, name


@lru_cache(maxsize=1)
def inputs():
    shape = world().timeline.shape
    rng = np.random.default_rng(8)
    close = np.exp(rng.normal(0.0, 0.02, shape).cumsum(axis=0)) * 900.0
    close[rng.random(shape) < 0.05] = np.nan
    return {**made(), "close": close}


def clipped(value):
    return value if value != value else min(max(value, -CLIP), CLIP)


def divided(b, of):
    seen = [value for value in b["closes"] if value == value]
    return b[of] / seen[-1] if seen else NAN


def grown(b):
    before = b["dv_annual_before"]
    return clipped((b["dv_annual"] - before) / abs(before)) if before else NAN


FORMULAS = {
    "div_days_to_ex": lambda b: b["dv_to"],
    "div_days_since_ex": lambda b: b["dv_since"],
    "div_yield_est": lambda b: divided(b, "dv_next"),
    "div_dy_12m": lambda b: divided(b, "dv_annual"),
    "div_growth_12m": grown,
    "div_rev": lambda b: clipped(b["dv_change"]),
    "div_rev_flag": lambda b: float(b["dv_change_age"] == 0 and abs(b["dv_change"]) > 1e-10),
    "div_is_special": lambda b: b["dv_special"],
    "is_div_valid": lambda b: float(b["dv_annual"] == b["dv_annual"]),
    **{f"div_pre{w}": lambda b, w=w: float(1 <= b["dv_to"] <= w) for w in (1, 3, 5)},
    **{f"div_post{w}": lambda b, w=w: float(0 <= b["dv_since"] < w) for w in (1, 3, 5)},
}


@pytest.mark.parametrize("feature", DIVIDEND, ids=lambda f: f.name)
def test_features_equal_plain_formulas_and_need_their_lookback_only(feature):
    x = inputs()
    found = feature.compute({name: x[name] for name in feature.inputs})
    for t in range(CLOSE, 1000, 13):
        for n in range(found.shape[1]):
            cell = {name: float(x[name][t, n]) for name in feature.inputs}
            cell["closes"] = x["close"][t - CLOSE + 1 : t + 1, n]
            expected = FORMULAS[feature.name](cell)
            np.testing.assert_allclose(found[t, n], expected, rtol=1e-12)
        span = slice(t - feature.lookback + 1, t + 1)
        again = feature.compute({name: x[name][span] for name in feature.inputs})
        np.testing.assert_array_equal(again[-1], found[t])
    assert np.nanstd(found) > 0


def test_later_rows_change_nothing_before():
    timeline = world().timeline
    for t in (200, 517, 850):
        later = pl.col("available_at") > pl.lit(timeline.decisions[t].item())
        spoiled = rows().with_columns(
            dividend_yen=pl.when(later).then(999.0).otherwise("dividend_yen"),
            status=pl.when(later).then(pl.lit("deletion")).otherwise("status"),
            ex_date=pl.when(later).then("event_date").otherwise("ex_date"),
        )
        again = INPUT.make(FrameTables({"dividends": spoiled}), timeline)
        for name, column in made().items():
            np.testing.assert_array_equal(again[name][: t + 1], column[: t + 1], err_msg=name)
        assert not np.array_equal(again["dv_to"], made()["dv_to"], equal_nan=True)


def test_the_end_of_the_data_changes_nothing_before():
    whole = world().timeline
    for t in (200, 517, 850):
        cut = Timeline(
            sessions=whole.sessions[: t + 1],
            codes=whole.codes,
            decisions=whole.decisions[: t + 1],
            growth_TN=whole.growth_TN[: t + 1],
            listed_TN=whole.listed_TN[: t + 1],
        )
        again = INPUT.make(FrameTables({"dividends": rows()}), cut)
        for name, column in made().items():
            np.testing.assert_array_equal(again[name], column[: t + 1], err_msg=name)
