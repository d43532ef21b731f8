"""Runs broken on purpose, each a real small training; healthy ones: what doctor says of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import current_dataset
from gogooku.learn.registry import LEARNERS, LOSSES
from gogooku.runs.diagnose.diagnose import Diagnosis, diagnose
from gogooku.runs.diagnose.findings import Fault
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.train import train
from gogooku.sandbox.market.market import MarketConfig
from support.broken import BROKEN_LEARNERS, BROKEN_LOSS
from support.law_world import run_config
from support.seals import reseal

QUIET = SilentReporter()
MARKET = MarketConfig(
    num_stocks=80, num_sessions=360, seed=4, num_sectors=4, num_branches=0, strength=1.5e-3
)
"""A year and a half of a market with three times the usual signal: what is there can be learned."""
NETWORK = (
    "learner.hidden=16",
    "learner.lookback=8",
    'learner.context_features=["uni_vol_20"]',
    "learner.training.max_epochs=5",
    "learner.training.days_per_batch=8",
    "learner.training.learning_rate=0.002",
    "learner.training.patience=9",
)
"""Sensible settings for so small a market."""


@dataclass(frozen=True)
class Case:
    """A training, what is wrong with it, and what is done to it once it is there."""

    fault: Fault | None
    run: str = "atft-gat-fan"
    settings: tuple[str, ...] = ()
    then: Callable[[Run], None] | None = field(default=None)


def other_scores(run: Run) -> None:
    """Predictions as another version of the program would have made them."""
    path = run.folder / "predictions.parquet"
    noise = pl.Series(np.random.default_rng(1).normal(size=pl.read_parquet(path).height))
    changed = pl.read_parquet(path).with_columns((pl.col("score") + noise).cast(pl.Float32))
    changed.write_parquet(path)
    reseal(run.folder)


def out_of_memory(run: Run) -> None:
    """The events of a training whose steps had to be cut twice."""
    with (run.folder / "events.jsonl").open("a") as handle:
        for step, sessions in ((7, 4), (9, 2)):
            told = {"event": "memory", "step": step, "together": sessions}
            handle.write(json.dumps({"fold": 0, **told}) + "\n")
    reseal(run.folder)


PLAIN = ("learner.dropout=0.0", "learner.feature_dropout=0.0")
BROKEN = {
    "scores are not those that were stored": Case(
        Fault.MISMATCH, "ridge", ("seed=9",), other_scores
    ),
    "training mode gives other scores": Case(Fault.MISMATCH, "broken-mode"),
    "every name gets one score": Case(Fault.FLAT, "broken-flat"),
    "the loss forgets a part": Case(Fault.UNREACHED, "broken-spare"),
    "labels of other names": Case(Fault.NO_SIGNAL, "lightgbm", ("label_order=shuffled",)),
    "a loss of the wrong sign": Case(
        Fault.NOT_LEARNING, settings=('learner.training.loss={kind="broken_turned"}',)
    ),
    "a normaliser that takes nothing out": Case(Fault.DEAD_PART, settings=("learner.fan_bins=0",)),
    "steps a hundred times too long": Case(
        Fault.RATE_HIGH, settings=("learner.training.learning_rate=0.3",)
    ),
    "steps a hundred times too short": Case(
        Fault.RATE_LOW, settings=("learner.training.learning_rate=1e-5",)
    ),
    "dropout of nine in ten": Case(
        Fault.OVER_REGULARISED,
        settings=(
            "learner.dropout=0.9",
            "learner.feature_dropout=0.8",
            "learner.training.final_rate_share=1.0",
        ),
    ),
    "learned by heart": Case(
        Fault.OVERFIT,
        settings=(
            *PLAIN,
            "learner.hidden=64",
            "learner.training.weight_decay=0.0",
            "learner.training.max_epochs=6",
            "learner.training.learning_rate=0.01",
        ),
    ),
    "stopped after two epochs": Case(Fault.CAP, settings=(*PLAIN, "learner.training.max_epochs=2")),
    "trees cut off": Case(Fault.CAP, "lightgbm", ("learner.rounds=40",)),
    "trees that know each row": Case(
        Fault.OVERFIT,
        "lightgbm",
        (
            "learner.leaves=100",
            "learner.min_leaf_share=0.0001",
            "learner.learning_rate=1.0",
            "learner.l2=0.0",
            "learner.rounds=60",
            "learner.patience=20",
        ),
    ),
    "a grid of penalties that ends too early": Case(
        Fault.CAP, "ridge", ("learner.penalties=[1e-6, 1e-3]", "split.train=0.3")
    ),
    "a quarter of nothing to learn from": Case(
        Fault.STARVED_OF_DATA, "ridge", ("split.train=0.1", "split.valid=0.05")
    ),
    "more weights than rows": Case(
        Fault.STARVED_OF_DATA,
        settings=("learner.hidden=64", "learner.training.max_epochs=1"),
    ),
    "memory ran out": Case(Fault.STARVED_OF_MEMORY, settings=("seed=2",), then=out_of_memory),
    "a member of a blend": Case(
        Fault.CAP,
        "blend",
        ('learner.members=[{kind="ridge"},{kind="lightgbm",rounds=40}]',),
    ),
}
HEALTHY = {
    "ridge": Case(None, "ridge"),
    "LightGBM": Case(None, "lightgbm", ("learner.rounds=600",)),
    "network": Case(None),
    "reversal": Case(None, "reversal"),
    "blend": Case(None, "blend", ('learner.members=[{kind="ridge"},{kind="reversal"}]',)),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the market and its dataset."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    with ExitStack() as rows:
        for row in BROKEN_LEARNERS:
            rows.enter_context(LEARNERS.registered(row))
        rows.enter_context(LOSSES.registered(BROKEN_LOSS))
        pipeline.sandbox(home, "law", resolve(MARKET, base_name="market"), reporter=QUIET)
        pipeline.build(
            home,
            resolve(BuildConfig(source="law", features="basic"), base_name="build"),
            execution=Execution(threads=1),
            reporter=QUIET,
        )
        yield home


def made(home: Path, case: Case) -> Run:
    """Train a case, and do to it what is to be done."""
    small = NETWORK if case.run.startswith(("atft", "broken")) else ()
    run = train(
        home,
        case.run,
        run_config(case.run, *small, *case.settings),
        current_dataset(home, None),
        execution=Execution(threads=1),
        reporter=QUIET,
    )
    if case.then is not None:
        case.then(run)
        run = open_run(home, run.run_id)
    return run


def shown(found: Diagnosis) -> str:
    return "\n".join(f"{one.fault}: {one}" for one in found.findings)


@pytest.mark.parametrize("name", BROKEN)
def test_the_fault_of_a_broken_run_is_named_among_the_first(world: Path, name: str):
    case = BROKEN[name]
    found = diagnose(world, made(world, case))
    assert case.fault in [one.fault for one in found.findings[:2]], shown(found)
    for one in found.findings:
        assert one.next_step
        assert one.evidence


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_on_a_healthy_run(world: Path, name: str):
    found = diagnose(world, made(world, HEALTHY[name]))
    assert shown(found) == ""
    assert found.unseen == ()
