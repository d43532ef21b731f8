"""What the checks see of a run: its fits from events, curves, and commands that try settings."""

import json
import math
import shlex

import numpy as np
import pytest

from gogooku.core.config import resolve
from gogooku.runs.diagnose.facts import Facts, Measure, again, fits_of, toml
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named
from support.fits import epoch, fit


def test_an_error_is_that_of_labels_that_do_not_overlap():
    daily = np.array([0.1, 0.3, np.nan, 0.1, 0.3])
    one = Measure.of(daily, horizon=1)
    assert one.value == pytest.approx(0.2)
    assert one.error == pytest.approx(daily[[0, 1, 3, 4]].std(ddof=1) / 2)
    assert Measure.of(daily, horizon=20).error == pytest.approx(one.error * math.sqrt(20))
    assert one.t == pytest.approx(0.2 / one.error)
    assert math.isnan(Measure.of(daily[:2], horizon=1).value)
    assert Measure(math.nan, math.nan, 0).t == 0.0


def test_an_epoch_that_was_done_again_counts_once():
    one = fit(
        epoch(1, train=0.1, valid=0.2),
        epoch(2, train=0.9, valid=0.9),
        epoch(2, train=0.3, valid=0.4, kept=False),
    )
    assert one.train_curve == pytest.approx([0.1, 0.3])
    assert one.valid_curve == pytest.approx([0.2, 0.4])
    assert one.kept == 1
    assert fit({"event": "model"}).valid_curve == []


def test_curves_weigh_horizons_as_the_selection_does():
    told = epoch(1, train=0.0, valid=0.0) | {"rank_ic": {"1": 1.0, "5": 0.0, "10": 0.0, "20": 0.5}}
    assert fit(told).valid_curve == pytest.approx([0.4 + 0.05])


def run_with(tmp_path, *events, name="blend", settings=()):
    """As much of a run as its fits are read from."""
    config = resolve(run_named(name), base_name=name, assignments=settings)
    lines = "".join(json.dumps(one) + "\n" for one in events)
    (tmp_path / "events.jsonl").write_text(lines)

    class Loose(Run):
        @property
        def files(self):
            class Files:
                has = staticmethod(lambda _: True)
                path = staticmethod(lambda one: tmp_path / one)
                json = staticmethod(lambda _: config.to_json())

            return Files

    manifest = {"name": name, "dataset": "law-1"}
    return Loose(folder=tmp_path, config=config.config, stamp=None, manifest=manifest)


def test_fits_are_told_apart_by_fold_by_refit_and_by_member(tmp_path):
    member = {"member": "ridge", "member_number": 0, "member_seed": 1}
    events = [
        {"event": "fold", "fold": 0, "fitted_on": "train"},
        {"event": "penalty", "fold": 0, **member},
        {"event": "boosting", "fold": 0, **member, "member_number": 1, "member_seed": 0},
        {"event": "fold", "fold": 0, "fitted_on": "train and valid"},
        {"event": "penalty", "fold": 0, **member},
        {"event": "fold", "fold": 1, "fitted_on": "train"},
        {"event": "penalty", "fold": 1, **member},
    ]
    members = 'learner.members=[{kind="ridge"},{kind="lightgbm"}]'
    found = fits_of(run_with(tmp_path, *events, settings=(members, "refit=true")))
    told = [(one.fold, one.again, one.member, one.config.kind) for one in found]
    assert told == [
        (0, False, "member 0, ridge, seed 1", "ridge"),
        (0, False, "member 1, lightgbm, seed 0", "lightgbm"),
        (0, True, "member 0, ridge, seed 1", "ridge"),
        (1, False, "member 0, ridge, seed 1", "ridge"),
    ]
    assert found[1].path == "learner.members[1]"


def test_the_probe_of_a_pruned_network_is_no_fit_of_the_run(tmp_path):
    own = epoch(1, train=0.3, valid=0.2) | {"fold": 0}
    probe = [epoch(n, train=0.9, valid=0.9) | {"fold": 0, "part": "probe"} for n in (1, 2)]
    begun = {"event": "fold", "fold": 0, "fitted_on": "train"}
    run = run_with(tmp_path, begun, *probe, own, name="atft-gat-fan")
    (found,) = fits_of(run)
    assert found.train_curve == pytest.approx([0.3])


def test_a_command_keeps_what_was_set_and_changes_what_is_tried(tmp_path):
    run = run_with(tmp_path, name="lightgbm", settings=("learner.rounds=40", "seed=2"))
    words = shlex.split(again(run, {"learner.rounds": 120}))
    assert words == [
        *("gogooku", "train", "lightgbm", "--dataset", "law-1"),
        *("--set", "seed=2", "--set", "learner.rounds=120"),
    ]
    tried = Facts(run, ()).command(None, label_order="true")
    assert tried.endswith("--set learner.rounds=40 --set seed=2 --set label_order=true")


def test_values_are_written_as_the_command_line_reads_them():
    written = {toml(v) for v in (True, 0.00001, [1e-6, 0.5], "none", 3)}
    assert written == {"true", "1e-05", "[1e-06, 0.5]", "none", "3"}


def test_the_fits_of_a_real_run(tour_home):
    (network,) = fits_of(open_run(tour_home, "atft-gat-fan"))
    assert network.is_network
    assert len(network.epochs) == len(network.valid_curve) == 2
    assert network.last("examined")["sessions"] == 8
    assert network.settings("dropout") == {"dropout": 0.4, "feature_dropout": 0.3}
    (ridge,) = fits_of(open_run(tour_home, "ridge"))
    assert not ridge.is_network
    assert len(ridge.all("penalty")) == 4
    assert fits_of(open_run(tour_home, "reversal")) == ()
