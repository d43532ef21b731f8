from datetime import date
from types import SimpleNamespace

import pytest

from gogooku.commands.build import _growth_rows, _remarks, knowledge
from gogooku.core.errors import UsageError
from gogooku.tables.parts import Basis, Known
from support.cli import FEATURES, done, sets


def test_build_for_people_and_programs(home):
    command = ["build", "--source", "tiny", *sets(f"features={FEATURES}")]
    said = done(home, *command).out
    made = done(home, *command, "--json").json
    assert made["dataset"] in said
    assert made["num_codes"] == 40
    assert "codes" not in made


def test_build_from_a_toml_file(home, tmp_path):
    config = tmp_path / "my.toml"
    config.write_text(f"source = 'tiny'\nfeatures = {FEATURES}\n[universe]\nlookback = 40\n")
    made = done(home, "build", "--config", config, "--json").json
    explained = done(home, "explain", made["dataset"], "--json").json
    assert explained["config"]["universe.lookback"] == {"value": 40, "from": "file my.toml"}


def test_what_is_to_be_known():
    day = date(2026, 10, 30)
    assert knowledge(None, by_rule=False) is None
    assert knowledge(day, by_rule=False) == Known(on=day, basis=Basis.FETCHED)
    assert knowledge(day, by_rule=True) == Known(on=day, basis=Basis.RULE)
    with pytest.raises(UsageError, match="--by-rule needs --as-known-on DATE"):
        knowledge(None, by_rule=True)


def test_a_build_says_what_an_older_dataset_gave():
    assert _growth_rows({}) == _growth_rows({"from": None, "sessions_taken_over": 0}) == []
    rows = _growth_rows({"from": "tiny-1", "sessions_taken_over": 1234, "new_sessions": 2})
    assert rows == [("taken over", "1,234 sessions, from tiny-1"), ("new sessions", 2)]


def test_a_build_says_what_is_wrong_with_a_source():
    notes = [{"line": "margin: 3 weeks are missing"}]
    assert _remarks(SimpleNamespace(manifest={"source_notes": notes})) == [notes[0]["line"]]
    assert _remarks(SimpleNamespace(manifest={})) == []
