from gogooku.runs.diagnose.findings import Fault, Finding


def test_a_finding_is_one_line_and_plain_values():
    one = Finding(
        fault=Fault.CAP,
        what="the best is the last",
        next_step="more rounds",
        evidence={"rounds": 300},
        member="member 1, lightgbm, seed 0",
        folds=(0, 2),
    )
    assert str(one) == "member 1, lightgbm, seed 0: the best is the last"
    told = one.to_json()
    assert told["fault"] == "cap-hit"
    assert told["folds"] == [0, 2]
    assert told["text"] == str(one)
    assert one.seen_in((1,)).folds == (1,)
    assert one.subject == (Fault.CAP, "", "member 1, lightgbm, seed 0")
