"""All typed tables together: each of an endpoint, with a publication rule, types and units."""

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables.publication import PUBLICATIONS
from gogooku.tables.schema import TABLES, typed
from support.typed_tables import SESSIONS
from support.wire_rows import decoded


def test_every_table_declares_type_unit_and_clocks():
    assert set(TABLES) == set(ENDPOINTS) == set(PUBLICATIONS)
    for rule in TABLES.values():
        assert list(rule.schema)[:2] == ["event_date", "available_at"]
        assert set(rule.schema) == set(rule.units)
        assert all(rule.units.values())
        assert set(rule.key) <= set(rule.schema)
        empty = typed(rule.name, decoded(rule.name, []), sessions=SESSIONS)
        assert dict(empty.frame.schema) == dict(rule.schema)
        assert empty.quarantine.columns == [
            *ENDPOINTS[rule.name].columns,
            "_fetched_at",
            "reason",
        ]
        assert empty.notes == {}


def test_units_name_the_basis_of_every_share_count():
    for name in ("margin_interest", "margin_alert", "breakdown", "short_positions"):
        units = TABLES[name].units
        counts = [
            c for c in units if c.endswith("_shares") and "change" not in c and "buy_c" not in c
        ]
        assert counts
        assert all("basis of event_date" in units[column] for column in counts)


def test_a_table_that_nobody_declared_is_refused_with_what_there_is():
    with pytest.raises(DataError, match="gossip: no typed table; there are calendar, master, "):
        typed("gossip", decoded("calendar", []), sessions=SESSIONS)
