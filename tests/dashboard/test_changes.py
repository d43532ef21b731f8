"""Who entered, who left, who moved."""

import polars as pl
import pytest

from gogooku.dashboard.changes import MOVERS, changes_of, changes_part
from support.dashboards import HOSTILE, bare, ranking, shown
from support.pages import in_english, read


def ranked(*codes):
    return pl.DataFrame(
        {
            "code": list(codes),
            "name_ja": [f"会社{code}" for code in codes],
            "name_en": [f"Company {code}" for code in codes],
            "rank": range(1, len(codes) + 1),
        }
    )


def test_names_that_enter_leave_and_stay():
    found = changes_of(ranked("c", "a", "x", "b", "d"), ranked("a", "b", "c", "d", "gone"), top=3)
    assert found.entered.select("code", "rank", "before").rows() == [("x", 3, None)]
    assert found.left.select("code", "rank", "before").rows() == [("b", 4, 2)]
    assert found.up.get_column("code").to_list() == ["c"]
    assert found.down.get_column("code").to_list() == ["b", "a", "d"]


def test_a_name_that_is_ranked_no_more_left_and_keeps_its_company():
    found = changes_of(ranked("a", "b"), ranked("gone", "a"), top=1)
    (row,) = found.left.to_dicts()
    assert row == {"code": "gone", "name_ja": "会社gone", "name_en": "Company gone",
                   "rank": None, "before": 1}  # fmt: skip
    assert found.down.height == 0, "it has not moved within the ranking"


def test_nothing_changes_between_equal_rankings():
    found = changes_of(ranked("a", "b"), ranked("a", "b"), top=1)
    assert [one.height for one in vars(found).values()] == [0] * 4


def test_the_largest_moves_come_first_and_only_some():
    codes = [f"{n:05d}" for n in range(40)]
    found = changes_of(ranked(*codes[::-1]), ranked(*codes), top=5)
    for rows in (found.up, found.down):
        moves = (rows.get_column("before") - rows.get_column("rank")).abs().to_list()
        assert len(moves) == MOVERS
        assert moves == sorted(moves, reverse=True)
    assert found.up.get_column("code")[0] == "00039"


def test_the_part_has_four_tables_or_says_why_not():
    whole = changes_part(shown())
    assert whole.count("<h3>") == 4
    read(whole)
    assert "Against the publication of 2026-11-26." in in_english(whole)
    assert "no publication before this one" in in_english(changes_part(bare()))


def test_empty_tables_say_so():
    same = ranking()
    assert in_english(changes_part(shown(before=same))).count("None.") == 4


@pytest.mark.parametrize("marked", [HOSTILE])
def test_names_are_escaped(marked):
    assert marked not in changes_part(shown())
