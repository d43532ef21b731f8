"""Logs that stay small: nothing is lost or written twice, whoever writes and whoever is killed."""

import os
import subprocess
import sys
from itertools import chain

import pytest

from gogooku.core import files
from gogooku.core.rotated import RotatedFile
from support.sources import ROOT

LINE = b"%06d\n"
WIDTH = 7


def lines(path):
    """Lines of a log, the oldest first, and the sizes of its files."""
    older = sorted(path.parent.glob(f"{path.name}.*"), key=lambda one: -int(one.suffix[1:]))
    found = [one.read_bytes() for one in (*older, path)]
    assert all(not one or one.endswith(b"\n") for one in found)
    return [int(one) for one in chain.from_iterable(raw.split() for raw in found)], found


def test_a_full_log_is_moved_aside_and_so_many_stay(tmp_path):
    path = tmp_path / "logs" / "access.log"
    log = RotatedFile(path, most_bytes=10 * WIDTH, kept=2)
    for n in range(35):
        log.write(LINE % n)
    found, raw = lines(path)
    assert [len(one) // WIDTH for one in raw] == [10, 10, 5]
    assert found == list(range(10, 35))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_block_that_is_larger_than_a_log_is_written_whole(tmp_path):
    log = RotatedFile(tmp_path / "a.log", most_bytes=2 * WIDTH, kept=3)
    log.write(LINE % 1)
    log.write(b"".join(LINE % n for n in range(2, 7)))
    log.write(LINE % 7)
    found, raw = lines(tmp_path / "a.log")
    assert (found, len(raw)) == (list(range(1, 8)), 3)


def test_a_log_that_somebody_else_moved_is_begun_anew(tmp_path):
    path = tmp_path / "a.log"
    log = RotatedFile(path)
    log.write(LINE % 1)
    path.rename(tmp_path / "elsewhere")
    log.write(LINE % 2)
    log.close()
    log.write(LINE % 3)
    assert (tmp_path / "elsewhere").read_bytes() == LINE % 1
    assert lines(path)[0] == [2, 3]


@pytest.mark.parametrize("moves", range(1, 5))
def test_one_that_is_killed_between_two_moves_loses_nothing(tmp_path, moves, monkeypatch):
    path = tmp_path / "a.log"
    log = RotatedFile(path, most_bytes=WIDTH, kept=6)
    for n in range(4):
        log.write(LINE % n)
    passed = []

    def killed(point):
        passed.append(point)
        if len(passed) == moves:
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "WATCHERS", [killed])
    with pytest.raises(KeyboardInterrupt):
        log.write(LINE % 4)
    log.close()
    monkeypatch.setattr(files, "WATCHERS", [])
    after = RotatedFile(path, most_bytes=WIDTH, kept=6)
    after.write(LINE % 4)
    after.write(LINE % 5)
    assert lines(path)[0] == list(range(6))


def test_lines_that_find_no_room_leave_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    log = RotatedFile(path)
    log.write(LINE % 1)
    write, given = os.write, []

    def full(descriptor, raw):
        if given:
            raise OSError(28, "No space left on device")
        given.append(raw)
        return write(descriptor, raw[:3])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        log.write(LINE % 2)
    monkeypatch.undo()
    log.write(LINE % 3)
    assert lines(path)[0] == [1, 3]


WRITER = """
import sys
from pathlib import Path
from gogooku.core.rotated import RotatedFile
log = RotatedFile(Path(sys.argv[1]), most_bytes=700, kept=1_000)
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    log.write(b"%06d\\n" % n)
"""


def test_processes_that_write_the_same_log_lose_no_line(tmp_path):
    path = tmp_path / "a.log"
    parts = [(0, 3_000), (3_000, 6_000), (6_000, 9_000)]
    given = {"PYTHONPATH": str(ROOT / "src")}
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(low), str(high)], env=given)
        for low, high in parts
    ]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    found, raw = lines(path)
    assert sorted(found) == list(range(9_000))
    assert max(map(len, raw)) <= 700
    for low, high in parts:
        assert [n for n in found if low <= n < high] == list(range(low, high))
