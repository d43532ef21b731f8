"""Raw channels as a network reads them."""

import numpy as np
import pytest
import torch

from gogooku.core.errors import ConfigError, DataError
from gogooku.learn.raw_history import RAW_LIMIT, read_window
from support.learning import RAW, changed, make_dataset, network, reader, small_config, with_raw


def test_steps_become_the_log_price_against_the_last_session():
    steps = np.array([[0.5, np.nan, -2.0, 1.0]], dtype=np.float16)[:, :, None]
    got = read_window(steps, ["log_return"])
    # Prices 0, ... in units of 10 %: each session less the last one.
    np.testing.assert_allclose(got[0, :, 0], [0.2, 0.2, -0.2, 0.0], atol=1e-7)
    np.testing.assert_array_equal(read_window(steps, ["log_gap"])[0, :, 0], [0.5, 0, -2, 1])


def test_what_is_far_out_is_cut():
    wild = np.full((1, 5, 1), 64.0, dtype=np.float16)
    assert read_window(wild, ["log_return"]).min() == -RAW_LIMIT
    assert read_window(wild, ["log_value"]).max() == RAW_LIMIT


def test_a_batch_holds_the_raw_history_of_its_names():
    dataset = with_raw(make_dataset())
    config = small_config(raw_channels=("abs_return", "log_return"))
    batch = reader(dataset, config).batch([3, 90])
    names = np.flatnonzero(dataset.valid_TN[90])
    expected = read_window(
        dataset.raw_TNC[83:91][:, names][..., [2, 0]].transpose(1, 0, 2),
        ["abs_return", "log_return"],
    )
    np.testing.assert_array_equal(batch.raw_BNLR[1, : len(names)], expected)
    assert batch.raw_BNLR[0, :, :4].abs().max() == 0
    assert batch.raw_BNLR[1, len(names) :].abs().max() == 0


def test_later_sessions_change_nothing_that_is_read():
    dataset = with_raw(make_dataset())
    config = small_config(raw_channels=RAW)
    later = dataset.raw_TNC.copy()
    later[91:] = 3.0
    first, second = (
        reader(data, config).batch([90]).raw_BNLR
        for data in (dataset, changed(dataset, raw_TNC=later))
    )
    assert torch.equal(first, second)


def test_the_network_reads_what_it_is_given():
    dataset = with_raw(make_dataset())
    config = small_config(raw_channels=RAW)
    batch = reader(dataset, config).batch([90])
    model = network(config).eval()
    with torch.inference_mode():
        before = model(batch)
        batch.raw_BNLR[0, :, -2, 1] += 1.0
        assert not torch.equal(before, model(batch))


def test_a_dataset_without_raw_channels_is_refused():
    with pytest.raises(DataError, match=r"tiny has no raw channels.*build it again"):
        reader(make_dataset(), small_config(raw_channels=("log_return",)))


def test_a_channel_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"raw_channels: 1 of 2.*log_prize"):
        reader(with_raw(make_dataset()), small_config(raw_channels=("log_return", "log_prize")))


def test_a_network_without_history_takes_no_raw_channels():
    with pytest.raises(ValueError, match="temporal=none"):
        small_config(temporal="none", fan="none", raw_channels=("log_return",))


def test_the_first_of_two_names_that_is_there_is_read_for_what_it_is():
    dataset = with_raw(make_dataset())
    named, given = (
        reader(dataset, small_config(raw_channels=(one,))).batch([90]).raw_BNLR
        for one in ("log_gap|log_return", "log_return")
    )
    assert torch.equal(named, given)
