"""The whole pipeline, from raw data to the ranking: a function for each arrow.

::

    prices in files   -- import_prices -->  Source
    a made-up market  -- sandbox -------->  Source
    J-Quants          -- sync ----------->  raw store -- tables_source -->  Source

    Source   -- build -->  Dataset  -- search ->  Found, settings for train
                           Dataset  -- train -->  Run  -- evaluate -->  Evaluation
                                                  Run  -- backtest -->  Traded
                                                  Run  -- report ---->  page
                                                 Runs  -- compare --->  Comparison
                                                  Run  -- importance -> what features are worth
               Scores and Dataset -- bring -->    Run without a model
                            Run and Dataset -- predictor -->  Predictor
                            Run and Dataset -- ranking ---->  Ranking

Commands and the demo go along these arrows and no other way; what looks at a finished artefact
(audit, export, explain) is no arrow. Each loads its own stage when it is called, so that a command
loads nothing but what it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gogooku.core.config import Execution, Resolved
    from gogooku.core.progress import Reporter
    from gogooku.core.types import Dataset
    from gogooku.core.wall import WallClock
    from gogooku.dataset.assemble import BuildConfig
    from gogooku.execute.task import Executor
    from gogooku.ingest.imports.config import ImportConfig
    from gogooku.ingest.imports.files import ImportResult
    from gogooku.ingest.jquants.client import Client
    from gogooku.ingest.jquants.plan import SyncOptions
    from gogooku.ingest.jquants.summary import Synced
    from gogooku.ingest.source import Source
    from gogooku.portfolio.backtest import TradeConfig
    from gogooku.predict.predictor import Predictor, Ranking
    from gogooku.runs.comparison import Comparison
    from gogooku.runs.config import TrainConfig
    from gogooku.runs.folder import Run
    from gogooku.runs.importance import Importance
    from gogooku.runs.judge import Evaluation, JudgeConfig
    from gogooku.runs.report import ReportConfig
    from gogooku.runs.trade import Traded
    from gogooku.sandbox.market.market import MarketConfig
    from gogooku.search.search import Found, Plan
    from gogooku.tables.parts import Known


def import_prices(
    home: Path, files: Sequence[Path], resolved: Resolved[ImportConfig], *, reporter: Reporter
) -> ImportResult:
    """Files of daily prices -> a source, cleaned by the policy table."""
    from gogooku.ingest.imports.files import import_files

    return import_files(files, resolved=resolved, home=home, reporter=reporter)


def sandbox(
    home: Path, name: str, resolved: Resolved[MarketConfig], *, reporter: Reporter
) -> Source:
    """A generated market -> a source, with its truth beside it."""
    from gogooku.core.stamp import make_stamp
    from gogooku.ingest.source import write_source
    from gogooku.sandbox.market.market import generate, source_frames, truth_frame

    stamp = make_stamp(
        "sandbox",
        config_hash=resolved.config.content_hash,
        code=(generate.__module__, write_source.__module__),
        inputs={},
        seed=resolved.config.seed,
    )
    with reporter.step("market"):
        market = generate(resolved.config)
        frames = replace(source_frames(market), extras={"truth": truth_frame(market)})
    return write_source(home, name, frames, stamp=stamp, config=resolved.to_json())


def sync(
    home: Path,
    name: str,
    client: Client,
    *,
    endpoints: Sequence[str],
    options: SyncOptions,
    clock: WallClock,
    reporter: Reporter,
) -> Synced:
    """J-Quants -> the raw store -> a source: fetch what is missing, and derive the tables anew."""
    from gogooku.ingest.jquants.endpoints import ENDPOINTS
    from gogooku.ingest.jquants.raw import open_store
    from gogooku.ingest.jquants.summary import Synced
    from gogooku.ingest.jquants.sync import sync as fetch
    from gogooku.tables.delivery import REQUIRED
    from gogooku.tables.parts import Known

    store = open_store(home, name)
    summary = fetch(
        store,
        client=client,
        endpoints=[ENDPOINTS[endpoint] for endpoint in endpoints],
        clock=clock,
        reporter=reporter,
        options=options,
    )
    source = None
    if all(store.batches(table) for table in ("calendar", *REQUIRED)):
        source = tables_source(home, name, known=Known(), reporter=reporter)
    return Synced(summary=summary, source=source)


def tables_source(home: Path, name: str, *, known: Known, reporter: Reporter) -> Source:
    """The raw store -> a source, with all that is known or only what was known on a date.

    Raises
    ------
    BusyError
        Another command is deriving the tables of the same store.
    DataError
        Nothing to derive from, or nothing was known by then.
    """
    from gogooku.ingest.jquants.raw import open_store
    from gogooku.tables.delivery import deliver
    from gogooku.tables.parts import derive, deriving_alone, prune_parts

    store = open_store(home, name)
    with deriving_alone(home, name):
        tables = derive(home, store, known=known, reporter=reporter)
        subscription = store.subscription()
        facts = {"plan": subscription.plan.label if subscription else None}
        source = deliver(home, name, tables, known=known, facts=facts)
        if known.on is None:
            prune_parts(home, name, [tables])
    return source


def build(
    home: Path, resolved: Resolved[BuildConfig], *, execution: Execution, reporter: Reporter
) -> Dataset:
    """A source -> a dataset, built whole or continued from the one before."""
    from gogooku.dataset.build import build as build_dataset

    return build_dataset(home, resolved, execution=execution, reporter=reporter)


def search(
    home: Path,
    plan: Plan,
    *,
    trials: int,
    reporter: Reporter,
    executor: Executor | None = None,
    storage: str | None = None,
) -> Found:
    """A planned search over a dataset -> its trials, the pick, and what judges it."""
    from gogooku.search.search import search as search_

    return search_(home, plan, trials=trials, reporter=reporter, executor=executor, storage=storage)


def train(
    home: Path,
    name: str,
    resolved: Resolved[TrainConfig],
    dataset: Dataset,
    *,
    execution: Execution,
    reporter: Reporter,
    executor: Executor | None = None,
) -> Run:
    """A dataset -> a run: fitted fold by fold, with its scores out of sample.

    An executor fits several folds at a time, in other processes; what comes of it is the same.
    """
    from gogooku.runs.train import train as train_run

    return train_run(
        home, name, resolved, dataset, execution=execution, reporter=reporter, executor=executor
    )


def bring(
    home: Path,
    name: str,
    scores: object,
    dataset: Dataset,
    *,
    horizon: int | None = None,
    drop_unknown: bool = False,
) -> Run:
    """A frame of scores that were made elsewhere, and a dataset -> a run without a model."""
    from gogooku.runs.given import bring as bring_scores

    return bring_scores(home, name, scores, dataset, horizon=horizon, drop_unknown=drop_unknown)


def evaluate(
    home: Path,
    run: Run,
    resolved: Resolved[JudgeConfig] | None = None,
    *,
    spend: Sequence[str] = (),
) -> Evaluation:
    """A run -> its skill on the test part, each figure with its error; kept beside the run.

    ``spend`` names registered hold-outs that the run looks at with this; it is entered in the
    ledger of trials, as every evaluation is.
    """
    from gogooku.runs import judge

    return judge.evaluate(home, run, resolved or judge.DEFAULT, spend=spend)


def backtest(home: Path, run: Run, resolved: Resolved[TradeConfig] | None = None) -> Traded:
    """A run -> what its test scores would have earned after costs; kept beside the run.

    The run is judged first, so that it is in the ledger of trials: this is a look at its test part.
    """
    from gogooku.runs import judge, trade
    from gogooku.runs.holdouts import refuse_unspent

    refuse_unspent(home, run)
    judge.evaluate(home, run)
    return trade.backtest(home, run, resolved or trade.DEFAULT)


def compare(
    home: Path,
    runs: Sequence[Run],
    resolved: Resolved[JudgeConfig] | None = None,
    *,
    metric: str,
    horizon: int | None = None,
) -> Comparison:
    """Runs -> how the others differ from the first, paired by session; judged first if missing."""
    from gogooku.runs import comparison
    from gogooku.runs.holdouts import refuse_unspent

    for run in runs:
        refuse_unspent(home, run)
    judged = {run.run_id: (run, evaluate(home, run, resolved)) for run in runs}
    return comparison.compare(home, judged, metric=metric, horizon=horizon)


def report(
    home: Path, run: Run, resolved: Resolved[ReportConfig] | None = None, *, explained: bool = False
) -> Path:
    """A run -> its page; what the page needs is judged or traded first where it is missing.

    With ``explained`` it shows what groups of features are worth, which is measured first.
    """
    from gogooku.runs import report as pages
    from gogooku.runs.holdouts import refuse_unspent

    refuse_unspent(home, run)
    return pages.write_report(home, run, resolved or pages.DEFAULT, explained=explained)


def importance(home: Path, run: Run) -> list[Importance]:
    """A run -> what it loses when a group of features is permuted; kept beside the run."""
    from gogooku.runs import importance as worth
    from gogooku.runs.holdouts import refuse_unspent

    refuse_unspent(home, run)
    return worth.importance(home, run)[0]


def predictor(run: Run, dataset: Dataset, *, device: str = "cpu") -> Predictor:
    """A run and a dataset -> what ranks any session of it, opened once."""
    from gogooku.predict.predictor import Predictor

    return Predictor(run, dataset, device=device)


def ranking(
    run: Run,
    dataset: Dataset,
    day: date | None = None,
    *,
    horizon: int = 5,
    device: str = "cpu",
) -> Ranking:
    """A run and a dataset -> the universe of a session (the newest by default), best name first."""
    return predictor(run, dataset, device=device).ranking(day, horizon=horizon)
