"""The command line: reads the environment, calls the pipeline, prints, and nothing else.

Exit codes: 0 done, 1 a finding or a failed check, 2 wrong usage or configuration, 3 data, service
or environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from gogooku import __version__
from gogooku.commands.arguments import (
    ConfigFile,
    DatasetName,
    Json,
    MarketSeed,
    MarketSize,
    RunName,
    Set,
    Threads,
    TrainThreads,
    WrongCall,
    columns_given,
    complain,
    confirmed,
    day_given,
    execution_for,
    reporter_for,
)
from gogooku.core.config import resolve
from gogooku.core.errors import EnvironmentalError, FindingError, GogookuError, UsageError
from gogooku.core.memory import keep_freed_memory

if TYPE_CHECKING:
    from gogooku.runs.folder import Run

app = typer.Typer(
    name="gogooku",
    help="An evening ranking of the Tokyo market whose quality can be believed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
sandbox_app = typer.Typer(help="The market that never existed.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")


def home_folder() -> Path:
    """Where everything is kept: ``GOGOOKU_HOME``, or ``~/.gogooku``."""
    return Path(os.environ.get("GOGOOKU_HOME") or Path.home() / ".gogooku").expanduser()  # noqa: TID251


def _emit(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")


def _out() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


def _run(name: str | None) -> Run:
    from gogooku.runs.folder import open_run

    return open_run(home_folder(), name)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Seed of the market and of the learners.")] = 1,
    size: MarketSize = "demo",
    shuffle_labels: Annotated[
        bool, typer.Option("--shuffle-labels", help="Permute labels within the day: no skill left.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run the whole line on the sandbox market: minutes, no key, no network."""
    from gogooku.commands.demo import run_demo

    result = run_demo(
        home_folder() / "demo",
        size=size,
        seed=seed,
        shuffled=shuffle_labels,
        execution=execution_for(threads),
        reporter=reporter_for(as_json=as_json),
    )
    if as_json:
        _emit(result.to_json())
    else:
        result.show(_out())
    if result.findings:
        raise FindingError("; ".join(result.findings))


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="CSV or Parquet files with daily bars.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, over the guess. Repeatable.")
    ] = None,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Bring your own daily prices: CSV or Parquet."""
    from gogooku.ingest.imports.files import ImportConfig, import_files

    columns = columns_given(mapping or [])
    resolved = resolve(
        ImportConfig(columns=columns) if columns else ImportConfig(),
        base_name="import",
        file=config,
        assignments=assignments or [],
    )
    result = import_files(
        files, resolved=resolved, home=home_folder(), reporter=reporter_for(as_json=as_json)
    )
    if as_json:
        _emit(result.to_json())
    else:
        from gogooku.commands.display import import_tables, show

        show(_out(), *import_tables(result.to_json()))


@app.command()
def sync(
    source: Annotated[
        str, typer.Option(help="jquants, or sandbox: the same with another address.")
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
    status: Annotated[bool, typer.Option("--status", help="What is held; no network.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove everything that came from the source.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --forget.")] = False,
    as_json: Json = False,
) -> None:
    """Fetch what is missing from J-Quants, resume what broke."""
    from gogooku.commands import sync as syncing

    if dry_run + status + forget > 1:
        raise UsageError("--dry-run, --status and --forget exclude each other")
    if plan is not None and not dry_run:
        raise UsageError("--plan goes with --dry-run; a sync asks the server for the plan")
    if forget and (endpoints or first or last):
        raise UsageError("--forget removes everything of a source; leave out what narrows it")
    order = syncing.order(
        home_folder(),
        source,
        endpoints or [],
        first=day_given(first, option="--from"),
        last=day_given(last, option="--to"),
        bulk=bulk,
    )
    if status:
        made: syncing.Shown = syncing.status(order)
    elif forget:
        made = syncing.forget(order, sure=lambda text: yes or confirmed(text))
    elif dry_run:
        made = syncing.dry_run(order, plan=plan)
    else:
        address = syncing.address(
            source,
            base_url=os.environ.get("JQUANTS_BASE_URL"),  # noqa: TID251
            key=os.environ.get("JQUANTS_API_KEY"),  # noqa: TID251
        )
        made = syncing.run(order, address, reporter=reporter_for(as_json=as_json))
    if as_json:
        _emit(made.facts)
    else:
        from gogooku.commands.display import show

        show(_out(), *made.tables)
    if made.failed:
        raise EnvironmentalError(made.failed)


@sandbox_app.command("market")
def sandbox_market(
    size: MarketSize = "demo",
    seed: MarketSeed = 1,
    name: Annotated[str | None, typer.Option(help="Name of the source.")] = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Generate a sandbox market and store it as a source."""
    from gogooku.pipeline import sandbox
    from gogooku.sandbox.market.market import market_config

    source = sandbox(
        home_folder(),
        name or f"sandbox-{size}-{seed}",
        resolve(market_config(size, seed=seed), base_name=size, assignments=assignments or []),
        reporter=reporter_for(as_json=as_json),
    )
    facts = {"source": source.name, "rows": source.manifest["rows"], "hash": source.content_hash}
    if as_json:
        _emit(facts)
    else:
        _out().print(f"source {source.name}: {facts['rows']:,} rows", highlight=False)


