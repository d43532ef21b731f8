"""Law 2: every setting bites, and settings of execution do not.

One row per leaf of every config: another value, and the earliest artefact whose content must then
differ; artefacts before it must not. Only the stage concerned is run.
"""

from __future__ import annotations

import ast
import enum
import hashlib
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import BaseModel

from gogooku import pipeline
from gogooku.core.calendar import is_tokyo_session, tokyo_sessions
from gogooku.core.config import Config, Execution, Resolved, leaves, validated
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.files import hash_file, hash_json
from gogooku.core.frames import SourceFrames
from gogooku.core.progress import SilentReporter
from gogooku.core.space import Space
from gogooku.core.types import Axis, Dataset, Feature
from gogooku.dataset import assemble as assemble_module
from gogooku.dataset.assemble import BuildConfig
from gogooku.evaluate.split import (
    CalendarSplit,
    CombinatorialSplit,
    DateSplit,
    FractionSplit,
    PurgedKFoldSplit,
    WalkForwardSplit,
    make_folds,
)
from gogooku.features.catalogue import select
from gogooku.ingest.imports.config import ExchangeName, ImportConfig
from gogooku.ingest.imports.dates import DateOrder
from gogooku.ingest.imports.files import import_files
from gogooku.learn import parts
from gogooku.learn.network_config import PhaseConfig
from gogooku.learn.registry import LEARNERS, LOSSES
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.weightings import WEIGHTINGS
from gogooku.publish.gates import PublishLimits
from gogooku.releases.limits import GateLimits, ReleaseConfig
from gogooku.retention.policy import PruneConfig
from gogooku.runs.config import GivenConfig, GivenScores, GivenSplit, TrainConfig
from gogooku.runs.folder import EVENTS_FILE, Run, runs_folder
from gogooku.runs.judge import JudgeConfig, evaluate
from gogooku.runs.labels import run_labels
from gogooku.runs.named import run_named, run_names
from gogooku.runs.report import ReportConfig, write_report
from gogooku.runs.trade import backtest
from gogooku.runs.train import train
from gogooku.sandbox.market.config import FAMILIES, SOURCE_FAMILIES
from gogooku.sandbox.market.market import MarketConfig, generate, source_frames, truth_frame
from gogooku.search.config import SearchConfig, TuneConfig
from support.law_world import (
    Anything,
    dataset_of,
    law_market,
    run_config,
)
from support.portfolios import bars
from support.soak import some
from support.sources import PACKAGE, trees
from support.toy import TOY_LEARNER, TOY_LOSS
from support.typed_source import FEATURES, deliver

SHORT = ("ret_prev_5d", "ret_prev_20d", "volatility_20d", "mkt_vol_20d", "sec_z_5d")
QUIET = SilentReporter()


@dataclass(frozen=True)
class Knob:
    """One row of the table.

    Attributes
    ----------
    path : str
    value : Any
        Another value.
    artefact : str
        The earliest whose content must differ.
    given : mapping
        Other settings under which it is looked at.
    seeds : tuple of int
        Where it depends on chance whether a choice matters: it must under one of these seeds.
    """

    path: str
    value: Any
    artefact: str
    given: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.path


def rows(artefact: str, values: Mapping[str, Any], **given: Any) -> tuple[Knob, ...]:
    settings = {name.replace("__", "."): value for name, value in given.items()}
    return tuple(Knob(path, value, artefact, settings) for path, value in values.items())


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """A config with some leaves changed."""
    tree = config.model_dump(mode="json")
    for path, value in values.items():
        *parents, last = path.split(".")
        node: Any = tree
        for step in parents:
            node = node[int(step) if isinstance(node, list) else step]
        assert last in node, path
        node[last] = value
    return validated(type(config), tree)


def leaf_paths(config: Config) -> set[str]:
    """Every leaf but the tags: what a person can set to another value, or it is a defect."""
    paths = {path for path, _ in leaves(config.model_dump(mode="json"))}
    return {path for path in paths if not is_tag(config, path)}


def is_tag(config: BaseModel, path: str) -> bool:
    """Whether a leaf is the ``kind`` that names one of several configs: it has no other value."""
    owner, name = owner_of(config, path)
    return name == "kind" and len(legal_values(type(owner), name) or ()) == 1


def owner_of(config: BaseModel, path: str) -> tuple[BaseModel, str]:
    *parents, last = path.split(".")
    for step in parents:
        config = getattr(config, step)
    return config, last


def legal_values(kind: type[BaseModel], name: str) -> tuple[Any, ...] | None:
    """The values that a field may have; None where they are no short list."""
    annotation = kind.model_fields[name].annotation
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return tuple(annotation)
    return None


def single_valued(config: Config) -> set[str]:
    """Leaves that have one legal value and are no tags: knobs that cannot be turned."""
    found = set()
    for path in leaf_paths(config):
        owner, name = owner_of(config, path)
        if len(legal_values(type(owner), name) or (1, 2)) < 2:
            found.add(path)
    return found


def without_row(config: Config, table: Sequence[Knob]) -> set[str]:
    """Leaves that no row of the table tries, and rows that try no leaf."""
    return leaf_paths(config) ^ {knob.path for knob in table}


class Stage:
    """A stage that can be run under a config; contents of its artefacts, in order."""

    order: tuple[str, ...]

    def __init__(self, base: Config, contents: Callable[[Config], Mapping[str, str]]) -> None:
        self.base = base
        self._contents = contents
        self._known: dict[str, Mapping[str, str]] = {}

    def contents(self, config: Config) -> Mapping[str, str]:
        key = config.content_hash
        if key not in self._known:
            self._known[key] = self._contents(config)
        return self._known[key]

    def complaint(self, knob: Knob) -> str | None:
        """What is wrong with a knob; None is good."""
        complaints = []
        for seed in knob.seeds:
            complaints.append(self._complaint(knob, {**knob.given, "seed": seed}))
            if complaints[-1] is None:
                return None
        return complaints[0] if complaints else self._complaint(knob, knob.given)

    def _complaint(self, knob: Knob, given: Mapping[str, Any]) -> str | None:
        base = with_values(self.base, given)
        other = with_values(base, {knob.path: knob.value})
        assert other != base, f"{knob.path}: the other value is the same"
        one, two = self.contents(base), self.contents(other)
        names = list(one)
        assert knob.artefact in names
        early = [n for n in names[: names.index(knob.artefact)] if one[n] != two[n]]
        if early:
            return f"{knob.path} changes {', '.join(early)} already"
        if one[knob.artefact] == two[knob.artefact]:
            return f"{knob.path}: the content of {knob.artefact} is the same"
        return None


