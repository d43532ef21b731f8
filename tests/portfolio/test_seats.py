"""Seats: taken among the best K, kept a little further down, never more than K."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gogooku.portfolio.seats import both_sides, ranked_names, seated

SCORES = st.lists(st.one_of(st.floats(-5, 5), st.just(np.nan)), min_size=1, max_size=30)


def test_ties_go_by_position_and_infinities_are_no_scores():
    assert ranked_names(np.array([1.0, 2.0, 2.0, np.inf, -np.inf]), top_k=9).tolist() == [1, 2, 0]


def test_a_seat_is_kept_within_the_margin_and_lost_below_it():
    score = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    held = np.array([2, 3])
    assert seated(score, held, top_k=2, exit_margin=1).tolist() == [0, 2]
    assert seated(score, held, top_k=2, exit_margin=2).tolist() == [2, 3]
    assert seated(score, held, top_k=2, exit_margin=0).tolist() == [0, 1]


def test_fewer_seats_keep_the_best():
    assert seated(np.arange(5.0), np.array([0, 1, 4]), top_k=2, exit_margin=9).tolist() == [4, 1]


@given(SCORES, st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_seats(scores, top_k, margin, seed):
    score = np.array(scores)
    rng = np.random.default_rng(seed)
    held = np.flatnonzero(rng.random(len(score)) < 0.4)
    chosen = seated(score, held, top_k=top_k, exit_margin=margin)
    rank = {n: r for r, n in enumerate(ranked_names(score, top_k=len(score)).tolist(), start=1)}
    assert len(set(chosen.tolist())) == len(chosen) == min(top_k, len(rank))
    assert [rank[n] for n in chosen.tolist()] == sorted(rank[n] for n in chosen.tolist())
    for n in chosen.tolist():
        assert rank[n] <= (top_k + margin if n in held else top_k)
    lost = [n for n in held.tolist() if n not in chosen and n in rank]
    full = sum(n in held for n in chosen.tolist()) == top_k
    assert full or all(rank[n] > top_k + margin for n in lost)


@given(SCORES, st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_no_name_is_on_both_sides_and_none_is_short_that_cannot_be_borrowed(
    scores, top_k, margin, seed
):
    score = np.array(scores)
    rng = np.random.default_rng(seed)
    lendable = rng.random(len(score)) < 0.7
    seats = dict(enumerate(rng.choice([1, -1], len(score) // 2).tolist()))
    long, short = both_sides(score, lendable, seats, top_k=top_k, exit_margin=margin)
    assert not set(long.tolist()) & set(short.tolist())
    assert max(len(long), len(short)) <= top_k
    assert lendable[short].all()
    if len(long) and len(short):
        assert score[long].min() >= score[short].max()


def test_the_short_side_is_the_long_side_of_the_negative():
    score = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    free = np.ones(6, dtype=bool)
    long, short = both_sides(score, free, {3: -1, 1: 1}, top_k=1, exit_margin=2)
    assert (long.tolist(), short.tolist()) == ([1], [3])
    long, short = both_sides(score, free, {}, top_k=9, exit_margin=2)
    assert (long.tolist(), short.tolist()) == ([0, 1, 2], [5, 4, 3])
