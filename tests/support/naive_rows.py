"""Rows of a source by plain loops: what stood when, what came before it, statistics of a chain."""

import bisect
import math
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

NAN = float("nan")


def decisions_of(sessions):
    """20:00 in Tokyo of each session as naive UTC."""
    tokyo = ZoneInfo("Asia/Tokyo")
    days = [day.item() for day in sessions]
    return [
        datetime.combine(d, time(20), tzinfo=tokyo).astimezone(UTC).replace(tzinfo=None)
        for d in days
    ]


class NaiveRows:
    """Rows of each code in the order in which they became known, with the session that knows them.

    Share columns are multiplied by the adjustment factors with an ex-date up to the event date.
    """

    def __init__(self, frame, market, *, shares):
        self.codes = list(market.codes)
        self.shape = (len(market.sessions), len(self.codes))
        decisions = decisions_of(market.sessions)
        sessions = [day.item() for day in market.sessions]
        self.of = {code: [] for code in self.codes}
        rows = frame.sort("available_at", "event_date", maintain_order=True).to_dicts()
        for row in rows:
            t = bisect.bisect_left(decisions, row["available_at"])
            if row["code"] not in self.of or t == len(decisions):
                continue
            n = self.codes.index(row["code"])
            factor = 1.0
            for s, day in enumerate(sessions):
                value = market.adjustment_factor[s, n]
                if day > row["event_date"] or (s > 0 and sessions[0] > row["event_date"]):
                    break
                factor *= 1.0 if math.isnan(value) else float(value)
            if row["event_date"] < sessions[0]:
                factor = float(np.nan_to_num(market.adjustment_factor[0, n], nan=1.0))
            for name in shares:
                row[name] = NAN if row[name] is None else row[name] * factor
            row["t"], row["order"] = t, len(self.of[row["code"]])
            row["chain"] = None
            self.of[row["code"]].append(row)

    def link(self, fewest, most, nearness):
        """Give each row its chain, newest first: the best of the older rows known by its session.

        ``nearness`` maps days between two event dates to a sort key, the smallest is the best.
        """
        for rows in self.of.values():
            before = {}
            for row in rows:
                best = None
                for other in rows:
                    gap = (row["event_date"] - other["event_date"]).days
                    if not fewest <= gap <= most or other["t"] > row["t"]:
                        continue
                    rank = (nearness(gap), -other["t"], -other["order"])
                    if best is None or rank < best[0]:
                        best = (rank, other)
                before[row["order"]] = best[1] if best else None
            for row in rows:
                chain = [row]
                while (older := before[chain[-1]["order"]]) is not None:
                    chain.append(older)
                row["chain"] = chain

    def standing(self, sessions):
        """Newest row of each name at each session, at most that old; {(t, n): row}."""
        out = {}
        for n, code in enumerate(self.codes):
            for t in range(self.shape[0]):
                state = None
                for row in self.of[code]:
                    if row["t"] <= t and (
                        state is None or row["event_date"] >= state["event_date"]
                    ):
                        state = row
                if state is not None and t - state["t"] <= sessions:
                    out[t, n] = state
        return out


def fill(shape, standing, value):
    """Array of a function of the standing row, NaN without one."""
    out = np.full(shape, NAN)
    for (t, n), row in standing.items():
        out[t, n] = value(row)
    return out


def over(top, bottom):
    """Ratio, NaN where the bottom is not positive."""
    return top / bottom if bottom > 0 else NAN


def relative(now, before):
    """Difference over the mean."""
    return over(now - before, (now + before) / 2)


def step(row, value, steps=1):
    """Value of the chain so many steps back."""
    chain = row["chain"]
    return value(chain[steps]) if len(chain) > steps else NAN


def stats(values, window):
    """Mean and standard deviation of the known of the first values, NaN below 80%."""
    known = [v for v in values[:window] if not math.isnan(v)]
    if len(known) < max(2, math.ceil(0.8 * window)):
        return NAN, NAN
    mean = math.fsum(known) / len(known)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in known) / (len(known) - 1))


def zscore(values, window):
    """Newest value among the first values, within +-10."""
    mean, spread = stats(values, window)
    if math.isnan(spread) or spread <= 1e-9 * abs(mean):
        return NAN
    return min(max((values[0] - mean) / spread, -10.0), 10.0)


def rolling_mean(values, window):
    """Mean over sessions by loops, NaN below 80%."""
    out = np.full(values.shape, NAN)
    for t in range(len(values)):
        for n in range(values.shape[1]):
            column = list(values[max(t - window + 1, 0) : t + 1, n])
            known = [v for v in column if not math.isnan(v)]
            if len(known) >= math.ceil(0.8 * window):
                out[t, n] = math.fsum(known) / len(known)
    return out


def prices(world):
    """Base columns of bars that the groups need, on the forward basis."""
    market, growth = world.market, world.timeline.growth_TN
    listed = np.where(market.listed, 1.0, NAN)
    return {
        "close": market.close / growth,
        "volume": np.where(market.volume_shares > 0, market.volume_shares * growth, NAN),
        "listed": listed,
        "universe": np.where(np.arange(listed.shape[1]) % 5 == 1, NAN, listed),
    }


def garbage_after(frame, instant, *, columns):
    """The rows with those known after an instant replaced by nonsense of the same type."""
    late = pl.col("available_at") > instant
    swapped = [
        pl.when(late).then(pl.col(c) * -7.3 + 1e9).otherwise(pl.col(c)).alias(c) for c in columns
    ]
    moved = pl.when(late).then(pl.col("event_date") - timedelta(days=3)).otherwise("event_date")
    return frame.with_columns(*swapped, moved.alias("event_date"))


def same(actual, expected, *, what):
    """Equal to 1e-6 of the size, with nulls at the same places."""
    assert actual.shape == expected.shape, what
    scale = 1.0 + np.abs(np.nan_to_num(expected))
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), err_msg=what)
    worst = np.nanmax(np.append(np.abs(actual - expected) / scale, 0.0))
    assert worst < 1e-6, (what, worst)


def check_windows(features, base, values, *, sessions):
    """Each feature from exactly its lookback of inputs equals the full one, bit for bit."""
    known = {**base, **values}
    for feature in features:
        for t in sessions:
            first = t - feature.lookback + 1
            given = {name: known[name][first : t + 1] for name in feature.inputs}
            with np.errstate(divide="ignore", invalid="ignore"):
                last = feature.compute(given)[-1]
            np.testing.assert_array_equal(last, values[feature.name][t], err_msg=feature.name)


def corrected(frame, rng, *, columns, rows):
    """Add late corrections of some rows, with other values, 1 to 25 days after the original."""
    pick = frame[np.sort(rng.choice(len(frame), size=rows, replace=False))]
    delay = pl.Series(rng.integers(1, 26, rows)).cast(pl.Duration("us")) * 86_400_000_000
    factor = pl.Series(rng.uniform(0.5, 2.0, rows))
    later = pick.with_columns(
        (pl.col("available_at") + delay).alias("available_at"),
        *(pl.col(c) * factor for c in columns),
    )
    return pl.concat([frame, later])


ERA = date(2026, 9, 25)
