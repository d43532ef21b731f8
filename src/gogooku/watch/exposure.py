"""What the top of a ranking is exposed to beside its scores: sectors and traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.metrics import UNKNOWN, FloatArray, number_or_none
from gogooku.core.types import BoolArray, Dataset
from gogooku.dataset.home import read_values
from gogooku.dataset.reading import grown_of
from gogooku.portfolio.decide import BETA_SESSIONS, History
from gogooku.portfolio.exposures import styles_at
from gogooku.runs.attribution import LOG_CAP

_BEFORE_SESSIONS: Final = BETA_SESSIONS + 2
"""Of bars: as many returns as a trait looks back, each with the close before it."""


def recent_history(dataset: Dataset, t: int) -> tuple[History, int]:
    """The bars that traits after a session look back on, and the place of that session in them.

    Raises
    ------
    DataError
        A file is damaged.
    """
    first = max(0, t + 1 - _BEFORE_SESSIONS)
    grown, rows = grown_of(dataset), slice(first, t + 1)

    def bar(name: str) -> Any:
        return np.asarray(grown.rows_of(grown.layout.bar(name), mapped=False)[rows])

    close, cap = bar("close"), None
    if LOG_CAP in dataset.features:
        cap = np.full(close.shape, np.nan)
        cap[-1] = np.exp(read_values(dataset, [LOG_CAP], first=t, last=t + 1)[0, 0])
    history = History(
        close=close,
        adjustment_factor=bar("adjustment_factor"),
        universe=dataset.valid_TN[rows],
        volume=bar("volume_shares"),
        market_cap=cap,
    )
    return history, t - first


def exposure_of(
    dataset: Dataset, t: int, top: Sequence[str], held: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Sectors and traits of some names, and of a portfolio, against the universe of a session.

    Parameters
    ----------
    top : sequence of str
        Codes, equally weighted.
    held : mapping of str to float, optional
        Weights of a portfolio by code, negative for what is sold short; None for no portfolio.

    Returns
    -------
    dict
        ``traits``: mean over the names of each of `gogooku.portfolio.exposures.STYLES` that the
        market has, in standard deviations over the universe, whose mean is 0; ``sectors``: share
        of the names, of the universe and the difference, the largest difference first;
        ``portfolio``: ``traits`` by its weights, which are counted as shares of what is held on
        both sides together; None where it holds nothing.
    """
    universe = dataset.valid_TN[t]
    inside = np.isin(np.array(dataset.codes), top)
    history, place = recent_history(dataset, t)
    styles = styles_at(history, place)
    equal = {name: _mean(values, inside.astype(np.float64)) for name, values in styles.items()}
    sectors = _sectors(dataset, t, inside, universe)
    return {"traits": equal, "sectors": sectors, "portfolio": _portfolio(dataset, styles, held)}


def _portfolio(
    dataset: Dataset, styles: Mapping[str, FloatArray], held: Mapping[str, float] | None
) -> dict[str, Any] | None:
    weights = np.array([(held or {}).get(code, 0.0) for code in dataset.codes])
    if not weights.any():
        return None
    return {"traits": {name: _mean(values, weights) for name, values in styles.items()}}


def _mean(values: FloatArray, weights: FloatArray) -> float | None:
    """Weighted mean over the names whose value is known; None where there is none."""
    known = (weights != 0.0) & np.isfinite(values)
    gross = float(np.abs(weights[known]).sum())
    if not gross:
        return None
    return number_or_none(round(float(values[known] @ weights[known]) / gross, 6))


def _sectors(
    dataset: Dataset, t: int, inside: BoolArray, universe: BoolArray
) -> list[dict[str, Any]]:
    names = [*map(str, dataset.manifest["sectors"]), UNKNOWN]
    kinds = np.asarray(dataset.sector_TN[t])
    shares = {
        "top": np.bincount(kinds[inside] % len(names), minlength=len(names)) / inside.sum(),
        "universe": np.bincount(kinds[universe] % len(names), minlength=len(names))
        / universe.sum(),
    }
    frame = pl.DataFrame({"sector": names, **shares})
    frame = frame.filter((pl.col("top") > 0) | (pl.col("universe") > 0))
    frame = frame.with_columns(active=pl.col("top") - pl.col("universe"))
    ordered = frame.sort("active", descending=True, maintain_order=True)
    return ordered.with_columns(pl.col(pl.Float64).round(6)).to_dicts()
