"""Sectors have the names that the exchange gives them, in both languages."""

import unicodedata

from gogooku.evaluate.sector_names import SECTOR_NAMES, sector_name
from gogooku.features.market.listing import SECTORS33
from gogooku.sandbox.sources.listings import SECTOR33

BESIDE = {"cash", "unknown"}


def plain(text):
    return unicodedata.normalize("NFKC", text).replace("、", "､").replace("､", ",")


def test_every_sector_has_a_name_and_nothing_else_has():
    assert set(SECTOR_NAMES) - BESIDE == {*SECTORS33, "9999"}


def test_japanese_names_are_those_of_the_list():
    for code, (name, _) in SECTOR33.items():
        assert plain(SECTOR_NAMES[code].ja) == plain(name), code


def test_names_differ():
    for names in zip(*SECTOR_NAMES.values(), strict=True):
        assert len(set(names)) == len(SECTOR_NAMES)


def test_a_sector_of_another_market_keeps_its_name():
    assert sector_name("Industrials") == "Industrials"
    assert sector_name("3650").en == "Electric appliances"
