"""Who bought and who sold each week, by segment (`investor_types`), and for the whole market.

One continuous series per segment: Prime goes on from the first section, Standard from the second
section and JASDAQ together, Growth from Mothers. The names that changed place on 2022-04-04 make
a step in what a segment trades, not in who buys it.

Everything over several weeks is over the newest *published* weeks at a session, each with its
newest published figures: a correction changes its week from the session that knows it on, and
nothing before. A window in sessions over a standing weekly value would be something else.

A segment's values are the same for all its names, so within a session they only order segments.

Left out on purpose: flags that are thresholds of other features (``flow_shock_flag``,
``flow_smart_pos``, ...); brokerage, the mirror image of the members' own trading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import TSE_RESTRUCTURED
from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import Expression, col, declared, over
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.kernels import fewest
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline
from gogooku.features.market.listing import pick

YEAR: Final = 52
_BACK: Final = 4
"""Newest weeks for which a z-score is made."""
LONGEST: Final = YEAR + _BACK - 1
_LIMIT: Final = 10.0

SERIES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = MappingProxyType(
    {
        "growth": (("TSEMothers",), "TSEGrowth"),
        "standard": (("TSE2nd", "TSEJASDAQ"), "TSEStandard"),
        "prime": (("TSE1st",), "TSEPrime"),
        "whole": (("TokyoNagoya",), "TokyoNagoya"),
    }
)
"""Sections of each series before and since the restructuring; the segments in the order of
``lst_segment``."""
SEGMENTS: Final = tuple(name for name in SERIES if name != "whole")

KINDS: Final = (
    "proprietary",
    "individuals",
    "foreigners",
    "securities_companies",
    "investment_trusts",
    "business_companies",
    "other_companies",
    "insurance_companies",
    "banks",
    "trust_banks",
    "other_financials",
)
"""Everybody: members' own trading and the kinds of customers."""
ACTIVE: Final = ("foreigners", "individuals", "trust_banks", "investment_trusts", "proprietary")

_NONE: Final = -1


@dataclass(frozen=True)
class Weeks:
    """The newest published weeks of one series at each publication: E publications, K weeks.

    ``rows`` says for each part of the series which row of ``placed`` holds a week, the newest week
    first; `_NONE` where there are not that many, and where a part is not needed that week.
    """

    placed: Placed
    rows: tuple[IndexArray, ...]
    known: npt.NDArray[np.bool_]

    def since(self, publication: int) -> Weeks:
        """Without the publications before one."""
        return replace(
            self,
            rows=tuple(rows[publication:] for rows in self.rows),
            known=self.known[publication:],
        )

    def yen(self, who: str, what: str) -> FloatArray:
        """``balance`` or ``turnover`` of a kind of investor; [E, K]."""
        values = np.append(self.placed.values(f"{who}_{what}_yen"), 0.0)
        parts = [values[rows] for rows in self.rows]
        return np.where(self.known, np.sum(parts, axis=0), np.nan)


# ---------------------------------------------------------------------------- one week, and many


def net_ratio(weeks: Weeks, who: str) -> FloatArray:
    """Bought less sold over bought plus sold, each week."""
    return k.ratio(weeks.yen(who, "balance"), weeks.yen(who, "turnover"))


def _mean(values: FloatArray) -> FloatArray:
    """Mean of the weeks that are known, null where too few are; [E]."""
    valid = ~np.isnan(values)
    count = valid.sum(axis=1).astype(np.float64)
    count[count < fewest(values.shape[1])] = np.nan
    return np.asarray(np.where(valid, values, 0.0).sum(axis=1) / count)


def z_score(values: FloatArray, *, back: int = 0) -> FloatArray:
    """A week against mean and spread of the 52 weeks that end with it, within +-10; [E]."""
    window = values[:, back : back + YEAR]
    valid = ~np.isnan(window)
    mean = _mean(window)
    away = np.where(valid, window - mean[:, None], 0.0)
    spread = np.sqrt((away * away).sum(axis=1) / (valid.sum(axis=1) - 1.0))
    z = k.ratio(window[:, 0] - mean, spread, floor=k.FLAT)
    return np.clip(z, -_LIMIT, _LIMIT)


