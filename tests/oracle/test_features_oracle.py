"""Features re-derived by plain loops over one name's history, and by SQL across names."""

from __future__ import annotations

import math
import statistics as stat

import duckdb
import numpy as np
import polars as pl
import pytest

from gogooku.features.catalogue import select
from gogooku.features.laws import evaluate_dense
from support.markets import dense_market

SESSIONS = (300, 389, 430, 431, 440, 479)
YEAR = math.sqrt(245)
NULL = float("nan")


@pytest.fixture(scope="module")
def market():
    return dense_market()


@pytest.fixture(scope="module")
def values(market):
    return evaluate_dense(select("all", available=tuple(market)).ordered, market)


class Name:
    """One name's history up to a session, as plain lists, newest last."""

    def __init__(self, market, values, code, session):
        def upto(column):
            return [float(v) for v in column[: session + 1]]

        columns = ("open", "high", "low", "close", "volume", "turnover")
        self.o, self.h, self.l, self.c, self.v, self.y = (
            upto(market[name][:, code]) for name in columns
        )
        self.market = upto(market["mkt_close"])
        self.uni = upto(values["uni_ret_1d"])
        self.last = len(self.c) - 1
        self.r = [self.ret(t) for t in range(len(self.c))]
        self.m = [NULL] + [b / a - 1 for a, b in zip(self.market, self.market[1:], strict=False)]

    def close(self, t):
        """Last known close at t, at most 20 sessions old."""
        for back in range(21):
            if t - back >= 0 and self.c[t - back] == self.c[t - back]:
                return self.c[t - back]
        return NULL

    def ret(self, t):
        return self.c[t] / self.close(t - 1) - 1 if t else NULL

    def window(self, series, size, end=None):
        end = self.last if end is None else end
        known = [x for x in series[max(end - size + 1, 0) : end + 1] if x == x]
        return known if len(known) >= max(min(size, 2), math.ceil(0.8 * size)) else None


def maybe(function):
    """Null when the window has too few values or a denominator vanishes."""

    def guarded(name):
        try:
            return function(name)
        except (TypeError, ZeroDivisionError, stat.StatisticsError, ValueError):
            return NULL

    return guarded


def wilder(series, sessions):
    decay, length = 1 - 1 / sessions, 7 * sessions
    return weighted(series, decay, length)


def ema(series, span):
    return weighted(series, 1 - 2 / (span + 1), math.ceil(3.5 * span))


def weighted(series, decay, length):
    total = weight = full = 0.0
    for j in range(length):
        full += decay**j
        if j < len(series) and series[-1 - j] == series[-1 - j]:
            total += decay**j * series[-1 - j]
            weight += decay**j
    return total / weight if weight > 0.5 * full else NULL


def pairs(a, b, size):
    both = [(x, y) for x, y in zip(a[-size:], b[-size:], strict=True) if x == x and y == y]
    if len(both) < math.ceil(0.8 * size):
        raise ValueError
    return [x for x, _ in both], [y for _, y in both]


def beta(a, b, size):
    x, y = pairs(a, b, size)
    return stat.covariance(x, y) / stat.variance(y)


def lag(series, back=1):
    return [NULL] * back + series[:-back]


def rsi(name, n):
    up = [max(x, 0.0) if x == x else x for x in name.r]
    size = [abs(x) for x in name.r]
    return wilder(up, n) / wilder(size, n)


def true_range(name, t):
    before = name.close(t - 1)
    return (max(name.h[t], before) - min(name.l[t], before)) / before


def natr(name):
    spans = [NULL] + [
        true_range(name, t) if name.c[t] == name.c[t] else NULL for t in range(1, len(name.c))
    ]
    return wilder(spans, 14)


def streak(name):
    run, first = 0, 0
    for x in reversed(name.r[-10:]):
        sign = (x > 1e-10) - (x < -1e-10) if x == x else 0
        if first == 0:
            if x != x:
                return NULL
            first = sign
        if sign != first or sign == 0:
            break
        run += sign
    return run


def rogers_satchell(name, t):
    o, top, low, c = (math.log(s[t]) for s in (name.o, name.h, name.l, name.c))
    return (top - o) * (top - c) + (low - o) * (low - c)


