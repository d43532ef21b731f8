"""Every measure has one meaning, in two languages, with a unit and a sign."""

import math
import re

import pytest

from gogooku.core.errors import ContractError
from gogooku.evaluate.definitions import DEFINITIONS, definition_of, place_of

JAPANESE = re.compile(r"[぀-ヿ一-鿿]")


def undefined(name, one):
    """What a definition lacks."""
    lacks = [f for f in ("label_en", "label_ja", "meaning_en", "meaning_ja") if not getattr(one, f)]
    if JAPANESE.search(one.label_en + one.meaning_en):
        lacks.append("English in English")
    if not JAPANESE.search(one.meaning_ja):
        lacks.append("Japanese in Japanese")
    if not one.meaning_en.endswith(".") or not one.meaning_ja.endswith(("。", "。)")):
        lacks.append("a full stop")
    if name.endswith("_bps") and (one.unit, one.scale) != ("bps", 1.0):
        lacks.append("basis points as in its name")
    if one.unit == "%" and one.scale != 100.0:
        lacks.append("the scale of per cent")
    return lacks


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_definition_is_whole(name):
    assert undefined(name, DEFINITIONS[name]) == []


def test_a_definition_that_lacks_something_is_caught():
    rank_ic = DEFINITIONS["rank_ic"]
    broken = type(rank_ic)("x", "", "no stop", "not Japanese", "%")
    assert undefined("some_bps", broken) == [
        "label_ja",
        "Japanese in Japanese",
        "a full stop",
        "basis points as in its name",
        "the scale of per cent",
    ]


def test_the_number_of_a_name_stands_in_its_texts():
    one = definition_of("h5.p_at_50")
    assert one.label_en == "P@50"
    assert "50" in one.meaning_en
    assert "50" in one.meaning_ja
    assert definition_of("p_at_7_excess").label_en == "P@7 over chance"
    assert definition_of("family_linear").label_en == "Family: linear"
    assert not any("{" in definition_of(n).meaning_en for n in ("top_20_bps", "ndcg_at_20"))


def test_horizons_do_not_change_a_meaning():
    assert definition_of("h20.rank_ic") is definition_of("rank_ic")
    assert definition_of("portfolio.hit_rate") != definition_of("h1.hit_rate")


def test_values_are_shown_with_their_unit():
    assert definition_of("spread").text(0.00123) == "12.3 bps"
    assert definition_of("top_50_bps").text(12.3) == "12.3 bps"
    assert definition_of("hit_rate").text(0.5123) == "51.23%"
    assert definition_of("portfolio.turnover").text(12.0) == "12.0x"
    assert definition_of("rank_ic").text(-0.0311) == "-0.031"
    assert definition_of("rank_ic").text(None) == definition_of("ic").text(math.nan) == "-"


def test_an_unknown_measure_is_refused():
    with pytest.raises(ContractError, match="measure 'rank_icc' has no definition; did you mean"):
        definition_of("h5.rank_icc")


def test_measures_are_sorted_as_the_table_lists_them():
    names = ["portfolio.gross", "h5.spread", "h5.p_at_50", "h1.rank_ic", "h5.rank_ic"]
    assert sorted(names, key=place_of) == ["h1.rank_ic", "h5.rank_ic", "h5.p_at_50", "h5.spread",
                                           "portfolio.gross"]  # fmt: skip
