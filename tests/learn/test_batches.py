import numpy as np
import pytest
import torch

from gogooku.learn.batches import PAD_NAMES, Channels, DayReader, missing, packed_labels
from gogooku.learn.context import ContextScale
from gogooku.learn.names import ALL
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


def test_only_the_names_that_are_asked_for_are_packed():
    dataset, config = make_dataset(), small_config()
    whole, source = reader(dataset, config).batch([90]), reader(dataset, config)
    names = source.names(90)
    kept = np.flatnonzero(np.arange(len(names)) % 3 > 0)
    part = source.batch([90], only=[names[kept]])
    count = len(kept)
    assert part.valid_BN.sum() == count
    assert torch.equal(part.last_BNF[0, :count], whole.last_BNF[0, kept])
    assert torch.equal(part.history_BNLC[0, :count], whole.history_BNLC[0, kept])
    place = np.full(len(names) + 1, -1)
    place[kept] = np.arange(count)
    wanted = place[whole.neighbour_BNK[0, kept].numpy()]
    np.testing.assert_array_equal(part.neighbour_BNK[0, :count], wanted)
    assert (wanted == -1).any()
    assert (wanted >= 0).any()


def test_labels_lie_where_their_names_do():
    values = np.arange(24, dtype=np.float32).reshape(2, 6, 2)
    values[1, 4] = np.nan
    out = packed_labels(values, [1, 0], [np.array([2, 4]), np.array([0, 1, 5])], width=4)
    np.testing.assert_array_equal(out[0, 0], values[1, 2])
    np.testing.assert_array_equal(out[1, :3], values[0, [0, 1, 5]])
    assert np.isnan(out[0, 1:]).all()
    assert np.isnan(out[1, 3]).all()


def test_negative_zero_is_null_and_survives_the_packing():
    dataset, config = make_dataset(), small_config()
    x = dataset.x_TNF.copy()
    names = np.flatnonzero(dataset.valid_TN[90])
    x[90, names[0], 1], x[90, names[1], 1] = -0.0, 0.0
    batch = reader(changed(dataset, x_TNF=x), config).batch([90])
    flags = missing(batch.last_BNF)
    assert flags[0, 0, 1] == 1
    assert flags.sum() == 1
    same = reader(dataset, config).batch([90]).last_BNF.clone()
    same[0, :2, 1] = 0
    assert torch.equal(batch.last_BNF, same)


def test_all_of_the_market_context_may_be_read():
    dataset, config = make_dataset(), small_config()
    named = reader(dataset, config).batch([90]).market_BM
    every = reader(dataset, small_config(context_features=ALL)).batch([90]).market_BM
    assert torch.equal(every, named)


def test_channels_hold_the_names_of_a_universe_alone_and_give_what_the_tensor_has():
    dataset = make_dataset()
    x, columns = np.asarray(dataset.x_TNF), np.array([3, 0])
    some = np.array([1, 4, 5])
    held = Channels(dataset.x_TNF, columns, names=some)
    for first, stop, names in ((2, 9, [1, 5]), (0, 4, [4]), (5, 12, [5])):
        np.testing.assert_array_equal(
            held.window(first, stop, np.array(names)),
            x[first:stop][:, names][:, :, columns].transpose(1, 0, 2),
        )
    with pytest.raises(IndexError):
        held.window(0, 3, np.array([2]))