def parkinson(name, size):
    both = zip(name.h, name.l, strict=True)
    days = [math.log(high / low) ** 2 / (4 * math.log(2)) for high, low in both]
    return math.sqrt(stat.fmean(name.window(days, size))) * YEAR


def yang_zhang(name, size):
    night = [NULL] + [math.log(name.o[t] / name.close(t - 1)) for t in range(1, len(name.o))]
    day = [math.log(c / o) for c, o in zip(name.c, name.o, strict=True)]
    inner = [rogers_satchell(name, t) for t in range(len(name.c))]
    k = 0.34 / (1.34 + (size + 1) / (size - 1))
    variance = stat.variance(name.window(night, size))
    variance += k * stat.variance(name.window(day, size))
    variance += (1 - k) * stat.fmean(name.window(inner, size))
    return math.sqrt(variance) * YEAR


def corwin_schultz_day(name, t):
    before = name.close(t - 1)
    high, low = name.h[t], name.l[t]
    move = low - before if before < low else high - before if before > high else 0.0
    b = math.log(name.h[t] / name.l[t]) ** 2 + math.log(name.h[t - 1] / name.l[t - 1]) ** 2
    g = math.log(max(high - move, name.h[t - 1]) / min(low - move, name.l[t - 1])) ** 2
    if math.isnan(b + g):
        return NULL
    scale = 3 - 2 * math.sqrt(2)
    alpha = max((math.sqrt(2 * b) - math.sqrt(b)) / scale - math.sqrt(g / scale), 0.0)
    return 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))


def corwin_schultz(name):
    days = [NULL] + [corwin_schultz_day(name, t) for t in range(1, len(name.c))]
    return stat.fmean(name.window(days, 20))


def obv(name):
    signed = [
        math.copysign(v, r) if abs(r) > 1e-10 else 0.0 * v if r == r else NULL
        for v, r in zip(name.v, name.r, strict=True)
    ]
    plain = [v if r == r else NULL for v, r in zip(name.v, name.r, strict=True)]
    return stat.fmean(name.window(signed, 20)) / stat.fmean(name.window(plain, 20))


def residual_vol(name):
    x, y = pairs(name.r, name.uni, 60)
    slope = stat.covariance(x, y) / stat.variance(y)
    rest = [a - slope * b for a, b in zip(x, y, strict=True)]
    return math.sqrt(stat.variance(rest) * 59 / 58) * YEAR


def surprise(name):
    excess = [a - b for a, b in zip(name.r, name.uni, strict=True)]
    spread = math.sqrt(weighted([x * x for x in excess[:-1]], 0.98, 240))
    scaled = excess[-1] / spread
    return max(-4.0, min(4.0, scaled)) if scaled == scaled else NULL


def aroon(name):
    highs, lows = name.h[-26:][::-1], name.l[-26:][::-1]
    top = max(name.window(name.h, 26))
    bottom = min(name.window(name.l, 26))
    return (lows.index(bottom) - highs.index(top)) / 25


def z_close(name):
    window = name.window(name.c, 20)
    return (name.close(name.last) - stat.fmean(window)) / stat.stdev(window)


def overnight_share(name):
    night = [NULL] + [name.o[t] / name.close(t - 1) - 1 for t in range(1, len(name.o))]
    day = [c / o - 1 for c, o in zip(name.c, name.o, strict=True)]
    a, b = (stat.variance(name.window(x, 20)) for x in (night, day))
    return a / (a + b)


