"""Long parametrisations: some of them in every run, the others in the long one."""

from collections.abc import Sequence
from typing import Any

import pytest


def some(values: Sequence[Any], *, keep: int) -> list[Any]:
    """Parameters of which ``keep``, evenly spread, are tried in every run.

    The others wait for ``make soak``, which is of all that is marked so. A tuple is the values of
    several arguments.
    """
    assert 0 < keep < len(values), "nothing is left for the long run, or for the short one"
    kept = {n * len(values) // keep for n in range(keep)}
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=() if n in kept else pytest.mark.soak,
        )
        for n, value in enumerate(values)
    ]
