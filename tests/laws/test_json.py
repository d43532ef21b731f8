"""Law: no JSON of ours holds NaN or an infinity, which readers that keep to the standard refuse."""

from __future__ import annotations

import ast
import dataclasses
import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import gogooku
from gogooku.cli.output import emit
from gogooku.commands.answer import Answer
from gogooku.core.files import write_json
from gogooku.core.journal import EventLog
from support.cli import Result, strict_json

PACKAGE = Path(gogooku.__file__).parent
NOT_READ_BY_OTHERS = ("learn/kept_tensors.py",)
"""What an interrupted fit goes on from: read by this program only, and it needs its infinities."""


def loose(text: str) -> list[int]:
    """Lines that make JSON and do not say that it must hold finite numbers only."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("dump", "dumps")
        and ast.unparse(node.func.value) == "json"
        and "allow_nan=False" not in [ast.unparse(word) for word in node.keywords]
    ]


def test_all_that_makes_json_refuses_what_is_none():
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in sorted(PACKAGE.rglob("*.py"))
        if (lines := loose(path.read_text(encoding="utf-8")))
    }
    assert tuple(found) == NOT_READ_BY_OTHERS


def test_what_does_not_refuse_it_is_found():
    assert loose("import json\njson.dumps(1)\njson.dump(1, f, allow_nan=True)") == [2, 3]
    assert loose("json.dumps(1, allow_nan=False)") == []


def test_only_the_output_of_the_command_line_prints_json():
    text = (PACKAGE / "cli/output.py").read_text(encoding="utf-8")
    assert "allow_nan=False" in text
    others = [
        str(path.relative_to(PACKAGE))
        for folder in ("cli", "commands")
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        if "json.dump" in path.read_text(encoding="utf-8")
    ]
    assert others == ["cli/output.py"]


@dataclasses.dataclass
class Fact:
    worth: float


UNKNOWN = {
    "nan": math.nan,
    "inside": [{"a": (1.5, -math.inf)}, np.float32("nan"), np.float64("inf")],
    "known": [np.int64(3), np.float32(0.5), np.bool_(True), True, None],
    "text": [date(2024, 1, 4), "NaN"],
    3: dataclasses.asdict(Fact(math.inf)),
}
SHOWN = {
    "nan": None,
    "inside": [{"a": [1.5, None]}, None, None],
    "known": [3, 0.5, True, True, None],
    "text": ["2024-01-04", "NaN"],
    "3": {"worth": None},
}


def test_an_answer_holds_null_where_a_number_is_not_known(capsys):
    emit(Answer(facts=UNKNOWN, parts=[]), as_json=True)
    assert strict_json(capsys.readouterr().out) == SHOWN


def test_what_is_written_beside_a_run_does_too(tmp_path):
    kept = {key: value for key, value in UNKNOWN.items() if key in ("nan", "inside")}
    write_json(tmp_path / "metrics.json", kept)
    assert strict_json((tmp_path / "metrics.json").read_text()) == {key: SHOWN[key] for key in kept}
    EventLog(tmp_path / "events.jsonl")({"event": "epoch", **kept})
    assert strict_json((tmp_path / "events.jsonl").read_text())["nan"] is None


def test_every_test_that_reads_an_answer_refuses_what_is_no_json():
    for text in ('{"a": NaN}', "[1, -Infinity]"):
        json.loads(text)
        with pytest.raises(AssertionError, match="is no JSON"):
            Result(0, text, text).json  # noqa: B018
        with pytest.raises(AssertionError, match="is no JSON"):
            Result(3, text, text).error  # noqa: B018
