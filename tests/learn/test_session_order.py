import numpy as np

from gogooku.learn.session_order import session_order


def order(count, per_step, seed=0, *, in_strips=True):
    rng = np.random.default_rng(seed)
    return session_order(count, per_step, in_strips=in_strips, rng=rng)


def test_without_strips_it_is_a_permutation():
    assert (
        order(10, 4, in_strips=False).tolist() == np.random.default_rng(0).permutation(10).tolist()
    )


def test_the_sessions_of_a_step_lie_in_a_row_and_come_once():
    for seed in range(20):
        made = order(43, 8, seed)
        steps = made.reshape(-1, 8)
        assert len(steps) == 5
        assert (np.diff(steps, axis=1) == 1).all()
        assert len(set(made.tolist())) == 40
        assert 0 <= made.min() <= made.max() <= 42


def test_every_session_is_taken_in_some_epoch_and_strips_come_in_any_order():
    seen = {int(one) for seed in range(40) for one in order(43, 8, seed)}
    assert seen == set(range(43))
    firsts = {tuple(order(43, 8, seed).reshape(-1, 8)[:, 0]) for seed in range(40)}
    assert len(firsts) > 30
    assert any(list(one) != sorted(one) for one in firsts)


def test_fewer_sessions_than_a_step_takes_are_one_strip():
    assert order(5, 8).tolist() == [0, 1, 2, 3, 4]
