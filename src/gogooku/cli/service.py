"""Commands of the service: release, roll back, do the evening."""

from __future__ import annotations

from typing import Annotated

import typer

from gogooku.cli.environment import chosen, home_folder
from gogooku.cli.output import emit
from gogooku.commands.arguments import (
    ConfigFile,
    Day,
    Json,
    Set,
    Threads,
    day_given,
    execution_for,
    reporter_for,
)
from gogooku.core.wall import SystemClock

app = typer.Typer()

keys_app = typer.Typer(help="Keys of the server: who may read.")
app.add_typer(keys_app, name="keys")

Why = Annotated[str, typer.Option(help="Why; it is kept in the history.")]


@app.command()
def release(
    run: Annotated[str, typer.Argument(help="Run: name, id or folder.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Only score it each evening beside the released one.")
    ] = False,
    why: Why = "",
    config: ConfigFile = None,
    assignments: Set = None,
    as_json: Json = False,
) -> None:
    """Put a run in service: an immutable bundle of it, checked by gates."""
    from gogooku.commands import release as command

    answer = command.release(
        home_folder(),
        run,
        shadow=shadow,
        why=why,
        config=config,
        assignments=assignments or [],
        clock=SystemClock(),
    )
    emit(answer, as_json=as_json)


@app.command()
def releases(as_json: Json = False) -> None:
    """List bundles, their states and every move."""
    from gogooku.commands import release as command

    emit(command.releases(home_folder()), as_json=as_json)


@app.command()
def rollback(
    source: Annotated[str, typer.Option(help="Source whose bundle goes back.")] = "jquants",
    why: Why = "",
    as_json: Json = False,
) -> None:
    """Put the bundle back that was released before; one atomic move."""
    from gogooku.commands import release as command

    emit(command.rollback(home_folder(), source, why=why, clock=SystemClock()), as_json=as_json)


@app.command()
def evening(
    source: Annotated[str, typer.Option(help="Source: jquants, sandbox, or one of the home.")] = (
        "jquants"
    ),
    day: Day = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but publish.")] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Fetch, build, check, rank and publish whatever is due."""
    from gogooku.commands import evening as command
    from gogooku.evening.evening import Asked

    answer = command.evening(
        home_folder(),
        Asked(source=source, day=day_given(day, option="--date"), dry_run=dry_run),
        environment=chosen(command.VARIABLES),
        execution=execution_for(threads),
        clock=SystemClock(),
        reporter=reporter_for(as_json=as_json),
    )
    emit(answer, as_json=as_json)


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