ORACLES = {
    "ret_prev_1d": lambda s: s.r[-1],
    "ret_prev_20d": lambda s: s.close(s.last) / s.close(s.last - 20) - 1,
    "mom_252_21": lambda s: s.close(s.last - 21) / s.close(s.last - 252) - 1,
    "ret_overnight": lambda s: s.o[-1] / s.close(s.last - 1) - 1,
    "close_location": lambda s: (s.c[-1] - s.l[-1]) / (s.h[-1] - s.l[-1]),
    "range_expansion": lambda s: math.log(
        ((s.h[-1] - s.l[-1]) / s.close(s.last - 1))
        / stat.fmean(
            s.window(
                [NULL, *((s.h[t] - s.l[t]) / s.close(t - 1) for t in range(1, s.last + 1))],
                20,
                s.last - 1,
            )
        )
    ),
    "price_to_sma60": lambda s: s.close(s.last) / stat.fmean(s.window(s.c, 60)) - 1,
    "ma_gap_5_20": lambda s: ema(s.c, 5) / ema(s.c, 20) - 1,
    "z_close_20": z_close,
    "dist_high_252": lambda s: s.close(s.last) / max(s.window(s.h, 252)) - 1,
    "donchian_pos_20": lambda s: (
        (s.close(s.last) - min(s.window(s.l, 20)))
        / (max(s.window(s.h, 20)) - min(s.window(s.l, 20)))
    ),
    "aroon_osc_25": aroon,
    "max_ret_20": lambda s: max(s.window(s.r, 20)),
    "autocorr_60": lambda s: stat.correlation(*pairs(s.r, lag(s.r), 60)),
    "streak": streak,
    "efficiency_20": lambda s: (
        abs(stat.fmean(s.window(s.r, 20))) / stat.fmean(s.window([abs(x) for x in s.r], 20))
    ),
    "rsi_14": lambda s: rsi(s, 14),
    "rsi_2": lambda s: rsi(s, 2),
    "macd": lambda s: (ema(s.c, 12) - ema(s.c, 26)) / s.close(s.last),
    "natr_14": natr,
    "volatility_20d": lambda s: stat.stdev(s.window(s.r, 20)) * YEAR,
    "pk_vol_20": lambda s: parkinson(s, 20),
    "yz_vol_60": lambda s: yang_zhang(s, 60),
    "overnight_vol_share_20": overnight_share,
    "ewma_vol": lambda s: math.sqrt(weighted([x * x for x in s.r], 0.94, 120)) * YEAR,
    "volume_ratio_20": lambda s: math.log(s.v[-1] / stat.fmean(s.window(s.v, 20))),
    "turnover_5_60": lambda s: (
        stat.fmean(s.window([math.log(y) for y in s.y], 5))
        - stat.fmean(s.window([math.log(y) for y in s.y], 60))
    ),
    "volume_cv_60": lambda s: stat.stdev(s.window(s.v, 60)) / stat.fmean(s.window(s.v, 60)),
    "amihud_20": lambda s: math.log(
        stat.fmean(s.window([abs(r) / y for r, y in zip(s.r, s.y, strict=True)], 20))
    ),
    "cs_spread_20": corwin_schultz,
    "obv_share_20": obv,
    "beta_60d": lambda s: beta(s.r, s.m, 60),
    "beta_lag_60d": lambda s: beta(s.r, lag(s.m), 60),
    "beta_uni_60d": lambda s: beta(s.r, s.uni, 60),
    "corr_uni_60d": lambda s: stat.correlation(*pairs(s.r, s.uni, 60)),
    "resid_vol_uni_60d": residual_vol,
    "ret_1d_uni_z": surprise,
}


@pytest.fixture(scope="module")
def names(market, values):
    codes = range(market["close"].shape[1])
    return {(t, n): Name(market, values, n, t) for t in SESSIONS for n in codes}


@pytest.mark.parametrize("feature", sorted(ORACLES))
def test_one_name_at_a_time(feature, names, values):
    made, want = [], []
    for (t, n), name in names.items():
        made.append(values[feature][t, n])
        want.append(maybe(ORACLES[feature])(name))
    want_ = np.asarray(want, dtype=np.float64)
    assert np.isfinite(want_).sum() > 100
    np.testing.assert_allclose(made, want_, rtol=1e-7, atol=1e-11)


@pytest.fixture(scope="module")
def table(market, values):
    t, n = np.indices(market["close"].shape)
    columns = {
        "t": t,
        "n": n,
        "r": values["ret_prev_1d"],
        "r5": values["ret_prev_5d"],
        "u": market["universe"],
        "s": market["sector"],
        "above": values["price_to_sma20"],
    }
    frame = pl.DataFrame({name: column.ravel() for name, column in columns.items()})
    frame = frame.with_columns(pl.col("r", "r5", "u", "s", "above").fill_nan(None))
    with duckdb.connect() as database:
        database.register("names", frame)
        yield database


