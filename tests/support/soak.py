"""Long parametrisations: some of them in every run, the others in the long one alone."""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import settings

MARK = "soak"
"""Of what waits for the long run: ``pytest -m soak``."""
MORE_EXAMPLES = 40
"""How many times the examples of every run the long one tries."""


def some(values: Collection[Any], *, keep: int) -> list[Any]:
    """Parameters of which ``keep``, evenly spread, are tried in every run.

    The others wait for ``make soak``. A tuple is the values of several arguments.
    """
    assert 0 < keep < len(values), "nothing is left for the long run, or for the short one"
    kept = {n * len(values) // keep for n in range(keep)}
    return [_param(value, often=n in kept) for n, value in enumerate(values)]


def in_turn(values: Collection[Any], others: Collection[Any]) -> list[Any]:
    """Every value with every other, of which each value is tried with one in every run."""
    assert 1 < len(others) <= len(values), "some of the others would be tried in the long run alone"
    return [
        _param((value, other), often=n % len(others) == m)
        for (n, value), (m, other) in product(enumerate(values), enumerate(others))
    ]


def and_all(few: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """A few parameters for every run; the long run tries all of its own."""
    return [*few, *(_param(value, often=False) for value in values)]


def many_examples(items: Iterable[pytest.Item]) -> None:
    """Make every property test one of the long run, with many times its examples."""
    made = set()
    for item in items:
        test = getattr(item, "function", None)
        if getattr(test, "is_hypothesis_test", False):
            if test not in made:
                usual = test._hypothesis_internal_use_settings
                more = settings(usual, max_examples=MORE_EXAMPLES * usual.max_examples)
                test._hypothesis_internal_use_settings = more
                made.add(test)
            item.add_marker(MARK)


def _param(value: Any, *, often: bool) -> Any:
    arguments = value if isinstance(value, tuple) else (value,)
    return pytest.param(*arguments, marks=() if often else getattr(pytest.mark, MARK))
