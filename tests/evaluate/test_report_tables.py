"""Tables of the page: who is ranked where, differences, months, groups of features."""

import re

import polars as pl
import pytest

from gogooku.evaluate.compare import compare_runs
from gogooku.evaluate.report_tables import (
    exposure_table,
    glossary,
    group_tables,
    importance_table,
    month_table,
    portfolio_table,
    ranking_tables,
    rival_table,
    skill_table,
    year_column,
)
from gogooku.evaluate.report_texts import DEVIATIONS, STYLES
from gogooku.evaluate.words import RETURN
from support.account_pages import days_of
from support.pages import read, rows
from support.report_pages import breakdown_of, daily_of, ranking_of


def test_both_ends_of_the_ranking_are_shown_with_moves():
    html, note = ranking_tables(ranking_of(60), horizon=5)
    found = rows(html)
    assert len(found) == 40
    assert [row[0] for row in found[:2]] == [["1"], ["2"]]
    assert [row[0] for row in found[-2:]] == [["59"], ["60"]]
    assert found[0][4] == ["new", "to", "the", "ranking"]
    assert found[1][4] == ["↑", "43", "new"]
    assert found[2][4] == ["="]
    assert found[0][3] == ["1.000"]
    assert found[-1][3] == ["−1.000"]
    assert "60 names" in note.en
    assert "会社59" in html


def test_down_is_down_and_the_bottom_has_no_newcomers():
    ranking = ranking_of(60).with_columns(before=pl.col("rank").reverse())
    found = rows(ranking_tables(ranking, horizon=5)[0])
    assert found[0][4] == ["↑", "59", "new"]
    assert found[-1][4] == ["↓", "59"]


def test_few_names_are_shown_once_and_codes_without_names_stand_alone():
    ranking = ranking_of(9).with_columns(
        name_en=pl.lit(None, pl.String), name_ja=pl.lit(None, pl.String)
    )
    html, note = ranking_tables(ranking, horizon=5)
    assert [row[0][0] for row in rows(html)] == ["1", "2", "3", "4", "6", "7", "8", "9"]
    assert len(rows(html)[0]) == 4
    assert "top 4" in note.en


def test_a_name_that_only_english_has_is_shown_in_both():
    ranking = ranking_of(4).with_columns(name_ja=pl.lit(None, pl.String))
    assert ranking_tables(ranking, horizon=5)[0].count("Company 3") == 1


def test_differences_have_their_interval_and_missing_models_are_named():
    table = compare_runs({"ours": daily_of(0), "ridge": daily_of(1)})
    html, _ = rival_table(table, ["lightgbm", "reversal"])
    one = table.filter(horizon=5).to_dicts()[0]
    (cells,) = rows(html)
    assert cells[0] == ["ridge"]
    assert len(cells) == 5
    assert cells[2][0].replace("−", "-") == f"{one['difference']:+.3f}"
    assert cells[2][-2:] == ["n", str(one["n"])]
    assert any("lightgbm, reversal" in text for text in read(html).texts)


def test_nobody_to_compare_with_is_said():
    html, _ = rival_table(None, ["ridge"])
    assert "<table" not in html
    assert "missing" in read(html).ids
    assert rival_table(None, [])[0] == ""


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.3, "good"), (-0.3, -0.1, "bad")])
def test_a_certain_difference_has_a_colour(low, high, side):
    row = {"b": "x", "horizon": 5, "difference": low, "low": low, "high": high, "n": 9}
    assert f'<td class="{side}">' in rival_table(pl.DataFrame([row]), [])[0]


def test_measures_stand_by_importance_and_horizons_by_length():
    figures = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    metrics = {"h10.spread": figures, "h5.hit_rate": figures, "h5.rank_ic": figures,
               "portfolio.sharpe": figures}  # fmt: skip
    html = skill_table(metrics)
    assert [row[0] for row in rows(html)] == [["RankIC"], ["Hit", "rate"],
                                              ["Top", "less", "bottom", "decile"]]  # fmt: skip
    assert rows(html)[0][1:] == [["+0.500", "+0.400", "to", "+0.600", "n", "9"], ["–"]]
    assert rows(portfolio_table(metrics)) == [
        [["Sharpe", "ratio"], ["+0.50", "+0.40", "to", "+0.60", "n", "9"]]
    ]
    assert len(rows(glossary(metrics))) == 4


def test_measures_that_are_not_read_first_are_folded():
    figures = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    html = skill_table({"h5.rank_ic": figures, "h5.coverage": figures, "h5.p_at_50": figures})
    first, folded = html.split("<details>")
    assert [row[0] for row in rows(first)] == [["RankIC"]]
    assert [row[0] for row in rows(folded)] == [["P@50"], ["Universe", "scored"]]
    assert "2 more measures" in folded
    assert "<details>" not in skill_table({"h5.rank_ic": figures})


