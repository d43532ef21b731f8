"""Who bought which market segment in a week: ``/equities/investor-types``.

Foreigners' balance shows the flow of `gogooku.sandbox.market.drivers`, and beside it the segment's
return against the others between the week's end and the publication: joined at the week's end it
looks ahead, joined at the publication it is an old return (`gogooku.sandbox.exchange.traps`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import TSE_RESTRUCTURED
from gogooku.sandbox.market.drivers import FLOW_LAG, SEGMENT_SHARES, SEGMENTS
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.sources.rendering import (
    Basis,
    basis_of,
    date_text,
    no_rows,
    rows_between,
    session_rng,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.wire import VISIBLE, Wire

CORRECTIONS_FROM: Final = date(2023, 4, 3)
"""Corrections published since then are rows of their own."""
CORRECTION_RATE: Final = 0.04
CORRECTION_SESSIONS: Final = 5
"""Sessions from a publication to its correction."""
SECTIONS_BEFORE: Final[Mapping[str, tuple[tuple[int, float], ...]]] = MappingProxyType(
    {
        "TSE1st": ((0, 1.0),),
        "TSE2nd": ((1, 0.5),),
        "TSEMothers": ((2, 0.5),),
        "TSEJASDAQ": ((1, 0.5), (2, 0.5)),
    }
)
"""Segments that each old section shows, and which part of each one's traded value: half of the
Standard and of the Growth names were listed on JASDAQ (see the master)."""
SECTIONS_AFTER: Final[Mapping[str, tuple[tuple[int, float], ...]]] = MappingProxyType(
    {"TSEPrime": ((0, 1.0),), "TSEStandard": ((1, 1.0),), "TSEGrowth": ((2, 1.0),)}
)
WHOLE: Final = "TokyoNagoya"
PROP_SHARE: Final = 0.12
INVESTORS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "Ind": (0.25, -0.60),
        "Frgn": (0.62, 1.0),
        "SecCo": (0.01, 0.0),
        "InvTr": (0.03, -0.05),
        "BusCo": (0.02, -0.03),
        "OthCo": (0.005, 0.0),
        "InsCo": (0.005, -0.02),
        "Bank": (0.005, -0.01),
        "TrstBnk": (0.05, -0.17),
        "OthFin": (0.005, 0.0),
    }
)
"""Share of brokerage of each kind of investor, and what it buys when foreigners buy one yen; the
rest falls to the members' own trading."""
GROUPS: Final = ("Prop", "Brk", "Tot", *INVESTORS)
OWN_BALANCE: Final[Mapping[str, float]] = MappingProxyType(
    {"Ind": 0.5, "InvTr": 0.05, "BusCo": 0.04, "TrstBnk": 0.15}
)
"""What some buy of their own accord, against `BALANCE_SHARE` of the traded value."""
ACTIVITY_SPREAD: Final = (0.01, 0.06, 0.15)
"""Log spread of what is traded outside the auctions, which bars do not show, by segment."""
BALANCE_SHARE: Final = 0.02
"""Foreigners' balance per unit of flow, over the segment's traded value."""
LATER_WEIGHT: Final = 1.5
"""Units of flow per standard deviation of the later return of a segment against the others."""
_MINUTES: Final = 18 * 60


