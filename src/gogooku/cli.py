"""The command line: declares the commands, reads the environment and prints; nothing else.

What a command does is in the module of its name in `gogooku.commands`, which is imported when the
command is called, so that ``--help`` is instant.

Exit codes: 0 done, 1 a finding or a failed check, 2 wrong usage or configuration, 3 data, service
or environment, 70 a defect of the program; 128 + N where signal N stopped the command (130: Ctrl-C)
or the reader of its output has gone (141).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gogooku.commands.answer import Answer
from gogooku.commands.arguments import (
    MOST_PORT,
    Artefact,
    Compiled,
    ConfigFile,
    DatasetName,
    Day,
    Device,
    ExaminedRun,
    FewNames,
    Host,
    Json,
    MarketSeed,
    MarketSize,
    NameCode,
    Output,
    RunName,
    Set,
    Threads,
    TrainedRun,
    TrainThreads,
    Verify,
    WithImportance,
    columns_given,
    confirmed,
    day_given,
    execution_for,
    in_plain_words,
    reporter_for,
    usable_home,
    whole_number,
)
from gogooku.core.errors import GogookuError, InternalError, StoppedError, UsageError
from gogooku.core.listen import Address
from gogooku.core.memory import keep_freed_memory
from gogooku.core.plain import paragraph
from gogooku.core.process import (
    READER_GONE_CODE,
    discard,
    escape_the_rest,
    meaning,
    open_standard_streams,
    signals_raise,
    writes_out,
)
from gogooku.core.resources import PRIVATE_UMASK, require_resources, supervised

WrongCall: Any = typer.BadParameter.__base__
"""A call that typer refuses; click's ``UsageError``, which typer keeps a copy of."""

app = typer.Typer(
    name="gogooku",
    help="An evening ranking of the Tokyo market whose quality can be believed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
sandbox_app = typer.Typer(help="A generated market, and an exchange of it.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")


def home_folder() -> Path:
    """Where everything is kept: ``GOGOOKU_HOME``, or ``~/.gogooku``."""
    return usable_home(os.environ.get("GOGOOKU_HOME") or "~/.gogooku")  # noqa: TID251


def emit(answer: Answer, *, as_json: bool = False) -> None:
    """Print what a command has to say, for programs or for people, then raise what failed."""
    with writes_out(sys.stdout) as stream:
        if as_json:
            text = json.dumps(answer.facts, indent=1, ensure_ascii=False, default=str)
            stream.write(f"{text}\n")
        else:
            from gogooku.commands.display import show
            from gogooku.core.progress import PipeConsole

            width = None if stream.isatty() else 160
            # what is printed is meant as it is: [x] in a path is no markup, :x: no emoji
            show(PipeConsole(file=stream, width=width, markup=False, emoji=False), *answer.parts)
    if answer.failure is not None:
        raise answer.failure


def complain(fault: GogookuError, *, as_json: bool) -> None:
    """Say on standard error what stopped a command; nothing can be said where it is closed."""
    ours = isinstance(fault, InternalError)
    trace = traceback.format_exception(fault.__cause__) if ours else []
    message = paragraph(str(fault))
    if as_json:
        facts = {"error": type(fault).__name__, "message": message}
        text = json.dumps({**facts, "trace": trace} if ours else facts)
    else:
        text = "".join(trace)
        text += message if isinstance(fault, StoppedError) else f"error: {message}"
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


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
        reporter=reporter_for(as_json=as_json),
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
        reporter=reporter_for(as_json=as_json),
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
        environment={
            name: os.environ[name]  # noqa: TID251
            for name in command.VARIABLES
            if name in os.environ  # noqa: TID251
        },
        sure=lambda question: yes or confirmed(question),
        reporter=reporter_for(as_json=as_json),
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
        reporter=reporter_for(as_json=as_json),
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
        reporter=reporter_for(as_json=as_json),
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
        reporter=reporter_for(as_json=as_json),
    )
    emit(answer, as_json=as_json)


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
        reporter=reporter_for(as_json=as_json),
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
        reporter=reporter_for(as_json=as_json),
    )
    emit(answer, as_json=as_json)


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
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page about a run."""
    from gogooku.commands import report as command

    made = command.report(
        home_folder(), run, config=config, assignments=assignments or [], importance=importance
    )
    emit(made, as_json=as_json)


@app.command()
def predict(
    run: Annotated[str | None, typer.Option(help="Run; the newest finished by default.")] = None,
    dataset: DatasetName = None,
    day: Day = None,
    horizon: Annotated[int, typer.Option(help="Horizon that ranks: 1, 5, 10 or 20.")] = 5,
    top: Annotated[int, typer.Option(help="Names printed; files hold all.")] = 30,
    output: Output = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Rank the newest session's universe."""
    from gogooku.commands import predict as command

    answer = command.predict(
        home_folder(),
        command.Asked(
            day=day_given(day, option="--date"),
            horizon=whole_number(horizon, option="--horizon", least=1),
            top=whole_number(top, option="--top", least=1),
        ),
        run=run,
        dataset=dataset,
        output=output,
        device=device,
    )
    emit(answer, as_json=as_json)