def frame_hash(frame: pl.DataFrame) -> str:
    return hash_json([list(frame.columns), frame.hash_rows(seed=1).to_list()])


# ------------------------------------------------------------------------------------- sandbox

MARKET = MarketConfig(
    num_stocks=40, num_sessions=40, seed=1, num_sectors=4, burn_in_sessions=64, num_branches=2
)
MARKET_ROWS = (
    *rows(
        "quotes",
        {
            "num_stocks": 42,
            "num_sessions": 41,
            "seed": 2,
            "burn_in_sessions": 65,
            "first_session": "2022-01-04",
            "num_sectors": 5,
            "peer_group_size": 6,
            "strength": 9e-4,
            "scales.linear": 2.0,
            "scales.gated": 2.0,
            "scales.order": 2.0,
            "scales.peers": 2.0,
            "scales.level": 2.0,
            "scales.revision": 2.0,
            "scales.crowding": 2.0,
            "scales.covering": 2.0,
            "scales.segment_flow": 2.0,
            "halts": ["2021-02-01"],
            "size_spread": 0.5,
            "quirk_rate": 5.0,
        },
    ),
    Knob("num_branches", 4, "truth"),
)


def market_contents(config: Config) -> Mapping[str, str]:
    assert isinstance(config, MarketConfig)
    market = generate(config)
    return {
        "quotes": frame_hash(source_frames(market).quotes),
        "truth": frame_hash(truth_frame(market)),
    }


@pytest.fixture(scope="module")
def market_stage() -> Stage:
    return Stage(MARKET, market_contents)


@pytest.mark.parametrize("knob", MARKET_ROWS, ids=str)
def test_market(market_stage: Stage, knob: Knob):
    assert market_stage.complaint(knob) is None


# -------------------------------------------------------------------------------------- import

IMPORT = ImportConfig(date_order=DateOrder.DAY_FIRST, exchange=ExchangeName.NEW_YORK)
IMPORT_ROWS = (
    Knob("name", "others", "place"),
    Knob("exchange", "tokyo", "content"),
    Knob("columns", {"close": "settle"}, "content"),
    Knob("date_order", "month_first", "content"),
    Knob("price_basis", "back_adjusted", "facts"),
    *(
        Knob(name, value, "content", {"columns": {"adjustment_factor": "paid"}, **beside})
        for name, value, beside in (
            ("factor_form", "cumulative", {"factor_direction": "prices"}),
            ("factor_direction", "shares", {}),
            ("factor_session", "day_before", {}),
        )
    ),
    Knob("missing_splits", "adjust", "content"),
    Knob("other_company", ["C1:2024-07-01"], "content"),
)


@pytest.fixture(scope="module")
def import_stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("import")
    both = range(4, 12)
    days = [
        f"{d:02}/{m:02}/2024"
        for m in both
        for d in both
        if all(is_tokyo_session(date(2024, *md)) for md in ((m, d), (d, m)))
    ]
    lines = ["date,code,close,volume,topix,settle,paid"]
    for place, day in enumerate(days):
        level = 2000 + place % 7 if place < 15 else ""
        paid = 0.95 if place == 9 else 1
        split = 0.5 if place >= 15 else 1
        for n, close in ((1, 101 + place), (2, (102 + place) * split)):
            lines.append(f"{day},C{n},{close},{1000 + place},{level},{7 + place % 3},{paid}")
    file = folder / "prices.csv"
    file.write_text("\n".join(lines) + "\n")

    def contents(config: Config) -> Mapping[str, str]:
        assert isinstance(config, ImportConfig)
        source = import_files(
            [file],
            resolved=Resolved(config=config, origins=Anything()),
            home=folder / "home",
            reporter=QUIET,
        ).source
        kept = {k: v for k, v in source.manifest["facts"].items() if k != "table"}
        return {
            "place": source.folder.parent.name,
            "content": source.content_hash,
            "facts": hash_json(kept),
        }

    return Stage(IMPORT, contents)


@pytest.mark.parametrize("knob", IMPORT_ROWS, ids=str)
def test_import(import_stage: Stage, knob: Knob):
    assert import_stage.complaint(knob) is None


# --------------------------------------------------------------------------------------- build

BUILD = BuildConfig(source="law", features=SHORT)
BUILD_ROWS = (
    Knob("source", "other", "bars"),
    Knob("clock", "premarket", "x", {"source": "typed", "features": list(FEATURES)}),
    *rows(
        "valid",
        {
            "universe.min_traded_value": 3e8,
            "universe.lookback": 120,
            "universe.min_traded_sessions": 30,
            "universe.markets": ["Prime", "Growth"],
        },
    ),
    Knob("features", SHORT[1:], "x"),
    *rows("neighbours", {"graph.neighbours": 8, "graph.lookback": 90, "graph.min_sessions": 70}),
)
BUILD_ORDER = ("bars", "sector", "valid", "x", "market", "features", "labels", "neighbours")


@pytest.fixture(scope="module")
def build_stage(law_home: Path) -> Stage:
    other = law_market().model_copy(update={"seed": 11})
    pipeline.sandbox(law_home, "other", Resolved(other, Anything()), reporter=QUIET)
    deliver(law_home, "typed")

    def contents(config: Config) -> Mapping[str, str]:
        assert isinstance(config, BuildConfig)
        parts = pipeline.build(
            law_home, Resolved(config, Anything()), execution=Execution(threads=1), reporter=QUIET
        ).manifest["parts"]
        assert set(BUILD_ORDER) <= set(parts)
        return {name: parts[name] for name in BUILD_ORDER}

    return Stage(BUILD, contents)


@pytest.mark.parametrize("knob", BUILD_ROWS, ids=str)
def test_build(build_stage: Stage, knob: Knob):
    assert build_stage.complaint(knob) is None


# --------------------------------------------------------------------------------------- split

