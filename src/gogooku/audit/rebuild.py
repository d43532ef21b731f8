"""The values of one session from any source, by the very steps of the build."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gogooku.audit.look_ahead import DayValues, Rebuild
from gogooku.core.config import Execution, tree_of, validated
from gogooku.core.files import read_json
from gogooku.core.stamp import CONFIG_FILE
from gogooku.core.types import Dataset, FloatArray, Role
from gogooku.dataset.assemble import BuildConfig, graph_columns, reach_of
from gogooku.dataset.columns import timeline_on
from gogooku.dataset.universe import universe_of
from gogooku.features.catalogue import BASE_INPUTS, INPUT_TABLES, select
from gogooku.features.engine.compute import base_columns, compute_rows, rows_needed
from gogooku.features.engine.inputs import Tables, source_columns, supported
from gogooku.features.peers.peer_columns import peer_names
from gogooku.ingest.source import Source
from gogooku.tables.panel import build_panel


def rebuild_of(dataset: Dataset, *, execution: Execution) -> Rebuild:
    """How the values of a dataset are computed again: with its own config, from its lookback on.

    The sessions after the wanted one, where a view has them, are computed along with it, as the
    build computes blocks of sessions: what looks ahead sees them.
    """
    config = config_of(dataset)
    names = (*dataset.features, *dataset.market_features)
    reach = reach_of(config, select(names, available=tuple(BASE_INPUTS)).ordered)

    def rebuild(source: Source, t: int, scratch: Path) -> DayValues:
        first = max(0, t + 1 - reach)
        whole = build_panel(source, clock=config.clock, first=first)
        panel = replace(whole, seen_at=t - first)
        universe = universe_of(panel, config.universe)
        _, sectors = panel.dense_labels("sector")
        base: dict[str, FloatArray] = dict(base_columns(panel, universe, sectors=sectors))
        tables = Tables(source)
        given = [one for one in INPUT_TABLES if supported(one, tables)]
        graphs = peer_names(has_sector="sector" in base)
        usable = (*base, *graphs, *(name for one in given for name in one.columns))
        chosen = select(names, available=usable)
        count = len(panel.sessions) - (t - first)
        needed = rows_needed(chosen.ordered, count)
        base |= graph_columns(base, needed, scratch=scratch, execution=execution)
        base |= source_columns(
            given,
            tables,
            timeline_on(panel, source, clock=config.clock),
            scratch=scratch,
            rows=needed,
        )
        kept = [f.name for f in chosen.visible]
        block = compute_rows(chosen.ordered, base, rows=count, kept=kept, execution=execution)
        market = [f.name for f in chosen.visible if f.role is Role.MARKET]
        return DayValues(
            codes=panel.codes,
            listed_N=panel.listed()[t - first],
            universe_N=universe[t - first],
            stock={name: values_tN[0] for name, values_tN in zip(
                block.names, block.stock_FtN, strict=True
            )},
            market={name: float(block.market[name][0]) for name in market},
        )  # fmt: skip

    return rebuild


def config_of(dataset: Dataset) -> BuildConfig:
    """The resolved config that a dataset was built with."""
    return validated(BuildConfig, tree_of(read_json(dataset.folder / CONFIG_FILE)))
