"""Names of markets as people and vendors write them."""

import pytest

from gogooku.core.sections import SECTIONS, SEGMENTS, Wanted, section_named

SPELLINGS = {
    "Prime": (
        "Prime", "PRIME", "prime ", "プライム", "ﾌﾟﾗｲﾑ", "ＰＲＩＭＥ", "プライム市場",
        "プライム（内国株式）",
        "東証プライム", "東証PRM", "東証Ｐ", "東P", "TSE Prime", "TSEPrime", "Prime Market",
        "Prime Market (Domestic)", "Tokyo Stock Exchange Prime", "0111", "111", "111.0", "０１１１",
        "東証プライム、名証プレミア",
    ),
    "Standard": (
        "Standard", "スタンダード", "スタンダード(内国株式)", "0112", "112", "東証STD", "東証Ｓ",
    ),
    "Growth": ("Growth", "グロース市場", "グロース（内国株式）", "0113", "東証GRT", "東Ｇ"),
    "First Section": (
        "First Section", "1st Section", "TSE 1st Section", "TSE1st", "東証一部", "東証1部",
        "市場第一部", "市場第一部（内国株）", "第一部", "東証１部", "東1", "0101", "101",
    ),
    "Second Section": ("Second Section", "東証二部", "市場第二部（内国株）", "0102", "TSE2nd"),
    "Mothers": ("Mothers", "TSE Mothers", "マザーズ", "マザーズ（内国株）", "0104", "東M"),
    "JASDAQ Standard": ("JASDAQ Standard", "JASDAQ(スタンダード・内国株）", "0106", "東証JQS"),
    "JASDAQ Growth": ("JASDAQ Growth", "JASDAQ グロース", "JASDAQ(グロース・内国株）", "0107"),
    "JASDAQ": ("JASDAQ", "TSEJASDAQ", "ジャスダック"),
    "TOKYO PRO MARKET": ("TOKYO PRO MARKET", "PRO Market", "0105", "東証プロ市場"),
    "Other": (
        "Other", "Others", "その他", "0109", "ETF・ETN", "出資証券", "プライム（外国株式）",
        "REIT・ベンチャーファンド・カントリーファンド・インフラファンド",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_names_its_section(name):
    found = {text: getattr(section_named(text), "name", None) for text in SPELLINGS[name]}
    assert found == dict.fromkeys(SPELLINGS[name], name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "NYSE",
        "Nasdaq",
        "名証プレミア",
        "札証アンビシャス",
        "Main",
        "1",
        "P",
        "9999",
        "TSE",
        "東証",
    ],
)
def test_another_market_is_no_section(text):
    assert section_named(text) is None


def test_each_section_has_its_spellings_alone():
    spellings = [text for one in SECTIONS for text in one.spellings]
    assert len(spellings) == len(set(spellings))
    assert set(SPELLINGS) == {one.name for one in SECTIONS}
    assert set(SEGMENTS.values()) == {"Prime", "Standard", "Growth", "PRO", "Other"}


def test_what_precedes_a_segment_belongs_to_it_and_not_the_other_way():
    prime, first = Wanted.of(["プライム"]), Wanted.of(["0101"])
    assert [prime.has(t) for t in ("0111", "東証一部", "Standard", "東証二部", "その他")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert first.has("市場第一部")
    assert not first.has("Prime")
    growth = Wanted.of(["Growth"])
    assert growth.has("Mothers")
    assert growth.has("JASDAQ Growth")
    assert not growth.has("JASDAQ")
    assert Wanted.of(["Standard"]).has("JASDAQ")


def test_a_market_that_is_no_section_is_compared_as_it_is():
    wanted = Wanted.of(["NYSE", "Prime"])
    assert wanted.has("nyse")
    assert not wanted.has("Nasdaq")
