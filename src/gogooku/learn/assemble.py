"""From a panel to a dataset on disk: features, labels, peers, tensors, tables, manifest.

A dataset grows: blocks of sessions are computed, each feature on exactly the rows it needs, and
written behind those that are there. A whole history is built block by block, and a new session is
one more block.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.config import Config, Execution
from gogooku.core.files import (
    hash_file,
    hash_parts,
    load_array,
    new_array,
    replace_folder,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.progress import Reporter
from gogooku.core.types import BoolArray, Feature, FloatArray, Labels, Panel, Role, feature_hash
from gogooku.features.catalogue import INPUT_TABLES, Selection, described, select
from gogooku.features.compute import (
    Block,
    base_columns,
    compute_rows,
    growth_of,
    rows_needed,
)
from gogooku.features.coverage import market_null_shares, nulls_of, stock_null_shares
from gogooku.features.graph import GraphConfig, neighbour_tables, residual_returns
from gogooku.features.inputs import Tables, source_columns, supported
from gogooku.features.labels import LabelInputs, read_labels, settled_sessions, write_labels
from gogooku.features.peer_columns import PEER_LOOKBACK, peer_columns, peer_names
from gogooku.features.timeline import Timeline, timeline_of
from gogooku.features.universe import UniverseConfig, universe_of
from gogooku.learn.datasets import MANIFEST_FILE
from gogooku.learn.digests import bars_digest, digest_of
from gogooku.learn.growing import (
    BAR_COLUMNS,
    DIGEST_BYTES,
    DIGESTED,
    LISTED,
    STATE_FILE,
    Grown,
    load_grown,
    nothing_grown,
)
from gogooku.learn.tensors import Sessions, write_block

BETA_FEATURE = "beta_uni_60d"
"""The trailing beta that residual labels are cleaned of."""


DESCRIPTION_FILE = "dataset.json"


class BuildConfig(Config):
    """One dataset: its source, clock, features, universe and peer tables."""

    source: str = "prices"
    """Name of the stored source."""
    clock: Literal[Clock.EVENING] = Clock.EVENING
    """When decisions are taken."""
    features: str | tuple[str, ...] = "all"
    """A named feature set (``all``, ``basic``) or a list of feature names."""
    universe: UniverseConfig = UniverseConfig()
    graph: GraphConfig = GraphConfig()


def first_session_read(folder: Path, config: BuildConfig, *, available: Sequence[str]) -> int:
    """First session of the history that going on with a dataset folder depends on.

    Parameters
    ----------
    available : sequence of str
        Base columns of the source.
    """
    if not (folder / STATE_FILE).exists():
        return 0
    before = load_grown(folder)
    chosen = select(config.features, available=available, also=(BETA_FEATURE,))
    longest = max(rows_needed(chosen.ordered, 1).values())
    longest = max(longest, _peer_rows(rows_needed(chosen.ordered, 1)))
    reach = config.universe.lookback + max(longest, config.graph.lookback + 2)
    old = _old_labels(folder, before)
    open_labels = 0 if old is None else settled_sessions(old, known=before.rows)
    return max(0, min(before.rows - reach, open_labels))


def visible_names(
    config: BuildConfig, available: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stock and market features that a dataset will have, given the base columns of its source."""
    visible = select(config.features, available=available, also=(BETA_FEATURE,)).visible
    stock = tuple(f.name for f in visible if f.role is not Role.MARKET)
    return stock, tuple(f.name for f in visible if f.role is Role.MARKET)


@dataclass(frozen=True)
class _Work:
    """What is computed once and used by several writers; arrays are of the panel's sessions."""

    folder: Path
    panel: Panel
    config: BuildConfig
    chosen: Selection
    base: Mapping[str, FloatArray]
    universe_TN: BoolArray
    listed_TN: BoolArray
    sector_TN: npt.NDArray[np.int32]
    sectors: tuple[str, ...]
    raw: Mapping[str, FloatArray]

    @property
    def total(self) -> int:
        """Sessions of the history."""
        return len(self.panel.past) + len(self.panel.sessions)

    def at(self, session: int) -> int:
        """Place of a session of the history in the arrays."""
        return session - len(self.panel.past)

    @property
    def stock(self) -> list[Feature]:
        """Visible stock features and masks."""
        return [f for f in self.chosen.visible if f.role is not Role.MARKET]

    @property
    def context(self) -> list[Feature]:
        """Visible market features."""
        return [f for f in self.chosen.visible if f.role is Role.MARKET]


