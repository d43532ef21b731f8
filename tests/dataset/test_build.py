"""A dataset of a source: built once, current, and with room asked for before anything is made."""

import shutil

import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.errors import DataError, StorageError
from gogooku.core.progress import SilentReporter
from gogooku.dataset import build as module
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import current_dataset, datasets_folder

FEATURES = ("ret_prev_1d", "rsi_14")


@pytest.fixture
def home(imported_home, tmp_path):
    shutil.copytree(imported_home, tmp_path / "home")
    return tmp_path / "home"


def build(home, **changes):
    config = BuildConfig(**({"source": "prices", "features": FEATURES} | changes))
    return module.build(
        home,
        resolve(config, base_name="build"),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def test_what_is_built_is_not_built_again(home, monkeypatch):
    first = build(home)
    monkeypatch.setattr(module, "assemble", None)  # whoever builds fails
    again = build(home)
    assert again.folder == first.folder
    assert again.manifest == first.manifest


def test_the_dataset_built_last_is_the_current_one(home, monkeypatch):
    one, other = build(home), build(home, features=FEATURES[:1])
    assert one.folder != other.folder
    assert current_dataset(home).folder == other.folder
    monkeypatch.setattr(module, "assemble", None)
    build(home)
    assert current_dataset(home).folder == one.folder


def test_room_is_asked_for_by_sessions_names_and_values(home, monkeypatch):
    asked = []

    def full(folder, *, num_bytes):
        asked.append(num_bytes)
        raise StorageError("the disk is full")

    monkeypatch.setattr(module, "require_space", full)
    for features in (FEATURES, FEATURES[:1]):
        with pytest.raises(StorageError):
            build(home, features=features)
    cells = 24 * 200
    assert asked == [round(cells * 312.8), round(cells * 306.4)]
    assert not list(datasets_folder(home).glob("prices-*/manifest.json"))


def test_a_source_that_is_not_there_is_named(home):
    with pytest.raises(DataError, match="No source 'gone' in .*prices"):
        build(home, source="gone")
