"""Two empty homes, other chunk sizes, other threads: the same content."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.pipeline import build
from support.cli import FEATURES, NETWORK, done, sets, visible

EXECUTIONS = (
    Execution(threads=1, block_names=64, block_sessions=32),
    Execution(threads=3, block_names=5, block_sessions=7),
    Execution(threads=2, block_names=1, block_sessions=200),
)


def test_two_builds_in_two_empty_homes_with_other_chunks_and_threads_are_equal(
    tiny_prices, tmp_path
):
    contents, files = [], []
    for number, execution in enumerate(EXECUTIONS):
        home = tmp_path / f"home{number}"
        done(home, "import", tiny_prices, "--json")
        dataset = build(
            home,
            resolve(BuildConfig(), base_name="build"),
            execution=execution,
            reporter=SilentReporter(),
        )
        contents.append((dataset.content_hash, dataset.manifest["parts"], dataset.folder.name))
        # values lie in a file per block, and the state says how they lie
        kept = visible(home).items()
        files.append({name: content for name, content in kept if "/features/" not in name})
    assert len(dataset.features) > 100, "all features are meant"
    assert contents[1:] == contents[:1] * 2
    assert files[1:] == files[:1] * 2


def test_another_process_with_another_hash_seed_builds_the_same(tiny_prices, built_home, tmp_path):
    home = tmp_path / "home"
    done(home, "import", tiny_prices, "--json")
    script = f"from gogooku.cli import main; main(['build', '--set', 'features={FEATURES}'])"
    other = {"GOGOOKU_HOME": str(home), "PYTHONHASHSEED": "123", "TZ": "UTC+7"}
    environment = {**os.environ, **other}  # noqa: TID251
    subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, timeout=120, cwd=tmp_path
    )
    assert visible(home) == visible(built_home)


RUNS = {
    "ridge": [],
    "lightgbm": sets("learner.rounds=20"),
    "reversal": [],
    "atft-gat-fan": sets(*NETWORK),
}


@pytest.mark.parametrize("run", RUNS)
def test_training_twice_at_one_thread_count_gives_the_same_weights(run, built_home, tmp_path):
    found = []
    for number in range(2):
        home = tmp_path / f"home{number}"
        shutil.copytree(built_home, home)
        made = done(home, "train", run, *RUNS[run], "--threads", 1, "--json").json
        found.append((made["run"], made["content_hash"], made["parts"], visible(home)))
    assert found[0] == found[1]
    assert "predictions" in found[0][2]


def test_another_seed_or_setting_is_another_run(built_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(built_home, home)
    made = [
        done(home, "train", "atft-gat-fan", *sets(*NETWORK), *more, "--threads", 1, "--json").json
        for more in ([], sets("seed=2"), sets("learner.dropout=0.0"))
    ]
    assert len({one["run"] for one in made}) == 3
    assert len({one["content_hash"] for one in made}) == 3


def test_a_finished_artefact_is_not_made_again(built_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(built_home, home)
    (manifest,) = home.glob("datasets/*/manifest.json")
    before = manifest.stat().st_mtime_ns
    again = done(home, "build", *sets(f"features={FEATURES}"), "--threads", 2, "--json").json
    assert manifest.stat().st_mtime_ns == before
    assert again["content_hash"] == json.loads(manifest.read_text())["content_hash"]
