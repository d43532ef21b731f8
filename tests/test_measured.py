"""What pages say was measured is what the kept results say."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module("write_measured", monkeypatch)


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def test_the_pages_are_what_the_figures_say(writer: ModuleType):
    found = writer.Figures.read(writer.FIGURES)
    for page in writer.PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(writer.BLOCK.findall(text)) >= 3, page.name
        now = writer.written(text, found, japanese=page.name.endswith(".ja.md"))
        assert now == text, f"{page.name}: write it again: {writer.COMMAND}"


def test_another_figure_is_caught(
    writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    folder = tmp_path / "figures"
    shutil.copytree(writer.FIGURES, folder)
    demo = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    next(iter(demo["seeds"].values()))["ridge"]["h1.alignment"][0] = 0.999
    (folder / "demo.json").write_text(json.dumps(demo), encoding="utf-8")
    monkeypatch.setattr(writer, "FIGURES", folder)
    monkeypatch.setattr(sys, "argv", ["write_measured.py", "--check"])
    assert writer.main() == 1
    assert capsys.readouterr().out.count("is not what the figures say") == len(writer.PAGES)


def test_a_block_that_does_not_exist_is_refused(writer: ModuleType):
    found = writer.Figures.read(writer.FIGURES)
    with pytest.raises(KeyError, match="nowhere"):
        writer.written("<!-- figures: nowhere -->\n<!-- end of figures -->", found, japanese=False)


def figures_of(text: str) -> set[str]:
    return set(re.findall(r"[+-]?\d+(?:\.\d+)?", text))


def test_a_short_figure_is_one_of_the_long_row(writer: ModuleType):
    found = writer.Figures.read(writer.FIGURES)
    for one in found.skill:
        rows = [row["measured"] for row in found.rows if row["command"] == one["command"]]
        said = set.union(*map(figures_of, rows))
        cells = " ".join(one.get(learner, "") for learner in writer.LEARNERS)
        assert figures_of(cells), one["what"]
        assert figures_of(cells) <= said, one["what"]


def test_every_command_of_a_row_is_a_benchmark(writer: ModuleType):
    found = writer.Figures.read(writer.FIGURES)
    commands = [row["command"] for row in (*found.rows, *found.skill, found.demo, found.plans)]
    programs = {command.split()[0] for command in commands} - {"gogooku"}
    assert len(programs) > 10
    assert [name for name in programs if not (BENCHMARKS / name).exists()] == []


def test_every_row_has_a_chapter_that_a_page_shows(writer: ModuleType):
    found = writer.Figures.read(writer.FIGURES)
    page = (ROOT / "docs" / "measured.md").read_text(encoding="utf-8")
    for row in found.rows:
        assert f"<!-- figures: {row['chapter']} -->" in page
        assert row["measured"] in page


# ---------------------------------------------------------------------- what a plan is worth


def test_plans_are_held_against_each_other_on_the_sessions_that_they_share(
    monkeypatch: pytest.MonkeyPatch,
):
    plans = module("plans", monkeypatch)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-04-01")).tolist()
    rising = np.linspace(0.0, 0.9, len(days))
    early = plans.Scored(tuple(days[:60]), np.stack([rising[:60]] * 2, axis=1))
    late = plans.Scored(tuple(days[10:]), np.stack([rising[10:]] * 2, axis=1))
    means = plans.on_common_sessions({("free", "ridge"): early, ("light", "ridge"): late})
    assert means["free", "ridge"] == pytest.approx(means["light", "ridge"])
    assert means["free", "ridge"][0] == pytest.approx(rising[10:60].mean())


def test_too_few_sessions_in_common_are_refused(monkeypatch: pytest.MonkeyPatch):
    plans = module("plans", monkeypatch)
    one = plans.Scored((date(2024, 1, 4),), np.zeros((1, 2)))
    with pytest.raises(SystemExit, match="only 1 test sessions are common"):
        plans.on_common_sessions({("free", "ridge"): one})


def test_the_error_of_a_plan_is_that_of_its_markets(monkeypatch: pytest.MonkeyPatch):
    plans = module("plans", monkeypatch)
    shown = plans.Shown(features=7, sessions=9, last=date(2024, 1, 4))
    found = {("free", "ridge"): [[0.1, 0.2], [0.3, 0.2]]}
    one = plans.summary(shown, "free", ["ridge"], found)
    assert one["skill"]["ridge"] == {"alignment": [0.2, 0.2], "error": [0.1, 0.0]}
    single = plans.summary(shown, "free", ["ridge"], {("free", "ridge"): [[0.1, 0.2]]})
    assert single["skill"]["ridge"]["error"] is None
