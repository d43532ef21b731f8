"""Commands about runs: fit, judge, compare, trade, show."""

from __future__ import annotations

from typing import Annotated

import typer

from gogooku.cli.environment import home_folder
from gogooku.cli.output import emit
from gogooku.commands.arguments import (
    Compiled,
    ConfigFile,
    DatasetName,
    Device,
    FewNames,
    Json,
    PageLanguage,
    RunName,
    Set,
    TrainedRun,
    TrainThreads,
    WithImportance,
    execution_for,
    reporter_for,
)

app = typer.Typer()


@app.command()
def train(
    run: TrainedRun,
    dataset: DatasetName = None,
    few_names: FewNames = False,
    config: ConfigFile = None,
    assignments: Set = None,
    threads: TrainThreads = 1,
    device: Device = "cpu",
    compiled: Compiled = False,
    as_json: Json = False,
) -> None:
    """Fit one run over its folds."""
    from gogooku.commands import train as command

    answer = command.train(
        home_folder(),
        run,
        dataset=dataset,
        chosen=command.settings(run, config, assignments or [], few_names=few_names),
        execution=execution_for(threads, device=device, compiled=compiled),
        reporter=reporter_for(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command()
def evaluate(
    runs: Annotated[list[str], typer.Argument(help="Run folders, ids or names.")],
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Measure runs on their test part, with counts and Newey-West intervals."""
    from gogooku.commands import evaluate as command

    made = command.evaluate(home_folder(), runs, config=config, assignments=assignments or [])
    emit(made, as_json=as_json)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs.")],
    metric: Annotated[str, typer.Option(help="A daily measure.")] = "rank_ic",
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Compare runs pairwise on the sessions they share, all judged alike."""
    from gogooku.commands import compare as command

    made = command.compare(
        home_folder(), runs, metric=metric, config=config, assignments=assignments or []
    )
    emit(made, as_json=as_json)


@app.command()
def backtest(
    run: RunName, config: ConfigFile = None, assignments: Set = None, as_json: Json = False
) -> None:
    """Trade the test scores of a run: fills at the next open, costs, ledger."""
    from gogooku.commands import backtest as command

    made = command.backtest(home_folder(), run, config=config, assignments=assignments or [])
    emit(made, as_json=as_json)


@app.command()
def report(
    run: RunName,
    importance: WithImportance = False,
    language: PageLanguage = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page about a run."""
    from gogooku.commands import report as command

    chosen = [*(assignments or []), *command.settings(language)]
    made = command.report(
        home_folder(), run, config=config, assignments=chosen, importance=importance
    )
    emit(made, as_json=as_json)