@sandbox_app.command("serve")
def sandbox_serve(
    size: MarketSize = "demo",
    seed: MarketSeed = 1,
    until: Annotated[
        str | None,
        typer.Option(help="Last date of the market; the end of the next quarter by default."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8790,
) -> None:
    """Answer the J-Quants V2 endpoints on loopback, from a generated market."""
    from gogooku.core.wall import SystemClock, tokyo_time
    from gogooku.sandbox.exchange.exchange import Exchange
    from gogooku.sandbox.exchange.opening import config_until, end_of_next_quarter, open_exchange
    from gogooku.sandbox.exchange.server import serve

    clock = SystemClock()
    last = day_given(until, option="--until") or end_of_next_quarter(tokyo_time(clock.now()).date())
    config = config_until(size, seed=seed, until=last)

    def exchange() -> Exchange:
        with reporter_for(as_json=False).step("market"):
            return open_exchange(config, clock=clock)

    def opened(address: str) -> None:
        _out().print(
            f"sandbox exchange on {address}, market {size} of seed {seed} until {last}"
            "\n  keys: sandbox (premium), sandbox-free, -light, -standard, -premium",
            highlight=False,
        )
        sys.stdout.flush()

    serve(exchange, port=port, opened=opened)


@app.command()
def build(
    source: Annotated[str | None, typer.Option(help="Name of the source.")] = None,
    as_known_on: Annotated[
        str | None, typer.Option("--as-known-on", help="Only what had been fetched by that date.")
    ] = None,
    by_rule: Annotated[
        bool, typer.Option("--by-rule", help="With --as-known-on: by the publication table.")
    ] = False,
    config: ConfigFile = None,
    assignments: Set = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Build the dataset: panel, features, labels, training tensors."""
    from gogooku.commands.build import knowledge, run_build
    from gogooku.commands.display import show

    made = run_build(
        home_folder(),
        source=source,
        known=knowledge(day_given(as_known_on, option="--as-known-on"), by_rule=by_rule),
        config=config,
        assignments=assignments or [],
        execution=execution_for(threads),
        reporter=reporter_for(as_json=as_json),
    )
    if as_json:
        _emit(made.facts)
    else:
        show(_out(), *made.parts)


@app.command()
def features(
    name: Annotated[str | None, typer.Argument(help="Only this one; an old name will do.")] = None,
    as_json: Json = False,
) -> None:
    """List the feature catalogue: meaning, unit, lookback, inputs."""
    from gogooku.commands.display import features_table, show
    from gogooku.features.aliases import resolve as new_name
    from gogooku.features.catalogue import CATALOGUE, by_name, described

    if name is not None:
        listed = [by_name(new_name(name))]
    else:
        listed = [f for f in CATALOGUE if not f.name.startswith("_")]
    if name is not None and new_name(name) != name and not as_json:
        show(_out(), f"{name} is an old name; here it is {listed[0].name}")
    if as_json:
        _emit([described(f) for f in listed])
        return
    title = f"{len(listed)} features" if name is None else listed[0].name
    show(_out(), features_table(title, listed))


@app.command()
def audit(
    dataset: DatasetName = None,
    dates: Annotated[
        int, typer.Option(help="Sessions whose values are computed again; 0 for none.")
    ] = 5,
    seed: Annotated[
        int, typer.Option(help="Which sessions, and what is put into their future.")
    ] = 1,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Check a dataset: look-ahead, leaks, coverage, drift, copies; exit 1 on a finding."""
    from gogooku.commands.audit import run_audit
    from gogooku.commands.display import show

    made = run_audit(
        home_folder(),
        dataset,
        dates=dates,
        seed=seed,
        execution=execution_for(threads),
        reporter=reporter_for(as_json=as_json),
    )
    if as_json:
        _emit(made.facts)
    else:
        show(_out(), *made.tables)
        _out().print(f"page: {made.page}", highlight=False)
    if made.failed:
        raise FindingError(made.failed)


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
    from gogooku.dataset.export.qlib import export_qlib
    from gogooku.dataset.home import current_dataset

    if to != "qlib":
        raise UsageError(f"--to {to!r}: the formats are: qlib")
    made = export_qlib(
        current_dataset(home_folder(), dataset),
        folder,
        features=features,
        reporter=reporter_for(as_json=as_json),
    )
    if as_json:
        _emit(made.to_json())
        return
    fields, market = len(made.facts["fields"]), len(made.facts["market_fields"])
    counts = f"{made.facts['instruments']:,} instruments x {fields} fields, {market} of the market"
    _out().print(f"written: {folder} ({counts})", highlight=False)


@app.command()
def train(
    run: Annotated[
        str, typer.Argument(help="ridge, lightgbm, momentum, reversal or atft-gat-fan.")
    ],
    dataset: DatasetName = None,
    config: ConfigFile = None,
    assignments: Set = None,
    threads: TrainThreads = 1,
    as_json: Json = False,
) -> None:
    """Fit one run over its folds."""
    from gogooku.dataset.home import current_dataset
    from gogooku.runs.named import run_named
    from gogooku.runs.train import train as train_run

    resolved = resolve(run_named(run), base_name=run, file=config, assignments=assignments or [])
    made = train_run(
        home_folder(),
        run,
        resolved,
        current_dataset(home_folder(), dataset),
        execution=execution_for(threads),
        reporter=reporter_for(as_json=as_json),
    )
    if as_json:
        _emit({"run": made.run_id, "folder": str(made.folder), **made.manifest})
    else:
        _out().print(f"run {made.run_id}\n  {made.folder}", highlight=False)


@app.command()
def evaluate(
    runs: Annotated[list[str], typer.Argument(help="Run folders, ids or names.")],
    as_json: Json = False,
) -> None:
    """Measure runs on their test part, each figure with n and a Newey-West interval."""
    from gogooku.commands.display import show, skill_table
    from gogooku.runs.judge import evaluate as judge

    out: dict[str, Any] = {}
    findings: list[str] = []
    for name in runs:
        run = _run(name)
        skill = judge(home_folder(), run)
        out[run.run_id] = skill.report.to_json()
        findings += [f"{run.run_id}: {text}" for text in skill.findings]
        if not as_json:
            title = f"{run.run_id}, test part, {skill.report.facts['variant']} labels"
            show(_out(), skill_table(out[run.run_id]["metrics"], title=title))
    if as_json:
        _emit(out)
    if findings:
        raise FindingError("; ".join(findings))


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs.")],
    metric: Annotated[str, typer.Option(help="A daily measure.")] = "rank_ic",
    as_json: Json = False,
) -> None:
    """Compare runs pairwise on the sessions they share."""
    from gogooku.commands.display import frame_table, show
    from gogooku.evaluate.compare import compare_runs
    from gogooku.runs.judge import daily_skill

    opened = [_run(name) for name in runs]
    made = compare_runs(
        {run.run_id: daily_skill(home_folder(), run) for run in opened}, metric=metric
    )
    if as_json:
        _emit(made.to_dicts())
    else:
        show(_out(), frame_table(f"{metric}: a minus b, paired by session", made))


@app.command()
def backtest(run: RunName, as_json: Json = False) -> None:
    """Trade a run's test scores: next-open fills, costs, ledger."""
    from gogooku.commands.display import backtest_table, show
    from gogooku.core.files import read_json
    from gogooku.runs.judge import BACKTEST_FOLDER, METRICS_FILE
    from gogooku.runs.judge import backtest as trade

    opened = _run(run)
    trade(home_folder(), opened)
    facts = read_json(opened.folder / BACKTEST_FOLDER / METRICS_FILE)
    if as_json:
        _emit(facts)
        return
    show(_out(), backtest_table(opened.run_id, facts["metrics"]))


@app.command()
def report(run: RunName, as_json: Json = False) -> None:
    """Write one self-contained HTML page about a run."""
    from gogooku.runs.report import write_report

    place = write_report(home_folder(), _run(run))
    if as_json:
        _emit({"report": str(place)})
    else:
        _out().print(f"report: {place}", highlight=False)


@app.command()
def predict(
    run: Annotated[str | None, typer.Option(help="Run; the newest finished by default.")] = None,
    dataset: DatasetName = None,
    day: Annotated[
        str | None, typer.Option("--date", help="Session; the newest by default.")
    ] = None,
    horizon: Annotated[int, typer.Option(help="Horizon that ranks: 1, 5, 10 or 20.")] = 5,
    top: Annotated[int, typer.Option(help="Names printed; files hold all.")] = 30,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write .csv, .parquet or .json instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rank the newest session's universe."""
    from gogooku.commands.display import frame_table, show
    from gogooku.serve.output import write_ranking
    from gogooku.serve.predictor import open_predictor

    wanted = day_given(day, option="--date")
    predictor = open_predictor(home_folder(), run=run, dataset=dataset)
    made = predictor.ranking(wanted, horizon=horizon)
    if output is not None:
        write_ranking(output, made)
    if as_json:
        _emit(made.to_json())
        return
    when = f"{made.date}, clock {made.clock}, by {made.horizon} sessions"
    title = f"{when}, run {made.run_id}, dataset {made.dataset}"
    show(_out(), frame_table(title, made.frame.head(top)))
    if output is not None:
        _out().print(f"written: {output} ({made.frame.height:,} names)", highlight=False)


@app.command()
def serve(
    run: Annotated[str | None, typer.Option(help="Run; the newest finished by default.")] = None,
    dataset: DatasetName = None,
    host: Annotated[
        str, typer.Option(help="Address; loopback unless told otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8765,
) -> None:
    """Serve rankings over HTTP; everything but /health needs a key."""
    import uvicorn

    from gogooku.serve.app import make_app, parse_key_hashes
    from gogooku.serve.predictor import open_predictor

    hashes = parse_key_hashes(os.environ.get("GOGOOKU_API_KEYS", ""))  # noqa: TID251
    made = make_app(open_predictor(home_folder(), run=run, dataset=dataset), key_hashes=hashes)
    uvicorn.run(made, host=host, port=port, log_level="warning", server_header=False)


@app.command("explain")
def explain_command(
    artefact: Annotated[Path, typer.Argument(help="A source, dataset or run folder, or its id.")],
    other: Annotated[Path | None, typer.Argument(help="A second one: their difference.")] = None,
    as_json: Json = False,
) -> None:
    """Show an artefact's config with provenance, inputs and code; or two artefacts' difference."""
    from gogooku.commands.display import explained_tables, show, table
    from gogooku.commands.explain import difference, explain, find_artefact

    left = explain(find_artefact(home_folder(), artefact))
    if other is None:
        if as_json:
            _emit(left.to_json())
        else:
            show(_out(), *explained_tables(left))
        return
    right = explain(find_artefact(home_folder(), other))
    rows = [(d.what, d.left, d.right) for d in difference(left, right)]
    if as_json:
        _emit([{"what": what, "left": a, "right": b} for what, a, b in rows])
    else:
        show(_out(), table(f"{len(rows)} difference(s)", ["", left.place, right.place], rows))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the environment: home, disk, versions, what is there and what was left unfinished."""
    from gogooku.commands.display import show, table
    from gogooku.commands.doctor import examine

    findings = examine(home_folder())
    if as_json:
        _emit(findings)
    else:
        show(_out(), table("doctor", ["", ""], [(k, str(v)) for k, v in findings.items()]))


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"gogooku {__version__}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: run a command, turn deliberate errors into one paragraph and an exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    keep_freed_memory()
    as_json = "--json" in given
    try:
        code = app(given, standalone_mode=not as_json)
    except GogookuError as fault:
        complain(fault, as_json=as_json)
        sys.exit(fault.exit_code)
    except WrongCall as fault:  # reaches here with --json only: typer prints it for people
        complain(UsageError(fault.format_message()), as_json=as_json)
        sys.exit(UsageError.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
