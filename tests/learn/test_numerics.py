import torch

from gogooku.learn.numerics import generators, numeric_threads, put_generators, seeded


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    with numeric_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_chance_is_a_function_of_the_seed_and_is_put_back():
    state = torch.get_rng_state()
    with seeded(1, 2):
        one = torch.rand(3)
    with seeded(1, 2):
        assert torch.equal(one, torch.rand(3))
    with seeded(2, 1):
        assert not torch.equal(one, torch.rand(3))
    assert torch.equal(state, torch.get_rng_state())


def test_generators_go_on_where_they_were():
    with seeded(1):
        torch.rand(3)
        states = generators("cpu")
        want = torch.rand(3)
        put_generators(states)
        assert torch.equal(want, torch.rand(3))
    assert set(states) == {"cpu"}
