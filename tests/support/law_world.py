"""The small market that the laws are tried on, and views of its raw rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.core.calendar import Clock
from gogooku.core.config import Execution, Resolved, resolve
from gogooku.core.frames import LISTINGS_SCHEMA, QUOTES_SCHEMA, SourceFrames
from gogooku.core.progress import SilentReporter
from gogooku.core.types import Checkpoint, Dataset, Panel
from gogooku.dataset.assemble import BuildConfig, assemble
from gogooku.dataset.reading import read_dataset
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.source import Source
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named
from gogooku.runs.train import train
from gogooku.sandbox.market.market import MarketConfig, market_config
from gogooku.tables.panel import build_panel

SEED = 3
SPREAD_SHARE = 1e-5
"""Largest difference between two builds, as a share of the day's cross-sectional spread."""


def law_market() -> MarketConfig:
    """The tiny market with five times the usual listings, delistings, splits and halts."""
    return market_config("tiny", seed=SEED).model_copy(update={"quirk_rate": 5.0})


SHORT_MARKET = MarketConfig(
    num_stocks=24,
    num_sessions=136,
    seed=4,
    num_sectors=2,
    num_branches=0,
    quirk_rate=5.0,
    first_session=date(2026, 1, 5),
)
"""Half a year of few names with many splits and halts."""


@dataclass(frozen=True)
class MemorySource(Source):
    """A delivery that was never written."""

    frames: SourceFrames

    def quotes(self) -> pl.LazyFrame:
        return self.frames.quotes.lazy()

    def listings(self) -> pl.DataFrame:
        return self.frames.listings

    def indices(self) -> pl.DataFrame:
        return self.frames.indices


def source_of(frames: SourceFrames) -> MemorySource:
    return MemorySource(
        name="law", folder=Path(), manifest={"exchange": frames.exchange}, frames=frames
    )


def panel_of(frames: SourceFrames, clock: Clock = Clock.EVENING) -> Panel:
    return build_panel(source_of(frames), clock=clock)


def dataset_of(
    frames: SourceFrames,
    folder: Path,
    config: BuildConfig | None = None,
    execution: Execution | None = None,
) -> Dataset:
    """Build a dataset from raw rows, through every join."""
    folder.mkdir(parents=True)
    config = config or BuildConfig(source="law")
    assemble(
        folder,
        panel_of(frames, config.clock),
        config,
        facts={"source": "law", "source_version": "0", "exchange": frames.exchange},
        execution=execution or Execution(threads=1),
        reporter=SilentReporter(),
        tables=Tables(source_of(frames)),
    )
    return read_dataset(folder)


# ------------------------------------------------------------------------------ views of raw rows


def _replaced(
    frames: SourceFrames, quotes: pl.DataFrame, listings: pl.DataFrame, indices: pl.DataFrame
) -> SourceFrames:
    return SourceFrames(quotes=quotes, listings=listings, indices=indices, exchange=frames.exchange)


def cut(frames: SourceFrames, day: date) -> SourceFrames:
    """What was known on the evening of a session."""
    listed_to = pl.when(pl.col("listed_to") <= day).then(pl.col("listed_to"))
    return _replaced(
        frames,
        frames.quotes.filter(pl.col("date") <= day),
        frames.listings.filter(pl.col("listed_from") <= day).with_columns(listed_to),
        frames.indices.filter(pl.col("date") <= day),
    )


def from_day(frames: SourceFrames, day: date) -> SourceFrames:
    """A history that begins with a session."""
    gone = (pl.col("listed_to") < day).fill_null(value=False)
    return _replaced(
        frames,
        frames.quotes.filter(pl.col("date") >= day),
        frames.listings.filter(~gone),
        frames.indices.filter(pl.col("date") >= day),
    )


def garbled(frames: SourceFrames, day: date, *, seed: int = 0) -> SourceFrames:
    """The same rows up to a session, and schema-valid nonsense after it."""
    rng = np.random.default_rng([seed, day.toordinal()])
    known = cut(frames, day)
    later = frames.quotes.filter(pl.col("date") > day).get_column("date").unique().sort()
    if later.is_empty():
        return frames
    listings = _garbled_listings(frames, day, later, rng)
    quotes = _garbled_quotes(listings, later, rng)
    level = 500.0 * np.exp(rng.normal(0.0, 0.3, len(later)))
    bars = frames.indices.filter(pl.col("date") > day).with_columns(
        open=pl.Series(level), high=pl.Series(level * 1.1), low=pl.Series(level * 0.8)
    )
    return _replaced(
        frames,
        pl.concat([known.quotes, quotes]),
        listings.sort("code"),
        pl.concat([known.indices, bars.with_columns(close=pl.col("open") * 0.9)]),
    )


