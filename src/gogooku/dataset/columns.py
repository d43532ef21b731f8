"""The base columns that a source gives, and the axes on which those of typed tables are made."""

from __future__ import annotations

from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.types import Panel
from gogooku.features.catalogue import INPUT_TABLES
from gogooku.features.engine.compute import base_names, growth_of
from gogooku.features.engine.inputs import Tables, supported
from gogooku.features.engine.timeline import Timeline, timeline_of
from gogooku.features.peers.peer_columns import peer_names
from gogooku.ingest.source import Source


def available_columns(tables: Tables) -> list[str]:
    """Base columns that a source gives; one without any value in the bars is not given."""
    source = tables.source
    has_sector = len(source.listings().get_column("sector").drop_nulls()) > 0
    has_index = len(source.indices()) > 0
    names = base_names(has_sector=has_sector, has_index=has_index, empty=tables.empty_columns())
    names += peer_names(has_sector=has_sector)
    return names + [n for one in INPUT_TABLES if supported(one, tables) for n in one.columns]


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
