"""Field cases: a row on which nobody traded is no entry, no exit, no fill, no end of a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.cli import FEATURES, done, sets
from tests.support.healthy import prices

from gogooku.core.price_limits import limit_prices
from gogooku.core.types import HORIZONS, OUTCOMES, Dataset, Labels
from gogooku.dataset.home import current_dataset, labels_of
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.fill_config import FillConfig, FillPrice
from gogooku.portfolio.fills import make_offer
from gogooku.runs.trade import market_bars
from support.portfolios import account

CODE = "13510"
"""The name of which this is about."""
SILENT = slice(50, 58)
"""Sessions without a trade in it."""
LIMIT_MOVE = 1.15
"""About the widest move of a session at its price."""
PRICES = ("open", "high", "low", "close")
OUTCOME = {name: place for place, name in enumerate(OUTCOMES)}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return prices(names=24, sessions=90)


def days_of(frame: pl.DataFrame, at: slice) -> pl.Expr:
    """The rows of `CODE` in these sessions."""
    days = frame.get_column("date").unique().sort()[at].implode()
    return (pl.col("code") == CODE) & pl.col("date").is_in(days)


def last_close(frame: pl.DataFrame) -> float:
    mine = frame.filter(pl.col("code") == CODE).sort("date")
    return float(mine.get_column("close")[SILENT.start - 1])


def put(frame: pl.DataFrame, at: slice, price: float | None, volume: float | None) -> pl.DataFrame:
    """One price and one volume in all rows of these sessions."""
    here, kind = days_of(frame, at), pl.Float64
    return frame.with_columns(
        *(pl.when(here).then(pl.lit(price, kind)).otherwise(n).alias(n) for n in PRICES),
        volume=pl.when(here).then(pl.lit(volume, kind)).otherwise("volume"),
    )


def built(folder: Path, frame: pl.DataFrame) -> tuple[Dataset, Labels, MarketBars]:
    home, file = folder / "home", folder / "prices.parquet"
    frame.write_parquet(file)
    done(home, "import", file, "--json")
    settings = ("universe.lookback=20", f"features={FEATURES}")
    done(home, "build", *sets(*settings), "--threads", 1, "--json")
    dataset = current_dataset(home)
    return dataset, labels_of(dataset), market_bars(dataset)


@pytest.mark.parametrize("given", ["last close", "limit", "null"])
def test_a_row_without_a_trade_ends_nothing_and_fills_nothing(tmp_path, frame, given):
    """A suspension filled in, or a name that nobody would sell (buy) at its limit all day."""
    price = {"last close": 1.0, "limit": LIMIT_MOVE, "null": None}[given]
    price = price and round(last_close(frame) * price, 2)
    silent = put(frame, SILENT, price, None if price is None else 0.0)
    dataset, labels, bars = built(tmp_path, silent)
    n = dataset.codes.index(CODE)
    for name in PRICES:
        assert np.isnan(getattr(bars, name)[SILENT, n]).all()
    for h, horizon in enumerate(HORIZONS):
        for t in range(SILENT.start - 2 - horizon, SILENT.stop):
            entry, exit_ = t + 1, t + 1 + horizon
            kind, late = labels.outcome_TNH[t, n, h], int(labels.late_TNH[t, n, h])
            if SILENT.start <= entry < SILENT.stop:
                assert kind == OUTCOME["no_entry"]
                assert np.isnan(labels.raw_TNH[t, n, h])
                continue
            used = SILENT.stop if SILENT.start <= exit_ < SILENT.stop else exit_
            assert kind == OUTCOME["late_exit" if used > exit_ else "normal"]
            assert late == used - exit_
            wanted = bars.open[used, n] / bars.open[entry, n] - 1.0
            assert labels.raw_TNH[t, n, h] == pytest.approx(wanted, rel=1e-5)
    assert not labels.tradable_TN[SILENT.start - 1 : SILENT.stop - 1, n].any()
    assert labels.tradable_TN[SILENT.stop - 1, n]
    assert_no_fill(dataset, bars, n, reason="no_open")


def assert_no_fill(dataset: Dataset, bars: MarketBars, n: int, *, reason: str) -> None:
    """Buying in the silent sessions and selling in them both wait for the first trade behind."""
    other = next(m for m in range(len(dataset.codes)) if m != n and dataset.valid_TN[30:, m].all())
    days = dataset.sessions.tolist()
    first, after = SILENT.start - 1, SILENT.stop
    for side, change in (("buy", first), ("sell", first)):
        begin = first - 3
        score = np.full((after - begin, len(dataset.codes)), np.nan)
        mine, theirs = (other, n) if side == "buy" else (n, other)
        score[: change - begin, mine], score[change - begin :, theirs] = 1.0, 1.0
        result = run_backtest(
            bars, score, np.arange(begin, after), config=account(top_k=1, cash=1e8, bps=0.0)
        )
        traded = result.ledger.filter(pl.col("code") == CODE)
        assert traded.filter(pl.col("date").is_between(days[first + 1], days[after - 1])).is_empty()
        done_at = traded.filter(pl.col("side") == side).row(0, named=True)
        assert (done_at["date"], done_at["price"]) == (days[after], bars.open[after, n])
        unfilled = result.unfilled.filter(pl.col("reason") != "cash")
        waiting = unfilled.filter(pl.col("code") == CODE, pl.col("side") == side)
        assert waiting["reason"].unique().to_list() == [reason]
        assert waiting["date"].to_list() == days[first + 1 : after]


def test_what_a_vendor_fills_in_changes_nothing(tmp_path, frame):
    """Rows filled in are worth as much as rows without prices: to the last bit."""
    contents = set()
    for name, price, volume in (
        ("null", None, None),
        ("filled", last_close(frame), 0.0),
        ("unknown", last_close(frame), None),
    ):
        place = tmp_path / name
        place.mkdir()
        dataset, labels, _ = built(place, put(frame, SILENT, price, volume))
        contents.add((dataset.manifest["content_hash"], labels.manifest["content_hash"]))
    assert len(contents) == 1


@pytest.mark.parametrize(("flag", "side"), [("limit_up", "buy"), ("limit_down", "sell")])
def test_a_few_shares_at_the_limit_are_no_fill_on_the_side_that_waits(tmp_path, frame, flag, side):
    """Locked all day, and some shares changed hands: who wanted to get in (out) could not."""
    locked = slice(SILENT.start, SILENT.start + 1)
    lower, upper = limit_prices(np.array([last_close(frame)]))
    few = put(frame, locked, float((upper if flag == "limit_up" else lower)[0]), 300.0)
    few = few.with_columns(pl.lit(value=False).alias(f) for f in ("limit_up", "limit_down"))
    few = few.with_columns(pl.when(days_of(few, locked)).then(True).otherwise(flag).alias(flag))
    dataset, labels, bars = built(tmp_path, few)
    n, t = dataset.codes.index(CODE), locked.start
    assert labels.tradable_TN[t - 1, n] == (side == "sell")
    for price in FillPrice:
        made = make_offer(
            bars,
            t,
            np.array([n]),
            bars.close[t - 1, [n]],
            config=FillConfig(price=price),
            costs=CostConfig(),
        )
        assert (made.no_buy[0], made.no_sell[0]) == (side == "buy", side == "sell")
    other = next(m for m in range(len(dataset.codes)) if m != n and dataset.valid_TN[30:, m].all())
    mine, theirs = (other, n) if side == "buy" else (n, other)
    score = np.full((5, len(dataset.codes)), np.nan)
    score[:3, mine], score[3:, theirs] = 1.0, 1.0
    result = run_backtest(
        bars, score, np.arange(t - 4, t + 1), config=account(top_k=1, cash=1e8, bps=0.0)
    )
    days = dataset.sessions.tolist()
    unfilled = result.unfilled.filter(pl.col("reason") != "cash")
    (refused,) = unfilled.filter(pl.col("code") == CODE).rows(named=True)
    assert (refused["date"], refused["side"], refused["reason"]) == (days[t], side, flag)
    filled = result.ledger.filter(pl.col("code") == CODE, pl.col("side") == side).row(0, named=True)
    assert filled["date"] == days[t + 1]