SPLITS: Mapping[str, Config] = {
    "dates": DateSplit(
        train=("2021-02-01", "2021-04-30"),  # type: ignore[arg-type]
        valid=("2021-06-07", "2021-06-30"),  # type: ignore[arg-type]
        test=("2021-08-09", "2021-10-29"),  # type: ignore[arg-type]
    ),
    "fractions": FractionSplit(),
    "calendar": CalendarSplit(start="2021-07-01", every="quarter", valid=20),  # type: ignore[arg-type]
    "walk_forward": WalkForwardSplit(num_folds=2, test=0.3),
    "purged_kfold": PurgedKFoldSplit(num_folds=3),
    "combinatorial": CombinatorialSplit(num_groups=5),
}
SPLIT_ROWS: Mapping[str, tuple[Knob, ...]] = {
    "dates": (
        Knob("train", ["2021-02-01", "2021-04-28"], "folds"),
        Knob("valid", ["2021-06-08", "2021-06-30"], "folds"),
        Knob("test", ["2021-08-12", "2021-10-29"], "folds"),
        Knob("purge", 40, "refusal"),
    ),
    "fractions": rows("folds", {"train": 0.5, "valid": 0.25, "purge": 25, "end": "2021-11-30"}),
    "calendar": rows(
        "folds",
        {
            "start": "2021-08-02",
            "end": "2021-11-30",
            "every": "half_year",
            "growth": "rolling",
            "valid": 21,
            "purge": 25,
        },
    ),
    "walk_forward": rows(
        "folds",
        {
            "num_folds": 3,
            "growth": "rolling",
            "valid": 0.2,
            "test": 0.25,
            "purge": 25,
            "end": "2021-11-30",
        },
    ),
    "purged_kfold": rows("folds", {"num_folds": 4, "purge": 25, "embargo": 5, "end": "2019-11-29"}),
    "combinatorial": rows(
        "folds",
        {"num_groups": 6, "num_tested": 3, "purge": 25, "embargo": 5, "end": "2019-11-29"},
    ),
}


def split_contents(config: Config, dataset: Dataset) -> Mapping[str, str]:
    """Which sessions are in which part; explicit dates may be refused instead.

    Groups with purges and embargos on both sides take a longer sample than the dataset has.
    """
    long = tokyo_sessions(date(2018, 1, 1), date(2019, 12, 31))
    sessions = long if hasattr(config, "embargo") else dataset.sessions
    try:
        folds = make_folds(config, sessions, first=40)  # type: ignore[arg-type]
    except ConfigError:
        return {"refusal": "refused", "folds": "none"}
    parts = [[fold.indices(p).tolist() for p in ("train", "valid", "test")] for fold in folds]
    return {"refusal": "none", "folds": hash_json(parts)}


@pytest.mark.parametrize(
    ("kind", "knob"), [(k, row) for k, table in SPLIT_ROWS.items() for row in table], ids=str
)
def test_split(law_dataset: Dataset, kind: str, knob: Knob):
    stage = Stage(SPLITS[kind], lambda config: split_contents(config, law_dataset))
    assert stage.complaint(knob) is None


# ---------------------------------------------------------------------------------------- runs

SHARED_ROWS = (
    *rows(
        "folds",
        {
            "split.train": 0.5,
            "split.valid": 0.25,
            "split.purge": 25,
            "split.end": "2021-09-10",
            "warmup_sessions": 50,
        },
    ),
    Knob("label_order", "shuffled", "labels"),
    Knob("refit", True, "scores"),
    Knob("seed", 2, "labels", {"label_order": "shuffled"}),
)
FITTED = {"learner.train_label": "raw"}
NOISY = {
    "learner.training.tolerance": 0.0,
    "learner.training.final_rate_share": 1.0,
    "learner.training.max_epochs": 6,
    "learner.training.patience": 6,
    "learner.training.learning_rate": 0.06,
    "learner.training.weight_decay": 0.0,
    "learner.training.smoothing": 1,
    "learner.training.horizon_weights": [1.0, 0.0, 0.0, 0.0],
}
"""Training whose validation RankIC goes up and down from epoch to epoch."""
LONG = {"learner.training.horizon_weights": [0.0, 0.0, 0.0, 1.0]}
"""Selection by the horizon at which raw and residual returns differ most."""
SEEDS = (1, 2, 3, 4, 5, 6)


def beginning(seed: int) -> tuple[int, ...]:
    """The seeds, one first that is known to show the difference: the others where it does not."""
    return (seed, *(other for other in SEEDS if other != seed))


LOSS, USUAL = "learner.training.loss", "correlation"


def loss_rows(kind: str, values: Mapping[str, Any], **beside: Any) -> tuple[Knob, ...]:
    """Settings of a loss that is not the usual one, others beside them."""
    given = {LOSS: {"kind": kind, **beside}}
    return tuple(Knob(f"{LOSS}.{name}", one, "scores", given) for name, one in values.items())


