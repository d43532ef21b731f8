"""Where the home is: by the environment, or by its path."""

from pathlib import Path

import pytest

from gogooku.core.environment import home_folder, usable_home
from gogooku.core.errors import UsageError


@pytest.mark.parametrize("stated", ["", " "])
def test_an_empty_home_is_refused(stated):
    with pytest.raises(UsageError, match="--home: is empty"):
        home_folder(stated)


def test_the_home_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GOGOOKU_HOME", str(tmp_path / "there"))
    assert home_folder() == tmp_path / "there"
    monkeypatch.setenv("GOGOOKU_HOME", "")
    assert home_folder() == Path("~/.gogooku").expanduser()


def test_a_file_is_no_home(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be the home"):
            usable_home(str(place))
