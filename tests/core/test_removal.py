"""Removal: nobody finds half of an artefact, and none that is being written goes."""

import pytest

from gogooku.core.errors import BusyError
from gogooku.core.files import locked
from gogooku.core.removal import final_name, is_leftover, remove, remove_alone


def folder(place):
    (place / "inner").mkdir(parents=True)
    (place / "inner" / "x").write_text("x")
    return place


@pytest.mark.parametrize(
    ("name", "final"),
    [
        (".ridge-01.building", "ridge-01"),
        (".ridge-01.building.key", "ridge-01"),
        (".ridge-01.old", "ridge-01"),
        (".ridge-01.removed", "ridge-01"),
    ],
)
def test_what_is_left_has_the_name_that_it_would_have_had(tmp_path, name, final):
    assert final_name(tmp_path / name) == final
    assert is_leftover(tmp_path / name)


@pytest.mark.parametrize("name", ["ridge-01", ".ridge-01.lock", ".ledger", "x.removed"])
def test_nothing_else_is_left_over(tmp_path, name):
    assert final_name(tmp_path / name) == name
    assert not is_leftover(tmp_path / name)


def test_a_folder_a_file_and_a_leftover_go_and_twice_is_fine(tmp_path):
    for place in (folder(tmp_path / "a"), folder(tmp_path / ".b.building")):
        remove_alone(place)
        assert not place.exists()
    (tmp_path / "c").write_text("c")
    remove(tmp_path / "c")
    remove(tmp_path / "c")
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_over_what_an_interrupted_removal_left_another_goes(tmp_path):
    folder(tmp_path / ".a.removed")
    remove(folder(tmp_path / "a"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_written_stays(tmp_path):
    place = folder(tmp_path / "a")
    with locked(place), pytest.raises(BusyError):
        remove_alone(place)
    assert (place / "inner" / "x").exists()
