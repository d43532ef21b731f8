"""Bad input: one paragraph, the right exit code, nothing visible; and interrupted imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import DataError, StorageError
from gogooku.core.progress import SilentReporter
from gogooku.ingest import source as store
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import import_files
from gogooku.ingest.source import read_source, source_names

US = ImportConfig(exchange="new_york")
US_RESOLVED = resolve(US, base_name="import")
GOOD = "date,code,close,volume\n2024-05-07,1,10,5\n2024-05-08,1,11,5\n"


def visible(home: Path) -> list[str]:
    if not home.exists():
        return []
    return sorted(
        str(p.relative_to(home))
        for p in home.rglob("*")
        if p.is_file() and not any(part.startswith(".") for part in p.relative_to(home).parts)
    )


def attempt(paths: list[Path], home: Path) -> Any:
    return import_files(paths, resolved=US_RESOLVED, home=home, reporter=SilentReporter())


TEXTS = {
    "no_close": ("date,code,price\n2024-05-07,1,2\n", "no column for the close.*--map close="),
    "two_date_forms": (
        "date,code,close\n2024-05-07,1,2\n08/05/2024,1,2\n2024-05-09,1,2\n",
        r"2 forms: 2 like 2024-05-07 \(YYYY-MM-DD, first in line 2\), 1 like 08/05/2024",
    ),
    "swapped_dates": (
        "date,code,close\n13/05/2024,1,2\n05/14/2024,1,2\n",
        "DD/MM/YYYY.*MM/DD/YYYY",
    ),
    "impossible_date": (
        "date,code,close\n2024-02-30,1,2\n",
        "1 cell.*not dates: line 2 '2024-02-30'",
    ),
    "no_dates": ("date,code,close\nmonday,1,2\n", "not dates .*line 2 'monday'"),
    "repeated": (
        "date,code,close\n2024-05-07,1,2\n2024-05-07,1,3\n2024-05-07,1,3\n",
        r"2 row\(s\) repeat \(date, code\), 1 of them identical.*first 2024-05-07 1",
    ),
    "negative": ("date,code,close\n2024-05-07,1,-2\n", r"1 row\(s\) have a negative close.*-2"),
    "factor": ("date,code,close,AdjFactor\n2024-05-07,1,2,-1\n", r"negative adjustment_factor"),
    "empty": ("", "is empty"),
    "no_rows": ("date,code,close\n", "no rows"),
    "not_a_number": (
        'date,code,close\n2024-05-07,1,2\n2024-05-08,1,"1,23,4"\n',
        "1 cell.* not numbers: line 3 '1,23,4'",
    ),
    "more_cells": ("date,code,close\n2024-05-07,1,2,3\n", r"3 columns of the header: line 2 has 4"),
    "twice_a_name": ("date,code,close,close\n2024-05-07,1,2,3\n", "occur twice: close"),
    "blank": ("\n\n", "only blank lines"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_is_refused(tmp_path: Path, case: str) -> None:
    text, message = TEXTS[case]
    path = tmp_path / "prices.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        attempt([path], tmp_path / "home")
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert visible(tmp_path / "home") == []


def test_binary_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pl.DataFrame({"date": ["2024-05-07"] * 999, "code": "1", "close": 1.0}).write_parquet(whole)
    body = whole.read_bytes()
    cases = {
        "cut.parquet": (body[: len(body) // 2], "truncated Parquet"),
        "other.parquet": (b"hello", "does not begin with PAR1"),
        "none.parquet": (b"", "is empty"),
        "holed.parquet": (body[:4] + b"\0" * (len(body) - 8) + body[-4:], "not readable"),
        "body.csv": (b"date,code,close\n2024-05-07," + b"\xff\xfe,2\n", "UTF-8"),
        "zeros.csv": (b"\0" * 64, "a byte 0 on line 1"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            attempt([path], tmp_path / "home")
    with pytest.raises(DataError, match="cannot be read"):
        attempt([tmp_path / "missing.csv"], tmp_path / "home")
    with pytest.raises(DataError, match=r"body\.csv: no UTF-8"):
        attempt([tmp_path], tmp_path / "home")
    assert visible(tmp_path / "home") == []


def test_column_types_that_cannot_be(tmp_path: Path) -> None:
    good = {"date": ["2024-05-07"], "code": ["1"], "close": [1.0]}
    for column, value, message in (
        ("code", 7203.5, "not codes"),
        ("code", True, "a code is text"),
        ("close", True, "not numbers"),
        ("date", 20240507.5, "not dates"),
    ):
        path = tmp_path / "p.parquet"
        pl.DataFrame(good | {column: [value]}).write_parquet(path)
        with pytest.raises(DataError, match=message):
            attempt([path], tmp_path / "home")


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars reports a full disk as its own error; /dev/full makes it say so for real."""
    path = tmp_path / "prices.csv"
    path.write_text(GOOD)
    home = tmp_path / "home"
    attempt([path], home)
    before = visible(home)
    path.write_text(GOOD + "2024-05-09,1,12,5\n")
    real = pl.DataFrame.write_parquet

    def full(frame: pl.DataFrame, file: Path, **options: Any) -> None:
        real(frame, "/dev/full" if file.name == "listings.parquet" else file, **options)

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(StorageError, match="nothing was changed") as caught:
        attempt([path], home)
    assert caught.value.exit_code == 3
    assert visible(home) == before
    assert not list(home.rglob(".*.building"))


def test_no_space_is_seen_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(GOOD)
    monkeypatch.setattr("gogooku.core.files.free_bytes", lambda _: 10)
    with pytest.raises(StorageError, match="MB free"):
        attempt([path], tmp_path / "home")
    assert visible(tmp_path / "home") == []


KILL = """
import os, signal, sys
from pathlib import Path
from gogooku.core import files
from gogooku.core.config import resolve
from gogooku.ingest.imports import files as importing
from gogooku.core.progress import SilentReporter
path, home, where = sys.argv[1:]
def die(name):
    if name == where:
        os.kill(os.getpid(), signal.SIGKILL)
files.WATCHERS.append(die)
config = resolve(importing.ImportConfig(exchange="new_york"), base_name="import")
importing.import_files(
    [Path(path)], resolved=config, home=Path(home),
    reporter=SilentReporter(),
)
"""


@pytest.mark.parametrize(
    "instant",
    [
        "import.read",
        "artefact.begin",
        "source.year",
        "source.frames",
        "artefact.built",
        "artefact.renamed",
        "source.current",
    ],
)
def test_killed_import_starts_again_cleanly(tmp_path: Path, instant: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(GOOD)
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", KILL, str(path), str(home), instant],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    if source_names(home):
        assert read_source(home, "prices").quotes().collect().height == 2
    else:
        assert not any(name.endswith("current.json") for name in visible(home))
    attempt([path], home)
    clean = tmp_path / "clean"
    attempt([path], clean)
    assert visible(home) == visible(clean)
    assert read_source(home, "prices").content_hash == read_source(clean, "prices").content_hash
    assert store.sources_folder(home).exists()
