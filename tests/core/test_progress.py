import io

from rich.console import Console

from gogooku.core.progress import ConsoleReporter, SilentReporter


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
