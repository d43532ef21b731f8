"""Forward returns from the next open, with what happened to each name.

The label of session d at horizon h is the return from the open of d + 1 to the open of d + 1 + h.
Nothing here is ever joined to the panel.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.types import (
    HORIZONS,
    OUTCOMES,
    BoolArray,
    DateArray,
    FloatArray,
    Labels,
    Outcome,
)
from gogooku.dataset.label_files import VARIANTS, Kept, begin_labels, finish_labels

MAX_LATE = 250
"""Sessions after the planned exit within which an open is waited for: about a year."""
_CODE = {outcome: index for index, outcome in enumerate(OUTCOMES)}

_VALUED = [
    _CODE[outcome]
    for outcome in (Outcome.NORMAL, Outcome.LATE_EXIT, Outcome.DELISTED, Outcome.STALE_EXIT)
]


@dataclass(frozen=True)
class LabelInputs:
    """What labels are made from; all arrays are [T, N].

    Attributes
    ----------
    open_TN, close_TN : float
        Forward-adjusted prices, NaN where there was no trade.
    listed_TN, universe_TN : bool
    high_TN : float
        Used with the limit flag: an open at the limit is also the session's high.
    limit_up_TN : float
        1 where the session ended at its upper limit, NaN unknown.
    sector_TN : float
        Sector index, NaN unknown.
    beta_TN : float
        Trailing beta known at the session, NaN unknown.
    """

    open_TN: FloatArray
    high_TN: FloatArray
    close_TN: FloatArray
    listed_TN: BoolArray
    universe_TN: BoolArray
    limit_up_TN: FloatArray
    sector_TN: FloatArray
    beta_TN: FloatArray


@dataclass(frozen=True)
class Raw:
    """Raw forward returns of one horizon, [T, N].

    ``late`` counts sessions after the planned exit until the open that was used.
    """

    value: FloatArray
    outcome: npt.NDArray[np.int8]
    late: npt.NDArray[np.int16]


def next_open(open_TN: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """For each session, the first open on or after it and its position; NaN and T where none."""
    num_sessions, num_names = open_TN.shape
    price = np.full((num_sessions + 1, num_names), np.nan)
    place = np.full((num_sessions + 1, num_names), num_sessions, dtype=np.int64)
    for t in range(num_sessions - 1, -1, -1):
        has = np.isfinite(open_TN[t])
        price[t] = np.where(has, open_TN[t], price[t + 1])
        place[t] = np.where(has, t, place[t + 1])
    return price, place


def last_close(close_TN: FloatArray) -> FloatArray:
    """The last known close on or before each session; NaN before the first."""
    out = close_TN.copy()
    for t in range(1, len(out)):
        out[t] = np.where(np.isfinite(out[t]), out[t], out[t - 1])
    return out


def last_listed(listed_TN: BoolArray) -> npt.NDArray[np.int64]:
    """Last session of the listing that each session belongs to; -1 where there is none."""
    out = np.full(listed_TN.shape, -1, dtype=np.int64)
    until = np.full(listed_TN.shape[1], -1, dtype=np.int64)
    for t in range(len(out) - 1, -1, -1):
        until = np.where(listed_TN[t], np.where(until < 0, t, until), -1)
        out[t] = until
    return out


def forward_returns(inputs: LabelInputs, horizon: int) -> Raw:
    """Open-to-open forward returns of one horizon, and what happened.

    A name delisted before the exit gets its terminal close; one suspended at the exit gets the
    first later open, or after `MAX_LATE` sessions without one its last close; none is ever dropped.
    Values whose exit lies beyond the data are NaN and `Outcome.UNRESOLVED`.
    """
    num_sessions, num_names = inputs.open_TN.shape
    value = np.full((num_sessions, num_names), np.nan)
    outcome = np.full((num_sessions, num_names), _CODE[Outcome.UNRESOLVED], dtype=np.int8)
    late = np.zeros((num_sessions, num_names), dtype=np.int16)
    last = num_sessions - 1 - horizon
    if last <= 0:
        return Raw(value=value, outcome=outcome, late=late)
    price, place = next_open(inputs.open_TN)
    final = last_listed(inputs.listed_TN)[:last]
    closes = last_close(inputs.close_TN)
    terminal = np.take_along_axis(closes, np.maximum(final, 0), axis=0)
    entry = inputs.open_TN[1 : last + 1]
    planned = np.arange(1 + horizon, num_sessions)[:, None]
    used = place[1 + horizon : num_sessions]
    gone = final < np.minimum(used, num_sessions - 1)
    gone |= final < planned
    exit_price = np.where(gone, terminal, price[1 + horizon : num_sessions])
    given_up = planned + MAX_LATE
    stale = (used > given_up) & (final >= given_up) & (given_up < num_sessions)
    gone &= ~stale
    at, names = np.nonzero(stale)
    exit_price[at, names] = closes[given_up[at, 0], names]
    never = ~gone & ~stale & (used >= num_sessions)
    kind = np.where(used > planned, _CODE[Outcome.LATE_EXIT], _CODE[Outcome.NORMAL])
    kind = np.where(gone, _CODE[Outcome.DELISTED], kind)
    kind = np.where(stale, _CODE[Outcome.STALE_EXIT], kind)
    kind = np.where(never, _CODE[Outcome.UNRESOLVED], kind)
    kind = np.where(np.isfinite(entry), kind, _CODE[Outcome.NO_ENTRY])
    outcome[:last] = np.where(inputs.listed_TN[:last], kind, _CODE[Outcome.NO_ENTRY])
    good = np.isin(outcome[:last], _VALUED)
    value[:last] = np.where(good, exit_price / entry - 1.0, np.nan)
    delay = np.where(gone, np.maximum(final + 1 - planned, 0), used - planned)
    delay[stale] = MAX_LATE
    late[:last] = np.where(good, np.minimum(delay, np.iinfo(np.int16).max), 0)
    return Raw(value=value, outcome=outcome, late=late)


def tradable(inputs: LabelInputs) -> BoolArray:
    """Whether the next session could be bought at its open: it had one, not locked limit-up."""
    out = np.zeros(inputs.open_TN.shape, dtype=bool)
    following = np.isfinite(inputs.open_TN[1:])
    locked = (inputs.limit_up_TN[1:] == 1.0) & (inputs.open_TN[1:] >= inputs.high_TN[1:])
    out[:-1] = following & ~locked
    return out


def residuals(
    value_TN: FloatArray, *, universe_TN: BoolArray, sector_TN: FloatArray, beta_TN: FloatArray
) -> FloatArray:
    """Labels less what the sector and the trailing beta explain within each session.

    Within sectors (all names, where there are none) both label and beta are demeaned over universe
    members, then the label's regression on beta is taken out. Names without a beta get the
    session's mean beta. NaN where the label is NaN or the name is outside the universe.
    """
    out = np.full(value_TN.shape, np.nan)
    groups_TN = np.nan_to_num(sector_TN, nan=-1.0).astype(np.int64) + 1
    num_groups = int(groups_TN.max()) + 1
    for t in range(len(value_TN)):
        use = universe_TN[t] & np.isfinite(value_TN[t])
        if use.sum() < 3:
            continue
        group, label, beta = groups_TN[t][use], value_TN[t][use], beta_TN[t][use]
        known = np.isfinite(beta)
        beta = np.where(known, beta, beta[known].mean() if known.any() else 1.0)
        label = label - _group_means(label, group, num_groups)[group]
        beta = beta - _group_means(beta, group, num_groups)[group]
        power = float(beta @ beta)
        out[t, use] = label - beta * (float(beta @ label) / power if power > 1e-12 else 0.0)
    return out


def _group_means(values: FloatArray, groups: npt.NDArray[np.int64], num_groups: int) -> FloatArray:
    counts = np.bincount(groups, minlength=num_groups)
    sums = np.bincount(groups, values, minlength=num_groups)
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float64)


def excess(value_TN: FloatArray, universe_TN: BoolArray) -> FloatArray:
    """Labels less the mean over universe members of the session; NaN outside the universe."""
    inside = np.where(universe_TN, value_TN, np.nan)
    counts = np.isfinite(inside).sum(axis=1, keepdims=True)
    mean = np.nansum(inside, axis=1, keepdims=True) / np.maximum(counts, 1)
    return np.asarray(inside - mean)


def write_labels(
    folder: Path,
    inputs: LabelInputs,
    *,
    sessions: DateArray,
    kept: Kept | None = None,
    capacity: int | None = None,
    threads: int = 1,
) -> str:
    """Compute labels for all horizons and write them under ``folder``; returns their hash.

    Parameters
    ----------
    inputs : LabelInputs
        Of the sessions behind those that are kept.
    sessions : array of dates
        All sessions.
    kept : Kept or None
        Labels of an older version; names that came later were not listed there.
    capacity : int or None
        Names that rows have room for; as many as there are by default.
    threads : int
        Horizons made at a time. Changes no value.
    """
    num_names = inputs.open_TN.shape[1]
    arrays = begin_labels(folder, sessions=len(sessions), capacity=capacity or num_names, kept=kept)
    resolved = np.full((len(sessions), len(HORIZONS)), np.datetime64("NaT", "D"))

    def make(h: int) -> None:
        horizon = HORIZONS[h]
        made = forward_returns(inputs, horizon)
        reach = max(len(sessions) - 1 - horizon, 0)
        resolved[:reach, h] = sessions[1 + horizon :][:reach]
        values = {
            "raw": made.value,
            "outcome": made.outcome,
            "late": made.late,
            "excess": excess(made.value, inputs.universe_TN),
            "residual": residuals(
                made.value,
                universe_TN=inputs.universe_TN,
                sector_TN=inputs.sector_TN,
                beta_TN=inputs.beta_TN,
            ),
        }
        for name, value in values.items():
            arrays[name][:, :num_names, h] = value

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(make, range(len(HORIZONS))):
            pass
    arrays["tradable"][:, :num_names] = tradable(inputs)
    return finish_labels(folder, arrays, resolved, names=num_names, kept=kept, threads=threads)


def shuffled_within_session(
    labels: Labels, universe_TN: BoolArray, *, rng: np.random.Generator
) -> Labels:
    """Labels permuted among the universe members of each session that have one.

    All horizons and variants of a name move together. What is learned from such labels must have
    no skill on them.
    """
    kept: dict[str, npt.NDArray[np.float32]] = {
        name: np.array(labels.variant(name)) for name in VARIANTS
    }
    late = np.array(labels.late_TNH)
    for t in range(len(labels.sessions)):
        members = np.flatnonzero(universe_TN[t] & np.isfinite(kept["raw"][t]).any(axis=1))
        order = rng.permutation(members)
        for values in kept.values():
            values[t, members] = values[t, order]
        late[t, members] = late[t, order]
    return replace(
        labels,
        raw_TNH=kept["raw"],
        excess_TNH=kept["excess"],
        residual_TNH=kept["residual"],
        late_TNH=late,
    )
