"""`gogooku serve`: rankings over HTTP, until it is stopped."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from gogooku import pipeline
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
    host: str,
    port: int,
    device: str = "cpu",
) -> None:
    """Serve the rankings of a run; returns when the process is asked to stop, and prints nothing.

    A run or a dataset that is not named is the newest one, also when a newer one comes.

    Parameters
    ----------
    keys : str
        SHA-256 hashes of the keys that are let in, separated by commas.
    device : str
        Where a network scores.

    Raises
    ------
    UsageError
        No hash, or one that is none; a device that this machine or the run cannot use.
    DataError
        There is no such run or dataset.
    ContractError
        The run was fitted on other features than the dataset has.
    """
    hashes = parse_key_hashes(keys)
    fresh = Fresh(
        lambda: _newest(home, run, dataset),
        lambda: pipeline.predictor(
            open_run(home, run), current_dataset(home, dataset), device=device
        ),
        follows=[name for name, given in (("run", run), ("dataset", dataset)) if given is None],
    )
    app = make_app(fresh, key_hashes=hashes)
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)


def _newest(home: Path, run: str | None, dataset: str | None) -> tuple[str, str]:
    """What `predict` would take now, without opening it; empty where it is named."""
    runs = [] if run is not None else finished_runs(home)
    return (runs[-1].name if runs else "", "" if dataset is not None else current_name(home))
