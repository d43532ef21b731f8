import numpy as np
import pytest
import torch

from gogooku.core.metrics import daily_rank_ic
from gogooku.learn import train_sample
from gogooku.learn.forward import score_sessions
from gogooku.learn.targets import fold_labels
from gogooku.learn.train_sample import FEWEST_SESSIONS, TrainSample
from support.learning import make_dataset, make_fold, make_labels, network, reader, small_config


@pytest.fixture(scope="module")
def case():
    dataset, config = make_dataset(), small_config(graph="none")
    found = fold_labels(dataset, make_labels(dataset), make_fold(dataset), config=config)
    return reader(dataset, config), found.train, network(config)


def chosen(case, *, share=1.0, seed=1):
    return TrainSample.chosen(case[0], case[1], row_share=share, seed=seed)


def test_it_is_the_rank_ic_of_the_scores_in_evaluation_mode(case):
    sample = chosen(case)
    indices = case[1].indices[sample.rows].tolist()
    score = score_sessions(case[2], case[0], indices, device="cpu").astype(float)
    label = case[1].values_TNH[sample.rows].astype(float)
    want = [daily_rank_ic(score[..., h], label[..., h]).mean() for h in range(4)]
    assert sample.rank_ic(case[2].train(), case[0], device="cpu") == pytest.approx(want, abs=1e-9)


def test_the_seed_chooses_and_a_small_fit_has_a_few_sessions(case):
    sample = chosen(case)
    assert sample.rows == chosen(case).rows
    assert sample.rows != chosen(case, seed=2).rows
    assert len(sample.rows) == FEWEST_SESSIONS
    assert sample.rows == sorted(set(sample.rows))


def test_names_beyond_the_most_are_left_out_and_more_sessions_taken(case, monkeypatch):
    monkeypatch.setattr(train_sample, "NAMES", 12)
    monkeypatch.setattr(train_sample, "SHARE", 0.2)
    sample = chosen(case)
    assert len(sample.rows) > 2 * FEWEST_SESSIONS
    assert len(chosen(case, share=0.1).rows) == FEWEST_SESSIONS
    for row, names in zip(sample.rows, sample.names, strict=True):
        index = int(case[1].indices[row])
        assert 10 <= len(names) < 20
        assert set(names) < set(case[0].names(index))
    assert np.isfinite(sample.rank_ic(case[2], case[0], device="cpu")).all()


def test_without_memory_it_is_scored_in_smaller_parts(case, monkeypatch):
    sample = chosen(case)
    want = sample.rank_ic(case[2], case[0], device="cpu")
    honest, tried = train_sample.Forward.scores, []

    def scores(forward, batch):
        tried.append(len(batch.valid_BN))
        if tried[-1] > most:
            raise torch.OutOfMemoryError("out of memory")
        return honest(forward, batch)

    monkeypatch.setattr(train_sample.Forward, "scores", scores)
    most = 2
    assert sample.rank_ic(case[2], case[0], device="cpu") == pytest.approx(want, abs=1e-6)
    assert tried == [8, 4, *[2] * (FEWEST_SESSIONS // 2)]
    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        sample.rank_ic(case[2], case[0], device="cpu")
