import json

from support.cli import done, run_cli


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
        "tiny: its removal was interrupted; run gogooku sync --forget again",
        "tiny-0123",
        "ridge-0123: no room",
    ]
