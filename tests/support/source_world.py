"""A small market with all its sources typed, on the axes of a panel: for tests of features."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from gogooku.core.calendar import TOKYO, Clock, tokyo_sessions
from gogooku.features.engine.timeline import Timeline, timeline_of
from gogooku.sandbox.market.market import FamilyScales, MarketConfig, generate
from gogooku.sandbox.sources import wires
from gogooku.tables.schema import typed

CALENDAR = tokyo_sessions(date(2015, 1, 1), date(2028, 12, 31))


class FrameTables:
    """Typed frames in the place of `gogooku.features.engine.inputs.Tables`."""

    def __init__(self, frames):
        self.frames = frames

    def has(self, *names):
        return all(name in self.frames for name in names)

    def read(self, name, columns, *, since=None):
        wanted = list(dict.fromkeys(("event_date", "available_at", *columns)))
        frame = self.frames[name].select(wanted)
        return frame if since is None else frame.filter(pl.col("event_date") >= since)


@dataclass(frozen=True)
class SourceWorld:
    """A market, its typed tables by name, and the timeline of its sessions."""

    config: MarketConfig

    @cached_property
    def market(self):
        return generate(self.config)

    @cached_property
    def wires(self):
        return wires(self.market)

    @cached_property
    def _typed(self):
        return {}

    def typed(self, name):
        """Typed rows of a whole endpoint."""
        if name not in self._typed:
            sessions = self.market.sessions
            rows = self.wires[name].rows(sessions[0].item(), sessions[-1].item())
            fetched = pl.lit(datetime(2027, 12, 1), dtype=pl.Datetime("us"))
            frame = rows.drop("_visible").with_columns(fetched.alias("_fetched_at"))
            self._typed[name] = typed(name, frame, sessions=CALENDAR).frame
        return self._typed[name]

    def tables(self, *names):
        """The named tables as the inputs of features read them."""
        return FrameTables({name: self.typed(name) for name in names})

    @cached_property
    def timeline(self) -> Timeline:
        """The sessions at their evening clock."""
        return self.timeline_at(Clock.EVENING)

    def timeline_at(self, clock) -> Timeline:
        """The sessions at a clock."""
        market = self.market
        factor = np.nan_to_num(market.adjustment_factor, nan=1.0)
        return timeline_of(
            market.sessions,
            market.codes,
            exchange=TOKYO,
            clock=clock,
            growth_TN=np.cumprod(factor, axis=0),
            listed_TN=market.listed,
        )


@lru_cache(maxsize=2)
def source_world(first=date(2025, 9, 1), num_sessions=330, num_stocks=30, seed=11):
    """One world per set of arguments; by default both margin eras lie inside."""
    return SourceWorld(
        MarketConfig(
            num_stocks=num_stocks,
            num_sessions=num_sessions,
            seed=seed,
            num_sectors=4,
            num_branches=0,
            first_session=first,
            scales=FamilyScales(revision=1.0, crowding=1.0, covering=1.0, segment_flow=1.0),
        )
    )
