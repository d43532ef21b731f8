"""A batch made on the device has the bytes of one made on the host."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from gogooku.core.config import Residence
from gogooku.learn import resident
from gogooku.learn.batches import DayBatch
from gogooku.learn.resident import ResidentReader, placed
from support.learning import (
    RAW,
    changed,
    make_dataset,
    reader,
    small_config,
    with_raw,
    with_sectors,
)


@pytest.fixture(scope="module", params=[False, True], ids=["", "raw"])
def host(request):
    dataset = with_sectors(make_dataset())
    x = np.where(dataset.x_TNF == dataset.x_TNF[0, 0, 0], -0.0, dataset.x_TNF)
    x[:, 3] = -0.0
    dataset = changed(dataset, x_TNF=x.astype(np.float16))
    if not request.param:
        return reader(dataset, small_config())
    return reader(with_raw(dataset), small_config(raw_channels=RAW))


def on_device(host, *, first=0, stop=150):
    return ResidentReader(host, first=first, stop=stop, device="cpu")


def same(one, other):
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(DayBatch)]
    return all(
        a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
        for a, b in pairs
    )


@pytest.mark.parametrize("indices", [[90], [0], [3, 149, 75], [74, 75]])
def test_whole_sessions(host, indices):
    assert same(on_device(host).batch(indices), host.batch(indices))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_some_names(host, share):
    rng = np.random.default_rng(1)
    indices = [2, 80, 140]
    only = [n[rng.random(len(n)) < share] for n in (host.names(t) for t in indices)]
    assert same(on_device(host).batch(indices, only=only), host.batch(indices, only=only))


def test_a_session_without_names(host):
    none = [np.array([], dtype=np.intp)]
    assert same(on_device(host).batch([50], only=none), host.batch([50], only=none))


def test_a_few_sessions_are_held_and_others_are_read_as_before(host):
    held = on_device(host, first=40, stop=90)
    assert len(held._x_TNF) == 50
    for indices in ([47, 89], [46], [89, 90], [10]):
        assert same(held.batch(indices), host.batch(indices))


def test_where_it_lies_is_a_setting_or_a_matter_of_the_free_memory(host, monkeypatch):
    def put(residence):
        return placed(host, [20, 60], device="cpu", residence=residence)

    made, facts = put(Residence.ON)
    assert isinstance(made, ResidentReader)
    assert (made.first, made.stop) == (13, 61)
    size = 48 * 40 * (5 * 2 + 2 * len(host.raw_names) + 4) + host.dataset.neighbour_BNK.nbytes
    assert facts == {"resident": True, "tensor_bytes": size, "free_bytes": None}
    assert put(Residence.AUTO) == (host, {**facts, "resident": False})
    monkeypatch.setattr(resident, "free_bytes", lambda _: 2 * size)
    assert put(Residence.AUTO)[1] == {
        "resident": True,
        "tensor_bytes": size,
        "free_bytes": 2 * size,
    }
    assert put(Residence.OFF)[0] is host
    monkeypatch.setattr(resident, "free_bytes", lambda _: 2 * size - 2)
    assert put(Residence.AUTO)[0] is host


def test_no_memory_after_all_is_no_end_unless_it_is_wanted(host, monkeypatch):
    def lacking(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(resident, "free_bytes", lambda _: 10**12)
    monkeypatch.setattr(ResidentReader, "__init__", lacking)
    assert placed(host, [20], device="cpu", residence=Residence.AUTO)[0] is host
    with pytest.raises(torch.OutOfMemoryError):
        placed(host, [20], device="cpu", residence=Residence.ON)
