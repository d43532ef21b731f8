"""Fits that are part of another one."""

from gogooku.core.types import FitExecution
from gogooku.learn.nested import below


def test_events_name_the_part_and_work_lies_apart(tmp_path):
    events = []
    execution = FitExecution(threads=2, events=events.append, work=tmp_path)
    part = below(execution, "a", "b", part="probe")
    part.events({"event": "epoch"})
    assert events == [{"part": "probe", "event": "epoch"}]
    assert part.work == tmp_path / "a" / "b"
    assert part.work.is_dir()
    assert part.threads == 2


def test_without_a_folder_there_is_none():
    assert below(FitExecution(), "a").work is None
