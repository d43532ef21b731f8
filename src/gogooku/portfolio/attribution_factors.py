"""What of the excess return came from bets on traits of names, and what from the names themselves.

Each session the returns of the universe are regressed on traits known the evening before; the
slopes are the returns of the factors, what is left is specific to the name. Exposures times factor
returns and what is left add up to what the holdings earned beside the benchmark, exactly.

References
----------
R. Grinold, R. Kahn, "Active Portfolio Management", 2000, chapters 3 and 17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray, mean_estimate
from gogooku.portfolio.attribution import sector_places
from gogooku.portfolio.exposures import STYLES
from gogooku.portfolio.positions import Positions

MARKET = "market"
SPECIFIC = "specific"
NAMES_PER_COLUMN = 2
"""Names that a regression needs at least for each of its columns."""


def factor_parts(
    positions: Positions,
    styles: Sequence[Mapping[str, FloatArray]],
    *,
    with_sectors: bool = True,
) -> pl.DataFrame:
    """Factor and specific parts of what holdings earned beside the benchmark, by session.

    The columns of a regression are the market (one for every name), `STYLES` as far as the market
    has them, and sectors, whose returns are relative: those of all sectors sum to zero. A trait
    that is not known counts as the universe's mean. The first session is left out: it is entered at
    the open.

    Parameters
    ----------
    positions : Positions
    styles : sequence of mapping
        Traits at each close, of `gogooku.portfolio.exposures.styles_by_session`.
    with_sectors : bool

    Returns
    -------
    polars.DataFrame
        date, factor (`MARKET`, a style, ``sector:NAME``, or `SPECIFIC`), exposure (holdings less
        benchmark; null for what is specific), factor_return (null for what is specific), part.

    Raises
    ------
    DataError
        The universe of a session has fewer than two names for each column.
    """
    sector, sectors = sector_places(positions) if with_sectors else (None, ())
    rows: list[tuple[object, ...]] = []
    days = positions.sessions.tolist()
    for s in range(2, len(positions.sessions)):
        members = positions.benchmark_weights[s - 1] > 0.0
        columns = {MARKET: np.ones(len(members))}
        known = styles[s - 1]
        columns |= {name: np.nan_to_num(known[name], nan=0.0) for name in STYLES if name in known}
        if sector is not None:
            columns |= _sector_columns(sector[s - 1], sectors, members)
        design = np.stack(list(columns.values()), axis=1)
        slopes = _slopes(design[members], positions.returns[s, members], day=days[s])
        active = positions.weights[s - 1] - positions.benchmark_weights[s - 1]
        exposure = active @ design
        left = positions.returns[s] - design @ slopes
        rows += [
            (days[s], name, float(x), float(f), float(x * f))
            for name, x, f in zip(columns, exposure, slopes, strict=True)
        ]
        rows.append((days[s], SPECIFIC, None, None, float(active @ left)))
    schema = {
        "date": pl.Date,
        "factor": pl.String,
        "exposure": pl.Float64,
        "factor_return": pl.Float64,
        "part": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def most_columns(
    positions: Positions, styles: Sequence[Mapping[str, FloatArray]], *, with_sectors: bool
) -> int:
    """Columns that a regression has at most; each needs `NAMES_PER_COLUMN` names."""
    most = 1 + max(len(one) for one in styles)
    return most + (len(sector_places(positions)[1]) if with_sectors else 0)


def _sector_columns(
    sector_N: np.ndarray, names: tuple[str, ...], members_N: np.ndarray
) -> dict[str, FloatArray]:
    """A column for each sector of the universe, less its share of the universe."""
    found = {}
    for place in np.unique(sector_N[members_N]).tolist():
        inside = (sector_N == place).astype(np.float64)
        found[f"sector:{names[place]}"] = inside - float(inside[members_N].mean())
    return found


def _slopes(design: FloatArray, returns: FloatArray, *, day: object) -> FloatArray:
    """Least squares; the smallest slopes where columns hang together, as those of sectors do."""
    if len(returns) < NAMES_PER_COLUMN * design.shape[1]:
        raise DataError(
            f"attribution at {day}: {len(returns)} names in the universe for {design.shape[1]} "
            "factors; leave the sectors out or take a larger universe"
        )
    # By the normal equations: traits are standardised, so their squares are well behaved, and it is
    # ten times as fast as a decomposition of the design.
    return np.asarray(np.linalg.lstsq(design.T @ design, design.T @ returns, rcond=1e-10)[0])


def factor_summary(parts: pl.DataFrame) -> pl.DataFrame:
    """Mean exposure and part of each factor, with the error of the mean, largest part first.

    Returns
    -------
    polars.DataFrame
        factor, n, exposure, part and error (a session's, Newey-West), total (sum over sessions).
    """
    rows = []
    for (factor,), group in parts.group_by("factor", maintain_order=True):
        estimate = mean_estimate(group.get_column("part").to_numpy(), horizon=1)
        exposure = group.get_column("exposure").mean()
        total = float(group.get_column("part").sum())
        rows.append((factor, estimate.n, exposure, estimate.value, estimate.error, total))
    schema = {
        "factor": pl.String,
        "n": pl.Int64,
        "exposure": pl.Float64,
        "part": pl.Float64,
        "error": pl.Float64,
        "total": pl.Float64,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("error").fill_nan(None)
    )
    return frame.sort(pl.col("total").abs(), descending=True, maintain_order=True)
