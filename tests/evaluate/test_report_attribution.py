"""Where the result came from: groups of factors add up, sectors stand by what they added."""

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import mean_estimate
from gogooku.evaluate.report_attribution import (
    attribution_parts,
    brinson_part,
    exposed,
    exposure_parts,
    factor_groups,
    factors_part,
)
from support.account_pages import account_of
from support.pages import in_english, read, rows


def test_groups_of_factors_add_up_to_every_part_of_a_session():
    factors = account_of(40).frame("factors")
    groups = factor_groups(factors)
    assert groups.columns == ["date", "market", "beta", "size", "volatility", "momentum",
                              "liquidity", "sectors", "together", "specific"]  # fmt: skip
    whole = factors.group_by("date", maintain_order=True).agg(pl.col("part").sum())["part"]
    np.testing.assert_allclose(groups["together"] + groups["specific"], whole, atol=1e-15)
    day = factors.filter(pl.col("factor").str.starts_with("sector:"))
    first = day.filter(date=groups["date"][0])["part"].sum()
    assert groups["sectors"][0] == pytest.approx(first)


def test_a_factor_is_taken_to_a_year_with_its_interval():
    account = account_of(40)
    beta = factor_groups(account.frame("factors"))["beta"].to_numpy()
    one = mean_estimate(beta, horizon=1)
    row = next(row for row in rows(factors_part(account)) if row[0][0] == "Beta")
    assert float(row[1][0].replace("−", "-").rstrip("%")) == pytest.approx(
        100 * one.value * 245, abs=0.06
    )
    assert "n 38" in in_english(factors_part(account))


def test_sectors_stand_by_what_they_added_and_the_middle_is_folded():
    account = account_of(40, num_sectors=20)
    html = brinson_part(account)
    shown, _, rest = html.partition("<details>")
    assert (len(rows(shown)), len(rows(rest))) == (10, 10)
    added = [float(row[1][0].replace("−", "-").rstrip("%")) for row in rows(shown)]
    assert added == sorted(added, reverse=True)
    frame = account.frame("sectors_whole")
    total = frame.select(pl.sum_horizontal("allocation", "selection", "interaction")).to_series()
    assert added[0] == pytest.approx(100 * total.max(), abs=0.006)
    assert added[-1] == pytest.approx(100 * total.min(), abs=0.006)
    assert "10 sectors between" in in_english(html)
    few = brinson_part(account_of(40, num_sectors=5))
    assert "<details>" not in few
    assert len(rows(few)) == 5


def test_a_sector_that_nobody_holds_is_not_shown():
    frame = account_of(40, num_sectors=5).frame("sectors_whole")
    empty = pl.col("sector") == "1050"
    none = frame.with_columns(
        pl.when(empty).then(0.0).otherwise(name).alias(name)
        for name in ("portfolio_weight", "benchmark_weight")
    )
    assert len(rows(brinson_part(account_of(40, sectors_whole=none)))) == 4


def test_parts_of_several_years_stand_below_each_other():
    one, many = attribution_parts(account_of(40))[0], attribution_parts(account_of(800))[0]
    assert [row[0][0] for row in rows(one)] == ["Allocation", "Selection", "Interaction", "Costs",
                                                "Dividends", "Trading", "Excess"]  # fmt: skip
    assert [row[0][0] for row in rows(many)][-3:] == ["2022", "2023", "2024"]
    account = account_of(40)
    none = account.frame("parts_whole").with_columns(dividends=0.0)
    html = attribution_parts(account_of(40, parts_whole=none))[0]
    assert "Dividends" not in [row[0][0] for row in rows(html)], "there were none"


def test_exposures_of_the_holdings_by_kind():
    account = account_of(40)
    assert exposed(account, "style").columns == ["date", "name", "active"]
    assert exposed(account, "weather") is None
    keys = [read(part).ids[0] for part in exposure_parts(account)]
    assert keys == ["exposures", "sectors"]
    (alone,) = exposure_parts(account_of(40, styles=None))
    assert read(alone).ids[0] == "sectors"


def test_a_market_without_sectors_or_factors_leaves_their_parts_out():
    names = ("parts", "parts_whole", "sectors_whole", "factors", "styles", "sectors")
    bare = account_of(40, **dict.fromkeys(names))
    assert [part for part in attribution_parts(bare) if part] == []


def test_charts_of_ten_years_have_as_many_points_as_can_be_seen():
    figures = read("".join(attribution_parts(account_of(2_450)))).figures
    assert set(figures) == {"figure-parts-growth", "figure-factor-growth", "figure-exposures"}
    for figure in figures.values():
        assert 400 < len(figure["x"]) <= 500
