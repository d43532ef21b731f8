"""From a panel to a dataset on disk: features, labels, peers, tensors, tables, manifest.

A dataset grows: blocks of sessions are computed, each feature on exactly the rows it needs, and
written behind those that are there. A whole history is built block by block, and a new session is
one more block.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.artefact import replace_folder
from gogooku.core.calendar import Clock
from gogooku.core.config import Config, Execution
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, new_array, write_point
from gogooku.core.progress import Reporter
from gogooku.core.rowfiles import FRESH_SESSIONS, RowFile
from gogooku.core.seal import row_digests
from gogooku.core.types import BoolArray, Feature, FloatArray, Labels, Panel
from gogooku.dataset.columns import available_columns, timeline_on
from gogooku.dataset.digests import bars_digest, raw_digest
from gogooku.dataset.label_files import (
    Kept,
    LabelFiles,
    read_labels,
    settled_sessions,
    used_elsewhere,
)
from gogooku.dataset.labels import LabelInputs, write_labels
from gogooku.dataset.manifest import write_manifest
from gogooku.dataset.state import (
    BAR_COLUMNS,
    DIGEST_BYTES,
    DIGESTED,
    LISTED,
    RAW,
    STATE_FILE,
    Grown,
    load_grown,
    nothing_grown,
)
from gogooku.dataset.tensors import Sessions, encode_raw, write_block
from gogooku.dataset.trade_facts import write_trade_facts
from gogooku.dataset.universe import UniverseConfig, universe_of
from gogooku.features.bars.raw import channel_names
from gogooku.features.catalogue import INPUT_TABLES, Selection, raw_channels, select
from gogooku.features.engine.compute import (
    Block,
    Room,
    base_columns,
    compute_rows,
    growth_of,
    rows_needed,
)
from gogooku.features.engine.coverage import nulls_of
from gogooku.features.engine.inputs import InputTable, Tables, source_columns, supported
from gogooku.features.engine.timeline import Timeline
from gogooku.features.peers.neighbours import GraphConfig, neighbour_tables
from gogooku.features.peers.peer_columns import PEER_LOOKBACK, peer_columns, peer_names

BETA_FEATURE = "beta_uni_60d"
"""The trailing beta that residual labels are cleaned of."""


class BuildConfig(Config):
    """One dataset: its source, clock, features, universe and peer tables."""

    source: str = "prices"
    """Name of the stored source."""
    clock: Clock = Clock.EVENING
    """When decisions are taken: in the evening, or (Tokyo, synced sources) before the next open."""
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
    chosen = _selection(config, available)
    old = _old_labels(folder, before)
    labels = 0 if old is None else settled_sessions(old, known=before.settled_by)
    return max(0, min(before.rows - reach_of(config, chosen.ordered), before.settled_by, labels))


def reach_of(config: BuildConfig, ordered: Sequence[Feature]) -> int:
    """Sessions before a new one that its values depend on; features each after its inputs."""
    needed = rows_needed(ordered, 1)
    deepest = max(needed.values())
    longest = max(deepest, graph_rows(needed) + PEER_LOOKBACK - 1, config.graph.lookback + 2)
    return config.universe.lookback + longest


def _selection(config: BuildConfig, available: Sequence[str]) -> Selection:
    """The features of a dataset and what else is computed, raw channels included."""
    raw = [feature.name for feature in raw_channels(available)]
    return select(config.features, available=available, also=(BETA_FEATURE, *raw))


def visible_names(
    config: BuildConfig, available: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stock and market features that a dataset will have, given the base columns of its source."""
    chosen = _selection(config, available)
    return tuple(f.name for f in chosen.stock), tuple(f.name for f in chosen.context)


