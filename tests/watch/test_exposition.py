"""The text format of Prometheus, read by Prometheus itself."""

import shutil
import subprocess

import pytest

from gogooku.core.errors import StorageError
from gogooku.watch import exposition as module
from gogooku.watch.exposition import Family, exposition, write_exposition


def family(**values):
    one = Family("gogooku_x_ratio", "What it is.")
    for source, value in values.items():
        one.add(value, source=source)
    return one


def test_help_type_and_a_line_for_each_value():
    assert exposition([family(b=0.5, a=2)]) == (
        "# HELP gogooku_x_ratio What it is.\n"
        "# TYPE gogooku_x_ratio gauge\n"
        'gogooku_x_ratio{source="a"} 2\n'
        'gogooku_x_ratio{source="b"} 0.5\n'
    )


def test_what_has_no_value_is_left_out():
    assert exposition([Family("gogooku_y", "Nothing."), family(a=None)]) == ""


def test_no_labels_and_no_finite_numbers():
    one = Family("gogooku_x", "X.")
    one.add(float("inf"))
    assert exposition([one]).splitlines()[-1] == "gogooku_x +Inf"
    one.add(float("-inf"))
    assert exposition([one]).splitlines()[-1] == "gogooku_x -Inf"
    one.add(float("nan"))
    assert exposition([one]).splitlines()[-1] == "gogooku_x NaN"
    one.add(1e20)
    assert exposition([one]).splitlines()[-1] == "gogooku_x 1e+20"


def checked(text):
    """Exit code and words of Prometheus' own check."""
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


NASTY = 'a"b\\c\nd'


def test_quotes_backslashes_and_line_breaks_are_escaped():
    one = Family("gogooku_x", "Says \\ and\nso on.")
    one.add(1, source=NASTY)
    text = exposition([one])
    assert text.splitlines() == [
        "# HELP gogooku_x Says \\\\ and\\nso on.",
        "# TYPE gogooku_x gauge",
        'gogooku_x{source="a\\"b\\\\c\\nd"} 1',
    ]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
@pytest.mark.parametrize("source", ["tiny", NASTY, "東証"])
def test_prometheus_reads_it(source):
    one = Family("gogooku_x_ratio", "Says \\ and\nso on.")
    one.add(0.1, source=source)
    text = exposition([one])
    assert checked(text) == (0, "")
    assert checked(text.replace("{", "{{"))[0] == 1


def test_it_is_written_whole_or_what_was_there_stays(tmp_path, monkeypatch):
    path = tmp_path / "metrics" / "gogooku.prom"
    write_exposition(path, {"x": family(a=1)})
    before = path.read_text()

    def full(*_):
        raise OSError(28, "no space")

    monkeypatch.setattr(module.os, "replace", full)
    with pytest.raises(StorageError):
        write_exposition(path, {"x": family(a=2)})
    assert path.read_text() == before
