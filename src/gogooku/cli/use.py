"""Commands that use what is there: rank, serve, look into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gogooku.cli.output import emit
from gogooku.cli.shared import Commands, home_folder, reporter
from gogooku.commands.arguments import (
    MOST_PORT,
    Artefact,
    DatasetName,
    Day,
    Device,
    ExaminedRun,
    Host,
    Json,
    LogKept,
    LogMib,
    NameCode,
    Output,
    PageLanguage,
    Verify,
    day_given,
    language_given,
    log_given,
    whole_number,
)
from gogooku.core.environment import api_keys
from gogooku.core.listen import Address
from gogooku.core.rotated import LOG_KEPT, LOG_MIB
from gogooku.core.wall import SystemClock

app = Commands()


@app.command()
def predict(
    run: Annotated[str | None, typer.Option(help="Run; the released bundle by default.")] = None,
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
        clock=SystemClock(),
        device=device,
    )
    emit(answer, as_json=as_json)


@app.command()
def serve(
    source: Annotated[
        str | None,
        typer.Option(help="Source whose publications; the only one with a release by default."),
    ] = None,
    run: Annotated[str | None, typer.Option(help="A run instead, released or not.")] = None,
    dataset: DatasetName = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8765,
    log: Annotated[
        Path | None, typer.Option(help="File of the access log; standard error by default.")
    ] = None,
    log_mib: LogMib = LOG_MIB,
    log_kept: LogKept = LOG_KEPT,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Serve what was published over HTTP; everything but /health needs a key."""
    from gogooku.commands import serve as command

    command.serve(
        home_folder(),
        command.Asked(
            source=source,
            run=run,
            dataset=dataset,
            device=device,
            log=log_given(log, mib=log_mib, kept=log_kept),
        ),
        key_hashes=api_keys(),
        at=Address(host, whole_number(port, option="--port", least=0, most=MOST_PORT)),
        clock=SystemClock(),
        say=lambda answer: emit(answer, as_json=as_json),
    )


@app.command()
def dashboard(
    source: Annotated[
        str | None,
        typer.Option(help="Source whose page; the only one with a release by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, .html; dashboard.html of the home.")
    ] = None,
    language: PageLanguage = None,
    opened: Annotated[
        bool, typer.Option("--open/--no-open", help="Show it in the browser of this machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the page that the server shows as one file: names, orders, skill, what is wrong."""
    from gogooku.commands import dashboard as command

    asked = command.Asked(
        source=source,
        output=out,
        language=language_given(language, option="--language"),
        opened=opened,
    )
    emit(command.dashboard(home_folder(), asked, clock=SystemClock()), as_json=as_json)


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

    shown = reporter(as_json=as_json)
    emit(command.doctor(home_folder(), run, verified=verify, reporter=shown), as_json=as_json)


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version."""
    from gogooku.commands import version as command

    emit(command.version(), as_json=as_json)
