"""What doctor finds: what is there, what was left, what earlier versions wrote, what to do."""

import json
import shlex
import shutil

from gogooku.commands.doctor import examine
from gogooku.core.files import read_json, write_json
from gogooku.runs.diagnose.diagnose import Diagnosis
from gogooku.runs.diagnose.findings import Fault, Finding
from support.cli import done, run_cli, sets
from support.seals import reseal

RUNS, DATASETS = "runs that cannot be opened", "datasets of other code"


def commands_in(text):
    """The commands that a line offers after its last colon-space."""
    return [shlex.split(one) for one in text.rpartition(": ")[2].split(" && ")]


def test_a_home_of_now_has_nothing_of_the_kind(tour_home):
    found = examine(tour_home)
    assert found[RUNS] == []
    assert found[DATASETS] == []


def test_a_run_with_settings_that_a_training_does_not_have(home):
    (folder,) = home.glob("runs/reversal-*")
    config = read_json(folder / "config.json")
    old = {"judge_label": {"value": "raw", "from": "default"}}
    write_json(folder / "config.json", config | old)
    reseal(folder)
    (line,) = examine(home)[RUNS]
    assert line.startswith(f"run {folder.name} was made by an earlier version")
    assert (
        f"gogooku train reversal --dataset {read_json(folder / 'manifest.json')['dataset']}" in line
    )
    assert line in done(home, "doctor").out
    assert len(done(home, "doctor", "--json").json["runs"]) == 5


def test_a_dataset_of_other_code_is_named_and_can_still_be_used(home):
    (folder,) = [path.parent for path in home.glob("datasets/*/manifest.json")]
    stamp = read_json(folder / "stamp.json")
    write_json(folder / "stamp.json", {**stamp, "code_hash": "0" * 16})
    reseal(folder)
    (line,) = examine(home)[DATASETS]
    assert folder.name in line
    assert f"--dataset {folder.name}" in line
    (command,) = commands_in(line)
    made = done(home, *command[1:], "--json").json
    assert made["dataset"] == folder.name  # the settings are those it was built with
    assert run_cli(home, "train", "reversal", "--dataset", folder.name).code == 0


def test_a_dataset_without_a_stamp_or_that_cannot_be_read(home):
    (folder,) = [path.parent for path in home.glob("datasets/*/manifest.json")]
    (folder / "stamp.json").unlink()
    (folder / "config.json").unlink()
    reseal(folder)
    (line,) = examine(home)[DATASETS]
    assert "can still be trained on" in line
    assert commands_in(line) == [["gogooku", "build", "--source", "tiny"]]
    manifest = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", {**manifest, "feature_hash": "other"})
    (line,) = examine(home)[DATASETS]
    assert "cannot be read" in line
    assert "changed after it was written" in line
    reseal(folder)
    (line,) = examine(home)[DATASETS]
    assert "cannot be read" in line


def test_doctor_for_people_and_programs(home):
    facts = done(home, "doctor", "--json").json
    assert facts["unfinished"] == []
    assert len(facts["runs"]) == 5
    assert "source tiny" in done(home, "doctor").out


def test_doctor_says_why_a_run_stopped(home):
    assert run_cli(home, "train", "momentum").code == 2
    (unfinished,) = done(home, "doctor", "--json").json["unfinished"]
    assert unfinished.startswith("momentum-")
    assert "mom_252_21" in unfinished


def test_doctor_on_an_empty_home(tmp_path):
    assert done(tmp_path / "nothing" / "yet", "doctor", "--json").json["runs"] == []


def test_doctor_names_what_was_left_and_what_lost_its_predictions(home):
    broken = home / "runs" / ".ridge-0123.building"
    broken.mkdir()
    (broken / "failure.json").write_text(json.dumps({"error": "no room"}))
    (home / "datasets" / ".tiny-0123.building").mkdir()
    (home / "sources" / ".tiny.removed").mkdir()
    (run,) = [path.parent for path in home.glob("runs/ridge-*/predictions.parquet")]
    (run / "predictions.parquet").unlink()
    facts = done(home, "doctor", "--json").json
    assert facts["runs without predictions"] == [run.name]
    assert facts["unfinished"] == [
        "tiny: its removal was interrupted; run gogooku sync --forget again, or gogooku prune",
        "tiny-0123",
        "ridge-0123: no room",
    ]


