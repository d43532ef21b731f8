"""Naive pieces that re-derive features on options and futures, one session at a time."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl

from gogooku.core.calendar import is_tokyo_session


def isnan(value):
    return value is None or math.isnan(value)


def second_friday(month):
    year, number = (int(part) for part in month.split("-"))
    fridays = [d for d in range(1, 22) if date(year, number, d).weekday() == 4]
    return date(year, number, fridays[1])


def contracts_by_day(frame):
    """Rows of each trade date as dictionaries, normal settlement before emergency margin."""
    days = {}
    for row in frame.iter_rows(named=True):
        row["expiry"] = row["special_quotation_date"] or second_friday(row["contract_month"])
        row["days"] = (row["expiry"] - row["event_date"]).days
        if row["days"] < 1:
            continue
        held = days.setdefault(row["event_date"], {})
        if row["code"] not in held or row["settlement"] == "normal":
            held[row["code"]] = row
    return {day: list(held.values()) for day, held in sorted(days.items())}


def known_of(rows):
    return max(row["available_at"] for row in rows)


def as_known(facts, timeline, names):
    """Values of the newest known trade date at each session; ``facts``: day -> (known, values)."""
    out = {name: np.full(len(timeline.sessions), np.nan) for name in names}
    for t, decision in enumerate(timeline.decisions.tolist()):
        seen = [day for day, (known, _) in facts.items() if known <= decision]
        if not seen:
            continue
        newest = max(seen)
        if t - (np.searchsorted(timeline.sessions, np.datetime64(newest), "right") - 1) > 5:
            continue
        for name in names:
            value = facts[newest][1].get(name)
            out[name][t] = math.nan if isnan(value) else value
    return out


def session_before(day):
    """The session before a date, by walking."""
    day -= timedelta(days=1)
    while not is_tokyo_session(day):
        day -= timedelta(days=1)
    return day


def changed(first, second):
    """Sessions at which two series differ; nulls are equal."""
    return list(np.flatnonzero((first != second) & ~(np.isnan(first) & np.isnan(second))))


# ------------------------------------------------------------------------------------- windows


def back(series, t, sessions):
    return series[t - sessions] if t >= sessions else math.nan


def window(series, t, size):
    return [v for v in series[max(t - size + 1, 0) : t + 1] if not isnan(v)]


def mean_of(series, t, size):
    values = window(series, t, size)
    if len(values) < math.ceil(0.8 * size):
        return math.nan
    return sum(values) / len(values)


def z_of(series, t, size):
    values = window(series, t, size)
    if len(values) < math.ceil(0.8 * size) or isnan(series[t]):
        return math.nan
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    if spread <= 1e-9:
        return math.nan
    return min(max((series[t] - mean) / spread, -10.0), 10.0)


def log(value):
    return math.log(value) if value > 0 else math.nan


def over(top, bottom):
    return top / bottom if bottom > 0 else math.nan


def sign(value):
    return math.nan if isnan(value) else (0.0 if abs(value) <= 1e-10 else math.copysign(1.0, value))


def every_session(formula, num_sessions):
    return np.array([formula(t) for t in range(num_sessions)], dtype=np.float64)


# --------------------------------------------------------------------------- laws shared by tests


def scrambled(frame, when, *, seed=3):
    """The frame with garbage numbers in rows known after an instant."""
    rng = np.random.default_rng(seed)
    numbers = [n for n, kind in frame.schema.items() if kind == pl.Float64]
    noise = {n: pl.Series(rng.uniform(0.2, 5.0, len(frame))) for n in numbers}
    late = pl.col("available_at") > when
    return frame.with_columns(
        pl.when(late).then(pl.col(n).fill_null(1.0) * noise[n]).otherwise(pl.col(n)).alias(n)
        for n in numbers
    )


def assert_window_law(features, base, *, rows):
    """A value from exactly ``lookback`` sessions equals the full one, bit for bit."""
    full = dict(base)
    for feature in features:
        full[feature.name] = feature.compute({n: full[n] for n in feature.inputs})
    raw = {feature.name: feature for feature in features}

    def short(name, first, stop):
        if name not in raw or raw[name].published:
            return base[name][first:stop]
        feature = raw[name]
        return feature.compute({n: short(n, first, stop) for n in feature.inputs})

    for feature in features:
        for t in rows:
            if t + 1 < feature.lookback:
                continue
            cut = short(feature.name, t + 1 - feature.lookback, t + 1)[-1]
            np.testing.assert_array_equal(cut, full[feature.name][t], err_msg=feature.name)