def by_sql(database, sql, shape):
    rows = database.execute(sql).fetchnumpy()
    out = np.full(shape, np.nan)
    place = (rows["t"],) if len(shape) == 1 else (rows["t"], rows["n"])
    out[place] = np.ma.filled(rows["value"].astype(np.float64), np.nan)
    return out


def compare(made, want):
    assert np.isfinite(want).mean() > 0.3
    np.testing.assert_allclose(made, want, rtol=1e-8, atol=1e-13)


def test_universe_series_by_sql(table, market, values):
    shape = market["mkt_close"].shape
    members = "from names where u = 1 group by t having count({0}) >= 5"
    for name, sql in {
        "uni_ret_1d": "select t, avg(r) as value " + members.format("r"),
        "_uni_net_advances": "select t, avg(sign(r)) as value " + members.format("r"),
        "uni_dispersion": "select t, stddev_pop(r) as value " + members.format("r"),
        "uni_above_sma20": "select t, 0.5 + 0.5 * avg(sign(round(above, 10))) as value "
        + members.format("above"),
    }.items():
        compare(values[name], by_sql(table, sql, shape))


def test_changes_of_dispersion_and_of_the_average_correlation(market, values):
    dispersion = [float(v) for v in values["uni_dispersion"]]
    members, uni = market["universe"] == 1.0, [float(v) for v in values["uni_ret_1d"]]
    for t in SESSIONS:
        short, long = (stat.fmean(dispersion[t - w + 1 : t + 1]) for w in (5, 60))
        assert values["uni_dispersion_5_60"][t] == pytest.approx(math.log(short / long), rel=1e-9)
        share = {}
        for w in (20, 60):
            own = [float(v) ** 2 for v in values[f"volatility_{w}d"][t][members[t]] if v == v]
            share[w] = 245 * stat.variance(uni[t - w + 1 : t + 1]) / stat.fmean(own)
        want = math.log(share[20] / share[60])
        assert values["uni_corr_20_60"][t] == pytest.approx(want, rel=1e-7)


def test_sector_means_by_sql(table, market, values):
    shape = market["close"].shape
    sector = """
        with whole as (select t, avg(r) as mean, avg(r5) as mean5 from names
                       where u = 1 group by t),
             sector as (select t, s, avg(r) as mean, count(r) as k, sum(r5) as sum5,
                        count(r5) as k5 from names where u = 1 and s is not null group by t, s)
        select names.t, names.n, {} as value
        from names left join whole using (t)
        left join sector on sector.t = names.t and sector.s = names.s
    """
    demeaned = "r - case when coalesce(k, 0) >= 3 then sector.mean else whole.mean end"
    compare(values["ret_1d_demeaned"], by_sql(table, sector.format(demeaned), shape))
    own = "(case when u = 1 and r5 is not null then 1 else 0 end)"
    peers = f"""case when coalesce(k5, 0) - {own} >= 2
        then (sum5 - {own} * coalesce(r5, 0)) / (k5 - {own}) else whole.mean5 end"""
    compare(values["sec_ret_5d_eq"], by_sql(table, sector.format(peers), shape))


def test_beta_by_sql(table, market, values):
    rows = pl.DataFrame({"t": np.arange(len(values["mkt_ret_1d"])), "m": values["mkt_ret_1d"]})
    table.register("market", rows.fill_nan(None))
    sql = """
        with pairs as (select t, n, r, m from names join market using (t)),
             slopes as (select t, n, regr_slope(r, m) over w as value, regr_count(r, m) over w as k
                        from pairs window w as (partition by n order by t
                                                rows between 59 preceding and current row))
        select t, n, value from slopes where k >= 48
    """
    compare(values["beta_60d"], by_sql(table, sql, market["close"].shape))


def test_sector_series_are_built_per_sector(market, values):
    """sec_vol_20 of a name is the spread of 20 sector means, not of stock rows."""
    t, code = 400, 0
    sector = market["sector"][t, code]
    means = []
    for day in range(t - 19, t + 1):
        inside = (market["sector"][day] == sector) & (market["universe"][day] == 1)
        means.append(float(np.nanmean(values["ret_prev_1d"][day][inside])))
    assert values["sec_vol_20"][t, code] == pytest.approx(stat.stdev(means) * YEAR, rel=1e-9)
