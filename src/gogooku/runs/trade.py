"""What a finished run would have earned: the backtest of its scores, written beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import exchange_named
from gogooku.core.config import Resolved, resolve
from gogooku.core.errors import DataError
from gogooku.core.files import write_json, write_parquet
from gogooku.core.registry import chosen_references
from gogooku.core.seal import open_sealed
from gogooku.core.terms import at_exchange, terms_of
from gogooku.core.types import Dataset
from gogooku.dataset.home import read_bars
from gogooku.portfolio.assumptions import assumptions_of
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.risk_report import risk_report
from gogooku.runs.attribution import (
    attribution_of,
    baselines_beside,
    decisions_of,
    history_of,
    nothing_held,
)
from gogooku.runs.beside import METRICS_FILE, keep_beside
from gogooku.runs.folder import Run, bias_of
from gogooku.runs.trade_statistics import trade_statistics

BACKTEST = "backtest"
LEDGER_FILE = "ledger.parquet"

DEFAULT = resolve(TradeConfig(), base_name=BACKTEST)
"""Trading as it is when nothing is chosen."""


@dataclass(frozen=True)
class Traded:
    """A traded run: what is in the folder of its backtest.

    Attributes
    ----------
    folder : Path
    written : mapping
        ``metrics.json``: metrics and facts.
    """

    folder: Path
    written: Mapping[str, Any]

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """``portfolio.sharpe`` and the like to value, error, low, high, n and lags."""
        found: Mapping[str, Mapping[str, Any]] = self.written["metrics"]
        return found

    @property
    def facts(self) -> Mapping[str, Any]:
        """Dates, sessions, costs, what the benchmark is."""
        found: Mapping[str, Any] = self.written["facts"]
        return found

    def frame(self, name: str) -> pl.DataFrame:
        """``ledger``, ``daily``, ``unfilled`` or ``holdings`` of `gogooku.portfolio.Backtest`.

        Besides: ``decisions``, ``baselines``, and those of
        `gogooku.portfolio.attribute.Attribution` and `gogooku.portfolio.risk_report.RiskReport`.
        """
        return open_sealed(self.folder).parquet(f"{name}.parquet")


def backtest(home: Path, run: Run, resolved: Resolved[TradeConfig] = DEFAULT) -> Traded:
    """Trade the test part of a run, beside it; one that is there already is not traded again.

    Settings that nobody stated are those of the exchange of its dataset.

    Raises
    ------
    DataError
        The horizon was not scored, nothing could be traded, or the dataset or the predictions are
        gone and no backtest of these settings is there.
    """
    resolved = at_exchange(resolved, run.exchange(home))
    horizon = resolved.config.portfolio.horizon
    if horizon not in run.horizons:
        raise DataError(
            f"backtest: run {run.run_id} has no score at horizon {horizon}; set portfolio.horizon "
            f"to one of {', '.join(map(str, run.horizons))}"
        )

    def fill(building: Path) -> None:
        _trade(home, run, resolved.config, building)

    code = (__name__, *chosen_references(resolved.config))
    folder = keep_beside(run, BACKTEST, resolved, code=code, inputs={}, fill=fill)
    return Traded(folder=folder, written=open_sealed(folder, kind=BACKTEST).json(METRICS_FILE))


def _trade(home: Path, run: Run, config: TradeConfig, building: Path) -> None:
    dataset = run.dataset(home)
    indices, scores = run.scores("test", dataset)
    chosen = scores[:, :, run.horizons.index(config.portfolio.horizon)].astype(np.float64)
    bars = market_bars(dataset)
    history = history_of(dataset, bars)
    result = run_backtest(bars, chosen, indices, config=config, history=history)
    made = attribution_of(result, bars, history, config.costs)
    beside = baselines_beside(bars, history, indices, config=config)
    frames = {name: getattr(result, name) for name in ("ledger", "daily", "unfilled", "holdings")}
    risk = risk_report(result.daily)
    frames |= {
        **made.frames,
        **risk.frames,
        "decisions": decisions_of(result),
        "baselines": beside.daily,
    }
    for name, frame in frames.items():
        write_parquet(frame, building / f"{name}.parquet")
    report = backtest_report(result.daily).to_json()
    facts = {
        **report["facts"],
        **account_of(config, dataset),
        "assumptions": assumptions_of(config, bars),
        **bias_of(dataset),
        "attribution": made.facts,
        **risk.facts,
        "statistics": trade_statistics(result.daily),
        "baselines_left_out": beside.left_out,
        "nothing_held": nothing_held(result),
    }
    content = {**report, "facts": facts, "baselines": beside.metrics}
    write_json(building / METRICS_FILE, content)


def account_of(config: TradeConfig, dataset: Dataset) -> dict[str, Any]:
    """The account in numbers, with its currency."""
    return {
        "currency": terms_of(str(dataset.manifest["exchange"])).currency,
        "initial_cash": config.initial_cash,
        "lot_size": config.lot_size,
        "top_k": config.portfolio.top_k,
    }


def market_bars(dataset: Dataset) -> MarketBars:
    """The raw bars of a dataset as a backtest takes them."""
    bars = dict(read_bars(dataset))
    bars["volume"] = bars.pop("volume_shares")
    return MarketBars(
        exchange=exchange_named(str(dataset.manifest["exchange"])),
        clock=dataset.clock,
        sessions=dataset.sessions,
        codes=dataset.codes,
        universe=dataset.valid_TN,
        **bars,
    )