def strip_rows(loss: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[Knob, ...]:
    """Settings of a loss that wants sessions in a row."""
    given = {
        LOSS: loss,
        "learner.training.days_per_batch": 8,
        "learner.training.horizon_weights": [0.5, 0.5, 0.0, 0.0],
    }
    return tuple(Knob(f"{LOSS}.{name}", one, "scores", given) for name, one in values.items())


def beside(kind: str) -> dict[str, Any]:
    """A loss as the second part of a sum."""
    return {"kind": "combined", "parts": [{"weight": 1.0}, {"loss": {"kind": kind}}]}


LOSS_ROWS: Mapping[str, tuple[Knob, ...]] = {
    USUAL: rows("scores", {f"{LOSS}.mse_weight": 0.0}),
    "mse": (),
    "huber": loss_rows("huber", {"delta": 0.3}),
    "soft_spearman": loss_rows("soft_spearman", {"temperature": 0.5, "references": 8}),
    "list_mle": (),
    "approx_ndcg": loss_rows("approx_ndcg", {"top": 5, "temperature": 0.5, "references": 8}, top=4),
    "rank_net": loss_rows("rank_net", {"pairs": 3, "temperature": 3.0}),
    "sharpe": strip_rows({"kind": "sharpe"}, {"holding": "outright", "cost_bps": 0.0}),
    "sortino": strip_rows({"kind": "sortino"}, {"holding": "outright", "cost_bps": 0.0}),
    "turnover": strip_rows(beside("turnover"), {"parts.1.loss.holding": "outright"}),
    "decorrelation": strip_rows(
        beside("decorrelation"), {"parts.1.loss.features": ["ret_prev_20d"]}
    ),
    "pinball": (),
    "combined": strip_rows(beside("mse"), {"parts": [{"loss": {"kind": "mse"}}]}),
}
"""Settings of each loss, by its kind."""
QUANTILES = {
    LOSS: beside("pinball"),
    "learner.quantiles": [0.2, 0.8],
    "learner.training.clip_norm": 1e9,
}
"""Quantiles that no score can feel: no gradient is limited together with theirs."""
PRUNING_MUCH = {
    "learner.pruning.errors": -1.0,
    "learner.pruning.sessions": 8,
    "learner.training.max_epochs": 1,
}
"""Pruning under which many features go, judged on few sessions."""
PRUNED = {"learner.pruning.by": "importance", **PRUNING_MUCH}
TRAINING = {
    "learner.training.days_per_batch": 3,
    "learner.training.row_share": 0.5,
    "learner.training.learning_rate": 3e-3,
    "learner.training.weight_decay": 0.0,
    "learner.training.clip_norm": 0.01,
    "learner.training.warmup_steps": 3,
    "learner.training.final_rate_share": 1.0,
    "learner.training.ema_decay": 0.1,
    "learner.training.horizon_weights": [1.0, 0.0, 0.0, 0.0],
    "learner.training.precision": "bfloat16",
    "learner.training.phases": [{"name": "a", "max_epochs": 1}, {"name": "b"}],
}
"""Settings of the training loop that are seen in every network."""
PRUNING = (
    Knob("learner.pruning.by", "importance", "scores", PRUNING_MUCH),
    Knob("learner.pruning.by", "random", "scores", PRUNING_MUCH),
    *(
        Knob(f"learner.pruning.{name}", value, "scores", PRUNED)
        for name, value in (
            ("correlation", 0.3),
            ("errors", 9.0),
            ("tail", 0.2),
            ("sessions", 4),
            ("names", 12),
        )
    ),
)
"""Settings that decide which features a network is fitted on."""
SELECTED = (
    *LOSS_ROWS[USUAL],
    Knob("learner.select_label", "residual", "scores", NOISY | LONG, beginning(5)),
    Knob("learner.training.max_epochs", 1, "scores", {}, SEEDS),
    Knob("learner.training.patience", 1, "scores", NOISY, beginning(2)),
    Knob("learner.training.tolerance", 1.0, "scores", NOISY, SEEDS),
    Knob("learner.training.smoothing", 3, "scores", NOISY, beginning(4)),
)
"""Those that decide which epoch of a network is kept."""
ONE_LOOP = ("apex-ranker", "master")
"""Networks whose training, pruning and selection are those of the usual one, tried there."""
TWO = {"learner.members": [{"kind": "ridge"}, {"kind": "reversal"}]}
FAST = {"learner.rounds": 60, "learner.check_every": 1, "learner.learning_rate": 0.3}
"""Trees whose validation RankIC goes up and down from one to the next."""
FUSED = {"learner.temporal": "fusion"}
PRETRAINED = {**FUSED, "learner.pretraining.epochs": 1}
READS_RAW = {"learner.raw_channels": ["log_return", "abs_return"]}
ONE = {"learner.members": [{"kind": "lightgbm", "rounds": 5}]}
"""Members of a blend that are fitted at once."""
LEARNER_ROWS: Mapping[str, tuple[Knob, ...]] = {
    "ridge": (
        *rows(
            "scores",
            FITTED | {"learner.penalties": [10.0], "learner.context_features": ["mkt_vol_20d"]},
        ),
        Knob(
            "learner.select_label",
            "residual",
            "scores",
            {"learner.penalties": [10.0**p for p in range(-6, 4)]},
        ),
    ),
    "lightgbm": (
        *rows(
            "scores",
            FITTED
            | {
                "learner.leaves": 4,
                "learner.rounds": 2,
                "learner.learning_rate": 0.1,
                "learner.feature_share": 1.0,
                "learner.row_share": 1.0,
                "learner.min_leaf_share": 0.1,
                "learner.l2": 0.0,
                "learner.max_rows": 1_000,
            },
        ),
        *(
            Knob(f"learner.{name}", value, "scores", FAST, beginning(seed))
            for name, value, seed in (
                ("select_label", "residual", 4),
                ("patience", 1, 1),
                ("check_every", 7, 1),
                ("check_sessions", 3, 3),
            )
        ),
    ),
    "blend": (
        Knob("learner.members", [{"kind": "ridge"}], "scores", TWO),
        Knob("learner.weights", [3.0, 1.0], "scores", TWO),
        Knob("learner.seeds", 2, "scores", ONE),
        Knob("learner.member_spread", True, "outputs", TWO),
    ),
    "momentum": rows("scores", {"learner.feature": "ret_prev_60d"}),
    "reversal": rows("scores", {"learner.feature": "ret_prev_20d"}),
    "atft-gat-fan": (
        *rows(
            "scores",
            FITTED
            | TRAINING
            | {
                "learner.dynamic_features": ["ret_1d_sec_z"],
                "learner.context_features": ["mkt_vol_20d", "uni_ret_20d"],
                "learner.lookback": 16,
                "learner.raw_channels": ["log_return", "abs_return"],
                "learner.hidden": 12,
                "learner.heads": 4,
                "learner.gates": 3,
                "learner.trunk": "mlp",
                "learner.context_in_trunk": True,
                "learner.missing_flags": True,
                "learner.fan": "none",
                "learner.fan_bins": 3,
                "learner.graph": "none",
                "learner.edge_features": True,
                "learner.dropout": 0.1,
                "learner.feature_dropout": 0.0,
                "learner.context_noise": 0.0,
            },
        ),
        *(Knob("learner.raw_norm", norm, "scores", READS_RAW) for norm in ("revin", "fan")),
        Knob("learner.temporal", "fusion", "scores"),
        *(
            Knob(f"learner.fusion.{name}", value, "scores", FUSED)
            for name, value in (
                ("width", 16),
                ("patch", 5),
                ("heads", 4),
                ("select", False),
                ("recurrent", False),
                ("static", False),
                ("attention", False),
            )
        ),
        Knob("learner.pretraining.epochs", 1, "scores", FUSED),
        *(
            Knob(f"learner.pretraining.{name}", value, "scores", PRETRAINED)
            for name, value in (
                ("learning_rate", 0.01),
                ("names", 12),
                ("masked", 0.2),
                ("shortest", 4),
                ("across", 1.0),
            )
        ),
        Knob("learner.graph", "shuffled", "scores"),
        Knob("learner.shuffle_seed", 1, "scores", {"learner.graph": "shuffled"}),
        Knob("learner.raw_bins", 3, "scores", {**READS_RAW, "learner.raw_norm": "fan"}),
        Knob("learner.depth", 3, "scores", {"learner.trunk": "mlp"}),
        Knob("learner.quantiles", [0.1, 0.5, 0.9], "outputs", QUANTILES),
        Knob("learner.dropout_passes", 3, "outputs"),
        Knob("learner.blend_weights", [0.0, 1.0, 1.0, 0.0], "scores"),
        Knob("learner.blended_horizon", 10, "scores", {"learner.blend_weights": [0, 1, 1, 0]}),
        Knob("learner.temporal", "none", "scores", {"learner.fan": "none"}),
        *PRUNING,
        *SELECTED,
    ),
    "apex-ranker": (
        *rows(
            "scores",
            FITTED
            | {
                "learner.dynamic_features": ["ret_1d_sec_z"],
                "learner.context_features": ["mkt_vol_20d", "uni_ret_20d"],
                "learner.lookback": 20,
                "learner.raw_channels": [],
                "learner.patch": 10,
                "learner.hidden": 12,
                "learner.heads": 4,
                "learner.blocks": 1,
                "learner.readout": "mean",
                "learner.level": "linear",
                "learner.depth": 3,
                "learner.gates": 3,
                "learner.missing_flags": True,
                "learner.revin": True,
                "learner.dropout": 0.1,
                "learner.feature_dropout": 0.2,
                "learner.context_noise": 0.0,
            },
        ),
        Knob("learner.stride", 10, "scores", {"learner.patch": 10, "learner.lookback": 20}),
    ),
    "master": (
        *rows(
            "scores",
            FITTED
            | {
                "learner.dynamic_features": ["ret_1d_sec_z", "volume_z_20"],
                "learner.context_features": ["mkt_vol_20d", "uni_ret_20d"],
                "learner.lookback": 12,
                "learner.raw_channels": ["abs_return"],
                "learner.hidden": 12,
                "learner.heads": 4,
                "learner.peer_heads": 4,
                "learner.gate_softness": 1.0,
                "learner.dropout": 0.1,
            },
        ),
    ),
}
RUN_ROWS = [
    *((("ridge", knob)) for knob in SHARED_ROWS),
    *((name, knob) for name, table in LEARNER_ROWS.items() for knob in table),
    *((name, Knob("seed", 2, "scores")) for name in ("lightgbm", "atft-gat-fan")),
    *(
        ("atft-gat-fan", knob)
        for kind, table in LOSS_ROWS.items()
        if kind != USUAL
        for knob in table
    ),
]


class Outcomes(Mapping[str, str]):
    """Contents of a run, each made when it is asked for."""

    def __init__(self, home: Path, name: str, config: TrainConfig, dataset: Dataset) -> None:
        self.home, self.name, self.config, self.dataset = home, name, config, dataset

    @cached_property
    def run(self):
        resolved = Resolved(self.config, Anything())
        return train(
            self.home,
            self.name,
            resolved,
            self.dataset,
            execution=Execution(threads=1),
            reporter=QUIET,
        )

    def __iter__(self):
        return iter(("folds", "labels", "scores", "outputs"))

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: str) -> str:
        return str(getattr(self, f"_{key}")())

    def _folds(self) -> str:
        folds = make_folds(
            self.config.split, self.dataset.sessions, first=self.config.warmup_sessions
        )
        return hash_json([fold.to_json() for fold in folds])

    def _labels(self) -> str:
        made = run_labels(self.dataset, self.config)
        parts = [np.ascontiguousarray(made.variant(v)).tobytes() for v in ("raw", "residual")]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def _scores(self) -> str:
        return str(self.run.manifest["parts"]["predictions"])

    def _outputs(self) -> str:
        return str(self.run.manifest["parts"].get("outputs"))