def _garbled_listings(
    frames: SourceFrames, day: date, later: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    """Names listed by then may end on any later date; of the rest half never come."""
    rows = []
    sectors = frames.listings.get_column("sector").unique().sort().to_list()
    for row in frames.listings.iter_rows(named=True):
        some_day = later[int(rng.integers(len(later)))]
        if row["listed_from"] > day:
            if rng.random() < 0.5:
                continue
            sector = sectors[int(rng.integers(len(sectors)))]
            row |= {"listed_from": some_day, "listed_to": None, "sector": sector}
        elif row["listed_to"] is None or row["listed_to"] > day:
            row["listed_to"] = some_day if rng.random() < 0.4 else None
        rows.append(row)
    rows.append({**rows[0], "code": "99990", "listed_from": later[0], "listed_to": None})
    return pl.DataFrame(rows, schema=dict(LISTINGS_SCHEMA))


def _garbled_quotes(
    listings: pl.DataFrame, later: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    rows = (
        pl.DataFrame({"date": later})
        .join(listings.select("code", "listed_from", "listed_to"), how="cross")
        .filter(
            pl.col("date") >= pl.col("listed_from"),
            pl.col("listed_to").is_null() | (pl.col("date") <= pl.col("listed_to")),
        )
    )
    count = rows.height
    names = rows.get_column("code").rank("dense").to_numpy().astype(np.int64) - 1
    level = np.exp(rng.normal(6.0, 2.0, listings.height))[names]
    prices = level[:, None] * np.exp(rng.normal(0, 0.2, (count, 4)))
    volume = np.round(np.exp(rng.normal(10.0, 3.0, count))) + 1.0
    traded = rng.random(count) > 0.1
    numbers = {
        "open": prices[:, 0],
        "high": prices.max(axis=1),
        "low": prices.min(axis=1),
        "close": prices[:, 1],
        "volume_shares": volume,
        "turnover_value": volume * prices[:, 1],
    }
    columns = {name: np.where(traded, values, np.nan) for name, values in numbers.items()}
    factor = rng.choice([1.0, 0.5, 2.0], count, p=[0.98, 0.01, 0.01])
    made = rows.select("date", "code").with_columns(
        *(pl.Series(name, values, nan_to_null=True) for name, values in columns.items()),
        adjustment_factor=pl.Series(factor),
        limit_up=pl.Series(rng.random(count) < 0.2),
        limit_down=pl.Series(rng.random(count) < 0.2),
    )
    return made.sort("date", "code").cast(dict(QUOTES_SCHEMA))


def nasty_sessions(frames: SourceFrames) -> dict[str, int]:
    """Positions of sessions at which something happens, after the universe has filled."""
    quotes = frames.quotes
    days = quotes.get_column("date").unique().sort().to_list()
    place = {day: t for t, day in enumerate(days)}
    warm = days[80]

    def first(rows: pl.DataFrame, column: str = "date", after: date = warm) -> int:
        found = rows.filter(pl.col(column) > after).get_column(column).min()
        assert isinstance(found, date), f"the law market lacks {rows.columns}"
        return place[found]

    split = first(quotes.filter(pl.col("adjustment_factor") != 1.0))
    listing = first(frames.listings, "listed_from")
    delisting = first(frames.listings, "listed_to")
    months = [t for t in range(81, len(days)) if days[t].month != days[t - 1].month]
    return {
        "first session": 0,
        "early session": 21,
        "universe filling": 61,
        "split": split,
        "evening before a split": split - 1,
        "halt": first(quotes.filter(pl.col("close").is_null())),
        "limit up": first(quotes.filter(pl.col("limit_up"))),
        "limit down": first(quotes.filter(pl.col("limit_down")), after=days[120]),
        "listing": listing,
        "evening before a listing": listing - 1,
        "last session of a delisted name": delisting,
        "session after a delisting": delisting + 1,
        "month begins": months[3],
        "month ends": months[5] - 1,
        "last but one": len(days) - 2,
        "last session": len(days) - 1,
    }


# -------------------------------------------------------------------------- one day of a dataset


@dataclass(frozen=True)
class DayView:
    """Everything label-free that a dataset says of one session, by code."""

    features: pl.DataFrame
    members: tuple[str, ...]
    encoded: Mapping[str, bytes]
    raw: Mapping[str, bytes]
    context: tuple[float, ...]
    neighbours: Mapping[str, tuple[str, ...]]
    sectors: frozenset[frozenset[str]]
    scores: Mapping[str, Mapping[str, bytes]]


def day_view(
    dataset: Dataset, t: int, checkpoints: Mapping[str, Checkpoint] | None = None
) -> DayView:
    """Read one session of a dataset, and score it."""
    codes = np.array(dataset.codes)
    day: date = dataset.sessions[t].item()
    files = (dataset.folder / "features" / f"{day.year}").glob("*.parquet")
    table = pl.concat(pl.read_parquet(path) for path in sorted(files))
    features = table.filter(pl.col("date") == day).sort("code")
    raw_NC = np.asarray(dataset.raw_TNC[t])
    members = np.flatnonzero(dataset.valid_TN[t])
    peers_NK = dataset.neighbour_BNK[int(dataset.neighbour_block_T[t])]
    sector = np.asarray(dataset.sector_TN[t])
    scored: dict[str, dict[str, bytes]] = {}
    for name, checkpoint in (checkpoints or {}).items():
        scores_NH = checkpoint.scores(dataset, np.array([t]))[0]
        known = np.flatnonzero(~np.isnan(scores_NH).any(axis=1))
        scored[name] = {str(codes[n]): scores_NH[n].tobytes() for n in known}
    return DayView(
        features=features,
        members=tuple(codes[members].tolist()),
        encoded={str(codes[n]): np.asarray(dataset.x_TNF[t, n]).tobytes() for n in members},
        raw={code: raw_NC[dataset.codes.index(code)].tobytes() for code in features["code"]},
        context=tuple(np.nan_to_num(dataset.market_TM[t], nan=-9e9).tolist()),
        neighbours={
            str(codes[n]): tuple(codes[peers_NK[n][peers_NK[n] >= 0]].tolist())
            for n in np.flatnonzero((peers_NK >= 0).any(axis=1))
        },
        sectors=frozenset(
            frozenset(codes[sector == s].tolist()) for s in np.unique(sector[sector >= 0])
        ),
        scores=scored,
    )


def differences(one: DayView, other: DayView) -> list[str]:
    """What two views of a session disagree on; empty is good."""
    found = _feature_differences(one.features, other.features)
    for part in ("members", "encoded", "raw", "neighbours", "sectors"):
        if getattr(one, part) != getattr(other, part):
            found.append(part)
    if not np.allclose(one.context, other.context, rtol=1e-6, atol=1e-9):
        found.append("context")
    found += [f"score {name}" for name in one.scores if one.scores[name] != other.scores[name]]
    return found


def _feature_differences(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    if one.columns != other.columns or not one["code"].equals(other["code"]):
        return ["rows or columns of the feature table"]
    found = []
    for name in one.columns[2:]:
        a = one[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        b = other[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = a[np.isfinite(a)]
        spread = float(known.std()) if len(known) else 0.0
        slack = SPREAD_SHARE * spread + 1e-6 * float(np.abs(known).max(initial=0.0))
        gap = np.abs(np.nan_to_num(a) - np.nan_to_num(b)).max(initial=0.0)
        if (np.isnan(a) != np.isnan(b)).any() or gap > slack:
            found.append(f"feature {name}")
    return found


# ------------------------------------------------------------------------------- homes and runs

TINY_NETWORK = (
    "learner.hidden=8",
    "learner.heads=2",
    "learner.training.max_epochs=1",
    "learner.training.days_per_batch=16",
)


class Anything(dict[str, str]):
    """Origins of a config that no command line resolved."""

    def __missing__(self, key: str) -> str:
        return "test"


def built(home: Path, features: str) -> Dataset:
    return pipeline.build(
        home,
        resolve(BuildConfig(source="law", features=features), base_name="build"),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def run_config(name: str, *assignments: str) -> Resolved[TrainConfig]:
    """A named run, the network shrunk until it fits in a second."""
    small = TINY_NETWORK if name in ("atft-gat-fan", "apex-ranker", "master") else ()
    small = (*small, "learner.fan=fan") if name == "atft-gat-fan" else small
    small = ("learner.rounds=20",) if name == "lightgbm" else small
    base = run_named(name, few_names=True)
    return resolve(base, base_name=name, assignments=(*small, *assignments))


def trained(home: Path, name: str, dataset: Dataset, *assignments: str) -> Run:
    return train(
        home,
        name,
        run_config(name, *assignments),
        dataset,
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def day_of(dataset: Dataset, t: int) -> date:
    day: date = dataset.sessions[t].item()
    return day
