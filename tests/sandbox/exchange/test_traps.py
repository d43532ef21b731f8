"""Every trap pays on the wrong date, by five standard errors, and not on the right one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import daily_rank_ic, mean_estimate
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.exchange.traps import TRAPS, Check
from gogooku.sandbox.market.drivers import MARGIN_LAG, SEGMENTS
from gogooku.sandbox.market.market import Market, exchange_config, generate
from gogooku.sandbox.sources import flows, margin, shorts, statements

START = date(2022, 8, 1)
"""After the restructuring, so that every section is a segment; weekly margin."""


@pytest.fixture(scope="module")
def market() -> Market:
    config = exchange_config("demo", seed=4)
    return generate(config.model_copy(update={"first_session": START, "num_branches": 0}))


@pytest.fixture(scope="module")
def label(market: Market) -> np.ndarray:
    opens = market.open_ / np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)
    out = np.full_like(opens, np.nan)
    out[:-2] = opens[2:] / opens[1:-1] - 1.0
    return out


def session_rows(market: Market, days: pl.Series) -> np.ndarray:
    """First session on or after each date, as the evening clock of that date sees it."""
    values = days.str.to_date().to_numpy().astype("datetime64[D]")
    return np.searchsorted(market.sessions, values)


def placed(market: Market, frame: pl.DataFrame, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[T, N] with the sum of the values of each (session, name), NaN without any."""
    stocks = np.searchsorted(np.array(market.codes), frame["Code"].to_numpy().astype(str))
    out = np.zeros(market.close.shape)
    seen = np.zeros(market.close.shape, dtype=bool)
    kept = (rows >= 0) & (rows < len(out))
    np.add.at(out, (rows[kept], stocks[kept]), values[kept])
    seen[rows[kept], stocks[kept]] = True
    return np.where(seen, out, np.nan)


def carried(values: np.ndarray) -> np.ndarray:
    row = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    return np.take_along_axis(values, np.maximum.accumulate(row, axis=0), axis=0)


ALL = (date(2000, 1, 1), date(2099, 1, 1))


def margin_value(market: Market) -> tuple[np.ndarray, np.ndarray]:
    frame = margin.wires(market)["margin_interest"].rows(*ALL)
    rows = session_rows(market, frame["Date"])
    ratio = np.log((frame["ShrtVol"] + 100) / (frame["LongVol"] + 100)).to_numpy()
    wrong = carried(placed(market, frame, rows, ratio))
    return wrong, carried(placed(market, frame, rows + MARGIN_LAG, ratio))


def short_value(market: Market) -> tuple[np.ndarray, np.ndarray]:
    frame = shorts.wires(market)["short_positions"].rows(*ALL).drop_nulls("PrevRptRatio")
    change = (frame["ShrtPosToSO"] - frame["PrevRptRatio"]).to_numpy()
    both = (session_rows(market, frame[column]) for column in ("CalcDate", "DiscDate"))
    wrong, right = (placed(market, frame, rows, change) for rows in both)
    return wrong, right


def flow_value(market: Market) -> tuple[np.ndarray, np.ndarray]:
    frame = flows.wires(market)["investor_types"].rows(*ALL)
    frame = frame.filter(pl.col("Section") != flows.WHOLE).sort("PubDate")
    frame = frame.unique(["Section", "EnDate"], keep="first", maintain_order=True)
    place = [SEGMENTS.index(name.removeprefix("TSE")) for name in frame["Section"]]
    share = (frame["FrgnBal"] / frame["FrgnTot"]).to_numpy()
    out = []
    for column in ("EnDate", "PubDate"):
        by_segment = np.full((len(market.sessions), 3), np.nan)
        rows = session_rows(market, frame[column])
        kept = rows < len(by_segment)
        by_segment[rows[kept], np.array(place)[kept]] = share[kept]
        out.append(carried(by_segment)[:, market.drivers.segment])
    return out[0], out[1]


def revision_value(market: Market) -> tuple[np.ndarray, np.ndarray]:
    """Change of the forecast profit in revisions disclosed after 17:30."""
    documents = statements.wires(market)["statements"].rows(*ALL).sort("DiscNo")
    kept = ("Code", "DiscNo", "DiscDate", "DiscTime", "DocType")
    said = [
        documents.select(*kept, year=pl.col(year), forecast=pl.col(value))
        for year, value in (("CurFYEn", "FNP"), ("NxtFYEn", "NxFNp"))
    ]
    forecasts = pl.concat(said).filter(pl.col("forecast") != "").sort("DiscNo")
    profit = pl.col("forecast").cast(pl.Float64)
    before = profit.shift(1).over("Code", "year")
    changes = forecasts.with_columns(change=((profit - before) / before.abs()).clip(-0.5, 0.5))
    late = changes.filter(
        pl.col("DocType").str.contains("EarnForecastRevision"),
        pl.col("DiscTime") > "17:30:00",
        pl.col("change").is_not_null(),
    )
    assert late.height > 100
    rows, size = session_rows(market, late["DiscDate"]), late["change"].to_numpy()
    return placed(market, late, rows, size), placed(market, late, rows + 1, size)


VALUES: dict[str, Callable[[Market], tuple[np.ndarray, np.ndarray]]] = {
    "margin_interest": margin_value,
    "short_positions": short_value,
    "investor_types": flow_value,
    "statements": revision_value,
}


def lift(market: Market, label: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """RankIC of expectation and value together above that of the expectation: mean, error.

    The value enters with the slope of what the expectation leaves on it, as a model learns it.
    """
    expectation = market.expectation[:, :, 0]
    value = value - np.nanmean(np.where(np.isfinite(value), value, 0.0), axis=1, keepdims=True)
    value = np.nan_to_num(value)
    left = label - expectation
    left = left - np.nanmean(left, axis=1, keepdims=True)
    both = np.isfinite(left)
    slope = (left[both] * value[both]).sum() / (value[both] ** 2).sum()
    with_value = daily_rank_ic(expectation + slope * value, label)
    found = mean_estimate(with_value - daily_rank_ic(expectation, label), horizon=1)
    return found.value, found.error


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("source", VALUES)
def test_only_the_wrong_date_pays(market, label, source):
    wrong, right = VALUES[source](market)
    mean, error = lift(market, label, wrong)
    assert mean > 5 * error
    mean, error = lift(market, label, right)
    assert mean < 3 * error


def test_the_table_of_traps_names_sources_columns_and_checks():
    assert {trap.source for trap in TRAPS} == set(VALUES)
    for trap in TRAPS:
        columns = ENDPOINTS[trap.source].columns
        assert trap.column in columns
        assert trap.wrong_date in columns
        assert trap.caught_by
        assert set(trap.caught_by) <= set(Check)
    assert len({trap.name for trap in TRAPS}) == len(TRAPS)


def test_the_wrong_dates_are_before_the_visible_instants(market):
    """What the traps tempt with is not visible on the wrong date: the right clock is the wire's."""
    wires = margin.wires(market) | shorts.wires(market) | flows.wires(market)
    wires |= statements.wires(market)
    for trap in TRAPS:
        frame = wires[trap.source].rows(START, START + timedelta(days=90))
        if trap.source == "statements":
            frame = frame.filter(pl.col("DiscTime") > "17:30:00")
        evening = pl.col(trap.wrong_date).str.to_datetime("%Y-%m-%d", time_unit="us")
        early = frame.filter(pl.col("_visible") <= evening + pl.duration(hours=20 - 9))
        assert frame.height > 0
        assert early.height == 0, trap.name