def assemble(
    folder: Path,
    panel: Panel,
    config: BuildConfig,
    *,
    facts: Mapping[str, Any],
    execution: Execution,
    reporter: Reporter,
    tables: Tables | None = None,
) -> None:
    """Fill a dataset folder, or go on filling it.

    Parameters
    ----------
    folder : Path
        A hidden folder that becomes the dataset when complete: empty, or with the sessions that an
        interrupted build or an older version has left there.
    panel : Panel
        The whole history, or its sessions from `first_session_read` on.
    facts : mapping
        What the manifest says of the source.
    tables : Tables or None
        The typed tables of the source beside its bars; None where it has none.
    """
    before = load_grown(folder) if (folder / STATE_FILE).exists() else None
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    for name in ("scratch", "features", "bars"):
        (folder / name).mkdir(exist_ok=True)
    done = 0 if before is None else before.rows
    work = _prepared(folder, panel, config, before, tables, execution, reporter)
    names = [f.name for f in work.stock], [f.name for f in work.context]
    grown = before or nothing_grown(
        folder,
        codes=panel.codes,
        features=names[0],
        market_features=names[1],
        num_neighbours=config.graph.neighbours,
    )
    grown = replace(grown, sectors=work.sectors)
    with reporter.step("peers"):
        peers = _peers(work, before)
    with reporter.step("features", total=work.total - done) as step:
        for span in blocks_of(panel, work.at(done), execution.block_sessions):
            grown = _grow(grown, work, span, peers, execution)
            grown.save()
            write_point("build.block")
            step.advance(span.stop - span.start)
    with reporter.step("labels"):
        labels = _labels(work, grown, done)
    shutil.rmtree(folder / "scratch")
    _finish(work, grown, labels=labels, facts=facts)


def blocks_of(panel: Panel, first: int, most: int) -> Iterator[slice]:
    """Spans of sessions that are computed at once: of one year, and not too many."""
    years = panel.sessions.astype("datetime64[Y]")
    while first < len(years):
        last = int(np.searchsorted(years, years[first], side="right"))
        last = min(last, first + most)
        yield slice(first, last)
        first = last


def _prepared(
    folder: Path,
    panel: Panel,
    config: BuildConfig,
    before: Grown | None,
    tables: Tables | None,
    execution: Execution,
    reporter: Reporter,
) -> _Work:
    with reporter.step("base"):
        universe = universe_of(panel, config.universe)
        first = 0
        if before is not None:
            first = before.rows - len(panel.past)
            universe[:first] = before.valid_TN[len(panel.past) :]
        sector, sectors = panel.dense_labels("sector", known=before.sectors if before else ())
        base = dict(base_columns(panel, universe, sectors=sectors))
    usable = [*base, *peer_names(has_sector="sector" in base)]
    given = [one for one in INPUT_TABLES if tables is not None and supported(one, tables)]
    usable += [name for one in given for name in one.columns]
    chosen = select(config.features, available=usable, also=(BETA_FEATURE,))
    needed = rows_needed(chosen.ordered, len(panel.sessions) - first)
    if needed.keys() & set(peer_names(has_sector="sector" in base)):
        with reporter.step("weekly graphs"):
            base |= _peer_columns(base, needed, folder / "scratch", execution)
    if tables is not None:
        with reporter.step("sources", total=len(given)) as step:
            made = source_columns(
                given,
                tables,
                _timeline(panel, config, tables),
                scratch=folder / "scratch",
                rows=needed,
                tick=step.note,
            )
            base |= made
    write_point("build.sources")
    return _Work(
        folder=folder,
        panel=panel,
        config=config,
        chosen=chosen,
        base=base,
        universe_TN=universe,
        listed_TN=panel.listed(),
        sector_TN=sector,
        sectors=sectors,
        raw={name: panel.dense(name) for name in BAR_COLUMNS},
    )


def _peer_rows(needed: Mapping[str, int]) -> int:
    """Sessions that the columns of the weekly graphs are made from."""
    longest = max((needed.get(name, 0) for name in peer_names(has_sector=True)), default=0)
    return longest + PEER_LOOKBACK - 1 if longest else 0


