"""`gogooku serve`: rankings over HTTP, until it is stopped."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from gogooku import pipeline
from gogooku.dataset.home import current_dataset
from gogooku.runs.find import open_run
from gogooku.serve.app import make_app, parse_key_hashes


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
    predictor = pipeline.predictor(
        open_run(home, run), current_dataset(home, dataset), device=device
    )
    app = make_app(predictor, key_hashes=hashes)
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
