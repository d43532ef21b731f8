"""`gogooku serve`: rankings over HTTP, until it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.core.listen import Address, listen, url_of
from gogooku.core.process import CTRL_C, until_stopped
from gogooku.dataset.home import current_dataset, current_name
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs
from gogooku.serve.app import make_app, parse_key_hashes
from gogooku.serve.fresh import Fresh


def serve(
    home: Path,
    *,
    run: str | None,
    dataset: str | None,
    keys: str,
    at: Address,
    device: str = "cpu",
    say: Callable[[Answer], None],
) -> None:
    """Serve the rankings of a run; returns when the process is asked to stop.

    A run or a dataset that is not named is the newest one, also when a newer one comes.

    Parameters
    ----------
    keys : str
        SHA-256 hashes of the keys that are let in, separated by commas.
    at : Address
        Where to listen.
    device : str
        Where a network scores.
    say : callable
        Given what is served and where, once requests are accepted, and that it has stopped.

    Raises
    ------
    UsageError
        No hash, or one that is none; a device that this machine or the run cannot use; an address
        that is not this machine's.
    BusyError
        The port is in use.
    DataError
        There is no such run or dataset.
    ContractError
        The run was fitted on other features than the dataset has.
    """
    hashes = parse_key_hashes(keys)
    with closing(listen(at)) as listener:
        fresh = Fresh(
            lambda: _newest(home, run, dataset),
            lambda: pipeline.predictor(
                open_run(home, run), current_dataset(home, dataset), device=device
            ),
            follows=[name for name, given in (("run", run), ("dataset", dataset)) if given is None],
        )
        app = make_app(fresh, key_hashes=hashes)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False))
        served, url = fresh.now().predictor, url_of(listener)
        name = served.run.run_id
        say(
            Answer(
                facts={"address": url, "run": name, "session": str(served.newest)},
                parts=[f"Serving {name}, session {served.newest}, at {url}. {CTRL_C}"],
            )
        )
        with until_stopped():
            server.run(sockets=[listener])
    say(Answer(facts={"stopped": True}, parts=["Stopped."]))


def _newest(home: Path, run: str | None, dataset: str | None) -> tuple[str, str]:
    """What `predict` would take now, without opening it; empty where it is named."""
    runs = [] if run is not None else finished_runs(home)
    return (runs[-1].name if runs else "", "" if dataset is not None else current_name(home))
