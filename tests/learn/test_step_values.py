"""Losses are read at once on the CPU, and some steps later where reading waits for a GPU."""

import math

import pytest
import torch

from gogooku.core.errors import DataError
from gogooku.learn.step_values import AHEAD, StepValues
from gogooku.learn.train_state import EpochSoFar


def named(rows):
    return f"sessions {rows}"


def noted(values, losses, so_far):
    for step, loss in enumerate(losses):
        values.loss(step, [step], torch.tensor(loss), so_far)
        values.norm(torch.tensor(10.0 * loss))


def test_on_the_cpu_the_step_that_went_wrong_is_the_one_that_stops():
    so_far = EpochSoFar()
    with pytest.raises(DataError, match=r"the loss is nan at step 1 \(sessions \[1\]\)"):
        noted(StepValues("cpu", named), [0.5, math.nan, 0.25], so_far)
    assert so_far.losses == [0.5]


def test_elsewhere_they_are_read_in_order_after_some_steps():
    so_far, losses = EpochSoFar(), [0.5 * n for n in range(AHEAD + 2)]
    values = StepValues("cuda", named)
    noted(values, losses[: AHEAD - 1], so_far)
    assert so_far.losses == []
    noted(values, losses[AHEAD - 1 :], so_far)
    assert so_far.losses == losses[:AHEAD]
    values.read(so_far)
    assert so_far.losses == losses
    assert so_far.norms == [10.0 * loss for loss in losses]
    values.read(so_far)
    assert len(so_far.losses) == len(losses)


def test_what_is_read_late_names_the_first_step_that_went_wrong():
    so_far = EpochSoFar()
    values = StepValues("cuda", named)
    noted(values, [0.5, math.inf, math.nan], so_far)
    with pytest.raises(DataError, match=r"the loss is inf at step 1 \(sessions \[1\]\)"):
        values.read(so_far)
    assert so_far.losses == []
