from support.cli import NETWORK, done, sets


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
