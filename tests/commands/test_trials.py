"""What `gogooku trials` answers."""

from gogooku.commands.trials import trials
from support.cli import done


def test_every_evaluation_and_the_tries_of_each_source(home):
    done(home, "evaluate", "ridge", "--set", "judge_label=excess")
    answer = trials(home)
    assert answer.facts["tries"] == [{"source": "tiny", "exchange": "tokyo", "tries": 2}]
    assert len(answer.facts["trials"]) == 3
    shown = done(home, "trials", "--json").json
    assert shown["trials"][0]["skill"]["h5"]["n"] > 0
    said = done(home, "trials").out
    assert "2 different settings judged" in said
    assert {one["run"].rpartition("-")[0] for one in shown["accounts"]} == {"ridge", "atft-gat-fan"}
    assert all(one["n"] > 0 and one["excess"] is not None for one in shown["accounts"])
    assert "accounts, net, a session" in said


def test_a_home_without_one_says_so(tmp_path):
    assert done(tmp_path, "trials").out == "nothing was judged yet\n"
    assert done(tmp_path, "trials", "--json").json == {
        "tries": [],
        "trials": [],
        "accounts": [],
    }
