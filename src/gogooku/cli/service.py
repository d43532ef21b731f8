"""Commands of the service: release, roll back, do the evening, say how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gogooku.cli.output import emit
from gogooku.cli.shared import Commands, home_folder, reporter
from gogooku.commands.arguments import (
    ConfigFile,
    Day,
    Json,
    LogKept,
    LogMib,
    Output,
    Set,
    Threads,
    cash_given,
    day_given,
    execution_for,
    instant_given,
    log_given,
)
from gogooku.core.environment import chosen
from gogooku.core.rotated import LOG_KEPT, LOG_MIB
from gogooku.core.wall import SystemClock

app = Commands()

keys_app = Commands("keys", help="Keys of the server: who may read.")
app.add_typer(keys_app, name="keys")

Why = Annotated[str, typer.Option(help="Why; it is kept in the history.")]


@app.command()
def release(
    run: Annotated[str, typer.Argument(help="Run: name, id or folder; or the id of a bundle.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Only score it each evening beside the released one.")
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="Gate to overrule if it refuses; needs --why. Repeatable."),
    ] = None,
    why: Why = "",
    config: ConfigFile = None,
    assignments: Set = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Put a run in service: an immutable bundle of it, if every gate lets it through."""
    from gogooku.commands import release as command

    answer = command.release(
        home_folder(),
        command.Asked(name=run, shadow=shadow, why=why, accepted=accept or []),
        config=config,
        assignments=assignments or [],
        execution=execution_for(threads),
        clock=SystemClock(),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command()
def releases(as_json: Json = False) -> None:
    """List bundles, their states and every move."""
    from gogooku.commands import releases as command

    emit(command.releases(home_folder()), as_json=as_json)


@app.command()
def rollback(
    source: Annotated[str, typer.Option(help="Source whose bundle goes back.")] = "jquants",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Put the bundle back that was released before; one atomic move."""
    from gogooku.commands import rollback as command

    emit(command.rollback(home_folder(), source, why=why, clock=SystemClock()), as_json=as_json)


@app.command()
def retire(
    bundle: Annotated[str, typer.Argument(help="Bundle: its id, or its name for the newest.")],
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Use a bundle for nothing any more, for example a shadow."""
    from gogooku.commands import retire as command

    emit(command.retire(home_folder(), bundle, why=why, clock=SystemClock()), as_json=as_json)


@app.command()
def evening(
    source: Annotated[str, typer.Option(help="Source: jquants, sandbox, or one of the home.")] = (
        "jquants"
    ),
    day: Day = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but publish.")] = False,
    at: Annotated[
        str | None,
        typer.Option(help="Play an evening: YYYY-MM-DDTHH:MM in Tokyo. Not with jquants."),
    ] = None,
    config: ConfigFile = None,
    assignments: Set = None,
    holdings: Annotated[
        Path | None, typer.Option(help="CSV of what is held (code, shares); else the last target.")
    ] = None,
    cash: Annotated[float | None, typer.Option(help="Money beside --holdings.")] = None,
    log: Annotated[
        Path | None, typer.Option(help="File to add a line of JSON to, however it ends.")
    ] = None,
    log_mib: LogMib = LOG_MIB,
    log_kept: LogKept = LOG_KEPT,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Fetch, build, check, rank and publish whatever is due."""
    from gogooku.commands import evening as command
    from gogooku.evening.evening import Asked

    answer = command.evening(
        home_folder(),
        Asked(
            source=source,
            day=day_given(day, option="--date"),
            dry_run=dry_run,
            limits=command.limits_of(config, assignments or []),
            holdings=holdings,
            cash=cash_given(cash, holdings),
        ),
        environment=chosen(command.VARIABLES),
        execution=execution_for(threads),
        clock=command.clock_of(source, instant_given(at, option="--at")),
        log=log_given(log, mib=log_mib, kept=log_kept),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)


@app.command()
def status(
    source: Annotated[
        str | None, typer.Option(help="Source; every one with a released bundle by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is published, how old it is, its checks, its drift and its live skill."""
    from gogooku.commands import status as command

    emit(command.status(home_folder(), source, clock=SystemClock()), as_json=as_json)


@app.command()
def evenings(
    source: Annotated[str | None, typer.Option(help="Evenings of this source only.")] = None,
    as_json: Json = False,
) -> None:
    """List what the evenings did: when, how long, and what came of each."""
    from gogooku.commands import evenings as command

    emit(command.evenings(home_folder(), source), as_json=as_json)


PublishedSource = Annotated[str, typer.Option("--source", help="Source whose bundle published.")]


@app.command()
def orders(
    source: PublishedSource = "jquants",
    day: Day = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Print the orders of the newest evening; exit 1 where they are not of the expected session."""
    from gogooku.commands import orders as command

    asked = command.Asked(source, day_given(day, option="--date"), output)
    emit(command.orders(home_folder(), asked, clock=SystemClock()), as_json=as_json)


@app.command()
def why(
    code: Annotated[str, typer.Argument(help="Code of the name: 7203, 130A, or 72030.")],
    source: PublishedSource = "jquants",
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Say what the features of a name add to its published score."""
    from gogooku.commands import why as command

    asked = command.Asked(code, source, day_given(day, option="--date"))
    emit(command.why(home_folder(), asked), as_json=as_json)


@app.command()
def portfolio(
    source: PublishedSource = "jquants",
    day: Day = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Print the target portfolio of the newest evening."""
    from gogooku.commands import portfolio as command
    from gogooku.commands.orders import Asked

    asked = Asked(source, day_given(day, option="--date"), output)
    emit(command.portfolio(home_folder(), asked), as_json=as_json)


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="How logs call the key.")],
    expires: Annotated[
        str | None, typer.Option(help="Last day on which it is valid; none by default.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 100.0,
    as_json: Json = False,
) -> None:
    """Make a key and show it, once."""
    from gogooku.commands import keys as command

    day = day_given(expires, option="--expires")
    emit(
        command.add(home_folder(), name, expires=day, rate=rate, clock=SystemClock()),
        as_json=as_json,
    )


@keys_app.command("revoke")
def keys_revoke(
    name: Annotated[str, typer.Argument(help="Name of the key.")], as_json: Json = False
) -> None:
    """Let a key in no more, also while the server runs."""
    from gogooku.commands import keys as command

    emit(command.revoke(home_folder(), name, clock=SystemClock()), as_json=as_json)


@keys_app.command("list")
def keys_list(as_json: Json = False) -> None:
    """List the keys with their state; never the keys themselves."""
    from gogooku.commands import keys as command

    emit(command.listed(home_folder(), clock=SystemClock()), as_json=as_json)


@app.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, only say it.")] = False,
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Remove what is old and what nothing needs; says what that is unless --yes is given."""
    from gogooku.commands import prune as command

    answer = command.prune(
        home_folder(),
        confirmed=yes,
        config=config,
        assignments=assignments or [],
        clock=SystemClock(),
        reporter=reporter(as_json=as_json),
    )
    emit(answer, as_json=as_json)
