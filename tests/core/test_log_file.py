import re

import pytest

from gogooku.core.errors import StorageError
from gogooku.core.log_file import LogFile


def test_lines_are_appended_with_their_time(tmp_path):
    place = tmp_path / "log"
    for text in ("one", "two\x1b[31m red\nand more"):
        LogFile.opened(place).line(text)
    first, second = place.read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0900 one", first)
    assert second.endswith(" two red and more")


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(StorageError, match=r"--log-file .*/none/log.*Its folder must be there"):
        LogFile.opened(tmp_path / "none" / "log")
