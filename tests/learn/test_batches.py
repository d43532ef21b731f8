import dataclasses

import numpy as np
import torch

from gogooku.learn.batches import PAD_NAMES, ContextScale, DayReader
from support.learning import changed, make_dataset, network, reader, small_config


def test_other_sessions_do_not_leak_into_a_batch():
    dataset, config = make_dataset(), small_config()
    model = network(config).eval()
    x = dataset.x_TNF.copy()
    x[100:] = 0.25
    market = dataset.market_TM.copy()
    market[100] = 3.0
    other = changed(dataset, x_TNF=x, market_TM=market)
    scale = ContextScale.fitted(dataset.market_TM)
    parts = [
        DayReader(
            data,
            dynamic=config.dynamic_features,
            context=config.context_features,
            scale=scale,
            lookback=8,
        ).batch([90, 110])
        for data in (dataset, other)
    ]
    with torch.inference_mode():
        first, second = (model(part)[0] for part in parts)
    assert torch.equal(first, second)


def test_early_sessions_are_padded_with_nothing():
    dataset, config = make_dataset(), small_config()
    batch = reader(dataset, config).batch([3])
    assert batch.history_BNLC.shape == (1, PAD_NAMES, 8, 2)
    assert batch.history_BNLC[0, :, :4].abs().max() == 0
    names = np.flatnonzero(dataset.valid_TN[3])
    np.testing.assert_array_equal(
        batch.history_BNLC[0, : len(names), -1, 1], dataset.x_TNF[3][names, 3]
    )


def test_context_scale_is_of_train_dates_and_knows_nulls():
    market = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, 5.0]], dtype=np.float32)
    scale = ContextScale.fitted(market)
    assert scale.center == (2.0, 5.0)
    out = scale.apply(np.array([[2.0, 9.0], [np.nan, np.nan], [90.0, 0.0]], dtype=np.float32))
    np.testing.assert_array_equal(out, [[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    assert ContextScale.from_json(scale.to_json()) == scale
    assert dataclasses.is_dataclass(scale)
