"""Parts of a dataset as datasets."""

import numpy as np
import pytest

from gogooku.core.errors import ConfigError
from gogooku.learn.views import last_sessions, with_features
from support.learning import make_dataset, reader, small_config, with_raw


def test_fewer_features_are_the_same_columns_under_hashes_of_their_own():
    dataset = make_dataset()
    part = with_features(dataset, ("delta", "alpha"))
    assert part.features == ("delta", "alpha")
    assert part.x_TNF.shape == (150, 40, 2)
    np.testing.assert_array_equal(part.x_TNF[7], dataset.x_TNF[7][:, [3, 0]])
    np.testing.assert_array_equal(part.x_TNF[7:9], dataset.x_TNF[7:9][:, :, [3, 0]])
    assert part.market_features == dataset.market_features
    hashes = {(one.feature_hash, one.content_hash) for one in (dataset, part)}
    other = with_features(dataset, ("alpha", "delta"))
    assert len({*hashes, (other.feature_hash, other.content_hash)}) == 3


def test_a_feature_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="features: 1 of 2 names.*omega"):
        with_features(make_dataset(), ("alpha", "omega"))


@pytest.mark.parametrize("raw", [(), ("log_return",)])
def test_a_session_in_memory_is_scored_as_in_the_dataset(raw):
    """All names of the universe: peers too are what they were."""
    dataset, config = with_raw(make_dataset()), small_config(raw_channels=raw)
    names = np.flatnonzero(dataset.valid_TN[90])
    part = last_sessions(dataset, 90, names, sessions=config.lookback)
    assert part.x_TNF.shape == (8, len(names), 5)
    want = reader(dataset, config).batch([90])
    got = reader(part, config).batch([7])
    for name in ("last_BNF", "history_BNLC", "raw_BNLR", "neighbour_BNK", "valid_BN"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name), err_msg=name)
    assert part.sessions[-1] == dataset.sessions[90]
    assert part.codes == tuple(dataset.codes[name] for name in names)


def test_a_few_names_are_the_only_ones_there():
    dataset = make_dataset()
    names = np.flatnonzero(dataset.valid_TN[90])[::3]
    part = last_sessions(dataset, 90, names, sessions=8)
    assert part.valid_TN[7].all()
    kept = {(row, int(peer)) for row, peers in enumerate(part.neighbour_BNK[0]) for peer in peers}
    block = dataset.neighbour_block_T[90]
    place = {int(name): row for row, name in enumerate(names)}
    assert kept == {
        (place[int(name)], place.get(int(peer), -1))
        for name in names
        for peer in dataset.neighbour_BNK[block][name]
    }


def test_before_the_first_session_there_is_nothing_and_the_dataset_stays_as_it_is():
    dataset = with_raw(make_dataset())
    before = dataset.x_TNF.copy()
    part = last_sessions(dataset, 2, np.arange(4), sessions=8)
    assert part.x_TNF.shape[0] == part.raw_TNC.shape[0] == len(part.sessions) == 3
    part.x_TNF[:] = 9.0
    np.testing.assert_array_equal(dataset.x_TNF, before)
