"""What benchmarks fit on and how: prices from files as a dataset, runs by name, made-up labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import ConsoleReporter
from gogooku.core.types import Dataset, Labels
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.universe import UniverseConfig
from gogooku.ingest.imports.config import ImportConfig, PriceBasis
from gogooku.ingest.imports.files import import_files
from gogooku.learn.registry import LEARNERS
from gogooku.pipeline import build
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named, run_names
from gogooku.runs.train import train


def new_york_dataset(file: Path, home: Path, *, floor: float) -> Dataset:
    """Prices adjusted backwards, of New York, with names above a floor of traded value (USD)."""
    reporter = ConsoleReporter()
    prices = ImportConfig(exchange="new_york", price_basis=PriceBasis.BACK_ADJUSTED)
    import_files([file], resolved=resolve(prices, base_name="import"), home=home, reporter=reporter)
    config = BuildConfig(universe=UniverseConfig(min_traded_value=floor))
    return build(home, resolve(config, base_name="build"), execution=Execution(), reporter=reporter)


def kind_of(text: str) -> str:
    """The run that is meant: ``lightgbm`` of ``lightgbm+x``, which has settings of its own."""
    name = text.split("+", maxsplit=1)[0]
    if name not in run_names():
        raise SystemExit(f"{name!r} is no run; there are: {', '.join(run_names())}")
    return name


def is_network(name: str) -> bool:
    """Whether what a run fits runs on a GPU too."""
    return bool(LEARNERS.row(run_named(name).learner.kind).network)


def settings_of(text: str, given: Sequence[str]) -> list[str]:
    """Of assignments ``RUN:path=value`` those of one run, as ``path=value``."""
    pairs = [one.split(":", 1) for one in given]
    return [assignment for name, assignment in pairs if name == text]


def fitted(
    home: Path,
    name: str,
    dataset: Dataset,
    *,
    threads: int,
    assignments: Sequence[str] = (),
    file: Path | None = None,
    device: str = "cpu",
) -> Run:
    """A run by name, with settings from a file and assignments."""
    return train(
        home,
        name,
        resolve(run_named(name), base_name=name, file=file, assignments=assignments),
        dataset,
        execution=Execution(threads=threads, device=device),
        reporter=ConsoleReporter(),
    )


def made_up_labels(
    dataset: Dataset, returns_TNH: npt.NDArray[np.float32], *, horizons: Sequence[int]
) -> Labels:
    """Labels of a dataset that was made up: the same returns in every variant, all tradable."""
    sessions = len(dataset.sessions)
    resolved = np.full((sessions, len(horizons)), np.datetime64("NaT", "D"))
    for h, horizon in enumerate(horizons):
        resolved[: sessions - 1 - horizon, h] = dataset.sessions[1 + horizon :]
        returns_TNH[sessions - 1 - horizon :, :, h] = np.nan
    return Labels(
        folder=dataset.folder,
        manifest={"content_hash": f"labels of {dataset.content_hash}"},
        horizons=tuple(horizons),
        sessions=dataset.sessions,
        codes=dataset.codes,
        raw_TNH=returns_TNH,
        excess_TNH=returns_TNH,
        residual_TNH=returns_TNH,
        outcome_TNH=np.broadcast_to(np.int8(0), returns_TNH.shape),
        late_TNH=np.broadcast_to(np.int16(0), returns_TNH.shape),
        tradable_TN=np.ones(returns_TNH.shape[:2], dtype=np.bool_),
        resolved_TH=resolved,
    )
