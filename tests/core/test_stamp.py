import json

import pytest

from gogooku.core import stamp as stamps
from gogooku.core.errors import DataError
from gogooku.core.stamp import Stamp, available_threads, code_hash, make_stamp


def made(**changes):
    settings = {"config_hash": "c", "packages": ("core",), "inputs": {"a": "1"}, **changes}
    return make_stamp("build", **settings)


def test_key_is_of_config_code_inputs_seed_and_threads_and_of_nothing_else():
    base = made()
    assert base.key == made().key
    others = [
        made(config_hash="d"),
        made(packages=("core", "tables")),
        made(inputs={"a": "2"}),
        made(inputs={"b": "1"}),
        made(seed=1),
        made(threads=1),
        make_stamp("train", config_hash="c", packages=("core",), inputs={"a": "1"}),
    ]
    keys = [one.key for one in (base, *others)]
    assert len(set(keys)) == len(keys)
    later = Stamp(
        stage=base.stage,
        config_hash=base.config_hash,
        code_hash=base.code_hash,
        inputs=base.inputs,
        versions={"numpy": "0"},
        made_at="another time",
    )
    assert later.key == base.key


def test_stamp_round_trip(tmp_path):
    one = made(seed=3, threads=2)
    one.write(tmp_path)
    assert Stamp.read(tmp_path) == one
    assert json.loads((tmp_path / "stamp.json").read_text())["made_at"].endswith("+00:00")


def test_reading_no_stamp_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match=r"stamp\.json"):
        Stamp.read(tmp_path)


def test_versions_name_the_numeric_libraries():
    assert {"gogooku", "python", "numpy", "polars", "torch"} <= set(made().versions)


def test_library_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(stamps, "_LIBRARIES", ("numpy", "no-such-library-anywhere"))
    stamps.installed_versions.cache_clear()
    try:
        assert set(stamps.installed_versions()) == {"gogooku", "python", "numpy"}
    finally:
        stamps.installed_versions.cache_clear()


def test_code_hash_changes_with_a_source_text_and_not_with_other_packages(tmp_path, monkeypatch):
    for name, text in (("one/a.py", "1"), ("one/b/c.py", "2"), ("two.py", "3")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(stamps, "_PACKAGE_ROOT", tmp_path)

    def now(*packages):
        code_hash.cache_clear()
        return code_hash(packages)

    try:
        before = now("one"), now("one", "two.py")
        (tmp_path / "two.py").write_text("4")
        after = now("one"), now("one", "two.py")
        assert before[0] == after[0]
        assert before[1] != after[1]
        (tmp_path / "one/b/c.py").write_text("5")
        assert now("one") != after[0]
    finally:
        code_hash.cache_clear()


def test_code_of_a_place_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="no_such_package"):
        code_hash(("core", "no_such_package"))


def test_available_threads_is_at_least_one():
    assert available_threads() >= 1
