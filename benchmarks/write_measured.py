"""Write the tables of what was measured into the pages.

    python benchmarks/write_measured.py [--check]

A page has marked blocks, ``<!-- figures: NAME -->`` to ``<!-- end of figures -->``; what stands
between comes from ``benchmarks/figures/``: ``demo.json`` (written by `demo_gates.py --output`),
``plans.json`` (by `plans.py --output`) and ``measured.toml``, so that a figure has one home. A page
called ``*.ja.md`` gets them in Japanese. ``--check`` writes nothing and exits with 1 where a page
says something else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
FIGURES: Final = ROOT / "benchmarks" / "figures"
PAGES: Final = (ROOT / "README.md", ROOT / "README.ja.md", ROOT / "docs" / "measured.md")
COMMAND: Final = "python benchmarks/write_measured.py"
BLOCK: Final = re.compile(
    r"(?P<begin><!-- figures: (?P<name>[a-z]+) -->\n)(?P<body>.*?)(?P<end><!-- end of figures -->)",
    re.DOTALL,
)
LEARNERS: Final = {
    "ridge": "ridge",
    "lightgbm": "LightGBM",
    "atft_gat_fan": "ATFT-GAT-FAN",
    "apex_ranker": "APEX-Ranker",
}
NAMES: Final = {"lightgbm": "LightGBM", "atft-gat-fan": "ATFT-GAT-FAN"}
NONE: Final = "-"


@dataclass(frozen=True)
class Figures:
    """What the files hold."""

    demo: Mapping[str, Any]
    plans: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]
    skill: Sequence[Mapping[str, str]]

    @classmethod
    def read(cls, folder: Path) -> Figures:
        """Read the three files."""
        measured = tomllib.loads((folder / "measured.toml").read_text(encoding="utf-8"))
        return cls(
            demo=json.loads((folder / "demo.json").read_text(encoding="utf-8")),
            plans=json.loads((folder / "plans.json").read_text(encoding="utf-8")),
            rows=measured["row"],
            skill=measured["skill"],
        )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its first column to the left."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def mean_over_seeds(found: Figures, learner: str, measure: str) -> str:
    """Mean of a measure of the demo over its seeds, with the smallest and the largest."""
    values = [one[learner][measure][0] for one in found.demo["seeds"].values()]
    digits = 3 if "alignment" in measure else 4
    mean = sum(values) / len(values)
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def demo_block(found: Figures, *, japanese: bool) -> str:
    """What the demo prints for its first seed."""
    seed, metrics = next(iter(found.demo["seeds"].items()))
    columns = [f"seed {seed}"]
    rows: list[list[str]] = []
    for horizon in (1, 5):
        days = f"{horizon}日先" if japanese else f"{horizon} session{'s' * (horizon > 1)}"
        columns += [f"RankIC, {days}", f"{'アラインメント' if japanese else 'alignment'}, {days}"]
    for learner, one in metrics.items():
        cells = [NAMES.get(learner, learner)]
        for horizon in (1, 5):
            for measure, digits in (("rank_ic", 4), ("alignment", 3)):
                value, error = one[f"h{horizon}.{measure}"]
                cells.append(f"{value:.{digits}f} ±{error:.{digits}f}")
        rows.append(cells)
    best = ["到達可能な値" if japanese else "attainable"]
    for horizon in (1, 5):
        value, error = next(iter(metrics.values()))[f"h{horizon}.attainable"]
        best += [f"{value:.4f} ±{error:.4f}", "1"]
    return table(columns, [*rows, best]) + f"\n`{found.demo['command']}`\n"


def skill_block(found: Figures, *, japanese: bool) -> str:
    """The one table of skill: the demo over its seeds, then what was measured elsewhere."""
    seeds = ", ".join(found.demo["seeds"])
    rows = []
    for horizon in (1, 5):
        what = (
            f"デモ（シード {seeds}）：{horizon}日先のアラインメント、平均（最小〜最大）"
            if japanese
            else f"demo, seeds {seeds}: alignment at {horizon} session{'s' * (horizon > 1)}, mean "
            "(least to most)"
        )
        cells = [
            mean_over_seeds(found, name, f"h{horizon}.alignment")
            for name in ("ridge", "lightgbm", "atft-gat-fan")
        ]
        if japanese:
            cells = [cell.replace(" to ", "〜") for cell in cells]
        rows.append([what, *cells, NONE])
    for one in found.skill:
        cells = [one.get(learner, NONE) for learner in LEARNERS]
        if japanese:
            cells = [cell.replace(" and ", "、") for cell in cells]
        rows.append([one["ja_what" if japanese else "what"], *cells])
    return table(["計測" if japanese else "what", *LEARNERS.values()], rows)


def plans_block(found: Figures, *, japanese: bool) -> str:
    """Features and skill by plan."""
    learners = list(next(iter(found.plans["plans"].values()))["skill"])
    columns = ["プラン", "特徴量", "営業日"] if japanese else ["plan", "features", "sessions"]
    rows = []
    for plan, one in found.plans["plans"].items():
        cells = [plan.capitalize(), str(one["features"]), str(one["sessions"])]
        for learner in learners:
            skill = one["skill"][learner]
            errors = skill["error"] or [None] * len(skill["alignment"])
            cells.append(
                " / ".join(
                    f"{value:.3f}" + (f" ±{error:.3f}" if error is not None else "")
                    for value, error in zip(skill["alignment"], errors, strict=True)
                )
            )
        rows.append(cells)
    said = f"`{found.plans['command']}`"
    count = len(found.plans["seeds"])
    several = "平均と標準誤差" if japanese else "with its standard error"
    if japanese:
        note = (
            f"1日先 / 5日先のアラインメント、{count} 市場の{several if count > 1 else '値'}。{said}"
        )
    else:
        mean = f"mean over {count} markets {several}" if count > 1 else "one market"
        note = f"Alignment at 1 / 5 sessions, {mean}. {said}"
    return table([*columns, *(NAMES.get(name, name) for name in learners)], rows) + f"\n{note}\n"


def cost_block(found: Figures, *, japanese: bool) -> str:
    """The few rows on what it costs that the front page shows."""
    rows = [
        [one["ja_what"], one["ja_measured"]] if japanese else [one["what"], one["measured"]]
        for one in found.rows
        if "ja_what" in one
    ]
    columns = ["計測", "結果"] if japanese else ["what", "measured"]
    return table(columns, rows)


def chapter_block(chapter: str) -> Callable[..., str]:
    """All rows of a chapter, with their commands."""

    def block(found: Figures, *, japanese: bool) -> str:
        del japanese
        rows = [
            [one["what"], f"`{one['command']}`", one["measured"]]
            for one in found.rows
            if one["chapter"] == chapter
        ]
        return table(["what", "command", "measured"], rows)

    return block


BLOCKS: Final[Mapping[str, Callable[..., str]]] = {
    "demo": demo_block,
    "skill": skill_block,
    "plans": plans_block,
    "cost": cost_block,
    **{name: chapter_block(name) for name in ("simulated", "real", "tests", "speed")},
}


def written(text: str, found: Figures, *, japanese: bool) -> str:
    """A page with its blocks made anew.

    Raises
    ------
    KeyError
        A block of a name that does not exist.
    """

    def one(match: re.Match[str]) -> str:
        return match["begin"] + BLOCKS[match["name"]](found, japanese=japanese) + match["end"]

    return BLOCK.sub(one, text)


def main() -> int:
    """Write the pages, or say which are not what the figures say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    found, stale = Figures.read(FIGURES), []
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = written(before, found, japanese=page.name.endswith(".ja.md"))
        if before != after:
            stale.append(page.relative_to(ROOT))
            if not options.check:
                page.write_text(after, encoding="utf-8")
    for page in stale:
        print(f"{page}: {'is not what the figures say' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
