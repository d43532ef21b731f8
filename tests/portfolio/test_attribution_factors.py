"""Factor and specific parts add up, and planted factors are found."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.attribution_factors import (
    MARKET,
    SPECIFIC,
    factor_parts,
    factor_summary,
)
from gogooku.portfolio.exposures import styles_at, styles_by_session
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def positions():
    made = placed(*traded(4, sessions=150, names=60, top_k=8, max_weight=0.2))
    return replace(
        made,
        **{
            name: getattr(made, name)[100:]
            for name in (
                "sessions", "rows", "weights", "benchmark_weights", "returns", "portfolio",
                "benchmark", "cost", "dividends", "turnover",
            )
        },
    )  # fmt: skip


def parts_of(positions, **settings):
    return factor_parts(positions, styles_by_session(positions, every=1), **settings)


def held(positions):
    earned = positions.earned.sum(axis=1) - positions.benchmark_earned.sum(axis=1)
    return earned[2:]


@pytest.mark.parametrize("with_sectors", [False, True])
def test_parts_add_up_to_what_was_earned(positions, with_sectors):
    parts = parts_of(positions, with_sectors=with_sectors)
    sums = parts.group_by("date", maintain_order=True).agg(pl.col("part").sum())
    np.testing.assert_allclose(sums.get_column("part"), held(positions), atol=1e-10)
    factors = set(parts.get_column("factor"))
    assert {MARKET, SPECIFIC, "beta", "size", "liquidity"} <= factors
    assert any(name.startswith("sector:") for name in factors) == with_sectors


def test_returns_of_sectors_are_relative(positions):
    parts = parts_of(positions)
    own = parts.filter(pl.col("factor").str.starts_with("sector:"))
    sums = own.group_by("date").agg(pl.col("factor_return").sum())
    assert sums.get_column("factor_return").abs().max() < 1e-10


def test_a_planted_factor_is_found_and_nothing_is_specific(positions):
    returns = np.zeros_like(positions.returns)
    for s in range(1, len(returns)):
        styles = styles_at(positions.history, int(positions.rows[s - 1]))
        returns[s] = 0.01 + 0.02 * np.nan_to_num(styles["size"])
    planted = replace(positions, returns=returns)
    parts = parts_of(planted)
    found = {
        name: parts.filter(pl.col("factor") == name).get_column("factor_return")
        for name in (MARKET, "size", "volatility")
    }
    np.testing.assert_allclose(found["size"], 0.02, atol=1e-10)
    np.testing.assert_allclose(found[MARKET], 0.01, atol=1e-10)
    np.testing.assert_allclose(found["volatility"], 0.0, atol=1e-10)
    left = parts.filter(pl.col("factor") == SPECIFIC).get_column("part")
    np.testing.assert_allclose(left, 0.0, atol=1e-10)


def test_slopes_are_those_of_numpy_on_the_universe(positions):
    parts = parts_of(positions, with_sectors=False)
    s = 20
    members = positions.benchmark_weights[s - 1] > 0
    styles = styles_at(positions.history, int(positions.rows[s - 1]))
    known = {name: z for name, z in styles.items() if np.isfinite(z).any()}
    assert list(known) == ["beta", "size", "volatility", "liquidity"]
    columns = [np.ones(60), *(np.nan_to_num(z) for z in known.values())]
    design = np.stack(columns, axis=1)[members]
    expected = np.linalg.solve(design.T @ design, design.T @ positions.returns[s, members])
    day = parts.filter(pl.col("date") == positions.sessions[s].item())
    found = dict(day.select("factor", "factor_return").iter_rows())
    np.testing.assert_allclose([found[name] for name in (MARKET, *known)], expected, atol=1e-10)
    assert found["momentum"] == pytest.approx(0.0, abs=1e-15)


def test_the_summary_is_sorted_and_complete(positions):
    parts = parts_of(positions)
    summary = factor_summary(parts)
    sizes = summary.get_column("total").abs().to_list()
    assert sizes == sorted(sizes, reverse=True)
    assert summary.get_column("total").sum() == pytest.approx(held(positions).sum(), abs=1e-10)
    assert summary.get_column("n").max() == len(positions.sessions) - 2


def test_too_few_names_are_an_error_with_the_date(positions):
    few = np.where(np.arange(60) < 9, positions.benchmark_weights, 0.0)
    with pytest.raises(DataError, match=r"attribution at 2022-.*names in the universe for"):
        parts_of(replace(positions, benchmark_weights=few))
