import numpy as np
import pytest
import torch

from gogooku.learn.loss_inputs import loss_inputs
from gogooku.learn.targets import fold_labels
from support.learning import make_dataset, make_fold, make_labels, reader, small_config


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    config = small_config()
    labels, fold = make_labels(dataset), make_fold(dataset)
    known = fold_labels(dataset, labels, fold, config=config, first_history=7, keep_returns=True)
    return reader(dataset, config), known, labels


def test_names_and_returns_are_those_of_the_sessions(case):
    days, known, labels = case
    rows = [4, 5, 9]
    sessions = known.train.indices[rows].tolist()
    names = [days.names(t)[::2] for t in sessions]
    batch = days.batch(sessions, only=names)
    inputs = loss_inputs(days, known, rows, names, batch, quantiles=None, levels=())
    assert inputs.index_B.tolist() == sessions
    assert inputs.horizons == (1, 5, 10, 20)
    assert inputs.features == days.dataset.features
    assert torch.equal(inputs.features_BNF, batch.last_BNF)
    for b, (t, chosen) in enumerate(zip(sessions, names, strict=True)):
        place = inputs.place_BN[b]
        assert place[place >= 0].tolist() == chosen.tolist()
        assert torch.equal(place >= 0, batch.valid_BN[b])
        wanted = labels.residual_TNH[t, chosen]
        wanted[~labels.tradable_TN[t, chosen]] = np.nan
        got = inputs.returns_BNH[b, : len(chosen)].numpy()
        np.testing.assert_array_equal(got, np.nan_to_num(wanted))
    assert inputs.returns_BNH.isfinite().all()


def test_returns_that_were_not_kept_are_not_there(case):
    days, known, _ = case
    bare = type(known)(train=known.train, valid=known.valid, horizons=known.horizons)
    names = [days.names(int(known.train.indices[0]))]
    batch = days.batch(known.train.indices[:1].tolist())
    given = loss_inputs(days, bare, [0], names, batch, quantiles=batch.market_BM, levels=(0.5,))
    assert given.returns_BNH is None
    assert given.levels == (0.5,)
    assert given.quantiles_BNHQ is batch.market_BM
