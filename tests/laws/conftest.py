from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from gogooku import pipeline
from gogooku.core.config import Resolved
from gogooku.core.frames import SourceFrames
from gogooku.core.progress import SilentReporter
from gogooku.core.types import Checkpoint, Dataset, FitExecution
from gogooku.dataset.home import labels_of
from gogooku.evaluate.split import FractionSplit, make_folds
from gogooku.learn.registry import make_learner
from gogooku.sandbox.market.market import generate, source_frames
from support.law_world import Anything, built, law_market, run_config


@pytest.fixture(scope="session")
def law_frames() -> SourceFrames:
    """The raw rows of the law market."""
    return source_frames(generate(law_market()))


@pytest.fixture(scope="session")
def law_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the law market stored, its truth beside it."""
    home = tmp_path_factory.mktemp("law_home")
    resolved = Resolved(config=law_market(), origins=Anything())
    pipeline.sandbox(home, "law", resolved, reporter=SilentReporter())
    return home


@pytest.fixture(scope="session")
def law_dataset(law_home: Path) -> Dataset:
    """Every feature, on disk."""
    return built(law_home, "all")


@pytest.fixture(scope="session")
def basic_dataset(law_home: Path) -> Dataset:
    """The basic features, on disk."""
    return built(law_home, "basic")


@pytest.fixture(scope="session")
def checkpoints(law_dataset: Dataset) -> Mapping[str, Checkpoint]:
    """A ridge and a small network, fitted on every feature."""
    fold = make_folds(FractionSplit(), law_dataset.sessions, first=60)[0]
    return {
        name: make_learner(run_config(name).config.learner).fit(
            law_dataset,
            labels_of(law_dataset),
            fold,
            rng=np.random.default_rng(1),
            execution=FitExecution(threads=1),
        )
        for name in ("ridge", "atft-gat-fan")
    }