def _newest_net(weeks: Weeks, *, who: str) -> FloatArray:
    return net_ratio(weeks, who)[:, 0]


def _net_change(weeks: Weeks, *, who: str) -> FloatArray:
    ratio = net_ratio(weeks, who)
    return ratio[:, 0] - ratio[:, 1]


def _net_over(weeks: Weeks, *, who: str, count: int) -> FloatArray:
    balance, turnover = (weeks.yen(who, w)[:, :count] for w in ("balance", "turnover"))
    valid = ~(np.isnan(balance) | np.isnan(turnover))
    total = np.where(valid, turnover, 0.0).sum(axis=1)
    out = k.ratio(np.where(valid, balance, 0.0).sum(axis=1), total)
    return np.where(valid.sum(axis=1) >= fewest(count), out, np.nan)


def _net_z(weeks: Weeks, *, who: str) -> FloatArray:
    return z_score(net_ratio(weeks, who))


def _turnover_share(weeks: Weeks, *, who: str) -> FloatArray:
    return k.ratio(weeks.yen(who, "turnover")[:, 0], weeks.yen("total", "turnover")[:, 0])


def _buyers_share(weeks: Weeks) -> FloatArray:
    balances = np.stack([weeks.yen(who, "balance")[:, 0] for who in ACTIVE])
    share = (balances > 0.0).mean(axis=0)
    return np.where(np.isnan(balances).any(axis=0), np.nan, share)


def _activity_log(weeks: Weeks) -> FloatArray:
    year = weeks.yen("total", "turnover")[:, :YEAR]
    return k.log_positive(k.ratio(year[:, 0], _mean(year)))


def _activity_z(weeks: Weeks) -> FloatArray:
    return z_score(k.log_positive(weeks.yen("total", "turnover")))


def _smart(weeks: Weeks, *, back: int = 0) -> FloatArray:
    foreign, own = (net_ratio(weeks, who) for who in ("foreigners", "individuals"))
    return z_score(foreign, back=back) - z_score(own, back=back)


def _smart_momentum(weeks: Weeks) -> FloatArray:
    past = np.stack([_smart(weeks, back=back) for back in range(_BACK)], axis=1)
    return np.asarray(past[:, 0] - past.mean(axis=1))


def _persistence(weeks: Weeks) -> FloatArray:
    return _mean(np.sign(weeks.yen("foreigners", "balance")[:, :13]))


def _concentration(weeks: Weeks) -> FloatArray:
    # along the last axis a sum has the same order of terms for one publication as for many
    parts = np.stack([weeks.yen(who, "turnover")[:, 0] for who in KINDS], axis=1)
    return np.asarray((k.ratio(parts, parts.sum(axis=1)[:, None]) ** 2).sum(axis=1))


def _divergence(weeks: Weeks) -> FloatArray:
    foreign, own = (weeks.yen(who, "balance")[:, 0] for who in ("foreigners", "individuals"))
    return k.ratio(foreign - own, weeks.yen("total", "turnover")[:, 0])


Measure = Callable[[Weeks], FloatArray]

