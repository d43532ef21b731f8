"""What a finished run would have earned: the backtest of its scores, written beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
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
from gogooku.core.wall import SystemClock, WallClock
from gogooku.dataset.home import read_bars
from gogooku.dataset.trade_facts import read_trade_facts
from gogooku.portfolio.assumptions import assumptions_of
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.risk_report import risk_report
from gogooku.runs.account_trials import AccountTrial, deflated_account, money_tries
from gogooku.runs.attribution import (
    attribution_of,
    baselines_beside,
    decisions_of,
    history_of,
    nothing_held,
)
from gogooku.runs.beside import METRICS_FILE, keep_beside
from gogooku.runs.cautions import account_cautions
from gogooku.runs.folder import Run, bias_of
from gogooku.runs.trade_statistics import trade_statistics
from gogooku.runs.trials import TrialLedger, tried
from gogooku.tables.parts import base_source

BACKTEST = "backtest"
LEDGER_FILE = "ledger.parquet"
DEFLATED = "deflated_sharpe"
"""Among the statistics of a backtest when it is asked for; not written, since tries grow."""

DEFAULT = resolve(TradeConfig(), base_name=BACKTEST)
"""Trading as it is when nothing is chosen."""


@dataclass(frozen=True)
class Traded:
    """A traded run: what is in the folder of its backtest.

    Attributes
    ----------
    folder : Path
    written : mapping
        ``metrics.json``: warnings, metrics and facts, and the metrics of each baseline.
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

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """`gogooku.evaluate.cautions.Caution` about its settings, the gravest first."""
        return list(self.written["warnings"])

    def frame(self, name: str) -> pl.DataFrame:
        """``ledger``, ``daily``, ``unfilled`` or ``holdings`` of `gogooku.portfolio.Backtest`.

        Besides: ``decisions``, ``baselines``, and those of
        `gogooku.portfolio.attribute.Attribution` and `gogooku.portfolio.risk_report.RiskReport`.
        """
        return open_sealed(self.folder).parquet(f"{name}.parquet")


def backtest(
    home: Path,
    run: Run,
    resolved: Resolved[TradeConfig] = DEFAULT,
    *,
    clock: WallClock | None = None,
) -> Traded:
    """Trade the test part of a run, beside it; one that is there already is not traded again.

    Either way it is in the ledger of trials before this returns. Settings that nobody stated are
    those of the exchange of its dataset.

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
    made = Traded(folder=folder, written=open_sealed(folder, kind=BACKTEST).json(METRICS_FILE))
    at = (clock or SystemClock()).now()
    TrialLedger(home).record_account(_entry(home, run, made, resolved.config.content_hash, at))
    return _deflated(made, deflated_of(home, run, made.frame("daily")))


def _deflated(made: Traded, found: Mapping[str, Any]) -> Traded:
    """A backtest whose facts say, beside what is written, what is left of it after all tries."""
    statistics = {**made.facts["statistics"], DEFLATED: dict(found)}
    facts = {**made.facts, "statistics": statistics}
    return Traded(folder=made.folder, written={**made.written, "facts": facts})


def _entry(home: Path, run: Run, made: Traded, account: str, at: datetime) -> AccountTrial:
    """What the ledger of trials says of a backtest."""
    facts = made.facts
    sure = facts["statistics"]
    return AccountTrial(
        key=f"{run.run_id}/{made.folder.name}",
        run=run.run_id,
        config=run.config.content_hash,
        features=str(run.manifest["feature_hash"]),
        account=account,
        labels=str(run.config.label_order),
        source=base_source(str(run.manifest["source"])),
        exchange=run.exchange(home),
        first=date.fromisoformat(facts["first"]),
        last=date.fromisoformat(facts["last"]),
        at=at,
        sharpe=sure["sharpe"]["sharpe"],
        excess=sure["excess_ratio"]["sharpe"],
        n=int(facts["sessions"]),
    )


def deflated_of(home: Path, run: Run, daily: pl.DataFrame) -> dict[str, Any]:
    """How sure a backtest's excess is after all that the ledger knows to have been tried by now.

    As `gogooku.runs.account_trials.deflated_account` says it. It is asked anew each time: the
    number of tries grows.

    Parameters
    ----------
    daily : polars.DataFrame
        Of the backtest.
    """
    ledger = TrialLedger(home)
    window = {
        "source": base_source(str(run.manifest["source"])),
        "exchange": run.exchange(home),
        "first": daily.item(0, "date"),
        "last": daily.item(-1, "date"),
    }
    judged = list(tried(ledger.trials(), **window))
    return deflated_account(daily, money_tries(judged, ledger.accounts(), **window))


def _trade(home: Path, run: Run, config: TradeConfig, building: Path) -> None:
    dataset = run.dataset(home)
    indices, scores = run.scores("test", dataset)
    chosen = scores[:, :, run.horizons.index(config.portfolio.horizon)].astype(np.float64)
    bars = market_bars(dataset)
    history = history_of(dataset, bars)
    result = run_backtest(bars, chosen, indices, config=config, history=history)
    made = attribution_of(result, bars, history, config.costs)
    beside = baselines_beside(bars, history, indices, config=config, daily=result.daily)
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
    warnings = account_cautions(config, dataset, (indices, chosen))
    content = {
        "warnings": [one.to_json() for one in warnings],
        **report,
        "facts": facts,
        "baselines": beside.metrics,
    }
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
    """The raw bars of a dataset as a backtest takes them, with what else a ledger has to know."""
    bars, known = dict(read_bars(dataset)), read_trade_facts(dataset)
    bars["volume"] = bars.pop("volume_shares")
    return MarketBars(
        exchange=exchange_named(str(dataset.manifest["exchange"])),
        clock=dataset.clock,
        sessions=dataset.sessions,
        codes=dataset.codes,
        universe=dataset.valid_TN,
        dividend=known.dividend_TN,
        fine_ticks=known.fine_TN,
        lendable=known.lendable_TN,
        **bars,
    )
