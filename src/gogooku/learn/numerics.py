"""Threads and random numbers of torch, each put back as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


@contextmanager
def numeric_threads(threads: int) -> Iterator[None]:
    """Run torch with a number of threads, and put the old number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(*words: int, device: str = "cpu") -> Iterator[None]:
    """Make torch's generators a function of some integers, and put the old state back.

    Those of the CPU and of the device that is used; others are left alone.
    """
    seed = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
    used = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=used):
        torch.default_generator.manual_seed(seed)
        for one in used:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(seed)
        yield


def generators(device: str) -> dict[str, Tensor]:
    """State of torch's generators that work on a device draws from, by device."""
    found = {"cpu": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        found[device] = torch.cuda.get_rng_state(device)
    return found


def put_generators(states: Mapping[str, Tensor]) -> None:
    """Put torch's generators where `generators` found them."""
    for device, state in states.items():
        if device == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state, device)
