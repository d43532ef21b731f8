import shutil

from support.cli import NETWORK, done, run_cli, sets


def test_train_says_where_the_run_is(home):
    said = done(home, "train", "reversal").out
    made = done(home, "train", "reversal", "--json").json
    assert made["run"] in said
    assert made["folder"].endswith(made["run"])


def test_train_on_a_named_dataset_with_a_config_file(home, tmp_path):
    (dataset,) = [p.parent.name for p in home.glob("datasets/*/manifest.json")]
    config = tmp_path / "run.toml"
    config.write_text("seed = 7\n[learner]\npenalties = [0.1]\n")
    made = done(home, "train", "ridge", "--dataset", dataset, "--config", config, "--json").json
    explained = done(home, "explain", made["run"], "--json").json
    assert explained["seed"] == 7
    assert explained["config"]["learner.penalties"]["from"] == "file run.toml"


def test_threads_do_not_change_what_is_built_but_are_stamped_in_a_run(home):
    command = ["train", "atft-gat-fan", *sets(*NETWORK)]
    one = done(home, *command, "--threads", 1, "--json").json
    two = done(home, *command, "--threads", 2, "--json").json
    assert one["run"] != two["run"]
    assert done(home, "explain", two["run"], "--json").json["threads"] == 2


def test_settings_for_few_names_come_before_those_that_are_given(home):
    small = ("learner.hidden=8", "learner.lookback=8", "learner.context_features=['uni_vol_20']")
    brief = ("learner.training.max_epochs=1", "learner.training.days_per_batch=16")
    command = ["train", "atft-gat-fan", "--few-names", *sets(*small, *brief)]
    made = done(home, *command, "--json").json
    config = done(home, "explain", made["run"], "--json").json["config"]
    assert config["learner.graph"] == {"value": "knn", "from": "run atft-gat-fan, few names"}
    assert config["learner.hidden"]["from"] == "--set"
    assert config["learner.gates"]["from"] == "default"


FOLDS = sets("split.kind=walk_forward", "split.num_folds=3", "seed=11")


def test_where_folds_are_fitted_is_one_place_and_one_that_is_known(home):
    both = run_cli(home, "train", "ridge", "--jobs", 2, "--on", "local:2")
    assert both.code == 2
    assert "--on local:2 is --jobs 2" in both.err
    unknown = run_cli(home, "train", "ridge", "--on", "moon:1")
    assert unknown.code == 2
    assert "ray:HOST:PORT" in unknown.err


def test_folds_fitted_by_other_processes_make_the_same_run(home, tmp_path):
    twin = tmp_path / "twin"
    shutil.copytree(home, twin)
    command = ["train", "lightgbm", *FOLDS, *sets("learner.rounds=30")]
    one = done(home, *command, "--json").json
    two = done(twin, *command, "--jobs", 2, "--json").json
    assert one["run"] == two["run"]
    assert one["content_hash"] == two["content_hash"]
    assert one["parts"] == two["parts"]


def test_how_far_the_folds_are_is_said(home):
    made = done(home, "train", "ridge", *FOLDS, "--jobs", 2)
    assert "folds:" in made.err
    assert "at a time: one takes" in made.err


def test_no_folds_at_a_time_are_refused(home):
    refused = run_cli(home, "train", "ridge", "--jobs", 0)
    assert refused.code == 2
    assert "--jobs 0: must be at least 1" in refused.err
