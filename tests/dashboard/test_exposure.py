"""Sectors and traits."""

import polars as pl
import pytest

from gogooku.dashboard.exposure import exposure_part, sector_rows
from support.dashboards import SEATS, bare, frames, measured, shown
from support.pages import in_english, read


def test_the_target_is_held_against_the_universe():
    found = sector_rows(shown())
    assert sum(row["universe"] for row in found) == pytest.approx(1.0)
    assert sum(row["held"] for row in found) == pytest.approx(0.08 * SEATS)
    assert [row["active"] for row in found] == sorted(
        (row["active"] for row in found), reverse=True
    )
    assert "unknown" in {row["sector"] for row in found}


def test_a_name_that_is_ranked_no_more_is_of_no_known_sector():
    made = frames()
    gone = pl.DataFrame({"code": ["99990"], "weight": [0.5]})
    found = sector_rows(shown(frames={**made, "target": gone}))
    (row,) = (row for row in found if row["held"])
    assert (row["sector"], row["held"]) == ("unknown", 0.5)


def test_without_a_target_the_top_names_count_alike():
    found = sector_rows(bare())
    assert sum(row["held"] for row in found) == pytest.approx(1.0)


def test_what_is_sold_short_counts_against_it():
    made = frames()
    first = made["ranking"].get_column("code")[0]
    short = pl.DataFrame({"code": [first], "weight": [-0.3]})
    found = sector_rows(shown(frames={**made, "target": short}))
    assert found[-1]["held"] == -0.3


def test_traits_of_the_target_stand_beside_those_of_the_top_names():
    part = exposure_part(shown())
    read(part)
    text = in_english(part)
    for wanted in ("−0.30 sd", "−0.40 sd", "+0.70 sd", "Beta (250 sessions)", "30 best names"):
        assert wanted in text


def test_a_status_of_an_earlier_version_has_no_traits_of_the_target():
    older = measured()
    del older["exposure"]["portfolio"]
    text = in_english(exposure_part(shown(measured=older)))
    assert "−0.40 sd" in text
    assert "−0.30 sd" not in text


def test_nothing_measured_and_nobody_ranked():
    empty = frames()["ranking"].clear()
    text = in_english(exposure_part(bare()))
    assert "Foods" in text
    nobody = shown(frames={"ranking": empty}, measured=None)
    assert "It was not measured" in in_english(exposure_part(nobody))