def _peer_columns(
    base: Mapping[str, FloatArray],
    needed: Mapping[str, int],
    scratch: Path,
    execution: Execution,
) -> dict[str, FloatArray]:
    """Columns of the weekly graphs over the last sessions of the base columns."""
    start = max(0, len(base["close"]) - _peer_rows(needed))
    sector = base.get("sector")
    return peer_columns(
        base["close"][start:],
        None if sector is None else sector[start:],
        base["universe"][start:],
        base["week_start"][start:],
        threads=execution.threads,
        allocate=lambda name, shape: new_array(
            scratch / f"{name}.npy", dtype=np.float32, shape=shape
        ),
    )


def _timeline(panel: Panel, config: BuildConfig, tables: Tables) -> Timeline:
    return timeline_of(
        panel.sessions,
        panel.codes,
        exchange=exchange_named(tables.source.exchange),
        clock=config.clock,
        growth_TN=growth_of(panel),
        listed_TN=panel.listed(),
        past=panel.past,
    )


def _peers(
    work: _Work, before: Grown | None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """All neighbour tables, old and new, and which of them each session of the history uses."""
    done = 0 if before is None else before.rows
    start = max(0, work.at(done) - work.config.graph.lookback - 1)
    sector = np.where(work.sector_TN[start:] >= 0, work.sector_TN[start:], np.nan)
    universe = work.universe_TN[start:]
    tables, block = neighbour_tables(
        residual_returns(work.base["close"][start:], sector, universe),
        universe,
        work.panel.sessions[start:],
        work.config.graph,
        first=work.at(done) - start,
    )
    if before is None:
        return tables, block
    older = before.neighbours_BNK
    return (
        np.concatenate([older, tables]),
        np.concatenate([before.block_T, block + np.int32(len(older))]),
    )


def _grow(
    grown: Grown,
    work: _Work,
    span: slice,
    peers: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    execution: Execution,
) -> Grown:
    """Compute a span of the panel's sessions and write it behind what is there."""
    behind = len(work.panel.sessions) - span.stop
    count, rows = span.stop - span.start, work.total - behind
    base = {name: values[: len(values) - behind] for name, values in work.base.items()}
    stock = [f.name for f in work.stock]
    context = [f.name for f in work.context]
    block = compute_rows(
        work.chosen.ordered,
        base,
        rows=count,
        kept=[*dict.fromkeys([*stock, *context, BETA_FEATURE])],
        execution=execution,
    )
    write_point("build.features")
    shown = Block(names=tuple(stock), stock_FtN=block.stock_FtN[: len(stock)], market=block.market)
    where = Sessions(
        first=grown.rows,
        dates=work.panel.sessions[span],
        codes=work.panel.codes,
        listed_tN=work.listed_TN[span],
        valid_tN=work.universe_TN[span],
    )
    digests = np.zeros((count, len(DIGESTED), DIGEST_BYTES), dtype=np.uint8)
    digests[:, :2] = write_block(
        grown.layout, shown, where, features=work.stock, threads=execution.threads
    )
    digests[:, 2] = _write_bars(grown, work, span)
    grown.layout.beta.write(grown.rows, block.stock(BETA_FEATURE))
    valid = np.concatenate([grown.valid_TN, where.valid_tN])
    market = np.full((count, len(context)), np.nan, dtype=np.float32)
    for m, name in enumerate(context):
        market[:, m] = block.market[name]
    tables, use = peers
    return replace(
        grown,
        sessions=np.concatenate([grown.sessions, where.dates]),
        market_TM=np.concatenate([grown.market_TM, market]),
        valid_TN=valid,
        sector_TN=np.concatenate([grown.sector_TN, work.sector_TN[span]]),
        neighbours_BNK=tables[: int(use[rows - 1]) + 1],
        block_T=use[:rows],
        digests=np.concatenate([grown.digests, digests]),
        nulls=np.concatenate([grown.nulls, nulls_of(work.stock, shown, valid, rows=count)]),
    )


def _write_bars(grown: Grown, work: _Work, span: slice) -> npt.NDArray[np.uint8]:
    """Append the raw bars of a span, and return what each session's content hashes to."""
    for name in BAR_COLUMNS:
        grown.layout.bar(name).write(grown.rows, work.raw[name][span])
    grown.layout.bar(LISTED).write(grown.rows, work.listed_TN[span])
    write_point("bars.done")
    return np.stack(
        [
            bars_digest(work.listed_TN[t], [work.raw[name][t] for name in BAR_COLUMNS])
            for t in range(span.start, span.stop)
        ]
    )


def _old_labels(folder: Path, before: Grown) -> Labels | None:
    """Labels that an older version has left, of as many sessions as it had."""
    place = folder / "labels"
    if not (place / MANIFEST_FILE).exists():
        return None
    num_sessions, num_names, _ = load_array(place / "raw.npy").shape
    beyond = np.full(max(num_sessions - before.rows, 0), np.datetime64("NaT", "D"))
    sessions = np.concatenate([before.sessions, beyond])[:num_sessions]
    return read_labels(place, sessions=sessions, codes=before.codes[:num_names])


def _labels(work: _Work, grown: Grown, done: int) -> str:
    """Write the labels; those that an older version has settled are kept."""
    old = _old_labels(work.folder, grown)
    first = 0 if old is None else settled_sessions(old, known=done)
    since = slice(work.at(first), None)
    rows = grown.rows
    names = len(work.panel.codes)
    inputs = LabelInputs(
        open_TN=work.base["open"][since],
        high_TN=work.base["high"][since],
        close_TN=work.base["close"][since],
        listed_TN=work.listed_TN[since],
        universe_TN=work.universe_TN[since],
        limit_up_TN=work.base["limit_up"][since],
        sector_TN=np.where(work.sector_TN[since] >= 0, work.sector_TN[since], np.nan),
        beta_TN=grown.layout.beta.rows(rows)[first:, :names].astype(np.float64),
    )
    building = work.folder / "scratch" / "labels"
    building.mkdir()
    content = write_labels(building, inputs, sessions=grown.sessions, before=old, first=first)
    replace_folder(building, work.folder / "labels")
    return content


def _finish(work: _Work, grown: Grown, *, labels: str, facts: Mapping[str, Any]) -> None:
    """Write what describes the whole: the market table, the feature list, the manifest."""
    folder = work.folder
    context = [f.name for f in work.context]
    write_parquet(
        pl.DataFrame(
            {"date": pl.Series(grown.sessions).cast(pl.Date)}
            | {name: grown.market_TM[:, m] for m, name in enumerate(context)},
            nan_to_null=True,
        ),
        folder / "market.parquet",
    )
    parts = {
        name: digest_of(grown.digests[:, p]).tobytes().hex()[:16] for p, name in enumerate(DIGESTED)
    }
    small = ("market", "valid", "sector", "neighbours", "neighbour_block")
    parts |= {name: hash_file(folder / f"{name}.npy") for name in small}
    parts["labels"] = labels
    null_share = stock_null_shares(work.stock, grown.nulls, int(grown.valid_TN.sum()))
    null_share |= market_null_shares(work.context, grown.market_TM.astype(np.float64))
    manifest = {**facts, **_manifest(work, grown, parts, null_share)}
    write_json(folder / DESCRIPTION_FILE, _description(work, manifest))
    write_json(folder / MANIFEST_FILE, manifest)


def _description(work: _Work, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset for people and programs that do not have this package."""
    return {
        "source": manifest["source"],
        "clock": manifest["clock"],
        "first": manifest["first"],
        "last": manifest["last"],
        "content_hash": manifest["content_hash"],
        "feature_hash": manifest["feature_hash"],
        "tables": {
            "features/<year>/*.parquet": "date, code, raw values of stock features; listed names",
            "market.parquet": "date, raw values of market features",
        },
        "features": [
            {**described(f), "coverage": round(1.0 - manifest["null_share"][f.name], 6)}
            for f in work.chosen.visible
        ],
        "absent": dict(work.chosen.absent),
    }


def _manifest(
    work: _Work, grown: Grown, parts: Mapping[str, str], null_share: Mapping[str, float]
) -> dict[str, Any]:
    panel = work.panel
    return {
        "kind": "dataset",
        "clock": str(panel.clock),
        "slack_seconds": dict(panel.slack_seconds),
        "content_hash": hash_parts(parts),
        "parts": dict(parts),
        "features": list(grown.features),
        "market_features": list(grown.market_features),
        "feature_hash": feature_hash([*grown.features, "|", *grown.market_features]),
        "absent": dict(work.chosen.absent),
        "codes": list(panel.codes),
        "sectors": list(grown.sectors),
        "first": str(grown.sessions[0]),
        "last": str(grown.sessions[-1]),
        "rows": int(grown.layout.bar(LISTED).rows(grown.rows).sum()),
        "universe_rows": int(grown.valid_TN.sum()),
        "null_share": dict(null_share),
    }
