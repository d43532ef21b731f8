"""Every split is fitted once, every session is on every path once."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ConfigError, ContractError
from gogooku.evaluate.cross_split import CombinatorialSplit, PurgedKFoldSplit, cross_folds
from gogooku.evaluate.cross_validation import cross_validate
from gogooku.evaluate.split import FractionSplit, make_folds

SESSIONS = tokyo_sessions(date(2019, 1, 1), date(2021, 12, 31))


@dataclass
class Fitted:
    number: int
    horizons: tuple = (1, 5)

    @property
    def trained_through(self):
        return dict.fromkeys(self.horizons, date(2021, 12, 1))


def fit_on(log, *, horizons=lambda number: (1, 5)):
    def fit(fold):
        log.append(fold)
        return Fitted(len(log) - 1, horizons(len(log) - 1))

    return fit


def score(checkpoint, indices):
    return np.full((len(indices), 3, 2), float(checkpoint.number), dtype=np.float32)


def test_every_split_is_fitted_and_scores_its_own_test_part():
    folds, log = cross_folds(CombinatorialSplit(num_groups=5), SESSIONS), []
    made = cross_validate(folds, fit=fit_on(log), score=score)
    assert log == list(folds)
    assert made.num_paths == 4
    assert made.horizons == (1, 5)
    for number, fold in enumerate(folds):
        np.testing.assert_array_equal(made.indices[number], fold.indices("test"))
        assert (made.scores[number] == number).all()


def test_splits_that_make_no_whole_paths_are_refused():
    folds = cross_folds(PurgedKFoldSplit(), SESSIONS)
    with pytest.raises(ConfigError, match="tested twice and 0 never"):
        cross_validate([*folds, folds[0]], fit=fit_on([]), score=score)
    wrong = [replace(folds[0], paths=(1,)), *folds[1:]]
    with pytest.raises(ConfigError, match="never"):
        cross_validate(wrong, fit=fit_on([]), score=score)
    with pytest.raises(ConfigError, match="0 of 0 folds"):
        cross_validate([], fit=fit_on([]), score=score)


def test_steps_of_a_walk_forward_are_no_splits():
    with pytest.raises(ConfigError, match="0 of 1 folds are splits"):
        cross_validate(make_folds(FractionSplit(), SESSIONS), fit=fit_on([]), score=score)


def test_splits_of_different_horizons_are_refused():
    folds = cross_folds(PurgedKFoldSplit(num_folds=3), SESSIONS)
    fit = fit_on([], horizons=lambda number: (1, 5) if number < 2 else (1,))
    with pytest.raises(ContractError, match="one config"):
        cross_validate(folds, fit=fit, score=score)
