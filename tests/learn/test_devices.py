"""Where networks are fitted and scored, and where they are refused."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError, UsageError
from gogooku.learn import devices
from gogooku.learn.batches import DayBatch
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.devices import available_devices, check_compiled, check_device
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.registry import make_learner
from support.learning import fit, make_dataset, make_fold, make_labels, small_config

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine"
)
"""The check on a real GPU; everything else about devices is checked on any machine."""


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_devices_of_a_machine_are_named(two_gpus):
    assert available_devices() == ("cpu", "cuda", "cuda:0", "cuda:1")
    check_device("atft_gat_fan", "cuda:1")
    with pytest.raises(ConfigError, match=r"'cuda:2'.*available: cpu, cuda, cuda:0, cuda:1"):
        check_device("atft_gat_fan", "cuda:2")


def test_a_device_that_the_machine_lacks_is_refused(no_gpu):
    assert available_devices() == ("cpu",)
    check_device("atft_gat_fan", "cpu")
    with pytest.raises(UsageError, match="'cuda'.*available: cpu$"):
        check_device("atft_gat_fan", "cuda")


@pytest.mark.parametrize("kind", ["ridge", "lightgbm", "momentum", "reversal"])
def test_what_is_no_network_runs_on_the_cpu_only(two_gpus, kind):
    check_device(kind, "cpu")
    with pytest.raises(ConfigError, match=f"{kind} is no network"):
        check_device(kind, "cuda")


def test_a_checkpoint_is_not_read_onto_a_device_it_cannot_use(case, no_gpu, tmp_path):
    fit(make_learner(RidgeConfig()), *case).save(tmp_path)
    with pytest.raises(ConfigError, match="ridge is no network"):
        load_checkpoint(tmp_path, device="cuda")


def test_nothing_is_compiled_for_the_cpu():
    check_compiled("cpu", compiled=False)
    check_compiled("cuda:0", compiled=True)
    with pytest.raises(ConfigError, match="the device is the CPU"):
        check_compiled("cpu", compiled=True)


def test_what_is_compiled_is_stamped_as_another_device():
    assert Execution(device="cuda").where == "cuda"
    assert Execution(device="cuda", compiled=True).where == "cuda compiled"


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:12"])
def test_names_of_devices(device):
    assert Execution(device=device).device == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "CPU", "cpu\n", ""])
def test_what_is_no_device_is_refused(device):
    with pytest.raises(ValidationError, match="device"):
        Execution(device=device)


def test_a_network_scores_where_it_is_put(case, tmp_path, monkeypatch):
    """The device named at loading is the one that batches go to: torch's "meta" stands for it."""
    dataset = case[0]
    learner = NetworkLearner(small_config(training={"max_epochs": 1, "days_per_batch": 30}))
    fit(learner, *case).save(tmp_path)
    monkeypatch.setattr(devices, "available_devices", lambda: ("cpu", "meta"))
    there = load_checkpoint(tmp_path, device="meta")
    assert {w.device.type for w in there.model.parameters()} == {"meta"}
    seen = []
    monkeypatch.setattr(DayBatch, "to", lambda batch, device: seen.append(device) or batch)
    with pytest.raises((RuntimeError, NotImplementedError)):
        there.scores(dataset, np.array([80]))
    assert seen == ["meta"]


@needs_cuda
def test_a_gpu_fits_and_scores_like_the_cpu(case, tmp_path):
    dataset, _, fold = case
    learner = NetworkLearner(small_config(training={"max_epochs": 2, "days_per_batch": 8}))
    state = torch.cuda.get_rng_state()
    there = fit(learner, *case, device="cuda", work=tmp_path / "work")
    assert torch.equal(state, torch.cuda.get_rng_state())
    here = fit(learner, *case)
    there.save(tmp_path)
    test = fold.indices("test")[:20]
    on_cpu = load_checkpoint(tmp_path).scores(dataset, test)
    on_gpu = load_checkpoint(tmp_path, device="cuda").scores(dataset, test)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)
    both = [np.nan_to_num(one).ravel() for one in (on_cpu, here.scores(dataset, test))]
    assert np.corrcoef(both)[0, 1] > 0.95
