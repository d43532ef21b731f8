"""Law 8: what the pages say is what the program does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import typer

from gogooku.cli import app
from gogooku.cli.shared import OPTIONS
from gogooku.features.catalogue import CATALOGUE
from gogooku.features.reference import COMMAND, feature_page
from support.cli import commands_below, forking_program
from support.own_prices import write_prices

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RUN, SKIP = "run by the tests", "not run by the tests"
BLOCK = re.compile(
    r"(?:<!-- *(?P<mark>[^\n]*?) *-->\n)?^```bash\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


# ------------------------------------------------------------------------------------- blocks


@dataclass(frozen=True)
class Block:
    """One bash block, and what the comment above it says: run, or not and why."""

    page: str
    code: str
    mark: str

    @property
    def runs(self) -> bool:
        return self.mark.startswith(RUN)


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page.name, m["code"], m["mark"] or "") for m in BLOCK.finditer(text)]


def unmarked(blocks: list[Block]) -> list[str]:
    """Blocks that do not say whether they are run; not being run needs a reason."""
    return [
        f"{one.page}: {one.code.splitlines()[0]}"
        for one in blocks
        if not one.runs and not re.match(rf"{SKIP}: \S", one.mark)
    ]


def execute(
    code: str, folder: Path, programs: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a block as a reader would, in a home of its own; what is in ``programs`` comes first."""
    folders = [*programs, Path(sys.executable).parent, os.environ["PATH"]]  # noqa: TID251
    path = ":".join(map(str, folders))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env={"PATH": path, "GOGOOKU_HOME": str(folder / "home"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_block_says_whether_it_is_run():
    blocks = [block for page in PAGES for block in blocks_of(page)]
    assert unmarked(blocks) == []
    assert sum(block.runs for block in blocks) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_marked_blocks_run(page: Path, tmp_path: Path, request: pytest.FixtureRequest):
    blocks = [block for block in blocks_of(page) if block.runs]
    if not blocks:
        return
    programs = tmp_path / "programs"
    programs.mkdir()
    if any("prices.parquet" in block.code for block in blocks):
        write_prices(tmp_path)
    forks = request.getfixturevalue("forks")
    with forking_program(forks, tmp_path / "home", programs):
        for block in blocks:
            done = execute(block.code, tmp_path, [programs])
            assert done.returncode == 0, (
                f"{block.code}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )


def test_a_wrong_or_unmarked_block_is_caught(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n<!-- run by the tests -->\n```bash\ngogooku version\ngogooku nothing\n```\n\n"
        "```bash\nmake demo\n```\n\n<!-- not run by the tests -->\n```bash\nmake test\n```\n"
    )
    first, *others = blocks_of(page)
    assert execute(first.code, tmp_path).returncode == 2
    assert unmarked([first, *others]) == ["page.md: make demo", "page.md: make test"]


# ----------------------------------------------------------------------------------- commands


def commands() -> dict[str, click.Command]:
    """Every command by its full name."""

    return commands_below(typer.main.get_command(app))  # type: ignore[arg-type]


SHARED = {f"--{name.replace('_', '-')}" for name in OPTIONS}
"""Options of every command, which the page describes once, above all sections."""


def undocumented(text: str) -> list[str]:
    """Commands and options that the page lacks, and those that it has but nothing else."""
    sections = {
        match["name"]: match["body"]
        for match in re.finditer(
            r"^### `(?P<name>gogooku[a-z ]*)[^`]*`\n(?P<body>.*?)(?=^### |\Z)",
            text,
            re.MULTILINE | re.DOTALL,
        )
    }
    sections = {name.strip(): body for name, body in sections.items()}
    above = set(re.findall(r"^- `(--[a-z-]+)`: ", text.partition("\n## ")[0], re.MULTILINE))
    found = [f"{option}: not both shared and documented" for option in sorted(above ^ SHARED)]
    found += [f"{name}: not both a command and a section" for name in sections.keys() ^ commands()]
    for name in sections.keys() & commands().keys():
        real = {
            option
            for parameter in commands()[name].params
            for option in parameter.opts
            if option.startswith("--") and option not in ("--help", *SHARED)
        }
        said = set(re.findall(r"(?<=`)--[a-z-]+", "\n".join(_bullets(sections[name]))))
        found += [f"{name} {option}: not both real and documented" for option in real ^ said]
    return sorted(found)


def _bullets(body: str) -> list[str]:
    return [line.split(": ")[0] for line in body.splitlines() if line.startswith("- ")]


def test_every_command_and_option_is_documented():
    assert undocumented((ROOT / "docs" / "commands.md").read_text(encoding="utf-8")) == []


def test_a_missing_command_or_option_is_caught():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert undocumented(text.replace("- `--top`", "- `--first`")) == [
        "gogooku predict --first: not both real and documented",
        "gogooku predict --top: not both real and documented",
    ]
    assert undocumented(text.replace("- `--quiet`", "- `--silent`")) == [
        "--quiet: not both shared and documented",
        "--silent: not both shared and documented",
    ]
    assert undocumented(text.replace("### `gogooku audit`", "### `gogooku check`")) == [
        "gogooku audit: not both a command and a section",
        "gogooku check: not both a command and a section",
    ]


_CALL = re.compile(r"(?<![\w./$-])gogooku((?: +[^\s`;|>&()、。]+)+)")


def wrong_calls(text: str) -> list[str]:
    """Calls of the program in code whose command or an option of it is not there."""
    known = commands()
    words = {name.split()[1] for name in known}
    text = re.sub(r"^```python\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    code = re.findall(r"^```\w*\n(.*?)^```$|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL)
    found = []
    for call in (one for block in code for part in block for one in _CALL.findall(part)):
        said = call.partition("#")[0].split()
        if not said or not re.fullmatch(r"[a-z][a-z-]*", said[0]):
            continue
        name = f"gogooku {' '.join(said[:2])}"
        name = name if name in known else f"gogooku {said[0]}"
        if name not in known:
            found += [] if said[0] in words and len(said) == 1 else [f"{name}: no such command"]
            continue
        options = {option for one in known[name].params for option in one.opts} | {"--help"}
        found += [
            f"{name} {word}: no such option"
            for word in (one.partition("=")[0] for one in said)
            if word.startswith("--") and word not in options
        ]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_on_a_page_is_one(page: Path):
    assert wrong_calls(page.read_text(encoding="utf-8")) == []


def test_a_wrong_call_is_caught():
    text = (
        "`gogooku statsu`, `gogooku status --sources x` and `gogooku keys add me --rate 5`\n\n"
        "```bash\nA=b gogooku keys remove me\ngogooku serve --port 1 --loud > file.log\n```\n"
    )
    assert sorted(wrong_calls(text)) == [
        "gogooku keys: no such command",
        "gogooku serve --loud: no such option",
        "gogooku statsu: no such command",
        "gogooku status --sources: no such option",
    ]


# ----------------------------------------------------------------------------------- features


def test_the_feature_page_is_what_the_catalogue_says():
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert page == feature_page(), f"write it again: {COMMAND}"


def test_every_feature_has_its_line():
    page = feature_page()
    for feature in CATALOGUE:
        assert page.count(f"| `{feature.name}` |") == (not feature.name.startswith("_"))
        assert len(feature.meaning) > 10


# -------------------------------------------------------------------------------------- links


def broken_links(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    return [
        f"{page.name}: {target}"
        for target in targets
        if "://" not in target and not (page.parent / target).exists()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    assert broken_links(page) == []


def test_a_broken_link_is_caught(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("[a](page.md) [b](gone.md#part) [c](https://example.org/x)")
    assert broken_links(page) == ["page.md: gone.md"]


# ----------------------------------------------------------------------------- tests that are named

_NAMED = re.compile(r"`(test_\w+)`")
_DEFINED = re.compile(r"^def (test_\w+)\(", re.MULTILINE)


def missing_tests(text: str) -> list[str]:
    """Tests that a page names and that no file defines."""
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in _DEFINED.findall(path.read_text(encoding="utf-8"))
    }
    return sorted(set(_NAMED.findall(text)) - there)


def test_every_test_that_a_page_names_is_there() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert len(_NAMED.findall(text)) > 40
    assert missing_tests(text) == []


def test_a_page_that_names_no_test_is_caught() -> None:
    assert missing_tests("`test_every_test_that_a_page_names_is_there`") == []
    assert missing_tests("`test_nowhere_to_be_found`") == ["test_nowhere_to_be_found"]
