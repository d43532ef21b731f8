"""Cross-validation on the time axis: groups of sessions, purged and with an embargo.

Every session is tested, some by fits that knew what came after it, so the result is not out of
time: it shows how much a figure hangs on the stretch that happened to be tested, and it is never
compared with a walk-forward.

`PurgedKFoldSplit` tests each of k groups once (Lopez de Prado, "Advances in Financial Machine
Learning", 2018, section 7.4). `CombinatorialSplit` tests every choice of k of n groups
(chapter 12): C(n, k) fits, in which each group is tested C(n-1, k-1) times, so that the scores can
be put together to as many paths over the whole sample.

Of the groups that are not tested, the one right before the first tested group (going round from the
first to the last) is the validation part; all others are the train part. Sessions of both within
the purge before a tested session, or within purge and embargo after it, are left out; of the train
part also those as near to the validation part.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from gogooku.core.calendar import DateArray
from gogooku.core.config import Config
from gogooku.core.errors import ConfigError
from gogooku.core.findings import Unit
from gogooku.core.types import PURGE_SESSIONS, CrossFold, IntArray

MIN_PART = 2
"""Fewest sessions of a part."""
NO_END = date(2999, 12, 31)
"""The last date that is used where none is chosen."""
_MOST_GROUPS = 16

_Flags = npt.NDArray[np.bool_]


class PurgedKFoldSplit(Config):
    """Each of equal groups of sessions is tested once, by a fit on the others."""

    kind: Literal["purged_kfold"] = "purged_kfold"
    num_folds: Annotated[int, Unit("folds")] = Field(default=5, ge=3, le=_MOST_GROUPS)
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)
    embargo: Annotated[int, Unit("sessions")] = Field(default=10, ge=0)
    """Left out after the purge behind a tested session."""
    end: date = NO_END
    """Last date that is used; everything after it stays unseen."""


class CombinatorialSplit(Config):
    """Every choice of some of the groups of sessions is tested, by a fit on the others."""

    kind: Literal["combinatorial"] = "combinatorial"
    num_groups: Annotated[int, Unit("groups")] = Field(default=6, ge=4, le=_MOST_GROUPS)
    num_tested: Annotated[int, Unit("groups")] = Field(default=2, ge=2)
    """Groups that are tested together; two at least must be left."""
    purge: Annotated[int, Unit("sessions")] = Field(default=PURGE_SESSIONS, ge=PURGE_SESSIONS)
    embargo: Annotated[int, Unit("sessions")] = Field(default=10, ge=0)
    """Left out after the purge behind a tested session."""
    end: date = NO_END
    """Last date that is used; everything after it stays unseen."""


CrossSplit = PurgedKFoldSplit | CombinatorialSplit


def last_usable(sessions: DateArray, end: date) -> int:
    """How many sessions lie on or before a date.

    Raises
    ------
    ConfigError
        None does.
    """
    count = int(np.searchsorted(sessions, np.datetime64(end, "D"), side="right"))
    if not count:
        raise ConfigError(
            f"split: no session on or before {end}; the dataset begins on {sessions[0]}: change "
            "split.end"
        )
    return count


def cross_folds(
    config: CrossSplit, sessions: DateArray, *, first: int = 0
) -> tuple[CrossFold, ...]:
    """Cut sessions into the splits of a cross-validation.

    Parameters
    ----------
    config : CrossSplit
    sessions : array of dates, shape [T]
        Ascending; all from ``first`` on are tested.
    first : int
        Index of the first usable session.

    Returns
    -------
    tuple of CrossFold
        In the order of the tested groups. `CrossFold.paths` says to which path of scores each
        tested group of a split belongs.

    Raises
    ------
    ConfigError
        The sessions are too few for the groups, purges and embargos asked for, or too few groups
        are left to fit on.
    """
    groups, tested = _numbers(config)
    if groups - tested < 2:
        raise ConfigError(
            f"split: {tested} of {groups} groups are tested, which leaves {groups - tested} for "
            "train and validation; two at least are needed: lower split.num_tested"
        )
    usable = np.arange(first, len(sessions))
    blocks = np.array_split(usable, groups)
    seen = [0] * groups
    folds = []
    for chosen in itertools.combinations(range(groups), tested):
        paths = [seen[group] for group in chosen]
        for group in chosen:
            seen[group] += 1
        folds.append(_one(config, sessions, blocks, chosen, paths))
    return tuple(folds)


def num_paths(config: CrossSplit) -> int:
    """How many paths of scores over the whole sample the splits make: C(n-1, k-1)."""
    groups, tested = _numbers(config)
    return sum(1 for _ in itertools.combinations(range(groups - 1), tested - 1))


def _numbers(config: CrossSplit) -> tuple[int, int]:
    """Groups, and how many are tested together."""
    if isinstance(config, PurgedKFoldSplit):
        return config.num_folds, 1
    return config.num_groups, config.num_tested


def _one(
    config: CrossSplit,
    sessions: DateArray,
    blocks: Sequence[IntArray],
    chosen: tuple[int, ...],
    paths: Sequence[int],
) -> CrossFold:
    """The split that tests some of the groups."""
    number = len(blocks)
    before = ((chosen[0] - step) % number for step in range(1, number))
    left = next(group for group in before if group not in chosen)
    near = _near(len(sessions), [blocks[group] for group in chosen], config)
    valid = blocks[left][~near[blocks[left]]]
    near |= _near(len(sessions), [valid], config) if len(valid) else False
    rest = [blocks[group] for group in range(number) if group not in (*chosen, left)]
    train = [block[~near[block]] for block in rest]
    short = min(len(valid), sum(map(len, train)), *(len(blocks[group]) for group in chosen))
    if short < MIN_PART:
        raise ConfigError(
            f"split: {sum(map(len, blocks))} usable sessions in {number} groups leave a part of "
            f"{short} with a purge of {config.purge} and an embargo of {config.embargo} "
            f"({config.kind}); use a longer sample, fewer groups, or a smaller embargo"
        )
    return CrossFold.of(
        sessions,
        {
            "train": _spans(sessions, np.sort(np.concatenate(train))),
            "valid": _spans(sessions, valid),
            "test": [span for group in chosen for span in _spans(sessions, blocks[group])],
        },
        purge=config.purge,
        embargo=config.embargo,
        paths=paths,
    )


def _near(count: int, blocks: Sequence[IntArray], config: CrossSplit) -> _Flags:
    """Sessions that lie in a block, in the purge before it, or in purge and embargo after it."""
    found = np.zeros(count, dtype=bool)
    for block in blocks:
        low = max(0, int(block[0]) - config.purge)
        found[low : int(block[-1]) + config.purge + config.embargo + 1] = True
    return found


def _spans(sessions: DateArray, indices: IntArray) -> list[tuple[date, date]]:
    """Runs of neighbouring sessions as first and last dates."""
    if not len(indices):
        return []
    runs = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    return [(sessions[run[0]].item(), sessions[run[-1]].item()) for run in runs]
