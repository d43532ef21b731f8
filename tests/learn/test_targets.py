import numpy as np
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.learn.targets import fold_labels, spread_over
from support.learning import changed, make_dataset, make_fold, make_labels, small_config


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    return dataset, make_labels(dataset), make_fold(dataset)


def config():
    return small_config()


def test_labels_that_resolve_late_are_left_out(case):
    dataset, labels, fold = case
    late = labels.late_TNH.copy()
    index = int(fold.indices("train")[-1])
    name = int(np.flatnonzero(dataset.valid_TN[index] & labels.tradable_TN[index])[0])
    late[index, name, 0] = 25
    part = fold_labels(dataset, changed(labels, late_TNH=late), fold, config=config()).train
    row = int(np.flatnonzero(part.indices == index)[0])
    assert np.isnan(part.values_TNH[row, name, 0])
    assert np.isfinite(part.values_TNH[row, name, 1:]).all()


def test_labels_are_normal_scores_of_names_in_the_universe_that_can_be_bought(case):
    dataset, labels, fold = case
    part = fold_labels(dataset, labels, fold, config=config()).train
    for row, t in enumerate(part.indices.tolist()):
        use = dataset.valid_TN[t] & labels.tradable_TN[t]
        np.testing.assert_array_equal(np.isfinite(part.values_TNH[row, :, 2]), use)
        assert abs(part.values_TNH[row, use].mean()) < 1e-6
        best = np.nanargmax(np.where(use, labels.residual_TNH[t, :, 2], np.nan))
        assert np.nanargmax(part.values_TNH[row, :, 2]) == best


def test_labels_of_other_codes_and_empty_parts_are_refused(case):
    dataset, labels, fold = case
    with pytest.raises(ContractError, match="other sessions or codes"):
        fold_labels(dataset, changed(labels, codes=labels.codes[::-1]), fold, config=config())
    nobody = changed(labels, tradable_TN=np.zeros_like(labels.tradable_TN))
    with pytest.raises(DataError, match="none of 60 sessions"):
        fold_labels(dataset, nobody, fold, config=config())


def test_sessions_are_spread_evenly_and_all_where_there_are_few():
    assert spread_over(3, range(10, 21)) == [10, 15, 20]
    assert spread_over(8, [4, 6]) == [4, 6]
