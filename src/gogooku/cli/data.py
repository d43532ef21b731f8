"""Commands that make data: markets, imports, what is fetched, datasets and their checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gogooku.cli.output import emit
from gogooku.cli.shared import Commands, home_folder, program_call, reporter
from gogooku.commands.arguments import (
    MOST_PORT,
    ConfigFile,
    DatasetName,
    FewNames,
    Json,
    MarketSeed,
    MarketSize,
    Set,
    Threads,
    columns_given,
    confirmed,
    day_given,
    execution_for,
    whole_number,
)
from gogooku.core.environment import chosen

app = Commands()
sandbox_app = Commands(
    "sandbox", help="A generated market, and an exchange of it.", no_args_is_help=True
)
app.add_typer(sandbox_app, name="sandbox")


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Seed of the market and of the learners.")] = 1,
    size: MarketSize = "demo",
    shuffle_labels: Annotated[
        bool, typer.Option("--shuffle-labels", help="Permute labels within each session.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run every step on the simulated market: minutes, no key, no network."""
    from gogooku.commands import demo as command

    answer = command.demo(
        home_folder(),
        size=size,
        seed=whole_number(seed, option="--seed", least=0),
        shuffled=shuffle_labels,
        execution=execution_for(threads),
        reporter=reporter(as_json=as_json),
        program=program_call(),
    )
    emit(answer, as_json=as_json)


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files with daily bars.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Column of a field: field=column. Repeatable.")
    ] = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Import your own daily prices: CSV or Parquet."""
    from gogooku.commands import import_prices as command

    answer = command.import_prices(
        home_folder(),
        files,
        columns=columns_given(mapping or []),
        config=config,
        assignments=assignments or [],
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command()
def sync(
    source: Annotated[
        str, typer.Option(help="jquants, or sandbox: the sandbox exchange.")
    ] = "jquants",
    endpoints: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint. Repeatable.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First date, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last date, YYYY-MM-DD.")] = None,
    bulk: Annotated[str, typer.Option(help="Monthly files: auto or never.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be asked for; no network.")
    ] = False,
    plan: Annotated[
        str | None, typer.Option(help="Plan for --dry-run: free, light, standard or premium.")
    ] = None,
    check_plan: Annotated[
        bool, typer.Option("--check-plan", help="Ask for the plan though it was asked for today.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Print what is held; no network.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make a lost or damaged ledger anew; no network.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove everything that came from the source.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --forget.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch what is missing from J-Quants; continue what was interrupted."""
    from gogooku.commands import sync as command

    asked = command.Asked(
        source=source,
        endpoints=tuple(endpoints or ()),
        first=day_given(first, option="--from"),
        last=day_given(last, option="--to"),
        bulk=bulk,
        plan=plan,
        dry_run=dry_run,
        status=status,
        forget=forget,
        check_plan=check_plan,
        repair=repair,
    )
    answer = command.sync(
        home_folder(),
        asked,
        environment=chosen(command.VARIABLES),
        sure=lambda question: yes or confirmed(question),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@sandbox_app.command("market")
def sandbox_market(
    size: MarketSize = "demo",
    seed: MarketSeed = 1,
    name: Annotated[str | None, typer.Option(help="Name of the source.")] = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Generate a sandbox market and store it as a source."""
    from gogooku.commands import sandbox as command

    answer = command.market(
        home_folder(),
        name=name,
        size=size,
        seed=whole_number(seed, option="--seed", least=0),
        config=config,
        assignments=assignments or [],
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@sandbox_app.command("serve")
def sandbox_serve(
    size: MarketSize = "demo",
    seed: MarketSeed = 1,
    until: Annotated[
        str | None,
        typer.Option(help="Last date of the market; the end of the next quarter by default."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8790,
    as_json: Json = False,
) -> None:
    """Answer the J-Quants V2 endpoints on loopback, from a generated market."""
    from gogooku.commands import sandbox as command

    command.serve(
        size=size,
        seed=whole_number(seed, option="--seed", least=0),
        until=day_given(until, option="--until"),
        port=whole_number(port, option="--port", least=0, most=MOST_PORT),
        reporter=reporter(as_json=as_json),
        say=lambda answer: emit(answer, as_json=as_json),
    )


@app.command()
def build(
    source: Annotated[str | None, typer.Option(help="Name of the source.")] = None,
    as_known_on: Annotated[
        str | None, typer.Option("--as-known-on", help="Use only what was fetched by that date.")
    ] = None,
    by_rule: Annotated[
        bool, typer.Option("--by-rule", help="With --as-known-on: what was published by then.")
    ] = False,
    config: ConfigFile = None,
    assignments: Set = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Build the dataset: panel, features, labels, training tensors."""
    from gogooku.commands import build as command

    answer = command.build(
        home_folder(),
        source=source,
        known=command.knowledge(day_given(as_known_on, option="--as-known-on"), by_rule=by_rule),
        config=config,
        assignments=assignments or [],
        execution=execution_for(threads),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command()
def settings(
    command: Annotated[str, typer.Argument(help="Command, such as train, build or backtest.")],
    run: Annotated[
        str | None, typer.Argument(help="Name of a run, for train and tune: its defaults.")
    ] = None,
    few_names: FewNames = False,
    as_json: Json = False,
) -> None:
    """List what a command can be set to, with defaults, before anything is made."""
    from gogooku.commands import settings as subject

    emit(subject.settings(command, run, few_names=few_names), as_json=as_json)


@app.command()
def features(
    name: Annotated[str | None, typer.Argument(help="Name of one feature, new or old.")] = None,
    as_json: Json = False,
) -> None:
    """List the feature catalogue: meaning, unit, lookback, inputs."""
    from gogooku.commands import features as command

    emit(command.features(name), as_json=as_json)


@app.command()
def audit(
    dataset: DatasetName = None,
    dates: Annotated[
        int, typer.Option(help="Sessions whose values are computed again; 0 for none.")
    ] = 5,
    seed: Annotated[
        int, typer.Option(help="Seed of the sessions and of the values put after them.")
    ] = 1,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Check a dataset: look-ahead, leaks, coverage, drift, copies; exit 1 on a finding."""
    from gogooku.commands import audit as command

    answer = command.audit(
        home_folder(),
        dataset,
        dates=whole_number(dates, option="--dates", least=0),
        seed=whole_number(seed, option="--seed", least=0),
        execution=execution_for(threads),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
    to: Annotated[str, typer.Option("--to", help="Format: qlib.")],
    features: Annotated[
        str | None,
        typer.Option("--features", help="Named set, or names with commas; all by default."),
    ] = None,
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Write a dataset and its bars in another program's format."""
    from gogooku.commands import export as command

    answer = command.export(
        home_folder(),
        folder,
        to=to,
        features=features,
        dataset=dataset,
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)