@dataclass(frozen=True)
class _Sources:
    """Where base columns beside those of the bars come from."""

    tables: Tables
    timeline: Timeline
    inputs: tuple[InputTable, ...]

    def columns(
        self, ordered: Sequence[Feature], *, stop: int, rows: int, threads: int
    ) -> dict[str, FloatArray]:
        """Base columns that the features need for the last ``rows`` sessions before ``stop``.

        Raises
        ------
        DataError
            A newer delivery has removed this version of the source meanwhile.
        """
        source = self.tables.source
        used = [name for one in self.inputs for name in one.tables]
        gone = [name for name in used if not all(p.exists() for p in source.table_paths(name))]
        if gone:
            raise DataError(
                f"{source.folder}: {', '.join(sorted({*gone}))} was there when the "
                "build began and is gone; newer deliveries have replaced this version. Run the "
                "build again."
            )
        timeline = self.timeline.head(stop)
        tables = replace(self.tables, known_by=timeline.decisions[-1].item())
        needed = rows_needed(ordered, rows)
        return source_columns(self.inputs, tables, timeline, rows=needed, threads=threads)


@dataclass(frozen=True)
class _Job:
    """What is to be made, and of what."""

    folder: Path
    config: BuildConfig
    chosen: Selection
    channels: tuple[Feature, ...]
    inputs: tuple[InputTable, ...]
    tables: Tables
    execution: Execution
    reporter: Reporter
    newest: np.datetime64
    fresh: int
    room: Room


@dataclass(frozen=True)
class _Work:
    """One segment of the history; arrays are of the panel's sessions."""

    job: _Job
    panel: Panel
    base: Mapping[str, FloatArray]
    universe_TN: BoolArray
    listed_TN: BoolArray
    sector_TN: npt.NDArray[np.int32]
    sectors: tuple[str, ...]

    @property
    def total(self) -> int:
        """Sessions of the history up to the end of the segment."""
        return len(self.panel.past) + len(self.panel.sessions)

    def at(self, session: int) -> int:
        """Place of a session of the history in the arrays."""
        return session - len(self.panel.past)


