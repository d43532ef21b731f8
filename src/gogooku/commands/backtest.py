"""`gogooku backtest`: what a run's test scores would have earned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.display import estimate_text, table, warning_lines
from gogooku.commands.following import fitted_name
from gogooku.core.config import resolve
from gogooku.core.terms import money
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.account_trials import deflated_words
from gogooku.runs.find import open_run
from gogooku.runs.trade import BACKTEST, DEFLATED


def backtest(home: Path, name: str, *, config: Path | None, assignments: Sequence[str]) -> Answer:
    """Trade a run and say what came of it.

    Raises
    ------
    ConfigError
        A setting is wrong.
    DataError
        There is no such run, or as `gogooku.pipeline.backtest`.
    """
    resolved = resolve(TradeConfig(), base_name=BACKTEST, file=config, assignments=assignments)
    run = open_run(home, name)
    before = Before([run.folder])
    traded = pipeline.backtest(home, run, resolved)
    rows = [
        (measure.removeprefix("portfolio."), estimate_text(one), one["n"])
        for measure, one in traded.metrics.items()
    ]
    account, exchange = traded.facts, run.exchange(home)
    return Answer(
        facts={"run": run.run_id, "folder": str(traded.folder), **traded.written},
        parts=[
            *warning_lines(traded.warnings),
            table(f"backtest of {run.run_id}", ["", "value", "n"], rows),
            f"account: {money(account['initial_cash'], exchange)}, lots of "
            f"{account['lot_size']:,} shares, {account['top_k']:,} names",
            deflated_words(account["statistics"][DEFLATED]),
            *(f"{about}: {words}" for about, words in account["assumptions"].items()),
            f"  {traded.folder}",
            *([already("traded")] if before.had(traded.folder) else []),
        ],
        found=fitted_name(run, name),
    )