@pytest.fixture(scope="module")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A market of its own that is a little smaller; its home is two folders up."""
    home = tmp_path_factory.mktemp("knobs")
    market = law_market().model_copy(
        update={"num_stocks": 40, "num_sessions": 180, "strength": 3e-3}
    )
    pipeline.sandbox(home, "small", Resolved(market, Anything()), reporter=QUIET)
    return pipeline.build(
        home,
        Resolved(BuildConfig(source="small", features="basic"), Anything()),
        execution=Execution(threads=1),
        reporter=QUIET,
    )


@pytest.fixture(scope="module", autouse=True)
def _examined_in_brief() -> Iterator[None]:
    """What parts of a fitted network do is looked at on one session: no content hangs on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "EXAMINED", 1)
        yield


@pytest.fixture(scope="module")
def run_stages(small_dataset: Dataset) -> Mapping[str, Stage]:
    """A stage per named run."""
    home = small_dataset.folder.parents[1]

    def stage(name: str) -> Stage:
        more = {"momentum": ("learner.feature=ret_prev_20d",)}
        base = run_config(name, *more.get(name, ()), *SMALL.get(name, ())).config
        return Stage(base, lambda config: Outcomes(home, name, config, small_dataset))  # type: ignore[arg-type]

    return {name: stage(name) for name in LEARNER_ROWS}


BRIEF = ("learner.training.max_epochs=2", "learner.training.days_per_batch=8")
SMALL = {"master": BRIEF, "atft-gat-fan": BRIEF, "apex-ranker": (*BRIEF, "learner.lookback=10")}