def test_groups_are_a_table_a_cut_where_there_are_several():
    html = group_tables(breakdown_of(), horizon=5)
    titles = re.findall(r'<h3><span lang="en">(.*?)</span>', html)
    assert titles == ["Year", "Trend of the market", "Size", "Sector"], "one segment is no cut"
    found = rows(html)
    assert [row[0][0] for row in found if row[0]] == [
        "2022", "2023", "falling", "rising", "small", "middle", "large", "Fishery,", "Services",
        "unknown"
    ]  # fmt: skip
    assert found[0][1] == ["0.000", "−0.039", "to", "+0.039", "n", "90"]
    assert found[1][1] == ["+0.010", "n", "90"]
    assert found[0][2] == ["30"]
    assert "小型" in html
    assert "<details>" not in html
    assert group_tables(breakdown_of().clear(), horizon=5) == ""


def test_a_cut_of_many_groups_is_folded():
    one = breakdown_of().filter(cut="sector", value="0050")
    many = pl.concat(one.with_columns(value=pl.lit(f"{code:04}")) for code in range(50, 450, 40))
    html = group_tables(many, horizon=5)
    assert html.startswith('<div class="panels"></div><details><summary>')
    assert len(rows(html)) == 10


MONTHS = pl.DataFrame(
    {
        "year": [2023, 2024],
        "month": [12, 1],
        "portfolio": [0.1, -0.05],
        "universe": [0.02, 0.01],
        "excess": [0.08, -0.06],
    }
)


def test_months_stand_under_their_names_with_their_year():
    html = month_table(MONTHS, "portfolio", RETURN, years=year_column(MONTHS, "portfolio"))
    found = rows(html)
    assert [row[0] for row in found] == [["2023"], ["2024"]]
    assert found[0][12] == ["+10.0%"]
    assert found[0][1:12] == [[]] * 11
    assert found[1][1] == ["−5.0%"]
    assert found[1][13] == ["−5.0%"]
    assert 'class="up" style="--v:60"' in html
    assert 'class="down" style="--v:30"' in html
    assert len(rows(month_table(MONTHS, "excess", RETURN))[0]) == 13
    counted = month_table(MONTHS.with_columns(n=pl.lit(21)), "excess", RETURN)
    assert rows(counted)[0][12] == ["+8.0%", "n", "21"]


def test_the_difference_of_a_year_is_that_of_its_compound_returns():
    months = pl.DataFrame({"year": [2024, 2024], "month": [1, 2], "portfolio": [0.1, 0.1],
                           "universe": [0.0, 0.1], "excess": [0.1, 0.0]})  # fmt: skip
    assert year_column(months, "excess") == pytest.approx({2024: 1.21 - 1.1})


def test_exposures_are_a_mean_and_a_range_with_their_unit():
    frame = pl.DataFrame({"date": days_of(2) * 2, "name": ["beta", "beta", "9050 <x>", "9050 <x>"],
                          "active": [-0.1, -0.3, 0.5, 0.5]})  # fmt: skip
    found = [
        [["9050", "&lt;x&gt;"], ["+0.50", "sd"], ["+0.50", "to", "+0.50", "sd"]],
        [["Beta", "(250", "sessions)"], ["−0.20", "sd"], ["−0.30", "to", "−0.10", "sd"]],
    ]
    assert rows(exposure_table(frame, STYLES, DEVIATIONS)) == found, "the largest first"
    folded = exposure_table(frame, STYLES, DEVIATIONS, most=1)
    shown, _, rest = folded.partition("<details>")
    assert rows(shown) == found[:1]
    assert rows(rest) == found[1:]
    still = frame.with_columns(pl.lit(0.0).alias("active"))
    assert rows(exposure_table(still, STYLES, DEVIATIONS)) == [], "never away from the universe"


def test_groups_stand_by_what_they_are_worth_and_their_bars_share_a_scale():
    groups = [
        {"group": "price", "horizon": 1, "lost": 0.01, "error": 0.002},
        {"group": "price", "horizon": 5, "lost": 0.03, "error": None},
        {"group": "volume", "horizon": 1, "lost": 0.02, "error": 0.001},
        {"group": "volume", "horizon": 5, "lost": -0.03, "error": None},
    ]
    html = importance_table(groups)
    assert rows(html) == [[["price"], ["+0.010"], ["+0.030"]], [["volume"], ["+0.020"],
                                                                ["−0.030"]]]  # fmt: skip
    assert 'class="c0" style="left:50.0%;width:50.0%"' in html
    assert 'class="neg" style="left:0.0%;width:50.0%"' in html
    for place in (1, 3):
        groups[place] = {**groups[place], "lost": None, "error": None}
    assert [row[2] for row in rows(importance_table(groups))] == [["–"], ["–"]]
    none = [{**one, "lost": None, "error": None} for one in groups]
    assert [row[1:] for row in rows(importance_table(none))] == [[["–"], ["–"]]] * 2
