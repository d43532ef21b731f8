"""`gogooku release` at its gates: what is refused, overruled and kept."""

import pytest
from pydantic import ValidationError

from gogooku.commands.release import Asked, release
from gogooku.core.config import Execution
from gogooku.core.errors import UsageError
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import SystemClock
from gogooku.releases.bundle import open_bundle
from gogooku.releases.limits import GateLimits
from gogooku.releases.registry import Act, State, read_registry
from support.cli import done, is_one_paragraph, run_cli, sets


def test_what_is_refused_is_a_candidate_and_nothing_moves(home):
    first = done(home, "release", "ridge", "--why", "first", "--json").json
    assert first["refused_by"] == []
    late = run_cli(home, "release", "momentum", "--json")
    assert late.code == 1
    assert late.json["state"] == "candidate"
    assert late.json["refused_by"] == ["paired"]
    assert "paired: cannot be known: 30 test sessions" in late.error["message"]
    assert "--accept GATE --why REASON" in late.error["message"]
    now = read_registry(home)
    assert now.released("tiny") == first["bundle"]
    assert now.state_of(late.json["bundle"]) is State.CANDIDATE
    assert now.history[-1].act is Act.REFUSE
    said = run_cli(home, "release", late.json["bundle"])
    assert said.code == 1
    assert is_one_paragraph(said.err)


def test_a_gate_is_overruled_by_its_name_and_with_a_reason(home):
    done(home, "release", "ridge", "--json")
    refused = run_cli(home, "release", "momentum", "--json").json["bundle"]
    assert run_cli(home, "release", refused, "--accept", "paired").code == 2
    other = run_cli(home, "release", refused, "--accept", "leak", "--why", "no", "--json")
    assert other.json["refused_by"] == ["paired"]
    made = done(
        home, "release", refused, "--accept", "paired", "--why", "a new market", "--json"
    ).json
    assert (made["bundle"], made["state"]) == (refused, "released")
    move = [one for one in read_registry(home).history if one.act is Act.RELEASE][1]
    assert move.why == "a new market"
    (kept,) = [one for one in move.gates if one["gate"] == "paired"]
    assert (kept["outcome"], kept["accepted"]) == ("refused", True)
    assert all("accepted" not in one for one in move.gates if one["gate"] != "paired")
    listed = done(home, "releases").out
    assert "accepted: paired" in " ".join(listed.split())


def test_a_bundle_keeps_its_settings(home):
    bundle = done(home, "release", "ridge", "--shadow", "--json").json["bundle"]
    said = run_cli(home, "release", bundle, "--set", "portfolio.top_k=7")
    assert said.code == 2
    assert "is a bundle and never changes" in said.err
    assert done(home, "release", bundle, "--json").json["state"] == "released"


@pytest.mark.parametrize("field", ["margin", "turnover_times"])
def test_limits_stay_as_they_are_read(field):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(GateLimits(), field, 1.0)


def test_a_limit_is_set_kept_and_said_where_it_lets_more_through(home):
    set_so = sets("gates.turnover=90", "gates.margin=0.001")
    made = done(home, "release", "ridge", *set_so, "--json").json
    bundle, eased = made["bundle"], ["gates.turnover is 90, usually 60"]
    assert made["looser_limits"] == eased
    assert made["limits"]["turnover"] == {"value": 90.0, "from": "--set"}
    kept = open_bundle(home, bundle)
    assert kept.manifest["gates"]["margin"] == {"value": 0.001, "from": "--set"}
    assert kept.manifest["gates"]["most_tied"] == {"value": 0.2, "from": "default"}
    assert kept.scorecard["looser_limits"] == eased
    (listed,) = done(home, "releases", "--json").json["bundles"]
    assert (listed["limits"], listed["looser_limits"]) == (made["limits"], eased)
    said = " ".join(done(home, "release", bundle).out.split())
    assert "looser limits than usual: gates.turnover is 90, usually 60" in said
    usual = done(home, "release", "ridge", *sets("gates.turnover=30"))
    assert "looser" not in usual.out


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("gates.turn=1", "unknown setting 'gates.turn'; nearest valid names: gates.turnover"),
        ("gates.most_tied=2", "gates.most_tied"),
        ("gates.least_sessions=many", "gates.least_sessions"),
    ],
)
def test_a_limit_that_is_none_is_refused(home, setting, said):
    refused = run_cli(home, "release", "ridge", *sets(setting))
    assert refused.code == 2
    assert said in refused.err
    assert is_one_paragraph(refused.err)


def test_a_limit_decides_also_when_the_bundle_is_asked_again(home):
    strict = run_cli(home, "release", "ridge", *sets("gates.turnover=0.001"), "--json")
    assert strict.json["refused_by"] == ["turnover"]
    again = run_cli(home, "release", strict.json["bundle"], "--json")
    assert again.json["refused_by"] == ["turnover"]


def test_nothing_is_opened_before_what_is_accepted_is_a_gate(tmp_path):
    with pytest.raises(UsageError, match="no such gate"):
        release(
            tmp_path / "nowhere",
            Asked(name="ridge", accepted=["leek"], why="x"),
            config=None,
            assignments=[],
            execution=Execution(threads=1),
            clock=SystemClock(),
            reporter=SilentReporter(),
        )
