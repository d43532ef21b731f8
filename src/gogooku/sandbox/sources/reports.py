"""When companies report: the results of every quarter of every name, known long before or not.

The plan does not ask whether a name survives: whoever announces a report date does not know that
either. What is delivered is filtered later by the listing on the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import DateArray
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import (
    Companies,
    Days,
    month_end,
    month_number,
    standing_close,
    stream,
)

FLASH_MINUTE: Final = 17 * 60 + 30
"""Documents up to this minute of the day are delivered the same evening."""
ONE_OFF_SHARE: Final = 0.3
"""Share of the loss years in which only one-off items make the loss."""
_MINUTES: Final = (900, 930, 910, 915, 945, 960, 690, 720, 780, 840, 1020, 1065, 1110, 1200)
_MINUTE_SHARES: Final = (
    0.34, 0.14, 0.05, 0.05, 0.05, 0.12, 0.05, 0.03, 0.04, 0.05, 0.03, 0.02, 0.02, 0.01,
)  # fmt: skip


@dataclass(frozen=True)
class Reports:
    """Results documents, one per name and quarter; arrays [N, J], quarters ascending.

    Attributes
    ----------
    period_end, year_end : datetime64[D]
        Last day of the period and of its fiscal year.
    quarter : int64
        1 to 4; 4 is the full year.
    year : int64
        Fiscal year, counted per name from 0.
    row : int64
        Session of the disclosure; 0 is the first delivered session, negative ones lie before.
    minute : int64
        Minute of the day of the disclosure.
    """

    period_end: DateArray
    year_end: DateArray
    quarter: IntArray
    year: IntArray
    row: IntArray
    minute: IntArray

    @property
    def num_years(self) -> int:
        """Fiscal years per name."""
        return int(self.year.max()) + 1


def disclosure_minutes(rng: np.random.Generator, shape: tuple[int, ...]) -> IntArray:
    """Usual minutes of the day at which companies disclose."""
    minutes: IntArray = rng.choice(_MINUTES, shape, p=_MINUTE_SHARES).astype(np.int64)
    return minutes


def plan_reports(market: Market, companies: Companies, days: Days) -> Reports:
    """Lay out every results document of a market and of the years around it."""
    rng, num = stream(market, 1), len(market.codes)
    first, last = month_number(days.sessions[[0, -1]])
    year_start = first + (companies.fiscal_month - first % 12) % 12
    steps = np.arange(4 * ((int(last - first) - 12) // 12))
    shape = (num, len(steps))
    months = year_start[:, np.newaxis] + 2 + 3 * steps[np.newaxis, :]
    quarter = np.broadcast_to(steps % 4 + 1, shape).astype(np.int64)
    lag = companies.lag_days[:, np.newaxis] + rng.integers(-3, 4, shape)
    lag += np.where(quarter == 4, rng.integers(0, 6, shape), 0)
    period_end = month_end(months)
    year_end = month_end(months + 3 * (4 - quarter))
    return Reports(
        period_end=period_end,
        year_end=year_end,
        quarter=quarter,
        year=np.broadcast_to(steps // 4, shape).astype(np.int64),
        row=days.at_or_after(period_end + lag.astype("timedelta64[D]")),
        minute=disclosure_minutes(rng, shape),
    )


def is_listed(market: Market, rows: IntArray, stocks: npt.NDArray[Any]) -> BoolArray:
    """Whether names were listed at rows; before the first session as at it, after the last not."""
    inside = np.clip(rows, 0, len(market.sessions) - 1)
    listed: BoolArray = market.listed[inside, stocks] & (rows < len(market.sessions))
    return listed


def year_targets(
    market: Market, companies: Companies, reports: Reports, days: Days
) -> tuple[FloatArray, FloatArray]:
    """Forecasts that open each fiscal year, and market value at its start; [N, Y, 4] and [N, Y].

    Sales, operating, ordinary and net profit in yen: usual yield on the mean market value of the
    last 250 sessions, times an AR(1) of its own, or a loss. Only past prices enter.
    """
    rng = stream(market, 2)
    shape = (len(market.codes), reports.num_years)
    starts = reports.period_end[:, ::4].astype("datetime64[M]") - np.timedelta64(2, "M")
    rows = days.at_or_before(starts.astype("datetime64[D]"))
    base = companies.shares[:, np.newaxis] * _mean_price(market, companies, rows)
    wave = np.empty(shape)
    state = 0.25 * rng.standard_normal(shape[0])
    for year in range(shape[1]):
        wave[:, year] = state
        state = 0.6 * state + 0.2 * rng.standard_normal(shape[0])
    usual = base * companies.earnings_yield[:, np.newaxis]
    loss = rng.random(shape) < companies.loss_rate[:, np.newaxis]
    net = np.where(loss, -usual * rng.uniform(0.3, 1.2, shape), usual * np.exp(wave))
    sales = usual / companies.margin[:, np.newaxis] * np.exp(0.5 * wave)
    operating = net * np.where(loss, 0.8, 1.45) * (1 + 0.04 * rng.standard_normal(shape))
    ordinary = 1 + 0.04 * rng.standard_normal(shape)
    between, financial, extraordinary = _between(market, shape)
    operating = np.where(loss & extraordinary, 0.4 * usual, operating * between)
    ordinary = ordinary * operating * financial
    targets = np.stack([sales, operating, ordinary, net], axis=-1)
    return np.round(targets / 1e6) * 1e6, base


def _between(market: Market, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray, BoolArray]:
    """What lies between the profits of a year: factors of operating and of ordinary profit.

    Taxes, minorities and one-off items part net profit from operating profit, interest and
    holdings ordinary from operating profit, by a part of the company and one of the year. The last
    array marks years whose loss, if there is one, is of one-off items alone. All [N, Y].
    """
    rng = stream(market, 8)
    firm = rng.standard_normal((2, shape[0], 1))
    year = rng.standard_normal((2, *shape))
    spread = np.array([0.18, 0.10])[:, np.newaxis, np.newaxis]
    yearly = np.array([0.12, 0.05])[:, np.newaxis, np.newaxis]
    limit = np.array([0.45, 0.25])[:, np.newaxis, np.newaxis]
    factor = np.exp(np.clip(spread * firm + yearly * year, -limit, limit))
    return factor[0], factor[1], rng.random(shape) < ONE_OFF_SHARE


def _mean_price(market: Market, companies: Companies, rows: IntArray) -> FloatArray:
    """Mean close of up to 250 sessions up to rows [N, Y], on the basis of the share counts."""
    product = np.cumprod(np.nan_to_num(market.adjustment_factor, nan=1.0), axis=0)
    adjusted = standing_close(market) / product
    known = ~np.isnan(adjusted)
    sums = np.concatenate([np.zeros((1, known.shape[1])), np.nancumsum(adjusted, axis=0)])
    counts = np.concatenate([np.zeros((1, known.shape[1])), np.cumsum(known, axis=0)])
    stop = np.clip(rows + 1, 0, len(known))
    start = np.clip(rows - 249, 0, len(known))
    names = np.arange(known.shape[1])[:, np.newaxis]
    total = sums[stop, names] - sums[start, names]
    count = counts[stop, names] - counts[start, names]
    first = np.broadcast_to(companies.first_price[:, np.newaxis], rows.shape)
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1.0), first)
    return mean
