"""Every check asked, findings of folds merged, causes said and what follows from them not."""

import shutil

import pytest

from gogooku.runs.diagnose import diagnose as module
from gogooku.runs.diagnose.diagnose import CHECKS, Check, diagnose
from gogooku.runs.diagnose.findings import Fault, Finding
from gogooku.runs.find import open_run


def finding(fault, **more):
    return Finding(fault=fault, what=str(fault), next_step="-", **more)


def checking(*checks):
    """What `_common` and `_causes` make of findings, a check each."""
    found = [
        (check, one) for check, seen in checks for one in module._common(seen, 4, share=check.share)
    ]
    return module._causes(found)


def test_what_hangs_on_chance_must_be_seen_in_enough_folds():
    twice = [finding(Fault.OVERFIT, folds=(0,)), finding(Fault.OVERFIT, folds=(2,))]
    (one,) = checking((Check(share=0.5), twice))
    assert one.folds == (0, 2)
    assert checking((Check(share=0.5), twice[:1])) == []
    assert len(checking((Check(share=0.0), twice[:1]))) == 1


def test_findings_of_other_parts_and_members_stay_apart():
    many = [
        finding(Fault.DEAD_PART, where="graph", folds=(0,)),
        finding(Fault.DEAD_PART, where="fan", folds=(0,)),
        finding(Fault.DEAD_PART, where="fan", member="member 1", folds=(0,)),
    ]
    assert len(checking((Check(), many))) == 3


def test_what_follows_from_a_cause_is_not_said_beside_it():
    cause = Check(hides=frozenset((Fault.CAP,)))
    first = (cause, [finding(Fault.RATE_LOW, member="member 0", folds=(0,))])
    own = (Check(), [finding(Fault.CAP, member="member 0", folds=(0,))])
    other = (Check(), [finding(Fault.CAP, member="member 1", folds=(0,))])
    assert [one.fault for one in checking(first, own)] == [Fault.RATE_LOW]
    assert [one.fault for one in checking(first, other)] == [Fault.RATE_LOW, Fault.CAP]
    whole = (cause, [finding(Fault.NO_SIGNAL, folds=(0,))])
    assert [one.fault for one in checking(whole, other)] == [Fault.NO_SIGNAL]


def test_every_check_is_of_a_fold_or_of_a_fit():
    assert all((check.fold is None) != (check.fit is None) for check in CHECKS)


def test_every_fault_is_named_by_the_program(tour_home):
    sources = "".join(
        path.read_text() for path in module.Path(module.__file__).parent.glob("of_*.py")
    )
    assert {fault.name for fault in Fault if f"Fault.{fault.name}" not in sources} == set()


@pytest.mark.parametrize("name", ["ridge", "lightgbm", "atft-gat-fan", "reversal"])
def test_runs_of_every_kind_are_looked_at(tour_home, name):
    found = diagnose(tour_home, open_run(tour_home, name))
    assert found.folds == 1
    assert found.unseen == ()
    told = found.to_json()
    assert [one["fault"] for one in told["findings"]] == [str(one.fault) for one in found.findings]
    assert all(one["folds"] == [0] for one in told["findings"])


def test_without_its_dataset_or_predictions_events_are_still_read(home):
    run = open_run(home, "atft-gat-fan")
    (run.folder / "predictions.parquet").rename(run.folder / "gone")
    (text,) = diagnose(home, run).unseen
    assert "its predictions went with the data" in text
    (run.folder / "gone").rename(run.folder / "predictions.parquet")
    shutil.rmtree(home / "datasets" / run.dataset_name)
    found = diagnose(home, run)
    assert any("its dataset is not in the home" in text for text in found.unseen)
    assert found.fits == 1


def test_a_dataset_with_another_content_is_a_mismatch(home, ridge, monkeypatch):
    monkeypatch.setitem(ridge.stamp.inputs, f"dataset {ridge.dataset_name}", "other")
    found = diagnose(home, ridge).findings[0]
    assert found.fault is Fault.MISMATCH
    assert "which now has content" in found.what


def test_a_run_whose_events_lack_steps_says_so(tour_home, monkeypatch):
    run = open_run(tour_home, "atft-gat-fan")
    from gogooku.runs.diagnose import facts

    told = [
        {name: value for name, value in one.items() if name != "parts"}
        for one in facts.events_of(run)
        if one["event"] != "examined"
    ]
    monkeypatch.setattr(facts, "events_of", lambda _: told)
    (text,) = diagnose(tour_home, run).unseen
    assert text.startswith("steps, gates and parts of its networks: an earlier version")
