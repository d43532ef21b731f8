"""Dividend features equal plain loops over what was announced, corrected and deleted by then."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import TOKYO, Clock
from gogooku.features.company.dividend import CLIP, DIVIDEND, DIVIDEND_INPUTS, HORIZON, payments
from gogooku.features.engine.kernels import CLOSE
from gogooku.features.engine.timeline import Timeline, timeline_of
from support.source_world import CALENDAR, FrameTables, source_world

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
    """Announcements with more corrections of amounts, deletions and special payments.

    Some amounts are zero, some announcements are repeated the same evening, and three names fall
    silent.
    """
    frame = (
        world()
        .typed("dividends")
        .with_columns(
            special=pl.when(pl.int_range(pl.len()) % 7 == 0)
            .then(pl.lit("special"))
            .otherwise("special"),
            dividend_yen=pl.when(pl.int_range(pl.len()) % 13 == 4)
            .then(pl.col("dividend_yen") * 0.0)
            .otherwise("dividend_yen"),
        )
    )
    silent = pl.col("code").is_in(world().timeline.codes[::8])
    frame = frame.filter(~(silent & (pl.col("event_date") > date(2024, 2, 1))))
    repeated = frame.filter(pl.int_range(pl.len()) % 4 == 1).with_columns(
        pl.col("available_at") + timedelta(minutes=1),
        reference=pl.lit("2097") + pl.col("reference"),
        status=pl.lit("new"),
        corrects=pl.lit(None, dtype=pl.String),
    )
    first = pl.coalesce("corrects", "reference")
    deleted = _later(frame, 11, 9, status=pl.lit("deletion"), corrects=first)
    correction = {"status": pl.lit("correction"), "corrects": first}
    corrected = _later(frame, 6, 5, **correction, dividend_yen=pl.col("dividend_yen") + 3.0)
    other = pl.when(pl.col("term") == "final").then(pl.lit("interim")).otherwise(pl.lit("final"))
    moved = _later(frame, 9, 7, **correction, term=other)
    parts = [frame, deleted, corrected, repeated, moved]
    return pl.concat(parts, how="vertical_relaxed").sort("event_date", "reference")


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
        start = timeline.decisions[0].item().date()
        known_on = row["available_at"].date()
        row["evening"] = (row["t"], min(known_on, start) if row["t"] == 0 else start)
        shares_of = [row["event_date"]]
        if row["ex_date"]:
            shares_of.append(row["ex_date"] - timedelta(days=1))
        event = int(np.sum(timeline.sessions <= np.datetime64(min(shares_of)))) - 1
        raw = row["dividend_yen"]
        row["amount"] = NAN if raw is None else raw / timeline.growth_TN[max(event, 0), n]
        row["payment"] = (row["term"], row["term_month"])
        row["serial"] = int(row["term_month"][:4]) * 12 + int(row["term_month"][5:7])
        row["chain"] = row["corrects"] or row["reference"]
    newest, told = {}, []
    for row in known:
        turn = (row["event_date"], row["reference"])
        if turn >= newest.get(row["chain"], turn):  # else it was amended before it was known
            newest[row["chain"]] = turn
            told.append(row)
    return told


def standing(known, payment):
    """The announcement of a payment that stands: of the newest chain that is not deleted."""
    chains = {}
    for row in known:
        chains.setdefault(row["chain"], []).append(row)
    newest = [chain[-1] for chain in chains.values()]
    alive = [r for r in newest if r["status"] != "deletion" and r["payment"] == payment]
    return alive[-1] if alive else None


def touched(known):
    """Payments whose state the newest row may change: the one that its chain had, and its own."""
    row = known[-1]
    had = [r["payment"] for r in known[:-1] if r["chain"] == row["chain"]][-1:]
    return [*(payment for payment in had if payment != row["payment"]), row["payment"]]


def annual(known, states, back):
    """Decided amounts of a year of terms; null until the terms reach beyond the first by a year."""
    ever = terms(known)
    if not ever or max(ever) < min(ever) + 12 + back:
        return NAN
    high = max(ever) - back
    decided = [
        r for r in states if r and r["certainty"] == "decided" and r["amount"] == r["amount"]
    ]
    return sum(r["amount"] for r in decided if high - 12 < r["serial"] <= high)


def terms(known):
    """Months of the decided terms that stand."""
    states = [standing(known, payment) for payment in {row["payment"] for row in known}]
    return [
        row["serial"]
        for row in states
        if row and row["certainty"] == "decided" and row["amount"] == row["amount"]
    ]


def change_of(now, before):
    if before == 0:
        return CLIP if now > 0 else 0.0
    return min((now - before) / before, CLIP)


def announcements(known):
    """Largest change by the newest evening of announcements, and kind by the newest of them."""
    out, amounts = {}, {}
    for evening in sorted({row["evening"] for row in known}):
        heard = {}
        for end, row in enumerate(known, start=1):
            if row["evening"] != evening:
                continue
            for payment in touched(known[:end]):
                state = standing(known[:end], payment)
                heard.setdefault(payment, []).append(state["amount"] if state else NAN)
                if state and state["certainty"] == "decided":
                    kind = state["special"]
                    out["div_is_special"] = float(kind in ("special", "commemorative", "both"))
        changes = [
            change_of(states[-1], amounts[payment])
            for payment, states in heard.items()
            if states[-1] == states[-1] and payment in amounts
        ]
        if changes:
            out["div_rev"], out["change_t"] = max(changes, key=abs), evening[0]
        for payment, states in heard.items():
            told = [amount for amount in states if amount == amount]
            if told:
                amounts[payment] = told[-1]
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
                newest = max(terms(seen), default=0)
            if day.item().year * 12 + day.item().month - newest > 18:
                state["dv_annual"] = state["dv_annual_before"] = NAN
            days = [(number(r["ex_date"]), r["amount"]) for r in states if r and r["ex_date"]]
            coming = [pair for pair in days if now < pair[0] <= now + HORIZON]
            if coming:
                out["div_days_to_ex"][t, n] = min(coming)[0] - now
                out["dv_next"][t, n] = min(coming)[1]
            gone = [pair[0] for pair in days if pair[0] <= now]
            past = max([*gone, *([] if past is None else [past])], default=None)
            if past is not None:
                out["div_days_since_ex"][t, n] = now - past
            for name in ("div_rev", "div_is_special", "dv_annual", "dv_annual_before"):
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
    "div_days_to_ex": lambda b: b["div_days_to_ex"],
    "div_days_since_ex": lambda b: b["div_days_since_ex"],
    "div_yield_est": lambda b: divided(b, "dv_next"),
    "div_dy_12m": lambda b: divided(b, "dv_annual"),
    "div_growth_12m": grown,
    "div_rev": lambda b: clipped(b["div_rev"]),
    "div_rev_flag": lambda b: float(b["dv_change_age"] == 0 and abs(b["div_rev"]) > 1e-10),
    "div_is_special": lambda b: b["div_is_special"],
    "is_div_valid": lambda b: float(b["dv_annual"] == b["dv_annual"]),
    **{f"div_pre{w}": lambda b, w=w: float(1 <= b["div_days_to_ex"] <= w) for w in (1, 3, 5)},
    **{f"div_post{w}": lambda b, w=w: float(0 <= b["div_days_since_ex"] < w) for w in (1, 3, 5)},
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
        assert not np.array_equal(again["div_days_to_ex"], made()["div_days_to_ex"], equal_nan=True)


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


# ---------------------------------------------------------------------------- single announcements


def announced(on, term, month, yen, *, certainty="decided", ex_date=None):
    """One announcement of the first name."""
    known = datetime.combine(on, time(6, 30))
    return {
        "event_date": on,
        "available_at": known,
        "code": world().timeline.codes[0],
        "reference": f"{on:%Y%m%d}{term}{month}",
        "status": "new",
        "term": term,
        "certainty": certainty,
        "term_month": month,
        "dividend_yen": yen,
        "ex_date": ex_date,
    }


def features_of(rows, *names, timeline=None):
    """Some features of the first name, closes being 1000 yen."""
    schema = world().typed("dividends").schema
    frame = pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in schema}, schema=schema, strict=False
    )
    timeline = timeline or world().timeline
    base = INPUT.make(FrameTables({"dividends": frame}), timeline)
    x = {**base, "close": np.full(timeline.shape, 1000.0)}
    found = {f.name: f.compute({c: x[c] for c in f.inputs})[:, 0] for f in DIVIDEND}
    return [found[name] for name in names]


def session_of(day):
    return int(np.searchsorted(world().timeline.sessions, np.datetime64(day)))


def test_of_several_payments_of_a_session_the_largest_change_is_told():
    before, evening, later = date(2023, 11, 10), date(2024, 5, 10), date(2024, 6, 21)
    rows = [
        announced(before, "interim", "2024-03", 20.0, certainty="forecast"),
        announced(before, "final", "2024-03", 20.0, certainty="forecast"),
        announced(evening, "interim", "2024-03", 22.0),
        announced(evening, "final", "2024-03", 12.0),
        announced(evening, "final", "2024-02", 9.0),
        announced(later, "final", "2024-03", 12.0),
    ]
    revision, flag = features_of(rows, "div_rev", "div_rev_flag")
    t, end = session_of(evening), session_of(later)
    assert np.isnan(revision[:t]).all()
    np.testing.assert_allclose(revision[t:end], -0.4)
    np.testing.assert_allclose(revision[end:], 0.0)
    assert np.flatnonzero(flag).tolist() == [t]


def test_a_change_repeated_the_same_evening_is_a_change():
    before, evening = date(2023, 11, 10), date(2024, 5, 10)
    again = announced(evening, "final", "2024-03", 30.0) | {"reference": "2024051099"}
    rows = [
        announced(before, "final", "2024-03", 20.0, certainty="forecast"),
        announced(evening, "final", "2024-03", 30.0),
        again,
    ]
    revision, flag = features_of(rows, "div_rev", "div_rev_flag")
    np.testing.assert_allclose(revision[session_of(evening) :], 0.5)
    assert np.flatnonzero(flag).tolist() == [session_of(evening)]


def test_a_dividend_after_none_is_a_change_and_a_decision_as_forecast_is_none():
    before, evening = date(2023, 11, 10), date(2024, 5, 10)
    for forecast, decided, change in ((0.0, 10.0, CLIP), (10.0, 10.0, 0.0), (0.0, 0.0, 0.0)):
        rows = [
            announced(before, "final", "2024-03", forecast, certainty="forecast"),
            announced(evening, "final", "2024-03", decided),
        ]
        revision, flag = features_of(rows, "div_rev", "div_rev_flag")
        np.testing.assert_allclose(revision[session_of(evening) :], change)
        assert flag.sum() == (change != 0.0)


def test_twelve_months_of_dividends_end_when_no_term_follows():
    rows = [
        announced(date(year, 5, 12), "final", f"{year}-03", yen)
        for year, yen in ((2022, 20.0), (2023, 30.0), (2024, 40.0))
    ]
    paid, valid, grown = features_of(rows, "div_dy_12m", "is_div_valid", "div_growth_12m")
    known, gone = session_of("2024-05-12"), session_of("2025-10-01")
    np.testing.assert_allclose(paid[known:gone], 0.04)
    np.testing.assert_allclose(grown[known:gone], 1.0 / 3.0)
    assert np.isnan(paid[gone:]).all()
    assert np.isnan(grown[gone:]).all()
    assert valid[known:gone].all()
    assert not valid[gone:].any()
    assert gone < world().timeline.shape[0] - 100


def test_a_correction_that_names_another_term_takes_the_payment_away_from_the_old_one():
    told, moved = date(2024, 5, 10), date(2024, 6, 21)
    rows = [
        announced(date(2023, 5, 12), "final", "2023-03", 30.0),
        announced(told, "interim", "2024-03", 40.0),
        announced(moved, "final", "2024-03", 40.0)
        | {"status": "correction", "corrects": f"{told:%Y%m%d}interim2024-03"},
    ]
    (paid,) = features_of(rows, "div_dy_12m")
    np.testing.assert_allclose(paid[session_of(told) : session_of(moved)], 0.04)
    np.testing.assert_allclose(paid[session_of(moved) : session_of(moved) + 200], 0.04)


@pytest.mark.parametrize("term", ["final", "interim", None])
def test_a_deletion_removes_the_announcement_whatever_term_it_names(term):
    told, ex_date = date(2024, 5, 10), date(2024, 9, 27)
    withdrawn = announced(date(2024, 6, 21), term, "2024-12" if term else None, None)
    rows = [
        announced(told, "final", "2024-09", 40.0, ex_date=ex_date),
        withdrawn | {"status": "deletion", "corrects": f"{told:%Y%m%d}final2024-09"},
    ]
    (coming,) = features_of(rows, "div_yield_est")
    t, gone = session_of(told), session_of("2024-06-21")
    assert np.isfinite(coming[t + 1 : gone]).any()
    assert np.isnan(coming[gone:]).all()


@pytest.mark.parametrize("wrong", ["2023-09", "2024-09", "2025-03"])
def test_a_mistaken_term_leaves_nothing_behind(wrong):
    told, moved = date(2024, 5, 10), date(2024, 5, 17)
    before = [
        announced(date(2023, 5, 12), "final", "2023-03", 30.0),
        announced(date(2023, 11, 10), "interim", "2023-09", 20.0),
    ]
    mistaken = announced(told, "final", wrong, 40.0)
    correction = announced(moved, "final", "2024-03", 40.0)
    correction |= {"status": "correction", "corrects": mistaken["reference"]}
    names = ("div_dy_12m", "div_growth_12m", "is_div_valid")
    found = features_of([*before, mistaken, correction], *names)
    wanted = features_of([*before, announced(moved, "final", "2024-03", 40.0)], *names)
    start = session_of(moved)
    assert wanted[0][start] == pytest.approx(0.06)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one[start:], other[start:])


@pytest.mark.parametrize("status", ["correction", "deletion"])
def test_an_announcement_known_after_what_amends_it_changes_nothing(status):
    first = announced(date(2024, 5, 10), "final", "2024-03", 40.0)
    later = announced(date(2024, 5, 11), "final", "2024-03", 55.0)
    later |= {"status": status, "corrects": first["reference"]}
    old = announced(date(2023, 5, 12), "final", "2023-03", 30.0)
    late = first | {"available_at": later["available_at"] + timedelta(days=3)}
    for again in ([first], [late], [first, late]):
        (paid,) = features_of([old, *again, later], "div_dy_12m")
        end = paid[session_of("2024-05-20") :][:100]
        np.testing.assert_allclose(end, 0.055 if status == "correction" else np.nan)


def test_a_term_left_long_ago_is_not_told_again():
    moved = announced(date(2024, 3, 8), "interim", "2024-09", 40.0)
    special = announced(date(2024, 2, 9), "interim", "2024-09", 40.0) | {"special": "special"}
    special |= {"reference": "20240209special"}
    chain = {"corrects": moved["reference"]}
    rows = [
        special,
        moved,
        announced(date(2024, 4, 12), "final", "2024-09", 40.0) | {"status": "correction"} | chain,
        announced(date(2024, 5, 24), "final", "2024-12", 10.0) | {"special": "ordinary"},
        announced(date(2024, 6, 7), "final", "2024-09", None) | {"status": "deletion"} | chain,
    ]
    (flag,) = features_of(rows, "div_is_special")
    assert flag[session_of("2024-05-24")] == 0.0
    assert flag[session_of("2024-06-10")] == 0.0


def test_a_split_after_the_ex_date_has_no_part_in_a_dividend_decided_later():
    whole = world().timeline
    ex_date = date(2024, 3, 28)
    growth = np.ones(whole.shape)
    growth[session_of(ex_date) :, 0] = 0.5
    timeline = replace(whole, growth_TN=growth)
    rows = [
        announced(date(2023, 5, 12), "final", "2023-03", 50.0, ex_date=date(2023, 3, 30)),
        announced(
            date(2023, 11, 10), "final", "2024-03", 50.0, certainty="forecast", ex_date=ex_date
        ),
        announced(date(2024, 5, 10), "final", "2024-03", 50.0, ex_date=ex_date),
        announced(date(2024, 6, 21), "final", "2025-03", 25.0, ex_date=date(2025, 3, 28)),
    ]
    revision, flag, paid, coming = features_of(
        rows, "div_rev", "div_rev_flag", "div_dy_12m", "div_yield_est", timeline=timeline
    )
    decided, last = session_of("2024-05-10"), session_of("2025-03-27")
    np.testing.assert_allclose(revision[decided:], 0.0)
    assert not flag.any()
    np.testing.assert_allclose(paid[decided : session_of("2024-06-21")], 0.05)
    np.testing.assert_allclose(coming[last], 0.05)


# ------------------------------------------------------------------------ what a ledger is paid


def paid(timeline):
    return payments(FrameTables({"dividends": rows()}), timeline)


def test_payments_are_those_that_stand_in_the_end():
    timeline = world().timeline
    wanted = {}
    for n, code in enumerate(timeline.codes):
        known = [row for row in prepared(code, n) if row["t"] < len(timeline.sessions)]
        for payment in {row["payment"] for row in known}:
            row = standing(known, payment)
            if row is None or row["ex_date"] is None or not row["amount"] > 0.0:
                continue
            at = int(np.sum(timeline.sessions < np.datetime64(row["ex_date"])))
            if 0 < at < len(timeline.sessions):
                key = (timeline.sessions[at].item(), code)
                each = row["amount"] * timeline.growth_TN[at - 1, n]
                wanted[key] = wanted.get(key, 0.0) + each
    found = {(day, code): each for day, code, each in paid(timeline).iter_rows()}
    assert len(wanted) > 60
    assert found.keys() == wanted.keys()
    assert all(found[key] == pytest.approx(each, abs=1e-6) for key, each in wanted.items())


def test_payments_seen_from_a_late_window_are_the_same():
    timeline = world().timeline
    assert paid(timeline.tail(700)).equals(paid(timeline))


def payment_row(reference, day, amount, *, status="new", certainty="decided", corrects=None):
    return {
        "event_date": day,
        "available_at": datetime.combine(day, time(9)),
        "code": "10010",
        "reference": reference,
        "status": status,
        "term": "final",
        "certainty": certainty,
        "term_month": "2024-03",
        "record_date": date(2024, 3, 31),
        "dividend_yen": amount,
        "ex_date": date(2024, 3, 28),
        "corrects": corrects,
        "special": "ordinary",
    }


@pytest.mark.parametrize(
    ("splits", "each"),
    [
        ({}, 24.0),
        ({date(2024, 3, 26): 0.5}, 12.0),  # before the ex-date: of twice as many shares
        ({date(2024, 3, 28): 0.5}, 24.0),  # on it: of the shares before
    ],
)
def test_an_amount_is_per_share_held_before_the_ex_date(splits, each):
    """Forecast at 20, decided at 22 and corrected to 24 before a split; a late one is deleted."""
    sessions = CALENDAR[np.datetime64("2024-01-04") <= CALENDAR][:120]
    factor = np.ones((len(sessions), 1))
    for day, value in splits.items():
        factor[np.searchsorted(sessions, np.datetime64(day))] = value
    timeline = timeline_of(
        sessions,
        ("10010",),
        exchange=TOKYO,
        clock=Clock.EVENING,
        growth_TN=np.cumprod(factor, axis=0),
        listed_TN=np.ones(factor.shape, dtype=bool),
    )
    told = pl.DataFrame(
        [
            payment_row("1", date(2024, 2, 9), 20.0, certainty="forecast"),
            payment_row("2", date(2024, 3, 1), 22.0),
            payment_row("3", date(2024, 3, 4), 24.0, status="correction", corrects="2"),
            payment_row("4", date(2024, 3, 5), 90.0, certainty="forecast"),
            payment_row("5", date(2024, 3, 6), None, status="deletion", corrects="4"),
        ]
    )
    found = payments(FrameTables({"dividends": told}), timeline)
    assert found.rows() == [(date(2024, 3, 28), "10010", each)]
