"""What `gogooku holdout` answers."""

from gogooku.commands.holdout import add, listed
from gogooku.runs.find import open_run
from support.cli import done, run_cli


def test_one_that_was_seen_before_says_so(home):
    ridge = open_run(home, "ridge")
    first, last = ridge.windows("test")[0]
    answer = add(home, "late", first=first, last=last, dataset=None)
    assert ridge.run_id in answer.facts["seen_before"]
    assert "2 runs were judged on its sessions before" in answer.parts[1]
    assert listed(home).facts == [answer.facts]


def test_wrong_calls(home, tmp_path):
    assert "no hold-out is registered" in done(home, "holdout", "list").out
    wrong = run_cli(home, "holdout", "add", "x", "--from", "1999-01-01", "--to", "1999-02-01")
    assert wrong.code == 3
    assert "no session from 1999-01-01" in wrong.err
    assert run_cli(home, "holdout", "add", "x", "--from", "soon", "--to", "1999-02-01").code == 2
    assert run_cli(tmp_path / "no", "holdout", "add", "x", "--from", "2020-01-01", "--to",
                   "2020-02-01").code == 3  # fmt: skip
