"""Commands about runs: fit, judge, compare, trade, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gogooku.cli.output import emit
from gogooku.cli.shared import Commands, home_folder, reporter
from gogooku.commands.arguments import (
    Compiled,
    ConfigFile,
    DatasetName,
    Device,
    FewNames,
    FitJobs,
    FitOn,
    FitProcesses,
    Json,
    PageLanguage,
    RunName,
    Set,
    TrainedRun,
    TrainThreads,
    WithImportance,
    day_given,
    execution_for,
    language_given,
    whole_number,
)

app = Commands()
holdout_app = Commands(
    "holdout", help="Sessions that are kept for one last look, on record.", no_args_is_help=True
)
app.add_typer(holdout_app, name="holdout")


@app.command()
def train(
    run: TrainedRun,
    dataset: DatasetName = None,
    few_names: FewNames = False,
    config: ConfigFile = None,
    assignments: Set = None,
    jobs: FitJobs = 1,
    on: FitOn = None,
    processes: FitProcesses = 1,
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
        execution=execution_for(threads, device=device, compiled=compiled, processes=processes),
        reporter=reporter(as_json=as_json),
        on=command.fitted_on(jobs, on, processes),
    )
    emit(answer, as_json=as_json)


@app.command()
def tune(
    run: TrainedRun,
    trials: Annotated[
        int, typer.Option("--trials", help="Trials, the run as it is among them.")
    ] = 24,
    space: Annotated[
        Path | None, typer.Option("--space", help="TOML file: what may be changed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say fits, hours and memory; search nothing.")
    ] = False,
    print_space: Annotated[
        bool, typer.Option("--print-space", help="Print the space as a file for --space.")
    ] = False,
    shuffled: Annotated[
        bool, typer.Option("--shuffled", help="Search on permuted labels: nothing may be found.")
    ] = False,
    storage: Annotated[
        str | None, typer.Option("--storage", help="URL of a database for the trials.")
    ] = None,
    dataset: DatasetName = None,
    few_names: FewNames = False,
    config: ConfigFile = None,
    assignments: Set = None,
    jobs: FitJobs = 1,
    on: FitOn = None,
    threads: TrainThreads = 1,
    device: Device = "cpu",
    language: PageLanguage = None,
    as_json: Json = False,
) -> None:
    """Search for settings of a run, and judge the pick on folds that were never looked at."""
    from gogooku.commands import tune as command

    chosen = command.settings(
        run, config, assignments or [], few_names=few_names, shuffled=shuffled
    )
    wanted = command.Wanted(
        name=run,
        space=space,
        trials=whole_number(trials, option="--trials", least=2, most=command.MOST_TRIALS),
        jobs=jobs,
        on=on,
        storage=storage,
        language=language_given(language, option="--language"),
    )
    answer = command.tune(
        home_folder(),
        wanted,
        dataset=dataset,
        chosen=chosen,
        execution=execution_for(threads, device=device, compiled=False),
        reporter=reporter(as_json=as_json),
        instead=command.instead_of(dry_run=dry_run, print_space=print_space),
    )
    emit(answer, as_json=as_json)


@app.command()
def evaluate(
    runs: Annotated[list[str], typer.Argument(help="Run folders, ids or names.")],
    spend: Annotated[
        list[str] | None,
        typer.Option(
            "--spend-holdout", help="Look at this registered hold-out, on record. Repeatable."
        ),
    ] = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Measure runs on their test part, with counts and Newey-West intervals."""
    from gogooku.commands import evaluate as command

    made = command.evaluate(
        home_folder(), runs, config=config, assignments=assignments or [], spend=spend or []
    )
    emit(made, as_json=as_json)


@app.command()
def judge(
    file: Annotated[
        Path, typer.Argument(help="CSV or Parquet: date, code, score and perhaps horizon.")
    ],
    name: Annotated[str, typer.Option("--name", help="What the run is called.")] = "scores",
    horizon: Annotated[
        int | None,
        typer.Option(help="Horizon of all scores; 5 if the file has no such column."),
    ] = None,
    drop_unknown: Annotated[
        bool,
        typer.Option(
            "--drop-unknown", help="Leave out codes and dates that the dataset does not have."
        ),
    ] = False,
    dataset: DatasetName = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Judge scores that were made elsewhere, as a run that can be traded, compared and shown."""
    from gogooku.commands import judge as command

    brought = command.Brought(
        file=file, name=name, horizon=horizon, drop_unknown=drop_unknown, dataset=dataset
    )
    made = command.judge(home_folder(), brought, config=config, assignments=assignments or [])
    emit(made, as_json=as_json)


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(help="Two or more runs; the others are compared with the first.")
    ],
    metric: Annotated[str, typer.Option(help="A daily measure.")] = "rank_ic",
    horizon: Annotated[
        int | None, typer.Option(help="Horizon of the sentence; 5 by default.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Write the comparison as one HTML file too.")
    ] = None,
    language: PageLanguage = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Compare runs on the sessions they share: which is better, how sure, after how many tries."""
    from gogooku.commands import compare as command

    made = command.compare(
        home_folder(),
        runs,
        metric=metric,
        horizon=None if horizon is None else whole_number(horizon, option="--horizon", least=1),
        page=command.page_wanted(page, language),
        config=config,
        assignments=assignments or [],
    )
    emit(made, as_json=as_json)


@app.command()
def backtest(
    run: RunName, config: ConfigFile = None, assignments: Set = None, as_json: Json = False
) -> None:
    """Trade the test scores of a run: fills of the next session, costs, ledger."""
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


@app.command()
def trials(as_json: Json = False) -> None:
    """List everything that was ever judged: run, window, figures, when."""
    from gogooku.commands import trials as command

    emit(command.trials(home_folder()), as_json=as_json)


@holdout_app.command("add")
def holdout_add(
    name: Annotated[str, typer.Argument(help="Name of the hold-out.")],
    first: Annotated[str, typer.Option("--from", help="First date, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last date, YYYY-MM-DD.")],
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Register a hold-out of the source of a dataset; it stays."""
    from gogooku.commands import holdout as command

    made = command.add(
        home_folder(),
        name,
        first=day_given(first, option="--from"),
        last=day_given(last, option="--to"),
        dataset=dataset,
    )
    emit(made, as_json=as_json)


@holdout_app.command("list")
def holdout_list(as_json: Json = False) -> None:
    """List the hold-outs, and which runs have looked at each."""
    from gogooku.commands import holdout as command

    emit(command.listed(home_folder()), as_json=as_json)
