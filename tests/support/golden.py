"""What the committed market must give: computed by the code as it is, compared with what it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import Clock
from gogooku.core.config import Execution, resolve
from gogooku.core.frames import SourceFrames
from gogooku.core.progress import SilentReporter
from gogooku.core.types import Dataset, FitExecution
from gogooku.dataset.assemble import BuildConfig, assemble
from gogooku.dataset.home import labels_of
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import feature_files
from gogooku.evaluate.split import FractionSplit, make_folds
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.source import Source
from gogooku.learn.models.ridge.learner import RidgeCheckpoint
from gogooku.learn.registry import make_learner
from gogooku.portfolio.backtest import Backtest, TradeConfig, run_backtest
from gogooku.portfolio.construct import PortfolioConfig
from gogooku.runs.named import run_named
from gogooku.runs.trade import market_bars
from gogooku.sandbox.market.market import MarketConfig, generate, source_frames
from gogooku.tables.panel import build_panel

DATA = Path(__file__).parents[1] / "golden" / "data"
COMMAND = "python tests/golden/update.py"
TOLERANCE = 1e-6
"""Of a number, or of the largest number of its kind where that is larger."""

FRAMES = ("quotes", "listings", "indices")
NUM_CODES = 3
SESSIONS_BACK = (0, 77)
"""Feature values are kept for these sessions, counted from the last one."""

NETWORK = (
    "learner.fan=fan",
    "learner.hidden=8",
    "learner.heads=2",
    "learner.dropout=0.1",
    "learner.training.max_epochs=3",
    "learner.training.days_per_batch=256",
)
"""One step an epoch: the losses are those of the first three steps."""

MARKET = MarketConfig(
    num_stocks=24,
    num_sessions=190,
    seed=7,
    num_sectors=3,
    peer_group_size=6,
    quirk_rate=3.0,
    num_branches=0,
)
"""What the committed files were made from, once; the test reads the files."""

Golden = dict[str, Any]


def write_market() -> None:
    """Make the committed market anew; only for another market, never for another result."""
    frames = source_frames(generate(MARKET))
    for name in FRAMES:
        getattr(frames, name).write_parquet(DATA / f"{name}.parquet", compression="zstd")


class _Stored(Source):
    def quotes(self) -> pl.LazyFrame:
        return pl.read_parquet(self.folder / "quotes.parquet").lazy()


def committed_frames() -> SourceFrames:
    """The committed market; its constructor checks the schemas."""
    return SourceFrames(
        **{name: pl.read_parquet(DATA / f"{name}.parquet") for name in FRAMES}, exchange="tokyo"
    )


def build(folder: Path, features: str) -> Dataset:
    """Build a dataset of the committed market, on one thread."""
    folder.mkdir(parents=True)
    source = _Stored(name="golden", folder=DATA, manifest={"exchange": "tokyo"})
    assemble(
        folder,
        build_panel(source, clock=Clock.EVENING),
        BuildConfig(source="golden", features=features),
        facts={"source": "golden", "source_version": "0", "exchange": "tokyo"},
        execution=Execution(threads=1),
        reporter=SilentReporter(),
        tables=Tables(source),
    )
    return read_dataset(folder)


def compute(folder: Path) -> Golden:
    """Everything that is compared, as plain JSON values."""
    everything = build(folder / "all", "all")
    basic = build(folder / "basic", "basic")
    ridge, events = _fit(basic, "ridge")
    assert isinstance(ridge, RidgeCheckpoint)
    _, epochs = _fit(basic, "atft-gat-fan", *NETWORK)
    traded = _backtest(basic, ridge)
    return {
        "features": _feature_values(everything),
        "losses": [e["loss"] for e in epochs if e["event"] == "epoch"],
        "ridge": {
            "penalties": [e["penalty"] for e in events if e["event"] == "penalty"],
            "weights": dict(zip(basic.features, ridge.weight_FH.tolist(), strict=True)),
        },
        "ledger": json.loads(traded.ledger.write_json()),
        "equity": traded.daily.get_column("equity").to_list(),
        "schema": _schema(everything, traded),
    }


def _fit(dataset: Dataset, name: str, *assignments: str) -> tuple[Any, list[Mapping[str, Any]]]:
    base = run_named(name, few_names=True)
    config = resolve(base, base_name=name, assignments=assignments).config
    events: list[Mapping[str, Any]] = []
    fold = make_folds(FractionSplit(), dataset.sessions, first=60)[0]
    made = make_learner(config.learner).fit(
        dataset,
        labels_of(dataset),
        fold,
        rng=np.random.default_rng([1, 0]),
        execution=FitExecution(threads=1, events=events.append),
    )
    return made, events


def _backtest(dataset: Dataset, ridge: RidgeCheckpoint) -> Backtest:
    indices = np.arange(120, len(dataset.sessions))
    config = TradeConfig(
        portfolio=PortfolioConfig(top_k=4, max_weight=0.25), initial_cash=50_000_000.0
    )
    scores = ridge.scores(dataset, indices)[:, :, ridge.horizons.index(5)].astype(np.float64)
    return run_backtest(market_bars(dataset), scores, indices, config=config)


def _feature_values(dataset: Dataset) -> dict[str, list[float | None]]:
    """Values of every feature for a few names on a few sessions."""
    tables = _tables(dataset)
    days = [dataset.sessions[-1 - back].item() for back in SESSIONS_BACK]
    codes = _members_throughout(dataset)[:NUM_CODES]
    rows = tables.filter(pl.col("date").is_in(days), pl.col("code").is_in(codes))
    rows = rows.sort("date", "code")
    assert rows.height == len(days) * NUM_CODES
    return {name: rows.get_column(name).to_list() for name in tables.columns[2:]}


def _tables(dataset: Dataset) -> pl.DataFrame:
    """Values of all features: those of the market beside those of its names."""
    stock = pl.concat(pl.read_parquet(path) for path in feature_files(dataset.folder))
    market = pl.read_parquet(dataset.folder / "market.parquet")
    return stock.join(market, on="date", how="left", maintain_order="left")


def _members_throughout(dataset: Dataset) -> list[str]:
    always = dataset.valid_TN[-1 - max(SESSIONS_BACK) :].all(axis=0)
    return [dataset.codes[n] for n in np.flatnonzero(always)]


def _schema(dataset: Dataset, traded: Backtest) -> dict[str, Any]:
    labels = labels_of(dataset)
    table = _tables(dataset)
    return {
        "files": sorted(
            str(p.relative_to(dataset.folder)) for p in dataset.folder.rglob("*") if p.is_file()
        ),
        "manifest": sorted(dataset.manifest),
        "features": list(dataset.features),
        "market_features": list(dataset.market_features),
        "feature_table": {name: str(kind) for name, kind in table.schema.items()},
        "arrays": {
            name: [str(getattr(dataset, name).dtype), list(getattr(dataset, name).shape)]
            for name in (
                *("x_TNF", "market_TM", "valid_TN", "sector_TN", "neighbour_BNK"),
                "raw_TNC",
            )
        },
        "labels": [str(labels.raw_TNH.dtype), list(labels.raw_TNH.shape), list(labels.horizons)],
        "ledger": {name: str(kind) for name, kind in traded.ledger.schema.items()},
        "daily": {name: str(kind) for name, kind in traded.daily.schema.items()},
    }


def read_golden() -> Golden:
    """What was committed."""
    parts = sorted(DATA.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in parts}


def write_golden(values: Golden) -> None:
    """Commit these values from now on; one file a part, one line a row."""
    for name, value in values.items():
        (DATA / f"{name}.json").write_text(_lines(value) + "\n", encoding="utf-8")


def _lines(value: Any) -> str:
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {json.dumps(one)}" for key, one in value.items()]
        return "{\n" + ",\n".join(rows) + "\n}"
    return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"


def differences(golden: Golden, now: Golden) -> list[str]:
    """Where values differ: the ledger and the schema exactly, numbers within `TOLERANCE`."""
    found = [f"{name}: not in both" for name in golden.keys() ^ now.keys()]
    exact = ("ledger", "schema")
    for name in golden.keys() & now.keys():
        if name in exact:
            found += [] if golden[name] == now[name] else [f"{name}: not exactly the same"]
        else:
            found += _numbers(name, golden[name], now[name])
    return sorted(found)


def _numbers(where: str, golden: Any, now: Any) -> list[str]:
    if isinstance(golden, dict) and isinstance(now, dict):
        found = [f"{where}.{key}: not in both" for key in golden.keys() ^ now.keys()]
        for key in golden.keys() & now.keys():
            found += _numbers(f"{where}.{key}", golden[key], now[key])
        return found
    one, two = (np.array(value, dtype=np.float64) for value in (golden, now))
    if one.shape != two.shape:
        return [f"{where}: {one.shape} values were {two.shape}"]
    scale = max(1.0, float(np.nanmax(np.abs(one), initial=0.0)))
    if where == "losses" or not np.isfinite(one).any():
        scale = 1.0
    gap = np.where(np.isnan(one) & np.isnan(two), 0.0, np.abs(one - two))
    worst = float(np.where(np.isnan(gap), np.inf, gap).max(initial=0.0))
    return [f"{where}: differs by {worst:.3g}"] if worst > TOLERANCE * scale else []