MEASURES: Final[Mapping[str, tuple[Measure, str, str]]] = MappingProxyType(
    {
        **{
            f"{short}_net_ratio": (
                partial(_newest_net, who=who),
                "ratio",
                f"Bought less sold by {text} over bought plus sold, newest week",
            )
            for short, who, text in (
                ("foreign", "foreigners", "foreigners"),
                ("individual", "individuals", "individuals"),
                ("trust_bank", "trust_banks", "trust banks"),
                ("investment_trust", "investment_trusts", "investment trusts"),
            )
        },
        "foreign_net_wow": (
            partial(_net_change, who="foreigners"),
            "ratio",
            "Foreigners' net ratio less that of the published week before",
        ),
        **{
            f"foreign_net_{count}w": (
                partial(_net_over, who="foreigners", count=count),
                "ratio",
                f"Bought less sold by foreigners over bought plus sold, {count} published weeks",
            )
            for count in (4, 13)
        },
        **{
            f"{short}_net_z": (
                partial(_net_z, who=who),
                "z",
                f"Net ratio of {text} against mean and spread of {YEAR} published weeks",
            )
            for short, who, text in (
                ("foreign", "foreigners", "foreigners"),
                ("individual", "individuals", "individuals"),
                ("trust_bank", "trust_banks", "trust banks"),
            )
        },
        **{
            f"{short}_share": (
                partial(_turnover_share, who=who),
                "share",
                f"Share of {who} in what everybody bought and sold, newest week",
            )
            for short, who in (("foreign", "foreigners"), ("individual", "individuals"))
        },
        "breadth_pos": (
            _buyers_share,
            "share",
            "Share of foreigners, individuals, trust banks, investment trusts and own trading "
            "that bought more than they sold, newest week",
        ),
        "activity_ratio": (
            _activity_log,
            "log",
            f"Log of traded value over its mean of {YEAR} published weeks",
        ),
        "activity_z": (
            _activity_z,
            "z",
            f"Log traded value against mean and spread of {YEAR} published weeks",
        ),
        "smart_idx": (_smart, "z", "Foreigners' less individuals' z-score of the net ratio"),
        "smart_mom4": (_smart_momentum, "z", "Smart index less its mean of 4 published weeks"),
        "foreign_persist_13": (
            _persistence,
            "share",
            "Weeks of 13 in which foreigners bought net less those in which they sold",
        ),
        "concentration": (
            _concentration,
            "share",
            "Herfindahl index of the kinds of investors by what they bought and sold",
        ),
        "divergence": (
            _divergence,
            "ratio",
            "Net buying of foreigners less that of individuals over everybody's trading",
        ),
    }
)
"""Value of a series at each publication; unit and meaning."""

_SEGMENTS_ONLY: Final = (
    "trust_bank_net_z",
    "individual_share",
    "activity_ratio",
    "foreign_persist_13",
    "concentration",
    "divergence",
)
"""Left out for the whole market: what goes with another measure there (concentration with the
foreigners' share, divergence with their net ratio)."""
WHOLE: Final = tuple(measure for measure in MEASURES if measure not in _SEGMENTS_ONLY)
"""Measures of the whole market."""

AGE: Final = "mkt_flow_age"
STANDS: Final = k.STALE_LIMIT
"""Sessions for which the figures of a week stand when no newer week comes; then they are null."""


# --------------------------------------------------------------------------------- base columns


def _flow_column(series: str, measure: str) -> str:
    """Base column of a measure; those of the whole market are features as they are."""
    return f"mkt_flow_{measure}" if series == "whole" else f"inv_{series}_{measure}"


def _make_flow(tables: Tables, timeline: Timeline) -> Made:
    who = ("total", *KINDS)
    columns = [f"{each}_{what}_yen" for each in who for what in ("balance", "turnover")]
    rows = tables.read("investor_types", ["section", *columns])
    old = {section for before, _ in SERIES.values() for section in before}
    new = {section for _, section in SERIES.values()}
    early = pl.col("event_date") < TSE_RESTRUCTURED
    section = pl.col("section")
    placed = timeline.place(
        rows.filter((early & section.is_in(sorted(old))) | (~early & section.is_in(sorted(new)))),
        code=None,
    )
    out: dict[str, FloatArray] = {}
    at = np.unique(placed.t)
    newest = np.searchsorted(at, np.arange(timeline.shape[0]), side="right") - 1
    # what was the newest only before the window is not computed
    skipped = max(int(newest[0]), 0)
    shown = np.where(newest < 0, -1, newest - skipped)
    for name, (before, after) in SERIES.items():
        weeks, order = _weeks(placed, at, before=before, after=after)
        seen = weeks.since(skipped)
        for measure in WHOLE if name == "whole" else MEASURES:
            with np.errstate(invalid="ignore"):
                values = MEASURES[measure][0](seen)
            out[_flow_column(name, measure)] = np.append(values, np.nan)[shown]
        if name == "whole":
            out[AGE] = _week_age(order, at, newest)
    stale = ~(out[AGE] <= STANDS)
    return {name: values if name == AGE else np.where(stale, np.nan, values)
            for name, values in out.items()}  # fmt: skip


