"""What a training hangs on, and what it does not."""

import re

import numpy as np
import pytest

from gogooku.core.code import code_of
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import UsageError
from gogooku.core.progress import SilentReporter
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.runs import judge, report, trade, train
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import OUTPUTS_FILE, PREDICTIONS_FILE
from gogooku.runs.named import run_named
from support.cli import done, run_cli, sets
from support.law_world import trained


def test_its_settings_are_learner_split_warm_up_refit_label_order_and_seed():
    names = {"learner", "split", "warmup_sessions", "refit", "label_order", "seed"}
    assert set(TrainConfig.model_fields) == names


@pytest.mark.parametrize("module", [judge, trade, report])
def test_its_key_hangs_on_no_code_of_judging_trading_and_reporting(module):
    theirs = set(code_of([module.__name__])) - set(code_of([train.__name__]))
    assert module.__name__ in theirs
    wanted = {
        judge: "gogooku.evaluate.skill",
        trade: "gogooku.portfolio.backtest",
        report: "gogooku.evaluate.report",
    }
    assert wanted[module] in theirs


def test_judging_and_trading_hang_on_no_code_that_fits():
    for module in (judge, trade):
        code = code_of([module.__name__])
        assert train.__name__ not in code
        assert "gogooku.learn.networks" not in code


@pytest.mark.parametrize("setting", ["judge_label=excess", "backtest.portfolio.top_k=20"])
def test_settings_of_judging_and_trading_are_no_settings_of_a_training(setting, home):
    result = run_cli(home, "train", "ridge", *sets(setting))
    assert result.code == 2
    assert f"unknown setting '{setting.partition('=')[0]}'" in result.err


def test_a_finished_run_is_found_again(home, ridge, monkeypatch):
    def never(*_, **__):
        pytest.fail("fitted again")

    monkeypatch.setattr(train, "walk_forward", never)
    again = train.train(
        home,
        "ridge",
        resolve(run_named("ridge"), base_name="ridge"),
        ridge.dataset(home),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )
    assert again.folder == ridge.folder


def test_what_a_network_gives_beside_its_scores_is_kept_if_it_is_asked_for(home, tmp_path, ridge):
    assert not (ridge.folder / OUTPUTS_FILE).exists()
    assert "outputs" not in ridge.manifest["parts"]
    loss = '[{}, {loss={kind="pinball"}}]'
    chosen = (
        "learner.training.loss.kind=combined",
        f"learner.training.loss.parts={loss}",
        "learner.quantiles=[0.1, 0.9]",
        "learner.dropout_passes=3",
        "refit=true",
    )
    run = trained(tmp_path, "atft-gat-fan", ridge.dataset(home), *chosen)
    frame = run.files.parquet(OUTPUTS_FILE)
    keys = ["fold", "part", "date", "code", "horizon"]
    assert frame.columns == [*keys, "q0.1", "q0.9", "place_spread"]
    scores = run.files.parquet(PREDICTIONS_FILE)
    assert frame.select(keys).sort(keys).equals(scores.select(keys).sort(keys))
    assert frame.null_count().sum_horizontal().item() == 0
    assert (frame["q0.9"] > frame["q0.1"]).all()
    assert (frame["place_spread"] > 0).mean() > 0.5


@pytest.mark.parametrize(
    "setting", ["seed=2", "warmup_sessions=50", "split.train=0.5", "label_order=shuffled"]
)
def test_each_of_its_settings_makes_another_run(setting, home, ridge):
    made = done(home, "train", "ridge", *sets(setting), "--json").json
    assert made["run"] != ridge.run_id


@pytest.mark.parametrize("name", ["../outside", "x" * 300, "<script>"])
def test_a_run_whose_name_is_none_of_a_folder_is_refused_before_anything(name, home, ridge):
    before = sorted((home / "runs").iterdir())
    chosen = resolve(run_named("ridge"), base_name="ridge")
    with pytest.raises(UsageError, match="a name begins with"):
        train.train(
            home,
            name,
            chosen,
            ridge.dataset(home),
            execution=Execution(threads=1),
            reporter=SilentReporter(),
        )
    assert sorted((home / "runs").iterdir()) == before


def spoil(monkeypatch, run, where, value):
    """Make some scores of every checkpoint of its kind another number."""
    kind = type(load_checkpoint(run.checkpoints()[0]))
    whole = kind.scores

    def scores(self, dataset, indices):
        made = whole(self, dataset, indices).copy()
        made[where] = value
        return made

    monkeypatch.setattr(kind, "scores", scores)


@pytest.mark.parametrize("split", ["fractions", "purged_kfold"])
@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (np.s_[:, :, 2], np.nan, "at horizon 10 is a number"),
        (np.s_[0, 3, 1], np.inf, "1 of .* scores of .* are infinite"),
        (np.s_[-1, :, 0], -np.inf, "40 of .* scores of .* are infinite"),
    ],
)
def test_scores_that_are_no_numbers_make_no_run(
    where, value, said, split, home, ridge, monkeypatch
):
    spoil(monkeypatch, ridge, where, value)
    before = sorted((home / "runs").glob("[!.]*"))
    refused = run_cli(home, "train", "ridge", *sets(f"split.kind={split}", "seed=5"))
    assert refused.code == 3
    assert re.search(said, refused.err), refused.err
    assert sorted((home / "runs").glob("[!.]*")) == before


def test_a_name_without_a_score_is_no_failure(home, ridge, monkeypatch):
    spoil(monkeypatch, ridge, np.s_[:, 3], np.nan)
    assert done(home, "train", "ridge", *sets("seed=5"), "--json").json["horizons"] == [
        1,
        5,
        10,
        20,
    ]