def test_verify_names_what_is_damaged_for_people_and_programs(home):
    (path,) = home.glob("runs/ridge-*/predictions.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    result = run_cli(home, "doctor", "--verify")
    assert result.code == 1
    assert "files are damaged: " in result.err
    assert "predictions.parquet" in result.out
    (line,) = run_cli(home, "doctor", "--verify", "--json").json["damaged files"]
    assert line.startswith(f"{path}: is damaged (has ")


def test_verify_passes_over_what_was_removed_with_its_data(home):
    (path,) = home.glob("runs/ridge-*/predictions.parquet")
    path.unlink()
    assert run_cli(home, "doctor", "--verify").code == 1
    for folder in home.glob("datasets/*/manifest.json"):
        shutil.rmtree(folder.parent)
    (home / "datasets" / "current.json").unlink()
    assert done(home, "doctor", "--verify", "--json").json["damaged files"] == []


def test_files_that_others_can_read_are_counted(home):
    assert examine(home)["readable by others"] == []
    (path,) = home.glob("runs/ridge-*/predictions.parquet")
    path.chmod(0o644)
    (line,) = examine(home)["readable by others"]
    assert line == (
        f"1 files or folders can be read by other users; make them private: chmod -R go= {home}"
    )


def test_doctor_says_what_cannot_be_read_and_goes_on(home):
    (home / "sources" / "tiny" / "current.json").write_text("[]")
    (folder,) = [path.parent for path in home.glob("datasets/*/manifest.json")]
    (folder / "stamp.json").write_text("null")
    broken = home / "runs" / ".ridge-0123.building"
    broken.mkdir()
    (broken / "failure.json").write_text("{")
    facts = done(home, "doctor", "--json").json
    assert "cannot be read" in facts["source tiny"]
    assert "stamp.json" in facts[DATASETS][0]
    assert "failure.json" in facts["unfinished"][0]


def test_a_run_is_told_what_is_wrong_with_it_for_people_and_programs(home):
    done(home, "train", "ridge", *sets("split.train=0.2"))
    result = run_cli(home, "doctor", "ridge")
    assert result.code == 1
    assert "starved-of-data" in result.out
    assert "next step" in result.out
    assert result.err.startswith("error: ridge-")
    told = run_cli(home, "doctor", "ridge", "--json")
    assert told.code == 1
    (found,) = [one for one in told.json["findings"] if one["fault"] == "starved-of-data"]
    assert found["evidence"]["train_sessions"] < 60
    assert told.json["run"].startswith("ridge-")


def test_a_run_without_findings_is_no_failure(home, monkeypatch):
    monkeypatch.setattr("gogooku.runs.diagnose.diagnose.CHECKS", ())
    result = done(home, "doctor", "ridge")
    assert "nothing wrong was found" in result.out
    assert "looked at 1 fit of 1 fold" in result.out


def test_a_finding_of_some_folds_names_them(home, monkeypatch):
    one = Finding(fault=Fault.CAP, what="the last is the best", next_step="more", folds=(1,))
    made = Diagnosis("ridge-1", (one,), folds=3, fits=3, unseen=("steps: not told",))
    monkeypatch.setattr("gogooku.runs.diagnose.diagnose.diagnose", lambda *_: made)
    result = run_cli(home, "doctor", "ridge")
    assert result.code == 1
    assert "fold 1 of 3: the last is the best" in result.out
    assert "not looked at: steps: not told" in result.out


def test_a_run_that_is_not_there_or_with_verify_is_refused(home):
    assert run_cli(home, "doctor", "nothing").code == 3
    result = run_cli(home, "doctor", "ridge", "--verify")
    assert result.code == 2
    assert "leave the run out" in result.err
