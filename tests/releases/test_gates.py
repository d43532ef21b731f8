"""Gates of a release: a healthy bundle passes, each broken one is refused for its own reason."""

import shutil
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError, UsageError
from gogooku.core.ranks import centred_ranks
from gogooku.dataset.home import current_dataset, labels_of
from gogooku.dataset.state import feature_files, load_grown
from gogooku.releases.gates import GATES, REPRODUCIBLE, WHOLE, require_gates
from gogooku.releases.gates_of_origin import data_lost
from gogooku.releases.gates_of_scores import tied_share
from gogooku.releases.gates_of_skill import leak
from gogooku.releases.verdicts import Outcome
from support.bundles import (
    CARD,
    bundle_of,
    copied,
    refused_by,
    verdicts_of,
    with_json,
    with_predictions,
    with_scores_of_its_checkpoints,
)
from support.cli import done, run_cli, sets
from support.seals import reseal, restate


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home with every run, of its own."""
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


def refused_alone(verdicts, gate, *said):
    """One gate refused it, all were asked, and it says what is wrong."""
    assert refused_by(verdicts) == [gate], [(n, v.said) for n, v in verdicts.items() if v.refused]
    for part in said:
        assert part in verdicts[gate].said


def tampered(path, change=lambda content: content[:-1] + bytes([content[-1] ^ 1])):
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


# ------------------------------------------------------------------------------------- healthy


@pytest.mark.parametrize("name", ["ridge", "lightgbm", "momentum", "atft-gat-fan"])
def test_a_healthy_bundle_passes_every_gate(home, name):
    made = verdicts_of(home, bundle_of(home, name))
    assert list(made) == list(GATES)
    assert {one.outcome for one in made.values()} == {Outcome.PASSED}, made
    assert all(one.said for one in made.values())


def test_the_scores_of_the_one_in_service_are_not_worse_than_themselves(home):
    first = bundle_of(home, "ridge")
    made = verdicts_of(home, bundle_of(home, "ridge", "portfolio.top_k=7"), serving=first)
    assert refused_by(made) == []
    assert first.bundle_id in made["paired"].said


def test_few_sessions_and_many_tries_are_warnings(home):
    short = {**CARD["skill"], "h5.rank_ic": {"value": 0.05, "n": 30}}
    made = verdicts_of(
        home, bundle_of(home, "ridge", card={**CARD, "skill": short, "deflated": 0.6})
    )
    assert refused_by(made) == []
    assert made["tested"].outcome is made["deflated"].outcome is Outcome.WARNED
    assert "30 sessions were tested" in made["tested"].said
    assert "0.60" in made["deflated"].said
    unknown = verdicts_of(home, bundle_of(home, "ridge", card={**CARD, "deflated": None}))
    assert unknown["deflated"].outcome is Outcome.WARNED


# -------------------------------------------------------------------------- broken on purpose


def test_a_flipped_weight(home):
    bundle = bundle_of(home, "ridge")
    tampered(next((bundle.folder / "run").rglob("*.safetensors")))
    made = verdicts_of(home, bundle)
    assert list(made) == [WHOLE]
    refused_alone(made, WHOLE, "1 of ", "safetensors", "gogooku release ridge-")


def test_a_label_among_the_features(home):
    """Planted into the tensor that the run is trained on, and found by its evaluation."""
    dataset = current_dataset(home)
    label = np.asarray(labels_of(dataset).raw_TNH[:, :, 1], dtype=np.float64)
    inside = np.where(dataset.valid_TN, label, np.nan)
    x = load_grown(dataset.folder).layout.x.changeable(len(inside))
    column = x[:, : inside.shape[1], dataset.features.index("rsi_14")]
    column[:] = np.nan_to_num(centred_ranks(inside))
    restate(dataset.folder)
    done(home, "train", "ridge", *sets("seed=5"), "--threads", 1, "--json")
    made = verdicts_of(home, bundle_of(home, "ridge", judged=True))
    refused_alone(made, "leak", "RankIC", "look for a label", "gogooku evaluate ridge-")


def test_scores_that_are_all_equal(home):
    bundle = bundle_of(home, "ridge")
    for path in (bundle.folder / "run").rglob("*.safetensors"):
        tampered(path, lambda raw: raw[: 8 + int.from_bytes(raw[:8], "little")].ljust(
            len(raw), b"\0"))  # fmt: skip
    with_scores_of_its_checkpoints(home, bundle)
    refused_alone(verdicts_of(home, bundle), "spread", "36 of 36 test sessions", "gogooku doctor")


def test_a_plateau_of_ties(home):
    few = ("learner.leaves=2", "learner.rounds=1", "learner.check_every=1")
    done(home, "train", "lightgbm", *sets(*few), "--threads", 1, "--json")
    made = verdicts_of(home, bundle_of(home, "lightgbm"))
    refused_alone(made, "ties", "share a score", "at most 20%", "more rounds or leaves")
    assert made["ties"].figures["share"] > 0.9


def test_noise_that_trades_everything_every_session(home):
    done(home, "train", "lightgbm", *sets("seed=9"), "--threads", 1, "--json")
    fast = ("portfolio.rebalance_every=1", "portfolio.top_k=5", "portfolio.max_weight=0.2")
    bundle = bundle_of(home, "lightgbm", *fast, judged=True)
    made = verdicts_of(home, bundle)
    refused_alone(made, "turnover", "times a year; 60.0 is the most", "portfolio.exit_margin")
    assert made["turnover"].figures["a_year"] > 60.0


def test_turnover_that_is_many_times_that_of_the_one_in_service(home):
    money = {"portfolio.turnover": {"value": 5.0}}
    serving = bundle_of(home, "ridge", card={**CARD, "money": money})
    made = verdicts_of(home, bundle_of(home, "ridge"), serving=serving)
    refused_alone(made, "turnover", "20.0 times a year; 15.0 is 3 times that of the one in service")


def test_other_features_than_an_evening_builds(home):
    bundle = bundle_of(home, "ridge")

    def fewer(settings):
        settings["features"]["value"].remove("rsi_14")

    with_json(bundle, "build.json", fewer)
    refused_alone(verdicts_of(home, bundle), "contract", "1 missing (first rsi_14)")


def test_another_clock(home):
    bundle = bundle_of(home, "ridge")
    with_json(bundle, "contract.json", lambda said: said.update(clock="premarket"))
    refused_alone(
        verdicts_of(home, bundle), "contract", "clock is 'evening', fitted on 'premarket'"
    )


def test_scores_that_the_checkpoints_do_not_give(home):
    bundle = bundle_of(home, "ridge")
    with_predictions(bundle, pl.col("score") * 1.0000005)
    made = verdicts_of(home, bundle)
    refused_alone(made, REPRODUCIBLE, "other scores than run", "3 of 3 test sessions", "38 names")


def test_a_run_of_other_code(home):
    bundle = bundle_of(home, "ridge")
    with_json(bundle, "run/stamp.json", lambda stamp: stamp.update(code_hash="0" * 64))
    refused_alone(
        verdicts_of(home, bundle),
        REPRODUCIBLE,
        "trained by other code (000000000000,",
        "gogooku train",
    )


def test_a_run_that_is_worse_than_the_one_in_service(home):
    """Held against scores that know the answer; with a margin as wide as the loss it passes."""
    serving = copied(home, bundle_of(home, "ridge"), "ridge-better")
    bundle = bundle_of(home, "lightgbm", "gates.least_sessions=20")
    dataset = current_dataset(home)
    labels = labels_of(dataset)
    known = pl.DataFrame(
        {
            "date": np.repeat(dataset.sessions, len(dataset.codes)),
            "code": list(dataset.codes) * len(dataset.sessions),
            "horizon": pl.Series([5] * dataset.valid_TN.size, dtype=pl.Int32),
            "label": labels.raw_TNH[:, :, labels.horizons.index(5)].ravel(),
        }
    )
    path = serving.folder / "run" / "predictions.parquet"
    frame = pl.read_parquet(path)
    known = known.with_columns(pl.col("horizon").cast(frame.schema["horizon"]))
    frame = frame.join(known, on=["date", "code", "horizon"], how="left", maintain_order="left")
    with_predictions(serving, pl.lit(frame.select(pl.coalesce(
        pl.col("label").fill_nan(None), pl.col("score"))).to_series()))  # fmt: skip
    made = verdicts_of(home, bundle, serving=serving)
    refused_alone(made, "paired", "against ridge-better on 30 shared test sessions", "--shadow")
    assert made["paired"].figures["difference"] < -0.5
    cannot = verdicts_of(home, bundle_of(home, "lightgbm"), serving=serving)
    refused_alone(cannot, "paired", "cannot be known: 30 test sessions", "--accept paired --why")


def test_a_run_that_is_no_better_and_no_worse_passes(home):
    bundle = bundle_of(home, "lightgbm", "gates.least_sessions=20")
    made = verdicts_of(home, bundle, serving=bundle_of(home, "ridge"))
    assert refused_by(made) == []
    assert made["paired"].figures["n"] == 30


def test_a_value_from_the_future_in_the_dataset(home):
    """One stored feature is that of the next session."""
    dataset = current_dataset(home)
    for path in feature_files(dataset.folder):
        frame = pl.read_parquet(path)
        ahead = pl.col("rsi_14").shift(-1).over("code", order_by="date")
        path.unlink()
        frame.with_columns(pl.coalesce(ahead, "rsi_14").alias("rsi_14")).write_parquet(path)
    reseal(dataset.folder)
    made = verdicts_of(home, bundle_of(home, "ridge"))
    refused_alone(made, "look_ahead", "rsi_14", "values from the future", "gogooku audit --dataset")


def test_a_horizon_that_has_no_score(home):
    bundle = bundle_of(home, "ridge")

    def other(settings):
        settings["portfolio.horizon"]["value"] = 3

    with_json(bundle, "trade.json", other)
    made = verdicts_of(home, bundle)
    assert list(made) == [WHOLE, "horizons"]
    refused_alone(made, "horizons", "horizon 3 is traded and has no score; there are 1, 5, 10, 20")


def test_a_dataset_that_is_gone_or_damaged(home):
    bundle, dataset = bundle_of(home, "ridge"), current_dataset(home)
    values = feature_files(dataset.folder)[0]
    whole = values.read_bytes()
    tampered(values)
    refused_alone(verdicts_of(home, bundle), REPRODUCIBLE, "are damaged")
    values.write_bytes(whole)
    assert refused_by(verdicts_of(home, bundle)) == []
    dataset.folder.rename(dataset.folder.with_name("away"))
    gone = verdicts_of(home, bundle)
    refused_alone(gone, REPRODUCIBLE, dataset.folder.name)
    assert not {"look_ahead", "paired"} & set(gone)


# ---------------------------------------------------------------------------------- the others


def test_a_kept_audit_is_read_and_not_done_again(home, monkeypatch):
    run_cli(home, "audit", "--dates", 1, "--json")
    monkeypatch.setattr("gogooku.releases.gates_of_origin.look_ahead", None)
    made = verdicts_of(home, bundle_of(home, "ridge"))["look_ahead"]
    assert made.outcome is Outcome.PASSED
    assert "none on 1 session(s) computed again (a kept audit)" in made.said


def test_a_shadow_passes_the_gates_without_which_it_cannot_be_scored(home):
    bundle = bundle_of(home, "ridge", card={**CARD, "leaks": ["horizon 5: RankIC +0.9"]})
    assert list(verdicts_of(home, bundle, shadow=True)) == ["whole", "horizons", "contract"]
    assert refused_by(verdicts_of(home, bundle)) == ["leak"]


def test_only_gates_are_accepted_and_only_with_a_reason():
    require_gates(["leak"], why="its market is made up")
    with pytest.raises(UsageError, match="--accept .leek.: no such gate; did you mean leak"):
        require_gates(["leek"], why="x")
    with pytest.raises(UsageError, match="say why with --why"):
        require_gates(["leak"], why=" ")


def test_ties_are_counted_by_value():
    assert tied_share(np.array([1.0, 2.0, 2.0, 3.0])) == 0.5
    assert tied_share(np.array([1.0, 2.0])) == 0.0
    assert tied_share(np.array([])) == 0.0


def test_every_finding_of_the_evaluation_is_kept_and_the_first_is_named():
    bundle = SimpleNamespace(scorecard={"leaks": ["horizon 1: a", "horizon 5: b"]}, run_id="r-1")
    made = leak(SimpleNamespace(bundle=bundle), "leak")
    assert made.refused
    assert made.figures["findings"] == ["horizon 1: a", "horizon 5: b"]
    assert made.said.startswith("2 finding(s) of the evaluation; the first: horizon 1: a")


def test_a_dataset_that_cannot_be_opened_is_a_refusal_in_its_own_words():
    class Gone:
        @property
        def dataset(self):
            raise DataError("no dataset tiny-1 in the home")

    made = data_lost(Gone(), REPRODUCIBLE)
    assert (made.gate, made.refused, made.said) == (
        REPRODUCIBLE, True, "no dataset tiny-1 in the home",
    )  # fmt: skip