def assemble(
    folder: Path,
    panel: Panel,
    config: BuildConfig,
    *,
    facts: Mapping[str, Any],
    execution: Execution,
    reporter: Reporter,
    tables: Tables,
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
    tables : Tables
        The source, with its typed tables beside its bars.
    """
    before = load_grown(folder) if (folder / STATE_FILE).exists() else None
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    for name in ("scratch", "features", "bars"):
        (folder / name).mkdir(exist_ok=True)
    inputs = [one for one in INPUT_TABLES if supported(one, tables)]
    available = available_columns(tables)
    job = _Job(
        folder=folder,
        config=config,
        chosen=_selection(config, available),
        channels=raw_channels(available),
        inputs=tuple(inputs),
        tables=tables,
        execution=execution,
        reporter=reporter,
        newest=panel.sessions[-1],
        fresh=len(panel.past) + len(panel.sessions) - FRESH_SESSIONS,
        room=Room(execution.block_sessions),
    )
    grown = _all_sessions(job, panel, before or _nothing(job, panel))
    with reporter.step("labels"):
        grown = _with_bars(grown, panel)
        labels = _labels(folder, panel, grown, threads=execution.threads)
    grown = replace(grown, settled_by=grown.rows).with_own_rows()
    grown.save()
    trade = write_trade_facts(folder, panel, tables, clock=config.clock)
    shutil.rmtree(folder / "scratch")
    write_manifest(job.chosen, panel, grown, labels=labels, trade=trade, facts=facts)


def _nothing(job: _Job, panel: Panel) -> Grown:
    return nothing_grown(
        job.folder,
        codes=panel.codes,
        features=[f.name for f in job.chosen.stock],
        market_features=[f.name for f in job.chosen.context],
        num_neighbours=job.config.graph.neighbours,
        raw_channels=channel_names(job.channels),
    )


def _all_sessions(job: _Job, panel: Panel, grown: Grown) -> Grown:
    """Compute the sessions that are not there yet, segment by segment and block by block."""
    start, done = len(panel.past), grown.rows
    total = start + len(panel.sessions) - done
    with job.reporter.step("sessions", total=total) as step:
        for first, stop in segments_of(panel, done):
            reach = first if first == done else reach_of(job.config, job.chosen.ordered)
            seen = panel.window(max(0, first - start - reach), stop - start)
            spans = list(blocks_of(seen, first - len(seen.past), job.execution.block_sessions))
            with _ahead(job, _sources_of(job, seen), spans) as columns:
                work = _prepared(job, seen, grown)
                grown = replace(grown, sectors=work.sectors)
                peers = _peers(work, grown)
                for span in spans:
                    grown = _grow(grown, work, span, peers, columns)
                    grown = grown.save()
                    write_point("build.block")
                    step.advance(span.stop - span.start)
    return grown


def _sources_of(job: _Job, panel: Panel) -> _Sources:
    """Where the typed tables' base columns of a segment come from."""
    timeline = timeline_on(panel, job.tables.source, clock=job.config.clock)
    return _Sources(job.tables, timeline, job.inputs)


class _Ahead:
    """The base columns of the typed tables, span by span, made while other work goes on.

    Those of the first span are begun at once, on as many threads as there are: the features wait
    for them. Those of a later one are the work of one thread while the span before is written: two
    spans' columns at a time would be the most memory that a build takes.
    """

    def __init__(
        self, job: _Job, sources: _Sources, spans: Sequence[slice], pool: ThreadPoolExecutor
    ) -> None:
        self._sources, self._pool = sources, pool
        self._ordered = job.chosen.ordered
        self._waiting = list(spans)
        self._coming: Future[dict[str, FloatArray]] | None = None
        self.prepare(threads=job.execution.threads)

    def prepare(self, *, threads: int = 1) -> None:
        """Begin the columns of the next span, if there is one."""
        if self._waiting:
            span = self._waiting.pop(0)
            self._coming = self._pool.submit(
                self._sources.columns,
                self._ordered,
                stop=span.stop,
                rows=span.stop - span.start,
                threads=threads,
            )

    def take(self) -> dict[str, FloatArray]:
        """The columns that were begun, which nobody else holds."""
        coming, self._coming = self._coming, None
        columns = {} if coming is None else coming.result()
        write_point("build.sources")
        return columns


@contextmanager
def _ahead(job: _Job, sources: _Sources, spans: Sequence[slice]) -> Iterator[_Ahead]:
    """Columns of a segment's spans; nothing is made any more when the block ends."""
    pool = ThreadPoolExecutor(1)
    try:
        yield _Ahead(job, sources, spans, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def segments_of(panel: Panel, first: int) -> Iterator[tuple[int, int]]:
    """Sessions of the history from ``first`` on between which no correction of a bar became known.

    Each sees the bars as they were known then, so the history is computed segment by segment.
    """
    start, total = len(panel.past), len(panel.past) + len(panel.sessions)
    old = panel.superseded
    corrected = set() if old is None else {int(until) + start for until in old.until}
    cuts = sorted(cut for cut in corrected if first < cut < total)
    bounds = [first, *cuts, total] if first < total else []
    yield from pairwise(bounds)


def blocks_of(panel: Panel, first: int, most: int) -> Iterator[slice]:
    """Spans of sessions that are computed at once: of one year, and not too many."""
    years = panel.sessions.astype("datetime64[Y]")
    while first < len(years):
        last = int(np.searchsorted(years, years[first], side="right"))
        last = min(last, first + most)
        yield slice(first, last)
        first = last


def _prepared(job: _Job, panel: Panel, grown: Grown) -> _Work:
    """Base columns of a segment that follows what is there."""
    first = grown.rows - len(panel.past)
    with job.reporter.step("base"):
        start = max(0, first - job.config.universe.lookback + 1)
        recent = panel.window(start, len(panel.sessions))
        universe = np.zeros(panel.shape, dtype=bool)
        universe[start:] = universe_of(recent, job.config.universe)
        universe[:first] = grown.valid_TN[len(panel.past) :]
        sector, sectors = panel.dense_labels("sector", known=grown.sectors)
        base = dict(base_columns(panel, universe, sectors=sectors, sector_TN=sector))
    needed = rows_needed(job.chosen.ordered, len(panel.sessions) - first)
    with job.reporter.step("weekly graphs"):
        scratch = job.folder / "scratch"
        base |= graph_columns(base, needed, scratch=scratch, execution=job.execution)
    write_point("build.base")
    return _Work(
        job=job,
        panel=panel,
        base=base,
        universe_TN=universe,
        listed_TN=panel.listed(),
        sector_TN=sector,
        sectors=sectors,
    )


def graph_rows(needed: Mapping[str, int]) -> int:
    """Last sessions that are read of the columns of the weekly graphs."""
    return max(needed.get(name, 0) for name in peer_names(has_sector=True))


def graph_columns(
    base: Mapping[str, FloatArray],
    needed: Mapping[str, int],
    *,
    scratch: Path,
    execution: Execution,
) -> dict[str, FloatArray]:
    """Columns of the weekly graphs for the last sessions of the base columns.

    Parameters
    ----------
    needed : mapping of str to int
        Sessions wanted of each column, see `rows_needed`; nothing is made when none is wanted.
    scratch : Path
        Where they lie in memory-mapped files.
    """
    rows, total = graph_rows(needed), len(base["close"])
    if not rows:
        return {}
    start = max(0, total - rows - PEER_LOOKBACK + 1)
    sector = base.get("sector")
    return peer_columns(
        base["close"][start:],
        None if sector is None else sector[start:],
        base["universe"][start:],
        base["week_start"][start:],
        needed=needed,
        threads=execution.threads,
        allocate=lambda name, shape: new_array(
            scratch / f"{name}.npy", dtype=np.float32, shape=shape
        ),
    )


def _peers(work: _Work, grown: Grown) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """All neighbour tables, old and new, and which of them each session of the history uses."""
    config, first = work.job.config.graph, work.at(grown.rows)
    start = max(0, first - config.lookback - 1)
    sector = np.where(work.sector_TN[start:] >= 0, work.sector_TN[start:], np.nan)
    universe = work.universe_TN[start:]
    with work.job.reporter.step("monthly neighbours"):
        tables, block = neighbour_tables(
            work.base["close"][start:],
            sector,
            universe,
            work.panel.sessions[start:],
            config,
            first=first - start,
            threads=work.job.execution.threads,
        )
    older = grown.neighbours_BNK
    return (
        np.concatenate([older, tables]),
        np.concatenate([grown.block_T, block + np.int32(len(older))]),
    )


def _grow(
    grown: Grown,
    work: _Work,
    span: slice,
    peers: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
    columns: _Ahead,
) -> Grown:
    """Compute a span of the panel's sessions and write it behind what is there."""
    job = work.job
    behind = len(work.panel.sessions) - span.stop
    count, rows = span.stop - span.start, work.total - behind
    base = {name: values[: len(values) - behind] for name, values in work.base.items()}
    base |= columns.take()
    stock, context = ([f.name for f in some] for some in (job.chosen.stock, job.chosen.context))
    block = compute_rows(
        job.chosen.ordered,
        base,
        rows=count,
        kept=[*dict.fromkeys([*stock, *context, BETA_FEATURE, *(f.name for f in job.channels)])],
        execution=job.execution,
        room=job.room,
    )
    del base
    columns.prepare()
    write_point("build.features")
    shown = replace(block, names=tuple(stock), stock_FtN=block.stock_FtN[: len(stock)])
    where = Sessions(
        first=grown.rows,
        dates=work.panel.sessions[span],
        codes=work.panel.codes,
        listed_tN=work.listed_TN[span],
        valid_tN=work.universe_TN[span],
        newest=job.newest,
        fresh=job.fresh,
    )
    digests = np.zeros((count, len(DIGESTED), DIGEST_BYTES), dtype=np.uint8)
    written, layout = np.zeros((count, *grown.row_digests.shape[1:]), np.uint8), grown.layout
    digests[:, :2], written[:, layout.column(layout.x)] = write_block(
        layout, shown, where, features=job.chosen.stock, threads=job.execution.threads
    )
    raw = encode_raw(block, job.channels)
    digests[:, DIGESTED.index(RAW)] = [*map(raw_digest, where.listed_tN, raw)]
    for file, values in ((layout.raw, raw), (layout.beta, block.stock(BETA_FEATURE))):
        written[:, layout.column(file)] = _written(file, grown.rows, values)
    valid = np.concatenate([grown.valid_TN, where.valid_tN])
    market = _market_rows(block, context, count)
    nulls = nulls_of(job.chosen.stock, shown, valid, rows=count, threads=job.execution.threads)
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
        row_digests=np.concatenate([grown.row_digests, written]),
        nulls=np.concatenate([grown.nulls, nulls]),
    )


def _market_rows(block: Block, names: Sequence[str], count: int) -> npt.NDArray[np.float32]:
    """Market features of a block, [t, M]."""
    market = np.full((count, len(names)), np.nan, dtype=np.float32)
    for m, name in enumerate(names):
        market[:, m] = block.market[name]
    return market


def _written(file: RowFile, first: int, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Write rows behind the first ones; returns their digests, [t, 16]."""
    file.write(first, values)
    return row_digests(file.rows(first + len(values))[first:])


def _with_bars(grown: Grown, panel: Panel) -> Grown:
    """Write the bars, corrected as they are known today, from the first session on that is new."""
    first = grown.settled_by
    since = slice(first - len(panel.past), None)
    columns = [panel.dense(name)[since] for name in BAR_COLUMNS]
    listed = panel.listed()[since]
    written = grown.row_digests.copy()
    for name, values in zip((*BAR_COLUMNS, LISTED), (*columns, listed), strict=True):
        file = grown.layout.bar(name)
        written[first:, grown.layout.column(file)] = _written(file, first, values)
    write_point("bars.done")
    digests = grown.digests.copy()
    for t in range(len(listed)):
        digests[first + t, 2] = bars_digest(listed[t], [values[t] for values in columns])
    return replace(grown, digests=digests, row_digests=written)


def _old_labels(folder: Path, before: Grown) -> Labels | None:
    """Labels that an older version has left, of as many sessions as it had."""
    place = folder / "labels"
    if not (place / MANIFEST_FILE).exists():
        return None
    files = LabelFiles.read(place)
    beyond = np.full(max(files.sessions - before.rows, 0), np.datetime64("NaT", "D"))
    sessions = np.concatenate([before.sessions, beyond])[: files.sessions]
    codes = before.codes[: files.names]
    return read_labels(place, sessions=sessions, codes=codes, whole=False)


def _labels(folder: Path, panel: Panel, grown: Grown, *, threads: int) -> str:
    """Write the labels, from corrected bars; those that an older version has settled are kept."""
    old = _old_labels(folder, grown)
    first = 0 if old is None else settled_sessions(old, known=grown.settled_by)
    since = slice(first - len(panel.past), None)
    growth = growth_of(panel)[since]
    sector_TN = grown.sector_TN[first:]
    inputs = LabelInputs(
        open_TN=panel.dense("open")[since] / growth,
        high_TN=panel.dense("high")[since] / growth,
        close_TN=panel.dense("close")[since] / growth,
        listed_TN=panel.listed()[since],
        universe_TN=grown.valid_TN[first:],
        limit_up_TN=panel.dense("limit_up")[since],
        sector_TN=np.where(sector_TN >= 0, sector_TN, np.nan),
        beta_TN=grown.layout.beta.rows(grown.rows)[first:, : len(panel.codes)].astype(np.float64),
    )
    kept = None
    if old is not None:
        others = [path.parent / "labels" for path in folder.parent.glob(f"*/{MANIFEST_FILE}")]
        shared = used_elsewhere(old.folder, others)
        kept = Kept(old, sessions=first, alone=not shared)
    building = folder / "scratch" / "labels"
    building.mkdir()
    content = write_labels(
        building,
        inputs,
        sessions=grown.sessions,
        kept=kept,
        capacity=grown.layout.capacity,
        threads=threads,
    )
    replace_folder(building, folder / "labels")
    return content
