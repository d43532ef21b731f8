"""Index features against plain loops over the bars, the window law and no look-ahead."""

from __future__ import annotations

import itertools
import math
import statistics
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.features.market.index_state import CODES, INDEX_STATE, INDEX_STATE_INPUTS
from gogooku.features.market.listing import LISTING_INPUTS
from support.source_world import FrameTables, source_world

NAN = math.nan
SIZES = {1.0: "002D", 2.0: "002D", 3.0: "002B", 4.0: "0029", 5.0: "0028"}
SECTOR_CODES = (
    *("0040", "0041", "0042", "0043", "0044", "0045", "0046", "0047", "0048", "0049", "004A"),
    *("004B", "004C", "004D", "004E", "004F", "0050", "0051", "0052", "0053", "0054", "0055"),
    *("0056", "0057", "0058", "0059", "005A", "005B", "005C", "005D", "005E", "005F", "0060"),
)
SEGMENTS = {0.0: "0502", 1.0: "0501", 2.0: "0500"}
EVERY = 9
"""The loops visit every so many sessions."""


@pytest.fixture(scope="module")
def world():
    """The first day of the segment indices, 2022-04-04, lies inside."""
    return source_world(date(2021, 2, 1), 800, 24, 3)


@pytest.fixture(scope="module")
def indices(world):
    """The sandbox's rows with size indices, holes, and bars that come a day late."""
    frame = world.typed("indices")
    rng = np.random.default_rng(5)
    sizes = []
    for code, of in (("0028", "0040"), ("0029", "0041"), ("002B", "0042"), ("002D", "0043")):
        rows = frame.filter(code=of)
        drift = np.exp(np.cumsum(rng.normal(0, 0.004, rows.height)))
        sizes.append(
            rows.with_columns(pl.lit(code).alias("code"), pl.col("close") * pl.Series(drift))
        )
    frame = pl.concat([frame, *sizes]).sort("event_date", "code")
    frame = frame.filter(pl.Series(rng.random(frame.height) > 0.02))
    late = pl.Series(rng.random(frame.height) < 0.01)
    moment = pl.when(late).then(pl.col("available_at") + timedelta(days=1))
    return frame.with_columns(moment.otherwise(pl.col("available_at")).alias("available_at"))


def base_of(indices, timeline):
    (table,) = INDEX_STATE_INPUTS
    made = table.make(FrameTables({"indices": indices}), timeline)
    assert set(made) == set(table.columns)
    return made


@pytest.fixture(scope="module")
def base(indices, world):
    return base_of(indices, world.timeline)


@pytest.fixture(scope="module")
def facts(world):
    made = LISTING_INPUTS[0].make(world.tables("master"), world.timeline)
    rng = np.random.default_rng(8)
    out = {}
    for name, top in (("lst_segment", 2), ("lst_scale", 5), ("lst_sector33", 32)):
        # every kind occurs and changes: more than the sandbox's listings do
        moved = rng.integers(0, top + 1, size=(8, made[name].shape[1])).astype(float)
        moved[rng.random(moved.shape) < 0.1] = NAN
        out[name] = np.repeat(moved, 100, axis=0)
        out[name][np.isnan(made[name])] = NAN
    return out


def features_of(base, facts):
    known = {**base, **facts}
    return {f.name: f.compute({name: known[name] for name in f.inputs}) for f in INDEX_STATE}


@pytest.fixture(scope="module")
def closes(indices, world):
    """Closes by code, as a loop reads them: only of that very session and known by its decision."""
    days = world.timeline.sessions.tolist()
    decisions = [moment.item() for moment in world.timeline.decisions]
    out = {code: [NAN] * len(days) for code in CODES}
    place = {day: t for t, day in enumerate(days)}
    for row in indices.iter_rows(named=True):
        t = place[row["event_date"]]
        if row["code"] in out and row["available_at"] <= decisions[t] and row["close"] is not None:
            out[row["code"]][t] = row["close"]
    return out


def test_base_columns_equal_loops(base, closes):
    assert set(base) == {f"idx_close_{code.lower()}" for code in closes}
    for code, values in closes.items():
        np.testing.assert_array_equal(base[f"idx_close_{code.lower()}"], values, err_msg=code)
        assert 0.5 < np.isfinite(values).mean() < 1.0, code