def _weeks(
    placed: Placed, at: IndexArray, *, before: tuple[str, ...], after: str
) -> tuple[Weeks, IndexArray]:
    """Newest published weeks of a series at the sessions ``at``, and the place of the newest."""
    days = placed.frame.get_column("event_date")
    axis = days.unique().sort()
    week = np.searchsorted(axis.to_numpy(), days.to_numpy())
    publication = np.searchsorted(at, placed.t)
    early = np.asarray((axis < TSE_RESTRUCTURED).to_numpy())
    sections = placed.frame.get_column("section")

    def rows_of(wanted: tuple[str, ...]) -> IndexArray:
        row = np.full((len(at), len(axis)), _NONE, dtype=np.int64)
        found = np.flatnonzero(sections.is_in(list(wanted)).to_numpy())
        # later rows of a week have the higher number: the newest figures stand
        row[publication[found], week[found]] = found
        np.maximum.accumulate(row, axis=0, out=row)
        return row

    parts = [rows_of((before[0], after)), *(rows_of((section,)) for section in before[1:])]
    needed = [np.ones_like(early), *(early for _ in before[1:])]
    known = np.ones(parts[0].shape, dtype=np.bool_)
    for rows, need in zip(parts, needed, strict=True):
        known &= (rows != _NONE) | ~need
    place = np.cumsum(known[:, ::-1], axis=1)[:, ::-1] - 1  # 0 for the newest known week
    e, w = np.nonzero(known & (place < LONGEST))
    picked = []
    for rows in parts:
        window = np.full((len(at), LONGEST), _NONE, dtype=np.int64)
        window[e, place[e, w]] = rows[e, w]
        picked.append(window)
    there = np.zeros((len(at), LONGEST), dtype=np.bool_)
    there[e, place[e, w]] = True
    newest = np.where(known, np.arange(len(axis)), _NONE).max(axis=1, initial=_NONE)
    return Weeks(placed=placed, rows=tuple(picked), known=there), newest


def _week_age(order: IndexArray, at: IndexArray, newest: IndexArray) -> FloatArray:
    """Sessions since a new week was published; a correction of an old week is no news; [T]."""
    fresh = np.diff(order, prepend=_NONE) != 0
    source = np.where(fresh, np.arange(len(at)), _NONE)
    np.maximum.accumulate(source, out=source)
    since = np.append(at.astype(np.float64), np.nan)[np.append(source, _NONE)]
    return np.asarray(np.arange(len(newest)) - since[newest])


# ------------------------------------------------------------------------------------- features


def _of_segment(measure: str) -> Expression:
    """A measure of the segment that each name belongs to."""
    series = (col(_flow_column(name, measure)) for name in SEGMENTS)
    return over(lambda *x: pick(np.stack(x[:-1], axis=1), x[-1]), *series, col("lst_segment"))


def _is_long(measure: str) -> bool:
    return MEASURES[measure][1] == "z" or measure == "activity_ratio"


def _of_year(measure: str) -> str:
    return " Null in the first 42 weeks of the source." if _is_long(measure) else ""


def _nulls(measure: str) -> float:
    return 0.5 if _is_long(measure) else 0.2


_STOCK = tuple(
    declared(
        f"flow_{measure}",
        _of_segment(measure),
        unit,
        f"{meaning}; of the name's segment.{_of_year(measure)}",
        group="flow",
        max_null_share=_nulls(measure),
    )
    for measure, (_, unit, meaning) in MEASURES.items()
)

_shown = partial(published, group="flow", role=Role.MARKET, axis=Axis.ACROSS)

_MARKET = (
    *(
        _shown(
            _flow_column("whole", measure),
            MEASURES[measure][1],
            f"{MEASURES[measure][2]}; Tokyo and Nagoya.{_of_year(measure)}",
            max_null_share=_nulls(measure),
        )
        for measure in WHOLE
    ),
    _shown(
        AGE, "sessions", "Sessions since a new week was published, 0 on that one (flow_days_since)."
    ),
)

FLOW: Final[tuple[Feature, ...]] = (*_STOCK, *_MARKET)
FLOW_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("investor_types",),
        stock={},
        market={
            _flow_column(name, measure): f"{name}: {meaning} ({unit})"
            for name in SEGMENTS
            for measure, (_, unit, meaning) in MEASURES.items()
        },
        make=_make_flow,
        features=FLOW,
    ),
)
