"""Law: the pages are a site that builds strictly in both languages, without a broken link."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from support.pages_site import ABSENT, ROOT, build

DOCS = ROOT / "docs"
needs_mkdocs = pytest.mark.skipif(
    bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}; pip install -e '.[docs]'"
)
GUIDES = (
    *("index", "start", "evening", "own_data", "add_a_feature", "own_learner", "my_scores"),
    "research",
)
"""Pages that stand in Japanese too, each beside its English one."""
CODE = re.compile(r"^```(?:bash|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    return folder


class Found(HTMLParser):
    """Ids of a page, and where it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src") and value and tag in ("a", "img", "link", "script"):
                self.targets.append(value)


def read(page: Path) -> Found:
    found = Found()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def broken(site: Path) -> list[str]:
    """Links of a built site that lead nowhere within it, and what is loaded from elsewhere."""
    pages = {page: read(page) for page in site.rglob("*.html") if page.name != "404.html"}
    wrong = []
    for page, found in pages.items():
        for target in found.targets:
            parts = urlsplit(target)
            name = f"{page.relative_to(site)}: {target}"
            if parts.scheme in ("http", "https", "mailto", "data", "javascript"):
                continue
            path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            path = path / "index.html" if path.is_dir() else path
            if not path.exists():
                wrong.append(name)
            elif parts.fragment and path in pages and parts.fragment not in pages[path].ids:
                wrong.append(f"{name}: no such part")
    return sorted(set(wrong))


@needs_mkdocs
def test_it_builds_strictly_in_both_languages(site: Path):
    for name in GUIDES:
        english = (site / f"{name}.html").read_text(encoding="utf-8")
        japanese = (site / "ja" / f"{name}.html").read_text(encoding="utf-8")
        assert '<html lang="en"' in english
        assert '<html lang="ja"' in japanese
    assert (site / "ja" / "features.html").exists()


@needs_mkdocs
def test_no_link_of_the_site_is_broken(site: Path):
    assert len(list(site.rglob("*.html"))) > 80
    assert broken(site) == []


@needs_mkdocs
def test_nothing_is_loaded_from_elsewhere(site: Path):
    for page in (site / "index.html", site / "ja" / "index.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', text)
        assert loaded == []


@needs_mkdocs
def test_both_languages_can_be_searched_and_the_page_can_be_dark(site: Path):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert index["config"]["lang"] == ["en", "ja"]
    places = [one["location"] for one in index["docs"]]
    assert any(place.startswith("research.html") for place in places)
    assert any(place.startswith("ja/research.html") for place in places)
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'data-md-color-scheme="slate"' in text
    assert 'data-md-color-scheme="default"' in text


@needs_mkdocs
@pytest.mark.parametrize(
    "plant", ["[gone](gone.md)", "[gone](commands.md#gone)", "[gone](../README.md)"]
)
def test_a_broken_link_stops_the_build(plant: str, tmp_path: Path):
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "clocks.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\n{plant}\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "clocks.md" in done.stderr


def test_a_broken_link_of_a_site_is_found(tmp_path: Path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#part">x</a><a href="b.html#none">x</a><img src="gone.png">'
        '<a href="https://example.org/">x</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h2 id="part">x</h2>', encoding="utf-8")
    assert broken(tmp_path) == ["a.html: b.html#none: no such part", "a.html: gone.png"]


# -------------------------------------------------------------------------------- without mkdocs


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    said = re.findall(r"([\w/]+\.md)$", menu, re.MULTILINE)
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert sorted(said) == sorted(page for page in pages if not page.endswith(".ja.md"))


def without_comments(code: str) -> str:
    """Lines of a block without what stands behind ``#``, which is translated."""
    lines = [re.sub(r"\s+# .*$", "", line) for line in code.splitlines()]
    said = [re.sub(r'--why "[^"]*"', "--why REASON", line) for line in lines]
    return "\n".join(line.rstrip() for line in said if not line.startswith("# "))


def not_of_the_original(page: Path) -> list[str]:
    """Blocks of a translated page that the English page does not have."""
    original = page.with_name(page.name.replace(".ja.md", ".md"))
    there = [without_comments(one) for one in CODE.findall(original.read_text(encoding="utf-8"))]
    blocks = [without_comments(one) for one in CODE.findall(page.read_text(encoding="utf-8"))]
    return [block.splitlines()[0] for block in blocks if block not in there]


@pytest.mark.parametrize("name", GUIDES)
def test_a_translated_page_has_the_commands_of_the_original(name: str):
    page = DOCS / f"{name}.ja.md"
    assert page.exists()
    assert not_of_the_original(page) == []


def test_a_command_that_only_a_translation_has_is_caught(tmp_path: Path):
    (tmp_path / "a.md").write_text("```bash\ngogooku build   # in English\n```\n")
    page = tmp_path / "a.ja.md"
    page.write_text("```bash\ngogooku build   # 日本語\n```\n\n```bash\ngogooku train x\n```\n")
    assert not_of_the_original(page) == ["gogooku train x"]


SOFT_BREAK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff、。）]\n[\u3040-\u30ff\u3400-\u9fff（「]")


@pytest.mark.parametrize(
    "page", sorted([ROOT / "README.ja.md", *DOCS.glob("*.ja.md")]), ids=lambda page: page.name
)
def test_no_line_of_a_japanese_paragraph_ends_within_it(page: Path):
    """A browser shows the end of a line as a blank, which Japanese does not have."""
    text = page.read_text(encoding="utf-8")
    assert [match[0] for match in SOFT_BREAK.finditer(text)] == []


def test_a_line_that_ends_within_a_japanese_paragraph_is_caught():
    assert SOFT_BREAK.search("ランキングを\n作ります。")
    assert not SOFT_BREAK.search("ランキングを作ります。\n\n次の段落。\n- 箇条書き")


def drawn() -> dict[str, str]:
    """What the program that draws the figures draws now."""
    spec = importlib.util.spec_from_file_location("draw", DOCS / "figures" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw"] = module
    spec.loader.exec_module(module)
    return {name: draw().svg() for name, draw in module.FIGURES.items()}


def test_the_figures_are_what_their_program_draws():
    figures = drawn()
    assert len(figures) == 3
    for name, svg in figures.items():
        kept = (DOCS / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        assert kept == svg, "draw them again: python docs/figures/draw.py"
