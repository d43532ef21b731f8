"""Rolling statistics of plain lists, a frame of garbage after a decision, and bars of a world."""

import math
from functools import cache

import numpy as np
import polars as pl

from gogooku.features.bars.price import PRICE
from gogooku.features.laws import check_blocks, check_lookback, evaluate_dense
from support.source_world import FrameTables, source_world

NAN = math.nan
BARS = ("open", "high", "low", "close", "volume_shares", "turnover_yen")
KEYS = ("event_date", "available_at", "code")


def fewest(window):
    return min(window, max(2, math.ceil(0.8 * window)))


def roll(values, window, statistic):
    """Apply ``statistic`` to the known values of each window; null with too few of them."""
    out = []
    for t in range(len(values)):
        known = [v for v in values[max(0, t - window + 1) : t + 1] if v == v]
        out.append(statistic(known) if len(known) >= fewest(window) else NAN)
    return out


def mean(values):
    return math.fsum(values) / len(values)


def sd(values):
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def div(a, b):
    return a / b if b > 0 else NAN


def log(value):
    return math.log(value) if value > 0 else NAN


def z(values, window):
    centre, spread = roll(values, window, mean), roll(values, window, sd)
    out = []
    for value, c, s in zip(values, centre, spread, strict=True):
        out.append(min(10.0, max(-10.0, (value - c) / s)) if s > 1e-9 and value == value else NAN)
    return out


def back(values, sessions):
    return [NAN] * sessions + list(values[: len(values) - sessions])


def minus(a, b):
    return [x - y for x, y in zip(a, b, strict=True)]


def corr(a, b, window):
    out = []
    for t in range(len(a)):
        span = range(max(0, t - window + 1), t + 1)
        pairs = [(a[s], b[s]) for s in span if a[s] == a[s] and b[s] == b[s]]
        if len(pairs) < fewest(window):
            out.append(NAN)
            continue
        xs, ys = [p[0] for p in pairs], [p[1] for p in pairs]
        mx, my = mean(xs), mean(ys)
        both = math.fsum((x - mx) * (y - my) for x, y in pairs) / (len(pairs) - 1)
        out.append(both / (sd(xs) * sd(ys)) if sd(xs) > 1e-9 and sd(ys) > 1e-9 else NAN)
    return out


@cache
def bars():
    """Base columns of the world's bars, and the price features that others need."""
    world = source_world()
    market, growth = world.market, world.timeline.growth_TN
    raw = {n: np.full(growth.shape, NAN) for n in BARS}
    place = {c: n for n, c in enumerate(world.timeline.codes)}
    session = {d: t for t, d in enumerate(world.timeline.sessions.tolist())}
    for row in world.typed("quotes").select("event_date", "code", *BARS).iter_rows(named=True):
        if row["code"] in place and row["close"] is not None:
            for name in BARS:
                raw[name][session[row["event_date"]], place[row["code"]]] = row[name]
    out = {n: raw[n] / growth for n in ("open", "high", "low", "close")}
    out["volume"] = raw["volume_shares"] * growth
    out["turnover"] = raw["turnover_yen"]
    out["listed"] = np.where(market.listed, 1.0, NAN)
    out["universe"] = np.where(market.listed & (np.arange(len(market.codes)) % 7 != 3), 1.0, NAN)
    names = sorted(set(market.sector))
    sector = np.array([float(names.index(s)) for s in market.sector])
    out["sector"] = np.tile(sector, (len(market.sessions), 1))
    wanted = [f for f in PRICE if f.name in ("_close", "ret_prev_1d", "ret_prev_5d")]
    return out | evaluate_dense(wanted, out)


def spoiled(frame, decision, seed=0):
    """The frame with later rows replaced: values mixed up, some rows gone."""
    rng = np.random.default_rng(seed)
    late = frame.get_column("available_at").to_numpy().astype("datetime64[us]") > decision
    known, unknown = frame.filter(~pl.Series(late)), frame.filter(pl.Series(late))
    columns = []
    for name in unknown.columns:
        column = unknown.get_column(name)
        if name not in KEYS:
            column = column.gather(rng.permutation(len(unknown)).astype(np.uint32))
            if column.dtype == pl.Float64:
                column = column * pl.Series(rng.uniform(0.2, 1.0, len(unknown)))
        columns.append(column.alias(name))
    garbage = pl.DataFrame(columns).filter(pl.Series(rng.random(len(unknown)) < 0.7))
    return pl.concat([known, garbage])


def assert_no_look_ahead(inputs, frames, timeline, sessions):
    whole = {}
    for table in inputs:
        whole |= table.make(FrameTables(frames), timeline)
    moved = set()
    for session in sessions:
        decision = timeline.decisions[session]
        other = FrameTables({n: spoiled(f, decision, session) for n, f in frames.items()})
        for table in inputs:
            for name, values in table.make(other, timeline).items():
                np.testing.assert_array_equal(
                    values[: session + 1], whole[name][: session + 1], err_msg=name
                )
                if not np.array_equal(values, whole[name], equal_nan=True):
                    moved.add(name)
    assert moved == set(whole), "garbage did not reach these columns"


def assert_window_laws(features, inputs, sessions):
    assert check_lookback(features, inputs, sessions=sessions) == []
    assert check_blocks(features, inputs, block_names=1) == []


def assert_same(made, expected, name, *, least=1):
    made, expected = np.asarray(made), np.asarray(expected)
    assert np.isfinite(expected).sum() >= least, f"{name}: the oracle has no values"
    np.testing.assert_array_equal(np.isnan(made), np.isnan(expected), err_msg=name)
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-9, err_msg=name)


def assert_declared(features, group):
    units = {"ratio", "return", "z", "rank", "log", "sessions", "flag", "share"}
    names = [f.name for f in features]
    assert len(names) == len(set(names))
    for feature in features:
        assert feature.group == group
        assert feature.unit in units
        assert feature.meaning.endswith("."), feature.name


def per_name(inputs, oracle):
    """Evaluate an oracle, lists of one name to lists by feature, for all names: [T, N] each."""
    num_names = inputs["close"].shape[1]
    found = []
    for n in range(num_names):
        one = {
            name: (values if values.ndim == 1 else values[:, n]).tolist()
            for name, values in inputs.items()
        }
        found.append(oracle(one))
    return {name: np.array([each[name] for each in found]).T for name in found[0]}


def assert_not_duplicates(features, values, universe, limit=0.995):
    """No two stock features have nearly the same ranks within sessions."""
    ranked = {}
    for feature in features:
        if feature.role != "stock" or feature.name.startswith("_"):
            continue
        rows = []
        for t in range(0, len(universe), 7):
            member = universe[t] == 1.0
            row = pl.Series(np.where(member, values[feature.name][t], NAN), dtype=pl.Float64)
            rank = row.fill_nan(None).rank().to_numpy()
            rows.append(rank / max(np.nanmax(rank, initial=1.0), 1.0))
        ranked[feature.name] = np.concatenate(rows)
    names = list(ranked)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b = ranked[first], ranked[second]
            both = ~(np.isnan(a) | np.isnan(b))
            if both.sum() < 50 or np.std(a[both]) == 0 or np.std(b[both]) == 0:
                continue
            found = abs(np.corrcoef(a[both], b[both])[0, 1])
            assert found < limit, (first, second, found)
