"""What a dataset knows of its names beside bars; where a result came from; what it is beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.types import Dataset, IntArray
from gogooku.dataset.home import read_values
from gogooku.dataset.trade_facts import read_index
from gogooku.portfolio.attribute import Attribution, attribute
from gogooku.portfolio.backtest import Backtest, TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.baselines import baselines, index_growth
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import History
from gogooku.portfolio.limits import NOTHING_HELD
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.positions import positions_of
from gogooku.portfolio.record import DAILY_SCHEMA
from gogooku.portfolio.stress import stresses_within

LOG_CAP = "val_log_market_cap"
INDEX = "index"
"""Name of the market's index among the baselines."""


def history_of(dataset: Dataset, bars: MarketBars) -> History:
    """What decisions and attribution get their past from: bars, sectors, capitalisations, index.

    What a dataset lacks it gives none of: sectors, the feature of capitalisations, the index.
    """
    sectors = tuple(map(str, dataset.manifest["sectors"]))
    cap = None
    if LOG_CAP in dataset.features:
        cap = np.exp(read_values(dataset, [LOG_CAP])[0].astype(np.float64))
    return replace(
        bars.history(),
        sector=dataset.sector_TN.astype(np.int64) if sectors else None,
        sector_names=sectors,
        market_cap=cap,
        index_close=read_index(dataset),
    )


def attribution_of(
    result: Backtest, bars: MarketBars, history: History, costs: CostConfig
) -> Attribution:
    """Where the result of a backtest came from.

    The capacity curve takes the coefficient of impact of the costs, and 1 where they have none.
    """
    frames: Mapping[str, pl.DataFrame] = {
        "daily": result.daily,
        "ledger": result.ledger,
        "unfilled": result.unfilled,
    }
    positions = positions_of(
        result.daily,
        result.holdings,
        history=history,
        sessions=bars.sessions,
        codes=bars.codes,
    )
    windows = stresses_within(positions.sessions, bars.exchange.name)
    return attribute(positions, frames, impact=costs.impact or 1.0, windows=windows)


def decisions_of(result: Backtest) -> pl.DataFrame:
    """What each decision chose, and what construction had to do for it.

    Returns
    -------
    polars.DataFrame
        decided_at (UTC), long and short (sums of the target weights), names, seats, notes (null
        where there are none).
    """
    rows = [
        (
            one.decided_at.replace(tzinfo=None),
            sum(weight for weight in one.weights.values() if weight > 0.0),
            -sum(weight for weight in one.weights.values() if weight < 0.0),
            len(one.weights),
            len(one.seats),
            "; ".join(one.notes) or None,
        )
        for one in result.portfolios
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "decided_at": pl.Datetime("us"),
        "long": pl.Float64,
        "short": pl.Float64,
        "names": pl.Int64,
        "seats": pl.Int64,
        "notes": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def nothing_held(result: Backtest) -> dict[str, int]:
    """Decisions of a neutral portfolio that hold nothing, counted by why."""
    notes = [note for one in result.portfolios for note in one.notes]
    return dict(Counter(note for note in notes if note.startswith(NOTHING_HELD)))


@dataclass(frozen=True)
class Beside:
    """What stands beside a result.

    Attributes
    ----------
    daily : polars.DataFrame
        baseline, date, equity, benchmark, cost, turnover.
    metrics : mapping
        By baseline, as `gogooku.portfolio.measures.backtest_report` says them.
    left_out : mapping of str to str
        Baselines that could not be traded, and why.
    """

    daily: pl.DataFrame
    metrics: Mapping[str, Mapping[str, object]]
    left_out: Mapping[str, str]


def baselines_beside(
    bars: MarketBars,
    history: History,
    decisions: IntArray,
    *,
    config: TradeConfig,
    daily: pl.DataFrame,
) -> Beside:
    """Trade the baselines at the costs, fills and limits of an account, on the same sessions.

    The index, where the market has one, is not traded: its level stands beside them, without
    dividends and costs.

    Parameters
    ----------
    daily : polars.DataFrame
        Of the account: its sessions and its benchmark.
    """
    frames: list[pl.DataFrame] = []
    metrics: dict[str, Mapping[str, object]] = {}
    left_out: dict[str, str] = {}
    for one in baselines(history, decisions, config=config.portfolio):
        if not (np.isfinite(one.scores_tN) & bars.universe[decisions]).any():
            left_out[one.name] = "too short a past before the first decision"
            continue
        lot = config.lot_size if one.whole_lots else 1
        own = {"portfolio": one.config, "lot_size": lot}
        try:
            result = run_backtest(
                bars,
                one.scores_tN,
                decisions,
                config=config.model_copy(update=own),
                history=history,
            )
        except DataError as fault:
            left_out[one.name] = str(fault)
            continue
        metrics[one.name] = backtest_report(result.daily).to_json()["metrics"]
        frames.append(_named(one.name, result.daily))
    try:
        level = _index(bars, history, daily)
    except DataError as fault:
        left_out[INDEX] = str(fault)
    else:
        metrics[INDEX] = backtest_report(level).to_json()["metrics"]
        frames.append(_named(INDEX, level))
    beside = pl.concat(frames) if frames else pl.DataFrame(schema=_SCHEMA)
    return Beside(daily=beside, metrics=metrics, left_out=left_out)


_COLUMNS = ("date", "equity", "benchmark", "cost", "turnover")
_SCHEMA = {"baseline": pl.String, "date": pl.Date, **dict.fromkeys(_COLUMNS[1:], pl.Float64)}


def _named(name: str, daily: pl.DataFrame) -> pl.DataFrame:
    return daily.select(pl.lit(name).alias("baseline"), *_COLUMNS)


def _index(bars: MarketBars, history: History, daily: pl.DataFrame) -> pl.DataFrame:
    """The index over the sessions of an account, in its money, as `DAILY_SCHEMA` says it.

    Raises
    ------
    DataError
        The market has no index, or it has no level on a session.
    """
    days = daily.get_column("date").to_numpy().astype("datetime64[D]")
    growth = index_growth(history, np.searchsorted(bars.sessions, days).astype(np.int64))
    level = pl.Series("equity", float(daily.get_column("equity")[0]) * growth)
    known = daily.select("date", level, "benchmark")
    whole = {name: pl.lit(1.0) for name in ("gross", "long", "net")}
    nothing = [name for name in DAILY_SCHEMA if name not in (*known.columns, *whole)]
    return known.with_columns(**whole, **dict.fromkeys(nothing, pl.lit(0.0))).select(
        pl.col(name).cast(kind) for name, kind in DAILY_SCHEMA.items()
    )
