import io

import pytest
from rich.console import Console
from rich.progress import Progress

from gogooku.core.progress import ConsoleReporter, LoggedReporter, SilentReporter, _columns


def work(reporter):
    with reporter.step("read", total=2) as step:
        step.advance()
        step.note("half")
        step.advance(1.0)


def test_silent_reporter_says_nothing(capsys):
    work(SilentReporter())
    assert capsys.readouterr() == ("", "")


def test_pipe_gets_one_line_for_each_finished_step():
    out = io.StringIO()
    work(ConsoleReporter(Console(file=out, force_terminal=False)))
    assert out.getvalue().startswith("  read: 0.")
    assert out.getvalue().count("\n") == 1


def test_terminal_gets_a_bar_and_the_line():
    out = io.StringIO()
    work(ConsoleReporter(Console(file=out, force_terminal=True, width=80)))
    assert "read: 0." in out.getvalue()


def shown(name, note, *, total, width=80):
    """Lines of progress as a terminal of a width shows them, half way."""
    out = io.StringIO()
    console = Console(file=out, width=width)
    progress = Progress(*_columns(total), console=console)
    task = progress.add_task(name, total=total, note=note)
    progress.advance(task, 50)
    console.print(progress.get_renderable())
    return out.getvalue().rstrip("\n").splitlines()


@pytest.mark.parametrize("total", [100.0, None])
def test_a_line_of_progress_is_one_line_at_80_columns(total):
    long = "sync equities/bars/daily of all sessions there are", "2024-01-01 to 2024-12-31, 7 of 9"
    (line,) = shown(*long, total=total)
    assert len(line.rstrip()) <= 80
    assert "sync equities/b" in line
    assert "2024" in line


def test_with_a_total_the_share_and_the_time_left_are_shown():
    (line,) = shown("sessions", "", total=100.0)
    assert " 50%" in line
    assert "left" in line
    assert "left" not in shown("sessions", "", total=None)[0]


def test_a_log_gets_what_nobody_sees():
    lines = []
    logged = LoggedReporter(SilentReporter(), lines.append)
    work(logged)
    logged.say("warning: one")
    assert lines[0].startswith("read: 0.")
    assert lines[1:] == ["warning: one"]
