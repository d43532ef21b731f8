"""The labels of a run: the dataset's, or permuted within each session."""

import numpy as np
import polars as pl

from gogooku.dataset.home import labels_of
from gogooku.runs.config import LabelOrder
from gogooku.runs.given import bring
from gogooku.runs.labels import judging_labels, run_labels


def test_true_labels_are_those_of_the_dataset(home, ridge):
    dataset = ridge.dataset(home)
    made = run_labels(dataset, ridge.config)
    assert np.array_equal(made.raw_TNH, labels_of(dataset).raw_TNH, equal_nan=True)


def test_shuffled_labels_are_permuted_by_the_seed(home, ridge):
    dataset = ridge.dataset(home)
    shuffled = ridge.config.model_copy(update={"label_order": LabelOrder.SHUFFLED})
    one, again = run_labels(dataset, shuffled), run_labels(dataset, shuffled)
    other = run_labels(dataset, shuffled.model_copy(update={"seed": 2}))
    true = labels_of(dataset).raw_TNH
    assert np.array_equal(one.raw_TNH, again.raw_TNH, equal_nan=True)
    assert not np.array_equal(one.raw_TNH, true, equal_nan=True)
    assert not np.array_equal(one.raw_TNH, other.raw_TNH, equal_nan=True)
    inside = dataset.valid_TN[100]
    sorted_true, sorted_made = (np.sort(a[100][inside][:, 0]) for a in (true, one.raw_TNH))
    assert np.array_equal(sorted_true, sorted_made, equal_nan=True)


def test_a_run_is_judged_by_the_labels_of_its_horizons(home, ridge):
    dataset = ridge.dataset(home)
    whole = judging_labels(dataset, ridge)
    assert np.array_equal(whole.raw_TNH, labels_of(dataset).raw_TNH, equal_nan=True)
    scores = ridge.predictions("test").filter(pl.col("horizon").is_in([1, 10]))
    part = judging_labels(dataset, bring(home, "mine", scores, dataset))
    assert part.horizons == (1, 10)
    for name in ("raw_TNH", "excess_TNH", "residual_TNH", "late_TNH", "outcome_TNH"):
        kept, all_of_them = getattr(part, name), getattr(whole, name)
        assert np.array_equal(kept, all_of_them[:, :, [0, 2]], equal_nan="late" not in name), name
    assert np.array_equal(part.resolved_TH, whole.resolved_TH[:, [0, 2]], equal_nan=True)
