"""What is said of a universe: why it is empty, which markets it leaves out, where it collapses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import TSE_RESTRUCTURED, DateArray
from gogooku.core.metrics import MIN_NAMES, FloatArray
from gogooku.core.sections import Wanted, section_named
from gogooku.core.terms import money
from gogooku.core.types import BoolArray, IntArray, Panel
from gogooku.dataset.universe import UniverseConfig, conditions, mean_traded_value
from gogooku.ingest.source import Source

BEFORE = 60
"""Sessions whose median number of names is the usual one."""
COLLAPSED = 0.25
"""Share of the usual number of names below which a session has collapsed."""
LEAST_USUAL = 20
"""Names that must be usual, for a share of them to mean much."""
STILL_LISTED = 0.5
"""Share of the usual number of listed names that must still be listed: else they have left."""
_SHOWN = 4
RULE = (
    f"fewer than {COLLAPSED:.0%} of the median of {BEFORE} sessions before, though at least "
    f"{STILL_LISTED:.0%} as many names are listed"
)
"""When a session has collapsed."""

# ------------------------------------------------------------------------------ an empty universe


def why_empty(panel: Panel, config: UniverseConfig, *, exchange: str) -> str:
    """One paragraph: which condition leaves out how many names x sessions, and what to set."""
    member = panel.listed()
    total = int(member.sum())
    said = []
    for name, met in conditions(panel, config).items():
        lost = member & ~met
        if lost.any():
            said.append(_CAUSES[name](_Lost(panel, config, exchange, member, lost)))
        member &= met
    return (
        f"build: the universe is empty. Of {total:,} listed names x sessions, {'; '.join(said)}. "
        "Nothing was built"
    )


@dataclass(frozen=True)
class _Lost:
    """Names x sessions [T, N] that met the conditions before (``there``), and lack this one."""

    panel: Panel
    config: UniverseConfig
    exchange: str
    there: BoolArray
    lost: BoolArray

    @property
    def count(self) -> str:
        return f"{int(self.lost.sum()):,}"

    @property
    def unknown(self) -> bool:
        """Whether no traded value of these names is known at all."""
        return not np.isfinite(self.panel.dense("turnover_value"))[self.there].any()


def _leaving(lost: _Lost) -> str:
    return f"{lost.count} are the last before a name leaves the exchange"


def _other_market(lost: _Lost) -> str:
    segment, names = lost.panel.dense_labels("market")
    numbers, counts = np.unique(segment[lost.lost], return_counts=True)
    found = {names[i] if i >= 0 else "no market": int(n) for i, n in zip(numbers, counts)}  # noqa: B905
    return (
        f"{lost.count} are of a market that universe.markets "
        f"({', '.join(lost.config.markets)}) does not name: {_counted(found)}. Name theirs, or "
        "take every market: --set 'universe.markets=[]'"
    )


def _seldom_traded(lost: _Lost) -> str:
    config, sessions = lost.config, len(lost.panel.past) + len(lost.panel.sessions)
    if lost.unknown:
        return (
            f"{lost.count} have no known traded value (the source has no volume): rank every "
            "listed name with --set universe.min_traded_value=0 "
            "--set universe.min_traded_sessions=0"
        )
    text = (
        f"{lost.count} have a trade on fewer than {config.min_traded_sessions} of the "
        f"{config.lookback} sessions up to then"
    )
    least = min(sessions, config.lookback)
    if config.min_traded_sessions > least:
        return (
            f"{text}, of which there are {least}: --set universe.min_traded_sessions="
            f"{max(least // 2, 1)}"
        )
    return f"{text}: lower universe.min_traded_sessions"


def _below_floor(lost: _Lost) -> str:
    config, exchange = lost.config, lost.exchange
    if lost.unknown:
        return (
            f"{lost.count} have no known traded value (the source has no volume): rank every "
            "listed name with --set universe.min_traded_value=0"
        )
    means = mean_traded_value(lost.panel, config)[lost.lost]
    median = float(np.median(means))
    short = len(lost.panel.past) + len(lost.panel.sessions)
    history = f", of which the history has {short}" if short < config.lookback else ""
    return (
        f"{lost.count} are below the floor of {money(config.min_traded_value, exchange)} mean "
        f"traded value over {_sessions(config.lookback)}{history} (median of theirs: "
        f"{money(median, exchange)}): --set universe.min_traded_value={_rounded_down(median)}"
    )


_CAUSES = {
    "leaving": _leaving,
    "market": _other_market,
    "traded": _seldom_traded,
    "value": _below_floor,
}


def _rounded_down(value: float) -> str:
    """One significant digit, never above the value."""
    if value < 1.0:
        return "0"
    unit = 10.0 ** math.floor(math.log10(value))
    return f"{math.floor(value / unit) * unit:.0f}"


# ------------------------------------------------------------------------ what a dataset says of it


def universe_facts(
    source: Source,
    config: UniverseConfig,
    *,
    sessions: DateArray,
    members_T: IntArray,
    listed_T: IntArray,
    stated: bool,
) -> dict[str, Any]:
    """Remarks on the universe of a finished dataset.

    Parameters
    ----------
    sessions : array of dates [T]
    members_T, listed_T : int [T]
        Names in the universe and listed names of each session.
    stated : bool
        Whether somebody chose ``universe.markets``: then a market without a name is said.

    Returns
    -------
    dict
        ``floor`` in words, ``names`` of each market that was chosen, the rule of a collapse and
        where one was seen, and ``lines`` for people: what is left out, and what is odd.
    """
    names = names_by_market(source)
    fallen = collapses(members_T, listed_T)
    lines = [
        *_market_lines(names, source, config, stated=stated),
        *(_collapse_line(sessions, members_T, first, stop) for first, stop in fallen),
        *_thin_line(members_T),
    ]
    return {
        "floor": _floor(config, source.exchange),
        "names": _chosen(names, config),
        "most_names": int(members_T.max(initial=0)),
        "last_names": int(members_T[-1]) if len(members_T) else 0,
        "collapse_rule": RULE,
        "collapsed": [
            {"first": str(sessions[first]), "last": str(sessions[stop - 1]),
             "sessions": stop - first}
            for first, stop in fallen
        ],
        "lines": lines,
    }  # fmt: skip


def _floor(config: UniverseConfig, exchange: str) -> str:
    return (
        f"{money(config.min_traded_value, exchange)} mean traded value over "
        f"{_sessions(config.lookback)}, {config.min_traded_sessions} of them with a trade"
    )


def names_by_market(source: Source) -> dict[str | None, int]:
    """Names of each market as last known, those without one under None; segments if synced."""
    counted = source.listings().get_column("market").value_counts(sort=True)
    return {market: int(count) for market, count in counted.iter_rows()}


def _chosen(names: Mapping[str | None, int], config: UniverseConfig) -> dict[str, int]:
    """Names of each market of the setting, those of its predecessors with it."""
    given = {market: count for market, count in names.items() if market is not None}
    return {
        text: sum(count for market, count in given.items() if Wanted.of([text]).has(market))
        for text in config.markets
        if given
    }


def _market_lines(
    names: Mapping[str | None, int], source: Source, config: UniverseConfig, *, stated: bool
) -> Iterator[str]:
    given = {market: count for market, count in names.items() if market is not None}
    if not given or not config.markets:
        return
    markets, chosen = Wanted.of(config.markets), ", ".join(config.markets)
    unknown = {
        market: count
        for market, count in given.items()
        if section_named(market) is None and not markets.has(market)
    }
    if unknown:
        yield (
            f"market: {_names(sum(unknown.values()))} of no known segment of Tokyo "
            f"are in no universe: {_counted(unknown)}. universe.markets is {chosen}; name theirs "
            "too, or take every market: --set 'universe.markets=[]'"
        )
    if names.get(None):
        yield (
            f"market: {names[None]:,} of {_names(sum(names.values()))} have no market and are in "
            "no universe; a list of today's names lacks those that left. Take every name: "
            "--set 'universe.markets=[]'"
        )
    missing = [text for text, count in _chosen(names, config).items() if not count]
    if stated and missing:
        yield f"market: universe.markets names {', '.join(missing)}, of which there is no name"
    old = _old_sections(source)
    if old:
        yield (
            f"market: {_names(sum(old.values()))} still have a section that ended before "
            f"{TSE_RESTRUCTURED}: {_counted(old)}. Each counts as the segment that followed it"
        )


def _old_sections(source: Source) -> dict[str, int]:
    """Names that were listed after the sections ended and whose last market is one of them."""
    listings = source.listings().filter(
        pl.col("listed_to").is_null() | (pl.col("listed_to") >= TSE_RESTRUCTURED)
    )
    last = source.quotes().select(pl.col("date").max()).collect().item()
    if last < TSE_RESTRUCTURED:
        return {}
    counted = listings.get_column("market").drop_nulls().value_counts(sort=True)
    return {
        market: int(count)
        for market, count in counted.iter_rows()
        if (section := section_named(market)) is not None and section.old
    }


def collapses(members_T: IntArray, listed_T: IntArray) -> list[tuple[int, int]]:
    """Stretches of sessions, first and one after the last, on which the universe has collapsed.

    See `RULE`; the median is that of the sessions before, those of the same stretch left out.
    """
    fallen = np.zeros(len(members_T), dtype=bool)
    for t in range(1, len(members_T)):
        whole = ~fallen[:t]
        usual = float(np.median(_last(members_T[:t], whole)))
        listed = float(np.median(_last(listed_T[:t], whole)))
        fallen[t] = (
            usual >= LEAST_USUAL
            and members_T[t] < COLLAPSED * usual
            and listed_T[t] >= STILL_LISTED * listed
        )
    edges = np.flatnonzero(np.diff(np.r_[False, fallen, False].astype(np.int8)))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]


def _last(values: IntArray, whole: BoolArray) -> FloatArray:
    return values[whole][-BEFORE:].astype(np.float64)


def _collapse_line(sessions: DateArray, members_T: IntArray, first: int, stop: int) -> str:
    before = max(first - BEFORE, 0)
    usual = int(np.median(members_T[before:first]))
    days = (
        str(sessions[first])
        if stop - first == 1
        else f"{sessions[first]} to {sessions[stop - 1]} ({_sessions(stop - first)})"
    )
    return (
        f"universe: on {days} it has {_names(int(members_T[first]))}, {usual:,} before, though "
        "they are listed: is the volume of those dates in the source?"
    )


def _thin_line(members_T: IntArray) -> Iterator[str]:
    most = int(members_T.max(initial=0))
    if most < MIN_NAMES:
        yield (
            f"universe: no session has {MIN_NAMES} names (most: {most}), so nothing can be trained "
            "on this dataset"
        )


def _counted(found: Mapping[str, int]) -> str:
    """The most frequent ones with their numbers."""
    ordered: Sequence[tuple[str, int]] = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    shown = [f"{name} ({count:,})" for name, count in ordered[:_SHOWN]]
    more = [f"{len(ordered) - _SHOWN} more"] if len(ordered) > _SHOWN else []
    return ", ".join([*shown, *more])


def _names(count: int) -> str:
    return f"{count:,} name" if count == 1 else f"{count:,} names"


def _sessions(count: int) -> str:
    return f"{count:,} session" if count == 1 else f"{count:,} sessions"
