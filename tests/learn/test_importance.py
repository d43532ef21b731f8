"""What is lost without a group of features."""

from dataclasses import dataclass

import numpy as np
import pytest

from gogooku.learn.importance import evenly_spaced, rank_ic_lost
from gogooku.learn.targets import fold_labels
from support.learning import make_dataset, make_fold, make_labels, small_config


@dataclass
class Sums:
    """A checkpoint whose score is a sum of some columns over some sessions."""

    weights: dict[tuple[int, int], float]
    """By column and sessions back."""
    seen: list

    def scores(self, dataset, indices):
        self.seen.append(np.array(dataset.x_TNF))
        (t,) = indices
        total = sum(
            weight * dataset.x_TNF[t - back][:, column].astype(np.float32)
            for (column, back), weight in self.weights.items()
        )
        return np.repeat(total[None, :, None], 4, axis=2)


def case(**weights):
    dataset = make_dataset(sessions=190, names=60)
    labels = make_labels(dataset, ic=0.5)
    valid = fold_labels(dataset, labels, make_fold(dataset), config=small_config()).valid
    return dataset, valid


GROUPS = [np.array([0]), np.array([1, 2]), np.array([3]), np.array([4])]


def lost(weights, *, lookback=4, names=100, seed=0):
    dataset, valid = case()
    checkpoint = Sums(weights, [])
    rng = np.random.default_rng(seed)
    _, got = rank_ic_lost(
        checkpoint, dataset, valid, GROUPS, names=names, lookback=lookback, rng=rng
    )
    return got.mean(axis=2), checkpoint.seen, valid


def test_what_is_not_read_costs_nothing_at_all():
    got, _, valid = lost({(0, 0): 1.0, (3, 0): 0.2})
    assert got.shape == (len(valid.indices), 4)
    np.testing.assert_array_equal(got[:, [1, 3]], 0.0)
    assert got[:, 0].mean() > 0.3


def test_noise_that_is_read_is_worth_less_than_nothing():
    """Or as little: exchanging it among names takes nothing from a score that it only disturbs."""
    got, _, _ = lost({(0, 0): 1.0, (3, 0): 1.0})
    assert abs(got[:, 2].mean()) < 3 * got[:, 2].std() / np.sqrt(len(got)) + 0.01
    assert got[:, 0].mean() > 0.2


def test_whole_windows_move_and_everything_else_stays():
    """A name's history and last value of a group become those of one other name, together."""
    _, seen, _ = lost({(0, 0): 1.0})
    intact, first, second = seen[:3]
    for changed, group, rest in ((first, [0], [1, 2, 3, 4]), (second, [1, 2], [0, 3, 4])):
        np.testing.assert_array_equal(changed[:, :, rest], intact[:, :, rest])
        windows = {intact[:, n][:, group].tobytes(): n for n in range(intact.shape[1])}
        order = [windows[changed[:, n][:, group].tobytes()] for n in range(intact.shape[1])]
        assert sorted(order) == list(range(intact.shape[1]))
        assert order != sorted(order)


def test_the_history_counts_as_the_last_value_does():
    """Columns that are read three sessions back only; what lies further back is not there."""
    dataset, valid = case()
    x = dataset.x_TNF
    x[3:, :, 3] = x[3:, :, 0]
    x[: len(x) - 3, :, 3] = x[3:, :, 0]  # `delta` three sessions ago is `alpha` now
    intact, lost_TGH = rank_ic_lost(
        Sums({(3, 3): 1.0}, []), dataset, valid, GROUPS, lookback=4, rng=np.random.default_rng(0)
    )
    got = lost_TGH.mean(axis=2)
    assert intact.shape == (len(valid.indices), 4)
    assert intact.mean() > 0.3
    assert got[:, 2].mean() > 0.3
    np.testing.assert_array_equal(got[:, [0, 1, 3]], 0.0)


def test_few_names_and_few_sessions_are_enough():
    got, seen, valid = lost({(0, 0): 1.0}, names=20)
    assert {one.shape for one in seen} == {(4, 20, 5)}
    assert got[:, 0].mean() > 0.3
    few = evenly_spaced(valid, sessions=5)
    assert few.indices.tolist() == [valid.indices[k] for k in (0, 5, 10, 14, 19)]
    np.testing.assert_array_equal(few.values_TNH[1], valid.values_TNH[5])
    assert len(evenly_spaced(valid, sessions=500).indices) == len(valid.indices)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_a_function_of_the_seed(seed):
    one, two = (lost({(0, 0): 1.0, (1, 0): 0.5}, seed=seed)[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
