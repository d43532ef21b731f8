"""Settings of an import: entries of two companies."""

from __future__ import annotations

from datetime import date

import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError
from gogooku.ingest.imports.config import ImportConfig, split_entry


def test_an_entry_is_a_code_and_a_date() -> None:
    assert split_entry("13310:2023-11-08") == ("13310", date(2023, 11, 8))
    assert split_entry("TSE:1331:2023-11-08") == ("TSE:1331", date(2023, 11, 8))


@pytest.mark.parametrize(
    "text", ["company", ":2023-11-08", "13310:20231108", "13310:2023-13-08", "13310:", ""]
)
def test_other_entries_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="CODE:DATE, for example 13310:2023-11-08"):
        resolve(ImportConfig(), base_name="import", assignments=[f"other_company={text}"])


def test_several_entries_with_commas_or_as_a_list() -> None:
    for text in ("A:2024-01-04,B:2024-02-01", '["A:2024-01-04", "B:2024-02-01"]'):
        config = resolve(
            ImportConfig(), base_name="import", assignments=[f"other_company={text}"]
        ).config
        assert config.other_company == ("A:2024-01-04", "B:2024-02-01")