def rows_of_runs() -> list[Any]:
    """Every row of runs: of the networks that share layers with the usual one, some often."""
    twins = [row for row in RUN_ROWS if row[0] in ONE_LOOP]
    others = [row for row in RUN_ROWS if row[0] not in ONE_LOOP]
    return [*others, *some(twins, keep=len(twins) // 3)]


@pytest.mark.parametrize(("name", "knob"), rows_of_runs(), ids=str)
def test_run(run_stages: Mapping[str, Stage], name: str, knob: Knob):
    assert run_stages[name].complaint(knob) is None


# -------------------------------------------------------------------------- phases of a training

PHASE = PhaseConfig(name="first", max_epochs=1)
PHASE_ROWS = (
    *rows(
        "scores",
        {
            "train": ["head"],
            "off": ["graph"],
            "learning_rate": 0.02,
            "horizon_weights": [0.0, 0.0, 0.0, 1.0],
            "loss.mse_weight": 0.0,
            "max_epochs": 2,
        },
    ),
    Knob("patience", 1, "scores", {"max_epochs": 6, "patience": 6, "learning_rate": 0.06}),
    Knob("name", "other", "events"),
)


@pytest.fixture(scope="module")
def phase_stage(small_dataset: Dataset) -> Stage:
    """The first of two phases; what it learned shows in the scores after the second."""
    home = small_dataset.folder.parents[1]

    def contents(config: Config) -> Mapping[str, str]:
        name, settings = "atft-gat-fan", [f"{path}={json.dumps(v)}" for path, v in NOISY.items()]
        base = run_config(name, *SMALL[name], *settings).config
        phases = [config.model_dump(mode="json"), {"name": "last", "max_epochs": 1}]
        run = Outcomes(home, name, with_values(base, {PHASES: phases}), small_dataset).run  # type: ignore[arg-type]
        lines = (run.folder / EVENTS_FILE).read_text().splitlines()
        told = [one["phase"] for one in map(json.loads, lines) if one["event"] == "phase"]
        return {"scores": run.manifest["parts"]["predictions"], "events": hash_json(told)}

    return Stage(PHASE, contents)


PHASES = "learner.training.phases"


@pytest.mark.parametrize("knob", PHASE_ROWS, ids=str)
def test_phase(phase_stage: Stage, knob: Knob):
    assert phase_stage.complaint(knob) is None


# ---------------------------------------------------------------------------- judging and trading

JUDGE_ROWS = (Knob("judge_label", "residual", "skill"),)
REPORT_ROWS = (Knob("language", "ja", "page"),)
TRADE_ROWS = rows(
    "ledger",
    {
        "portfolio.top_k": 7,
        "portfolio.rebalance_every": 3,
        "portfolio.horizon": 1,
        "portfolio.max_weight": 0.04,
        "portfolio.exit_margin": 20,
        "portfolio.exposure": 0.3,
        "portfolio.smoothing": 10.0,
        "portfolio.neutral.sector": True,
        "portfolio.neutral.beta": True,
        "portfolio.neutral.size": True,
        "portfolio.limits.turnover": 0.05,
        "portfolio.limits.sector": 0.05,
        "portfolio.limits.beta": 0.1,
        "portfolio.limits.traded_value": 0.001,
        "costs.commission_bps": 5.0,
        "costs.slippage_bps": 1.0,
        "costs.min_commission": 5_000.0,
        "costs.spread_ticks": 2.0,
        "costs.impact": 1.0,
        "fills.price": "close",
        "fills.max_participation": 0.001,
        "fills.price_limit": 0.01,
        "lot_size": 10,
        "initial_cash": 2e8,
    },
    portfolio__top_k=10,
)
TRADE_ROWS += rows(
    "ledger",
    {"portfolio.stance": "dollar_neutral"},
    portfolio__top_k=10,
    portfolio__max_weight=0.2,
)
TRADE_ROWS += rows(
    "ledger",
    {"costs.tier_from": [2e6], "costs.tier_bps": [0.5]},
    costs__tier_from=[1e6],
    costs__tier_bps=[1.0],
)
TRADE_ROWS += rows("ledger", {"fills.lookback": 5}, costs__impact=1.0)
TRADE_ROWS += rows(
    "ledger",
    {"costs.borrow_bps": 900.0, "max_gross": 1.2},
    portfolio__top_k=10,
    portfolio__max_weight=0.2,
    portfolio__stance="dollar_neutral",
)


MARKET_KNOBS = (
    Knob("delisting_haircut", 0.3, "ledger", {"initial_cash": 1e6}),
    Knob("dividend_tax", 0.1, "ledger", {"initial_cash": 1e6}),
    Knob("max_market_share", 1e-4, "refusal", {"initial_cash": 1e6}),
)
"""Tried on a market where a name is delisted, one pays a dividend, and little is traded."""


@pytest.fixture(scope="module")
def judged_run(small_dataset: Dataset) -> Run:
    return Outcomes(
        small_dataset.folder.parents[1], "ridge", run_config("ridge").config, small_dataset
    ).run


def fitted(home: Path, run: Run) -> str:
    """Which runs there are, and every file that the fit of one of them wrote."""
    files = [run.folder / "predictions.parquet", *sorted((run.folder / "folds").rglob("*"))]
    parts = {str(file): file.stat().st_mtime_ns for file in files}
    return hash_json([sorted(p.name for p in runs_folder(home).glob("[!.]*")), parts])


def judged_contents(home: Path, run: Run, config: Config) -> Mapping[str, str]:
    made = evaluate(home, run, Resolved(config, Anything()))  # type: ignore[arg-type]
    return {"fit": fitted(home, run), "skill": hash_json(made.metrics)}


def traded_contents(home: Path, run: Run, config: Config) -> Mapping[str, str]:
    made = backtest(home, run, Resolved(config, Anything()))  # type: ignore[arg-type]
    return {
        "fit": fitted(home, run),
        "skill": hash_json(evaluate(home, run).metrics),
        "ledger": frame_hash(made.frame("ledger")),
    }


@pytest.mark.parametrize("knob", JUDGE_ROWS, ids=str)
def test_judge(judged_run: Run, knob: Knob):
    home = judged_run.folder.parents[1]
    stage = Stage(JudgeConfig(), lambda config: judged_contents(home, judged_run, config))
    assert stage.complaint(knob) is None


@pytest.mark.parametrize("knob", TRADE_ROWS, ids=str)
def test_trade(judged_run: Run, knob: Knob):
    home = judged_run.folder.parents[1]
    stage = Stage(TradeConfig(), lambda config: traded_contents(home, judged_run, config))
    assert stage.complaint(knob) is None


def paged_contents(home: Path, run: Run, config: Config) -> Mapping[str, str]:
    page = write_report(home, run, Resolved(config, Anything()))  # type: ignore[arg-type]
    return {
        "fit": fitted(home, run),
        "skill": hash_json(evaluate(home, run).metrics),
        "page": hash_file(page),
    }


@pytest.mark.parametrize("knob", REPORT_ROWS, ids=str)
def test_report(judged_run: Run, knob: Knob):
    home = judged_run.folder.parents[1]
    stage = Stage(ReportConfig(), lambda config: paged_contents(home, judged_run, config))
    assert stage.complaint(knob) is None


def paying_contents(config: Config) -> Mapping[str, str]:
    """One name that pays and is delisted, bought at once."""
    assert isinstance(config, TradeConfig)
    prices, paid = np.full((5, 1), 100.0), np.zeros((5, 1))
    paid[3] = 2.0
    listed = np.arange(5)[:, None] < 4
    market = bars(prices, prices, dividend=paid, listed=listed, volume=np.full((5, 1), 1e6))
    try:
        made = run_backtest(market, np.ones((4, 1)), np.arange(4), config=config)
    except DataError as refused:
        return {"refusal": str(refused), "ledger": ""}
    return {"refusal": "", "ledger": frame_hash(made.ledger)}


@pytest.mark.parametrize("knob", MARKET_KNOBS, ids=str)
def test_trade_in_a_market(knob: Knob):
    assert Stage(TradeConfig(), paying_contents).complaint(knob) is None


def test_a_trial_that_fits_again_is_caught(judged_run: Run):
    """A judging label that goes into the training too: the fit is another one already."""
    home, dataset = judged_run.folder.parents[1], judged_run.dataset(judged_run.folder.parents[1])

    def contents(config: Config) -> Mapping[str, str]:
        label = f"learner.train_label={config.judge_label}"  # type: ignore[attr-defined]
        run = Outcomes(home, "ridge", run_config("ridge", label).config, dataset).run
        return judged_contents(home, run, config)

    told = Stage(JudgeConfig(), contents).complaint(JUDGE_ROWS[0])
    assert told == "judge_label changes fit already"


# ------------------------------------------------------------------------------------ coverage

TABLES: Mapping[str, tuple[Config, Sequence[Knob]]] = {
    "market": (MARKET, MARKET_ROWS),
    "import": (IMPORT, IMPORT_ROWS),
    "build": (BUILD, BUILD_ROWS),
    **{f"split {kind}": (SPLITS[kind], SPLIT_ROWS[kind]) for kind in SPLITS},
    "judge": (JudgeConfig(), JUDGE_ROWS),
    "trade": (TradeConfig(), (*TRADE_ROWS, *MARKET_KNOBS)),
    "phase": (PHASE, PHASE_ROWS),
    "report": (ReportConfig(), (*JUDGE_ROWS, *TRADE_ROWS, *MARKET_KNOBS, *REPORT_ROWS)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_leaf_has_a_row(name: str):
    config, table = TABLES[name]
    assert without_row(config, table) == set()


def untried_settings() -> dict[str, set[str]]:
    """Of every learner and loss that is registered now, the leaves that no row tries."""
    found = {}
    for name in run_names():
        table = (*SHARED_ROWS, *LEARNER_ROWS.get(name, ()))
        found[f"run {name}"] = without_row(run_named(name), table)
        if name in ONE_LOOP:
            found[f"run {name}"] -= {*TRAINING, *(knob.path for knob in (*PRUNING, *SELECTED))}
    for kind in LOSSES.kinds():
        made = LOSSES.config(kind).model_validate({})
        tried = {knob.path.rpartition(".")[2] for knob in LOSS_ROWS.get(kind, ())}
        found[f"loss {kind}"] = leaf_paths(made) ^ tried
    return {what: paths for what, paths in found.items() if paths}


def test_every_setting_of_what_is_registered_has_a_row():
    assert untried_settings() == {}
    assert set(LEARNER_ROWS) == set(run_names())
    assert set(LOSS_ROWS) == set(LOSSES.kinds())


def test_a_registered_learner_or_loss_with_a_setting_that_no_row_tries_is_caught():
    with LEARNERS.registered(TOY_LEARNER), LOSSES.registered(TOY_LOSS):
        found = untried_settings()
    assert set(found) == {"run toy-linear", "loss toy_squared"}
    assert found["loss toy_squared"] == {"scale"}
    assert {"learner.width", "learner.training.loss.mse_weight"} <= found["run toy-linear"]


def test_no_other_config_exists():
    """Every `Config` class is part of one of the tables, or is `Execution`.

    What the limits of an evening decide is tried in tests/publish/test_gates.py, those of a release
    in tests/releases/test_limits.py, what is pruned in tests/retention/test_policy.py, those of a
    search in tests/search/test_knobs.py; a knob of a space has tests/core/test_space.py. What names
    scores from elsewhere is tried in tests/runs/test_given.py.
    """

    def within(config: BaseModel) -> set[type]:
        values = [getattr(config, name) for name in type(config).model_fields]
        inner = [
            one for value in values for one in (value if isinstance(value, tuple) else [value])
        ]
        found = {type(config)}
        return found.union(*(within(one) for one in inner if isinstance(one, BaseModel)))

    runs = [run_named(name) for name in run_names()]
    losses = [LOSSES.config(kind).model_validate({}) for kind in LOSSES.kinds()]
    weightings = [WEIGHTINGS.config(kind).model_validate({}) for kind in WEIGHTINGS.kinds()]
    tried = [*runs, *losses, *weightings, *(config for config, _ in TABLES.values())]
    covered = set().union(*(within(one) for one in tried))
    abstract = {kind for one in covered for kind in one.__mro__}
    spaces = {kind for kind in configs() if kind.__module__ == Space.__module__}
    assert configs() - covered - abstract - spaces == {
        Execution,
        GateLimits,
        GivenConfig,
        GivenScores,
        GivenSplit,
        PruneConfig,
        PublishLimits,
        ReleaseConfig,
        SearchConfig,
        TuneConfig,
    }


def test_a_leaf_without_a_row_is_caught():
    class Grown(BuildConfig):
        spare: int = 1

    assert without_row(Grown(), BUILD_ROWS) == {"spare"}
    assert without_row(BUILD, BUILD_ROWS[1:]) == {"source"}


@pytest.mark.parametrize("name", TABLES)
def test_every_knob_has_two_legal_values(name: str):
    config, _ = TABLES[name]
    assert single_valued(config) == set()


def test_a_knob_with_one_legal_value_is_caught():
    class One(enum.Enum):
        ONLY = "only"

    class Grown(BuildConfig):
        kind: typing.Literal["grown"] = "grown"
        clock: typing.Literal["evening"] = "evening"  # type: ignore[assignment]
        spare: One = One.ONLY

    grown = Grown(source="law", features=SHORT)
    assert single_valued(grown) == {"clock", "spare"}
    assert without_row(grown, BUILD_ROWS) == {"spare"}  # "kind" is the name of a config


def configs() -> set[type[Config]]:
    """Every `Config` class of the program."""

    def below(kind: type[Config]) -> set[type[Config]]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    return {kind for kind in below(Config) if kind.__module__.startswith("gogooku.")}


@cache
def names_read(folder: Path) -> frozenset[str]:
    """Attributes that source code reads anywhere but in the validation of a config."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef) and any(
            "validator" in ast.unparse(one) for one in node.decorator_list
        ):
            return
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        for child in ast.iter_child_nodes(node):
            visit(child)

    for tree in trees(folder).values():
        visit(tree)
    return frozenset(found)


def unread(kinds: Iterable[type[Config]], read: Set[str]) -> set[str]:
    """Fields that no code reads, but to check them."""
    return {f"{kind.__name__}.{name}" for kind in kinds for name in set(kind.model_fields) - read}


def test_every_field_of_a_config_is_read():
    by_name = {*FAMILIES, *SOURCE_FAMILIES}  # `FamilyScales` reads its own by these
    assert unread(configs(), names_read(PACKAGE) | by_name) == set()


def test_a_field_that_is_only_checked_is_caught(tmp_path: Path):
    class Grown(BuildConfig):
        spare_field: int = 1

    checking = [
        "class Grown:",
        "    @model_validator(mode='after')",
        "    def _positive(self):",
        "        assert self.spare_field > 0",
    ]
    checked, using = tmp_path / "checked", tmp_path / "using"
    checked.mkdir()
    using.mkdir()
    (checked / "checking.py").write_text("\n".join(checking))
    read = names_read(PACKAGE) | names_read(checked)
    assert unread([Grown], read) == {"Grown.spare_field"}
    (using / "using.py").write_text("size = config.spare_field")
    assert unread([Grown], read | names_read(using)) == set()


def test_a_knob_that_nothing_reads_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    honest = assemble_module.universe_of
    monkeypatch.setattr(
        assemble_module, "universe_of", lambda panel, config: honest(panel, BUILD.universe)
    )

    def contents(config: Config) -> Mapping[str, str]:
        made = dataset_of(law_frames, tmp_path / config.content_hash, config)  # type: ignore[arg-type]
        return {name: made.manifest["parts"][name] for name in BUILD_ORDER}

    stage = Stage(BUILD, contents)
    knob = next(k for k in BUILD_ROWS if k.path == "universe.min_traded_value")
    assert stage.complaint(knob) == f"{knob.path}: the content of valid is the same"
    early = Knob("graph.neighbours", 8, "labels")
    assert stage.complaint(early) == "graph.neighbours: the content of labels is the same"
    late = replace(BUILD_ROWS[0], path="features", value=SHORT[1:], artefact="neighbours")
    assert stage.complaint(late) == "features changes x, features already"


# ----------------------------------------------------------------------------------- execution

EXECUTION_ROWS = rows(
    "dataset",
    {
        "threads": 3,
        "block_names": 7,
        "block_sessions": 5,
        "device": "cuda",
        "save_seconds": 0.0,
        "stall_seconds": 1.0,
        "compiled": True,
        "residence": "on",
        "processes": 2,
    },
)


def content_under(frames: SourceFrames, folder: Path, **execution: Any) -> str:
    settings = Execution(**{"threads": 1, **execution})
    config = BuildConfig(source="law", features=(*SHORT, "sec_mom_20", "beta_uni_60d"))
    return dataset_of(frames, folder, config, settings).content_hash


def test_every_setting_of_execution_has_a_row():
    assert without_row(Execution(), EXECUTION_ROWS) == set()


@pytest.fixture(scope="module")
def usual_content(law_frames: SourceFrames, tmp_path_factory: pytest.TempPathFactory) -> str:
    return content_under(law_frames, tmp_path_factory.mktemp("execution") / "base")


@pytest.mark.parametrize("knob", EXECUTION_ROWS, ids=str)
def test_execution_changes_nothing(
    law_frames: SourceFrames, usual_content: str, tmp_path: Path, knob: Knob
):
    made = content_under(law_frames, tmp_path / "other", **{knob.path: knob.value})
    assert made == usual_content


def test_a_feature_that_depends_on_the_block_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    planted = Feature(
        name="planted",
        group="price",
        inputs=("close",),
        compute=lambda x: x["close"] / np.nansum(x["close"], axis=1, keepdims=True),
        lookback=1,
        unit="ratio",
        meaning="A mean over the names that happen to be in the block.",
        axis=Axis.ALONG,
    )

    def chosen(*args: Any, **kwargs: Any):
        made = select(*args, **kwargs)
        return replace(made, ordered=(*made.ordered, planted), visible=(*made.visible, planted))

    monkeypatch.setattr(assemble_module, "select", chosen)
    base = content_under(law_frames, tmp_path / "base")
    assert content_under(law_frames, tmp_path / "other", block_names=7) != base


def test_an_encoding_that_depends_on_the_block_is_caught(
    law_frames: SourceFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    honest = assemble_module.compute_rows

    def planted(*args: Any, **kwargs: Any):
        """Turn the first session of each block round."""
        made = honest(*args, **kwargs)
        made.stock_FtN[:, 0] *= -1.0
        return made

    monkeypatch.setattr(assemble_module, "compute_rows", planted)
    base = content_under(law_frames, tmp_path / "base")
    assert content_under(law_frames, tmp_path / "other", block_sessions=5) != base


def test_the_same_content_has_the_same_hash_anywhere(law_frames: SourceFrames, tmp_path: Path):
    """No path, time or config is in a content hash."""
    assert content_under(law_frames, tmp_path / "a") == content_under(law_frames, tmp_path / "b")