# ----------------------------------------------------------------------------------- plain loops


def log(value):
    return math.log(value) if value > 0 else NAN


def change(series, t, window):
    return series[t] - series[t - window] if t >= window else NAN


def window_of(series, t, window):
    """Values of the window that are there; none if fewer than four fifths of them are."""
    there = [v for v in series[max(t - window + 1, 0) : t + 1] if v == v]
    return there if len(there) >= math.ceil(0.8 * window) else []


class Loops:
    """What the features are, one session and one index at a time."""

    def __init__(self, closes):
        self.logs = {code: [log(v) for v in values] for code, values in closes.items()}
        topix = self.logs["0000"]
        self.relative = {
            code: [a - b for a, b in zip(values, topix, strict=True)]
            for code, values in self.logs.items()
        }
        self.returns = {
            code: [NAN, *(b - a for a, b in itertools.pairwise(values))]
            for code, values in self.logs.items()
        }

    def strength(self, code, t, window):
        return change(self.relative[code], t, window)

    def trend(self, code, t):
        there = window_of(self.relative[code], t, 120)
        return self.relative[code][t] - statistics.fmean(there) if there else NAN

    def high(self, code, t):
        there = window_of(self.relative[code], t, 250)
        return self.relative[code][t] - max(there) if there else NAN

    def risk(self, code, t):
        own, topix = (window_of(self.returns[c], t, 60) for c in (code, "0000"))
        if not own or not topix:
            return NAN
        return math.log(statistics.stdev(own) / statistics.stdev(topix))

    def beta(self, code, t):
        both = [
            (a, b)
            for a, b in zip(
                self.returns[code][max(t - 59, 0) : t + 1],
                self.returns["0000"][max(t - 59, 0) : t + 1],
                strict=True,
            )
            if a == a and b == b
        ]
        if len(both) < 48:
            return NAN
        return statistics.linear_regression([b for _, b in both], [a for a, _ in both]).slope

    def against(self, first, second, t, window):
        return change(self.logs[first], t, window) - change(self.logs[second], t, window)

    def breadth(self, t):
        above = []
        for code in SECTOR_CODES:
            there = window_of(self.logs[code], t, 60)
            if there and self.logs[code][t] == self.logs[code][t]:
                above.append(self.logs[code][t] > statistics.fmean(there))
        return statistics.fmean(above) if len(above) >= 10 else NAN

    def dispersion(self, t):
        there = [v for c in SECTOR_CODES if (v := change(self.logs[c], t, 20)) == v]
        return statistics.stdev(there) if len(there) >= 10 else NAN

    def market(self, t):
        pairs = {
            "mkt_growth_prime": ("0502", "0500", (20, 60)),
            "mkt_standard_prime": ("0501", "0500", (20,)),
            "mkt_small_large": ("002D", "0028", (20, 60)),
            "mkt_mid_large": ("002B", "0028", (20,)),
            "mkt_value_growth": ("8100", "8200", (20, 60)),
        }
        return {
            **{
                f"{name}_{window}d": self.against(first, second, t, window)
                for name, (first, second, windows) in pairs.items()
                for window in windows
            },
            "mkt_sector_breadth_60": self.breadth(t),
            "mkt_sector_dispersion_20": self.dispersion(t),
        }

    def stock(self, t, segment, scale, sector):
        place = NAN if math.isnan(sector) else int(sector)
        code = SECTOR_CODES[place] if place == place else None
        by_kind = {"segment": SEGMENTS.get(segment), "size": SIZES.get(scale), "sector": code}
        windows = {"segment": (20, 60), "size": (20, 60), "sector": (60, 250)}
        out = {
            f"idx_{kind}_rel_{window}d": self.strength(which, t, window) if which else NAN
            for kind, which in by_kind.items()
            for window in windows[kind]
        }
        for name, function in (
            ("idx_sector_trend_120", self.trend),
            ("idx_sector_high_250", self.high),
            ("idx_sector_vol_rel_60", self.risk),
            ("idx_sector_beta_60", self.beta),
        ):
            out[name] = function(code, t) if code else NAN
        return out


