"""Features by name: where they are in a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import ConfigError

ALL: Final = "all"
"""In place of a list of names: every one that is there."""


def positions(names: Sequence[str], wanted: Sequence[str], *, setting: str) -> npt.NDArray[np.intp]:
    """Places of wanted names in a list of names; of all of them for `ALL`.

    A wanted name may give alternatives, best first: ``ret_1d_sec_z|ret_1d_uni_z`` is the first of
    the two that is there (a source without sectors has only the second).

    Raises
    ------
    ConfigError
        Some are not there; the message lists them.
    """
    if wanted == ALL:
        return np.arange(len(names), dtype=np.intp)
    place = {name: index for index, name in enumerate(names)}
    chosen = [next((n for n in one.split("|") if n in place), None) for one in wanted]
    missing = [one for one, found in zip(wanted, chosen, strict=True) if found is None]
    if missing:
        raise ConfigError(
            f"{setting}: {len(missing)} of {len(wanted)} names are not in the dataset: "
            f"{', '.join(missing[:5])}; see: gogooku features"
        )
    return np.array([place[name] for name in chosen if name is not None], dtype=np.intp)