@app.command()
def serve(
    run: Annotated[str | None, typer.Option(help="Run; the newest finished by default.")] = None,
    dataset: DatasetName = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8765,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Serve rankings over HTTP; everything but /health needs a key."""
    from gogooku.commands import serve as command

    command.serve(
        home_folder(),
        run=run,
        dataset=dataset,
        keys=os.environ.get("GOGOOKU_API_KEYS", ""),  # noqa: TID251
        at=Address(host, whole_number(port, option="--port", least=0, most=MOST_PORT)),
        device=device,
        say=lambda answer: emit(answer, as_json=as_json),
    )


@app.command("explain")
def explain_command(
    artefact: Artefact,
    other: Annotated[Path | None, typer.Argument(help="Another one, to compare with.")] = None,
    code: NameCode = None,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Show an artefact's config with provenance, inputs and code; or two artefacts' difference."""
    from gogooku.commands import explain as command

    asked = day_given(day, option="--date")
    emit(command.explain(home_folder(), artefact, other, code=code, day=asked), as_json=as_json)


@app.command()
def doctor(run: ExaminedRun = None, verify: Verify = False, as_json: Json = False) -> None:
    """Check the environment: home, disk, versions, what is there and left unfinished; or a run."""
    from gogooku.commands import doctor as command

    reporter = reporter_for(as_json=as_json)
    emit(command.doctor(home_folder(), run, verified=verify, reporter=reporter), as_json=as_json)


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version."""
    from gogooku.commands import version as command

    emit(command.version(), as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command, turn every fault into one paragraph and an exit code.

    What a command writes, wherever, is for its user alone.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    os.umask(PRIVATE_UMASK)
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        escape_the_rest(stream)
    as_json = "--json" in given
    supervised(
        lambda: _call(given, as_json=as_json),
        complain=lambda fault: complain(fault, as_json=as_json),
    )


def _call(given: list[str], *, as_json: bool) -> None:
    """Run a command; always ends in `SystemExit`."""
    keep_freed_memory()
    try:
        with signals_raise():
            require_resources()
            code = _run(given)
    except BrokenPipeError:
        discard(sys.stdout)
        discard(sys.stderr)
        sys.exit(READER_GONE_CODE)
    except WrongCall as fault:
        in_plain_words(fault)
        if as_json:
            complain(UsageError(fault.format_message()), as_json=True)
        else:
            fault.show()
        sys.exit(UsageError.exit_code)
    except SystemExit:
        raise
    except BaseException as fault:  # noqa: BLE001 - every fault has an exit code and words
        error = meaning(fault)
        if error is not fault:
            error.__cause__ = fault
        complain(error, as_json=as_json)
        sys.exit(error.exit_code)
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Run a command and give its exit code; faults are raised as they are."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("gogooku", given) as context:
            command.invoke(context)
        code = 0
    except typer.Exit as end:
        code = end.exit_code
    with writes_out(sys.stdout):
        return code
