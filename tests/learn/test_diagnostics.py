import numpy as np
import pytest
import torch
from torch import nn

from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached


def test_a_weight_that_the_loss_does_not_reach_is_named():
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "spare": nn.Linear(2, 1, bias=False)})
    model["used"](torch.ones(3, 2)).sum().backward()
    norms = gradient_norms(model)
    assert norms == {"used.weight": pytest.approx(3 * 2**0.5), "used.bias": 3.0, "spare.weight": 0}
    assert unreached(norms) == ["spare.weight"]
    assert unreached({"a": float("nan"), "b": 1.0}) == ["a"]


def test_the_spread_is_over_names_and_averaged_over_sessions():
    score = np.array([[[1.0, 5.0], [3.0, 5.0], [np.nan, np.nan]], [[0.0, 5.0], [6.0, 5.0], [3, 5]]])
    assert score_spread(score.astype(np.float32)) == pytest.approx([(1.0 + 6**0.5) / 2, 0.0])
