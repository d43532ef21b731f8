import json

import pytest

from gogooku.core import stamp as stamps
from gogooku.core.errors import DataError
from gogooku.core.stamp import Stamp, available_threads, make_stamp

ONE = "gogooku.core.errors"


def made(**changes):
    settings = {
        "config_hash": "c",
        "code": ("gogooku.core.errors",),
        "inputs": {"a": "1"},
        **changes,
    }
    return make_stamp("build", **settings)


def test_key_is_of_config_code_inputs_seed_and_threads_and_of_nothing_else():
    base = made()
    assert base.key == made().key
    others = [
        made(config_hash="d"),
        made(code=(ONE, "gogooku.core.ranks")),
        made(inputs={"a": "2"}),
        made(inputs={"b": "1"}),
        made(seed=1),
        made(threads=1),
        make_stamp("train", config_hash="c", code=(ONE,), inputs={"a": "1"}),
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


def test_available_threads_is_at_least_one():
    assert available_threads() >= 1
