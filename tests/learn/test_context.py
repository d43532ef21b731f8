"""The market context on a scale."""

import dataclasses

import numpy as np

from gogooku.learn.context import ContextScale


def test_context_scale_is_of_train_dates_and_knows_nulls():
    market = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, 5.0]], dtype=np.float32)
    scale = ContextScale.fitted(market)
    assert scale.center == (2.0, 5.0)
    out = scale.apply(np.array([[2.0, 9.0], [np.nan, np.nan], [90.0, 0.0]], dtype=np.float32))
    np.testing.assert_array_equal(out, [[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    assert ContextScale.from_json(scale.to_json()) == scale
    assert dataclasses.is_dataclass(scale)
