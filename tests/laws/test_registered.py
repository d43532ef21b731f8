"""Law: a learner or a loss is a folder and one row, and every row keeps the laws of the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import gogooku
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.progress import SilentReporter
from gogooku.core.registry import Row, chosen_references, load
from gogooku.core.stamp import make_stamp
from gogooku.core.types import Dataset
from gogooku.learn import devices
from gogooku.learn.batches import DayBatch
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.registry import LEARNERS, LOSSES
from gogooku.learn.train import NetworkFit
from gogooku.predict.predictor import Predictor
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named, run_names
from gogooku.runs.train import train
from support.toy import TOY_LEARNER, TOY_LOSS

HEAVY = ("torch", "lightgbm")
PACKAGE = Path(gogooku.__file__).parent
TABLES = (LEARNERS, LOSSES)
SHORT = ("learner.training.max_epochs=2", "learner.training.days_per_batch=8", "learner.lookback=8")


@pytest.fixture
def toy() -> Iterator[None]:
    """The table of learners with one row more."""
    with LEARNERS.registered(TOY_LEARNER):
        yield
    assert "toy_linear" not in LEARNERS.kinds()


def fitted(home: Path, dataset: Dataset, *assignments: str, device: str = "cpu") -> Run:
    name = "toy-linear"
    resolved = resolve(run_named(name), base_name=name, assignments=(*SHORT, *assignments))
    execution = Execution(threads=1, device=device)
    return train(home, name, resolved, dataset, execution=execution, reporter=SilentReporter())


# ------------------------------------------------------------------------------- a row is enough


def test_a_network_of_one_row_trains_saves_loads_and_predicts(
    toy: None, basic_dataset: Dataset, tmp_path: Path
):
    run = fitted(tmp_path, basic_dataset, "learner.width=4", "split.kind=walk_forward")
    assert len(run.checkpoints()) > 1
    assert run.config.learner.width == 4  # type: ignore[attr-defined]
    newest = load_checkpoint(run.checkpoints()[-1])
    last = len(basic_dataset.sessions) - 1
    scores = newest.scores(basic_dataset, np.array([last]))[0]
    ranking = Predictor(run, basic_dataset).ranking()
    inside = np.isfinite(scores).all(axis=1)
    assert ranking.frame.height == int(inside.sum()) > 20
    by_code = dict(zip(basic_dataset.codes, scores[:, 1].tolist(), strict=True))
    shown = dict(ranking.frame.select("code", "score_5").iter_rows())
    assert shown == {code: by_code[code] for code in shown}
    assert len(set(shown.values())) > 20
    test = run.predictions("test")
    assert test.get_column("fold").n_unique() == len(run.checkpoints())


def test_a_run_of_the_same_config_is_found_again_and_settings_bite(
    toy: None, basic_dataset: Dataset, tmp_path: Path
):
    first = fitted(tmp_path, basic_dataset)
    assert fitted(tmp_path, basic_dataset).folder == first.folder
    other = fitted(tmp_path, basic_dataset, "learner.width=3")
    assert other.manifest["parts"]["predictions"] != first.manifest["parts"]["predictions"]


def test_a_loss_of_one_row_trains(toy: None, basic_dataset: Dataset, tmp_path: Path):
    with LOSSES.registered(TOY_LOSS):
        squared = ("learner.training.loss.kind=toy_squared",)
        run = fitted(tmp_path, basic_dataset, *squared)
        scaled = fitted(tmp_path, basic_dataset, *squared, "learner.training.loss.scale=4.0")
        assert TOY_LOSS.function in chosen_references(run.config)
    usual = fitted(tmp_path, basic_dataset)
    assert TOY_LOSS.function not in chosen_references(usual.config)
    parts = {one.manifest["parts"]["predictions"] for one in (run, scaled, usual)}
    assert len(parts) == 3


def test_a_row_that_is_gone_is_refused_everywhere(basic_dataset: Dataset, tmp_path: Path):
    with LEARNERS.registered(TOY_LEARNER):
        run = fitted(tmp_path, basic_dataset)
    assert "toy-linear" not in run_names()
    with pytest.raises(ConfigError, match="no run is named 'toy-linear'. There are: ridge"):
        run_named("toy-linear")
    with pytest.raises(DataError, match="unknown kind 'toy_linear'; there are: ridge"):
        load_checkpoint(run.checkpoints()[0])


# --------------------------------------------------------------------- what holds of every row


def heavy_imports(rows: Iterable[Row]) -> list[str]:
    """Config modules of rows that leave torch or LightGBM imported, in a process of its own."""
    code = (
        f"import importlib, sys\nsys.path[:0] = {sys.path!r}\n"
        "for name in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(name)\n"
        f"    if any(h in set(sys.modules) - before for h in {HEAVY!r}):\n"
        "        print(name)\n"
    )
    modules = [row.config.partition(":")[0] for row in rows]
    done = subprocess.run(
        [sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def all_rows() -> list[Row]:
    return [row for table in TABLES for row in table.rows.values()]


def references(row: Row) -> list[str]:
    return [text for text in vars(row).values() if ":" in text and text != row.meaning]


def test_configs_of_rows_import_nothing_heavy():
    assert heavy_imports(all_rows()) == []


def test_a_heavy_config_is_found():
    assert heavy_imports([replace(TOY_LEARNER, config="support.toy.network:ToyConfig")]) == [
        "support.toy.network"
    ]


def test_references_are_there_and_within_learn():
    for row in all_rows():
        assert [text for text in references(row) if not text.startswith("gogooku.learn.")] == []
        assert all(callable(load(text)) for text in references(row))
    assert [text for text in references(TOY_LEARNER) if text.startswith("support.")]


def folders(place: str) -> set[str]:
    return {path.parent.name for path in (PACKAGE / "learn" / place).glob("*/config.py")}


def folders_of(rows: Iterable[Row]) -> set[str]:
    return {row.config.partition(":")[0].split(".")[-2] for row in rows}


def test_every_folder_has_a_row_and_every_row_a_folder():
    assert folders_of(LEARNERS.rows.values()) == folders("models")
    assert folders_of(LOSSES.rows.values()) == folders("losses")
    assert folders_of([TOY_LEARNER]) == {"toy"}


# ------------------------------------------------------------------------------------- devices


def test_the_device_is_part_of_the_stamp_and_the_cpu_is_what_is_meant_without_one():
    given = {"config_hash": "c", "code": ("gogooku.runs.train",), "inputs": {}, "threads": 1}
    plain = make_stamp("train", **given)  # type: ignore[arg-type]
    cpu = make_stamp("train", **given, device="cpu")  # type: ignore[arg-type]
    gpu = make_stamp("train", **given, device="cuda")  # type: ignore[arg-type]
    assert cpu.key == plain.key != gpu.key
    assert (cpu.device, gpu.device) == (None, "cuda")


def test_a_training_passes_its_device_on_and_refuses_one_that_is_not_there(
    toy: None, basic_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(ConfigError, match="'cuda:99'.*available: cpu"):
        fitted(tmp_path, basic_dataset, device="cuda:99")
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr(devices, "available_devices", lambda: ("cpu", "cuda"))
    seen: list[str] = []

    def fit_on_cpu(fit: NetworkFit) -> tuple[int, ...]:
        seen.append(fit.execution.device)
        return (1,)

    monkeypatch.setattr(NetworkFit, "run", fit_on_cpu)
    monkeypatch.setattr(nn.Module, "to", lambda model, device: seen.append(device) or model)
    monkeypatch.setattr(DayBatch, "to", lambda batch, device: seen.append(device) or batch)
    run = fitted(tmp_path, basic_dataset, device="cuda")
    assert run.stamp.device == "cuda"
    assert set(seen) == {"cuda", "cpu"}
    seen.clear()
    Predictor(run, basic_dataset).ranking()
    assert set(seen) == {"cpu"}
    seen.clear()
    Predictor(run, basic_dataset, device="cuda").ranking()
    assert set(seen) == {"cuda"}