@dataclass(frozen=True)
class InvestorTypes:
    """One row per section and week, visible at 18:00 of the fourth session after the week.

    Amounts are whole thousands of yen. Balance = bought - sold, sum = bought + sold; the total is
    own trading plus brokerage, brokerage the sum of the investors.
    """

    basis: Basis

    @cached_property
    def later(self) -> FloatArray:
        """Return of each segment against the others from week end to publication; [W, 3].

        In standard deviations over all weeks; cut off at the market's last session.
        """
        market, residual = self.basis.market, self.basis.residual
        listed, weeks = market.listed, market.drivers.weeks
        change = np.where(listed, np.diff(residual, axis=0, prepend=residual[:1]), 0.0)
        member = np.arange(len(SEGMENTS))[:, np.newaxis] == market.drivers.segment
        mean = np.stack(
            [
                change[:, one].sum(axis=1) / np.maximum(listed[:, one].sum(axis=1), 1)
                for one in member
            ],
            axis=1,
        )
        shares = np.asarray(SEGMENT_SHARES)
        path = np.cumsum(mean - (mean * shares).sum(axis=1, keepdims=True), axis=0)
        until = np.minimum(weeks.last_row + FLOW_LAG, len(path) - 1)
        moved: FloatArray = path[until] - path[weeks.last_row]
        return moved / max(float(moved.std()), 1e-9)

    @cached_property
    def _traded(self) -> FloatArray:
        """Traded value of each week and segment in thousands of yen; [W, 3]."""
        market, weeks = self.basis.market, self.basis.market.drivers.weeks
        member = np.arange(len(SEGMENTS))[:, np.newaxis] == market.drivers.segment
        value = np.nan_to_num(market.turnover_value)
        daily = np.stack([value[:, one].sum(axis=1) for one in member], axis=1)
        total: FloatArray = np.add.reduceat(daily, weeks.first_row, axis=0) / 1_000.0
        return total

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows whose ``PubDate`` lies in ``first`` to ``last``."""
        market = self.basis.market
        weeks, calendar = market.drivers.weeks, market.drivers.calendar
        published = rows_between(calendar, first, last)
        found = [
            frame
            for delay in (0, CORRECTION_SESSIONS)
            for week in np.flatnonzero(np.isin(weeks.flow_row + delay, published) & weeks.complete)
            if (frame := self._week(int(week), delay)).height
        ]
        if not found:
            return no_rows("investor_types")
        return to_wire("investor_types", pl.concat(found))

    def _week(self, week: int, delay: int) -> pl.DataFrame:
        """Rows of a week, or those that are corrected ``delay`` sessions after publication."""
        market = self.basis.market
        weeks, calendar = market.drivers.weeks, market.drivers.calendar
        start, end = (market.sessions[rows[week]] for rows in (weeks.first_row, weeks.last_row))
        rng = session_rng(market, "investor_types", week)
        monday = end.item() - timedelta(days=end.item().weekday())
        sections = SECTIONS_BEFORE if monday < TSE_RESTRUCTURED else SECTIONS_AFTER
        own = session_rng(market, "investor_moods", week)
        amounts = {name: self._section(week, parts, rng, own) for name, parts in sections.items()}
        amounts[WHOLE] = {
            key: float(sum(section[key] for section in amounts.values()))
            for key in next(iter(amounts.values()))
        }
        wrong = rng.random(len(amounts)) < CORRECTION_RATE
        published = calendar[weeks.flow_row[week] + CORRECTION_SESSIONS]
        wrong &= published >= np.datetime64(CORRECTIONS_FROM)
        kept = {
            name: _mistaken(section) if is_wrong and not delay else section
            for is_wrong, (name, section) in zip(wrong, amounts.items(), strict=True)
            if is_wrong or not delay
        }
        public = calendar[weeks.flow_row[week] + delay : weeks.flow_row[week] + delay + 1]
        count = len(kept)
        return pl.DataFrame(
            {
                "PubDate": date_text(np.repeat(public, count)),
                "StDate": date_text(np.full(count, start)),
                "EnDate": date_text(np.full(count, end)),
                "Section": pl.Series(list(kept), dtype=pl.String),
                **{
                    f"{group}{kind}": pl.Series(
                        [_amount(section, group, kind) for section in kept.values()],
                        dtype=pl.Float64,
                    )
                    for group in GROUPS
                    for kind in ("Sell", "Buy", "Tot", "Bal")
                },
                VISIBLE: np.repeat(tokyo_instant(public, minutes=_MINUTES), count),
            }
        )

    def _section(
        self,
        week: int,
        parts: tuple[tuple[int, float], ...],
        rng: np.random.Generator,
        own: np.random.Generator,
    ) -> dict[str, float]:
        """Bought and sold of every group, thousands of yen: keys ``FrgnBuy``, ``FrgnSell``, ..."""
        drivers = self.basis.market.drivers
        flow = drivers.flow[drivers.weeks.last_row[week]] + LATER_WEIGHT * self.later[week]
        busy = np.exp(np.asarray(ACTIVITY_SPREAD) * own.standard_normal(len(SEGMENTS)))
        traded, wanted = 0.0, 0.0
        for segment, part in parts:
            value = part * float(self._traded[week, segment] * busy[segment])
            traded += value
            wanted += BALANCE_SHARE * float(flow[segment]) * value
        mood = dict(zip(OWN_BALANCE, own.standard_normal(len(OWN_BALANCE)).tolist(), strict=True))
        out: dict[str, float] = {}
        for name, (share, response) in INVESTORS.items():
            volume = (1 - PROP_SHARE) * share * traded * float(np.exp(0.05 * rng.standard_normal()))
            balance = response * wanted + 0.01 * volume * float(rng.standard_normal())
            balance += OWN_BALANCE.get(name, 0.0) * BALANCE_SHARE * traded * mood.get(name, 0.0)
            balance = float(np.clip(balance, -volume, volume))
            out[f"{name}Buy"] = float(round(volume + balance / 2))
            out[f"{name}Sell"] = float(round(volume - balance / 2))
        for side in ("Buy", "Sell"):
            out[f"Brk{side}"] = sum(out[f"{name}{side}"] for name in INVESTORS)
        imbalance = out["BrkBuy"] - out["BrkSell"]
        volume = float(round(PROP_SHARE * traded)) + abs(imbalance)
        out["PropBuy"], out["PropSell"] = volume, volume + imbalance
        for side in ("Buy", "Sell"):
            out[f"Tot{side}"] = out[f"Prop{side}"] + out[f"Brk{side}"]
        return out


def _mistaken(section: Mapping[str, float]) -> dict[str, float]:
    """Amounts as first published: some individual purchases were counted as foreign."""
    moved = float(round(0.02 * section["IndBuy"]))
    return {
        **section,
        "FrgnBuy": section["FrgnBuy"] + moved,
        "IndBuy": section["IndBuy"] - moved,
    }


def _amount(section: Mapping[str, float], group: str, kind: str) -> float:
    bought, sold = section[f"{group}Buy"], section[f"{group}Sell"]
    return {"Sell": sold, "Buy": bought, "Tot": bought + sold, "Bal": bought - sold}[kind]


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module by endpoint name."""
    return {"investor_types": InvestorTypes(basis_of(market))}
