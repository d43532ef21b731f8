import pytest
import torch

from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.train_state import TrainState


def test_the_latest_epoch_that_is_not_worse_is_kept_and_patience_ends_the_fit():
    model = torch.nn.Linear(1, 1)
    state = TrainState.fresh(model)
    settings = TrainingConfig(max_epochs=10, patience=2, smoothing=2, tolerance=0.01)
    kept = []
    for measure in (0.01, 0.05, 0.03, 0.04, 0.00, 0.00, 0.9):
        if state.is_done(settings):
            break
        kept.append(state.record(measure, settings))
    assert kept == [True, True, True, True, False, False]
    assert state.best_epoch == 4
    assert state.best_measure == pytest.approx(0.04)
    assert TrainState.fresh(model).is_done(settings) is False


def test_averaged_weights_follow_the_model():
    model = torch.nn.Linear(1, 1, bias=False)
    state = TrainState.fresh(model)
    with torch.no_grad():
        model.weight += 1.0
    gap = (model.weight - state.averaged["weight"]).item()
    state.step = 1
    state.average(model, decay=0.995)
    after = (model.weight - state.averaged["weight"]).item()
    assert after == pytest.approx(gap * 2 / 11)
    state.step = 10**6
    state.average(model, decay=0.5)
    assert (model.weight - state.averaged["weight"]).item() == pytest.approx(after / 2)
