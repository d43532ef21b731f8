"""From a panel to a dataset on disk: features, labels, peers, tensors, tables, manifest."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.config import Config, Execution
from gogooku.core.files import hash_parts, write_json, write_point
from gogooku.core.progress import Reporter
from gogooku.core.types import BoolArray, Feature, FloatArray, Panel, Role, feature_hash
from gogooku.features.catalogue import INPUT_TABLES, Selection, select
from gogooku.features.compute import ValueStore, base_columns, compute_values, growth_of
from gogooku.features.coverage import coverage_of
from gogooku.features.graph import GraphConfig, neighbour_tables, residual_returns
from gogooku.features.inputs import Tables, source_columns
from gogooku.features.labels import LabelInputs, write_labels
from gogooku.features.timeline import timeline_of
from gogooku.features.universe import UniverseConfig, universe_of
from gogooku.learn.datasets import MANIFEST_FILE, write_bars
from gogooku.learn.tensors import write_feature_tables, write_tensors

BETA_FEATURE = "beta_uni_60d"
"""The trailing beta that residual labels are cleaned of."""


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


@dataclass(frozen=True)
class _Parts:
    """What is computed once and used by several writers."""

    panel: Panel
    universe_TN: BoolArray
    listed_TN: BoolArray
    sector_TN: FloatArray
    chosen: Selection
    store: ValueStore


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
    """Fill an empty dataset folder.

    Parameters
    ----------
    folder : Path
        A hidden folder that becomes the dataset when complete.
    facts : mapping
        What the manifest says of the source.
    tables : Tables or None
        The typed tables of the source beside its bars; None where it has none.
    """
    for name in ("scratch", "features", "labels", "bars"):
        (folder / name).mkdir(exist_ok=True)
    universe = universe_of(panel, config.universe)
    base: dict[str, FloatArray] = dict(base_columns(panel, universe))
    if tables is not None:
        with reporter.step("sources"):
            base |= _source_columns(folder / "scratch", panel, config, tables)
    hashes = {"bars": write_bars(folder / "bars", panel)}
    chosen = select(config.features, available=tuple(base), also=(BETA_FEATURE,))
    store = compute_values(
        chosen.ordered, base, scratch=folder / "scratch", execution=execution, reporter=reporter
    )
    write_point("build.features")
    parts = _Parts(
        panel=panel,
        universe_TN=universe,
        listed_TN=panel.listed(),
        sector_TN=base.get("sector", np.full(panel.shape, np.nan)),
        chosen=chosen,
        store=store,
    )
    with reporter.step("labels"):
        hashes["labels"] = _labels(folder / "labels", parts, base)
    with reporter.step("peers"):
        residual = residual_returns(base["close"], parts.sector_TN, universe)
        del base
        nearest, block = neighbour_tables(residual, universe, panel.sessions, config.graph)
        del residual
    hashes |= write_tensors(
        folder,
        features=chosen.visible,
        store=store,
        valid_TN=universe,
        arrays={
            "sector": np.nan_to_num(parts.sector_TN, nan=-1.0).astype(np.int32),
            "neighbours": nearest,
            "neighbour_block": block,
        },
        execution=execution,
        reporter=reporter,
    )
    hashes["features"] = _tables(folder / "features", parts, execution, reporter)
    np.save(folder / "sessions.npy", panel.sessions)
    coverage = coverage_of(chosen.visible, store, universe)
    del store
    shutil.rmtree(folder / "scratch")
    write_json(folder / MANIFEST_FILE, {**facts, **_manifest(parts, hashes, coverage)})


def _source_columns(
    scratch: Path, panel: Panel, config: BuildConfig, tables: Tables
) -> dict[str, FloatArray]:
    timeline = timeline_of(
        panel.sessions,
        panel.codes,
        exchange=exchange_named(tables.source.exchange),
        clock=config.clock,
        growth_TN=growth_of(panel),
        listed_TN=panel.listed(),
    )
    return source_columns(INPUT_TABLES, tables, timeline, scratch=scratch)


def _labels(folder: Path, parts: _Parts, base: Mapping[str, FloatArray]) -> str:
    inputs = LabelInputs(
        open_TN=base["open"],
        high_TN=base["high"],
        close_TN=base["close"],
        listed_TN=parts.listed_TN,
        universe_TN=parts.universe_TN,
        limit_up_TN=base["limit_up"],
        sector_TN=parts.sector_TN,
        beta_TN=parts.store.stock(BETA_FEATURE).astype(np.float64),
    )
    return write_labels(folder, inputs, sessions=parts.panel.sessions)


def _tables(folder: Path, parts: _Parts, execution: Execution, reporter: Reporter) -> str:
    return hash_parts(
        write_feature_tables(
            folder,
            features=parts.chosen.visible,
            store=parts.store,
            panel=parts.panel,
            execution=execution,
            reporter=reporter,
        )
    )


def _names(features: Sequence[Feature], *, market: bool) -> list[str]:
    return [f.name for f in features if (f.role is Role.MARKET) is market]


def _manifest(
    parts: _Parts, hashes: Mapping[str, str], coverage: Mapping[str, float]
) -> dict[str, Any]:
    stock = _names(parts.chosen.visible, market=False)
    context = _names(parts.chosen.visible, market=True)
    panel = parts.panel
    return {
        "kind": "dataset",
        "clock": str(panel.clock),
        "slack_seconds": dict(panel.slack_seconds),
        "content_hash": hash_parts(hashes),
        "parts": dict(hashes),
        "features": stock,
        "market_features": context,
        "feature_hash": feature_hash([*stock, "|", *context]),
        "absent": dict(parts.chosen.absent),
        "codes": list(panel.codes),
        "first": str(panel.sessions[0]),
        "last": str(panel.sessions[-1]),
        "rows": panel.frame.height,
        "universe_rows": int(parts.universe_TN.sum()),
        "null_share": dict(coverage),
    }
