"""The axes on which the base columns of typed tables are made."""

from __future__ import annotations

from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.types import Panel
from gogooku.features.engine.compute import growth_of
from gogooku.features.engine.timeline import Timeline, timeline_of
from gogooku.ingest.source import Source


def timeline_on(panel: Panel, source: Source, *, clock: Clock) -> Timeline:
    """Sessions and names of a panel, with what was known of them at each decision."""
    return timeline_of(
        panel.sessions,
        panel.codes,
        exchange=exchange_named(source.exchange),
        clock=clock,
        growth_TN=growth_of(panel),
        listed_TN=panel.listed(),
        past=panel.past,
    )