def test_features_equal_loops(base, facts, closes):
    made = features_of(base, facts)
    loops = Loops(closes)
    named = {f.name: np.zeros(0) for f in INDEX_STATE}
    seen = dict.fromkeys(named, 0)
    for t in (*range(0, 800, EVERY), 249, 250, 799):
        row = loops.market(t)
        for name, value in row.items():
            np.testing.assert_allclose(made[name][t], value, rtol=1e-7, atol=1e-12, err_msg=name)
            seen[name] += value == value
        kinds = zip(*(facts[f"lst_{c}"][t] for c in ("segment", "scale", "sector33")), strict=True)
        for n, kind in enumerate(kinds):
            values = loops.stock(t, *kind)
            assert {*row, *values} == set(named)
            for name, value in values.items():
                got = made[name][t, n]
                np.testing.assert_allclose(got, value, rtol=1e-6, atol=1e-11, err_msg=name)
                seen[name] += value == value
    assert min(seen.values()) > 20, seen


def test_a_name_gets_its_own_sector(world, base):
    """The sandbox's sector index moves with the names of that sector more than any other does."""
    made = LISTING_INPUTS[0].make(world.tables("master"), world.timeline)["lst_sector33"]
    market = world.market
    adjusted = market.close / np.cumprod(np.nan_to_num(market.adjustment_factor, nan=1.0), axis=0)
    own = np.diff(np.log(adjusted), axis=0)
    with np.errstate(invalid="ignore"):
        moves = {c: np.diff(np.log(base[f"idx_close_{c.lower()}"])) for c in SECTOR_CODES[:4]}
    for place, code in enumerate(SECTOR_CODES[:4]):
        members = made[-1] == place
        assert members.any()
        mean = own[:, members].mean(axis=1)
        fit = {}
        for other, move in moves.items():
            ok = ~(np.isnan(mean) | np.isnan(move))
            fit[other] = np.corrcoef(mean[ok], move[ok])[0, 1]
        assert max(fit, key=fit.get) == code, fit


def test_first_days(base, facts, world):
    """Segment indices have no history before the restructuring, and none is made up."""
    made = features_of(base, facts)
    start = int(np.searchsorted(world.timeline.sessions, np.datetime64("2022-04-04")))
    assert np.isnan(made["mkt_growth_prime_20d"][: start + 20]).all()
    assert np.isfinite(made["mkt_growth_prime_20d"][start + 20 : start + 40]).any()


@pytest.mark.parametrize("t", [120, 333, 700])
def test_later_bars_change_nothing(indices, world, base, facts, t):
    later = pl.col("available_at") > world.timeline.decisions[t].item()
    shuffled = pl.col("close").shuffle(seed=1) * 3.0 + 1.0
    garbage = indices.with_columns(
        pl.when(later).then(shuffled).otherwise(pl.col("close")).alias("close")
    )
    whole = features_of(base, facts)
    for frame in (garbage, indices.filter(~later)):
        made = base_of(frame, world.timeline)
        for name, values in made.items():
            np.testing.assert_array_equal(values[: t + 1], base[name][: t + 1], err_msg=name)
        changed = 0
        for name, values in features_of(made, facts).items():
            np.testing.assert_array_equal(values[: t + 1], whole[name][: t + 1], err_msg=name)
            changed += not np.array_equal(values, whole[name], equal_nan=True)
        assert changed == len(whole)


def test_value_from_exactly_the_lookback(base, facts):
    known = {**base, **facts}
    whole = features_of(base, facts)
    for f in INDEX_STATE:
        for t in (f.lookback - 1, 400, 655, 799):
            part = {name: known[name][t - f.lookback + 1 : t + 1] for name in f.inputs}
            np.testing.assert_array_equal(f.compute(part)[-1], whole[f.name][t], err_msg=f.name)


def test_a_shorter_past_is_not_enough(base, facts):
    """Each lookback is needed: with one session less some value differs."""
    known = {**base, **facts}
    whole = features_of(base, facts)
    for f in INDEX_STATE:
        short = [
            f.compute({n: known[n][t - f.lookback + 2 : t + 1] for n in f.inputs})[-1]
            for t in range(430, 800, 5)
        ]
        assert not np.array_equal(short, whole[f.name][430:800:5], equal_nan=True), f.name
