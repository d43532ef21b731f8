"""Every fold is fitted, no session is scored twice, nothing is scored that was trained on."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ConfigError, ContractError, DataError
from gogooku.evaluate.split import FractionSplit, WalkForwardSplit, make_folds
from gogooku.evaluate.walk_forward import walk_forward

SESSIONS = tokyo_sessions(date(2019, 1, 1), date(2021, 12, 31))
CODES = ("10000", "20000", "30000")


@dataclass
class Fitted:
    trained_through: dict
    horizons: tuple = (1, 5)


def fit_on(log, *, late=timedelta(0), horizons=(1, 5)):
    def fit(fold):
        log.append(fold)
        through = fold.valid[1] + late
        return Fitted(dict.fromkeys(horizons, through), horizons)

    return fit


def score(checkpoint, indices):
    base = np.arange(len(indices) * 6, dtype=np.float32).reshape(len(indices), 3, 2)
    base[:, 2] = np.nan
    return base


def test_every_fold_is_fitted_and_scored_once():
    folds, log = make_folds(WalkForwardSplit(num_folds=4), SESSIONS), []
    result = walk_forward(folds, fit=fit_on(log), score=score)
    assert log == list(folds)
    assert (np.diff(result.indices) == 1).all()
    assert result.scores.shape == (len(result.indices), 3, 2)
    assert sorted(set(result.fold_t.tolist())) == [0, 1, 2, 3]
    forecasts = result.forecasts(SESSIONS, CODES)
    assert len(forecasts) == 4
    assert forecasts[1].frame["date"].min() == folds[1].test[0]
    assert set(forecasts[0].frame["code"]) == {"10000", "20000"}


def test_a_session_in_two_test_parts_is_refused():
    (fold,) = make_folds(FractionSplit(), SESSIONS)
    with pytest.raises(ConfigError, match="test part of two folds"):
        walk_forward([fold, fold], fit=fit_on([]), score=score)
    folds = make_folds(WalkForwardSplit(num_folds=2), SESSIONS)
    with pytest.raises(ConfigError, match="out of order"):
        walk_forward(folds[::-1], fit=fit_on([]), score=score)
    with pytest.raises(ConfigError, match="no folds"):
        walk_forward([], fit=fit_on([]), score=score)


def test_a_checkpoint_that_saw_its_test_part_is_refused():
    folds = make_folds(FractionSplit(), SESSIONS)
    with pytest.raises(ContractError, match="after its fold"):
        walk_forward(folds, fit=fit_on([], late=timedelta(days=60)), score=score)


def test_folds_of_different_horizons_are_refused():
    folds = make_folds(WalkForwardSplit(num_folds=2), SESSIONS)
    fits = {folds[0].test: fit_on([]), folds[1].test: fit_on([], horizons=(1,))}
    with pytest.raises(ContractError, match="horizons"):
        walk_forward(folds, fit=lambda fold: fits[fold.test](fold), score=score)


def test_forecasts_refuse_dates_that_touch_training():
    folds = make_folds(FractionSplit(), SESSIONS)
    result = walk_forward(folds, fit=fit_on([]), score=score)
    object.__setattr__(result, "trained_through", ({1: folds[0].test[0], 5: folds[0].test[0]},))
    with pytest.raises(DataError, match="used in fitting"):
        result.forecasts(SESSIONS, CODES)
