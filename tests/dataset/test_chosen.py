"""Which source is built where none is named."""

import shutil

from gogooku.dataset.chosen import chosen_build


def test_the_only_source_is_meant(imported_home, tmp_path):
    assert chosen_build(tmp_path, source=None).config.source == "prices"
    shutil.copytree(imported_home / "sources" / "prices", tmp_path / "sources" / "mine")
    assert chosen_build(tmp_path, source=None).config.source == "mine"
    stated = chosen_build(tmp_path, source=None, settings={"source": "other"})
    assert (stated.config.source, stated.origins["source"]) == ("other", "settings")
    shutil.copytree(imported_home / "sources" / "prices", tmp_path / "sources" / "second")
    assert chosen_build(tmp_path, source=None).config.source == "prices"
    assert chosen_build(tmp_path, source="second").config.source == "second"
