"""The pages in headless Chromium, opened from disk: nothing cut, nothing covered, no error.

One browser holds each page in two frames, as wide as a telephone and as a desk, and a script that
looks at them from outside and prints what it saw. Another prints the report on paper.
"""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from gogooku.evaluate.compare_page import ComparePage, render_comparison
from gogooku.evaluate.comparison_words import sentence_of
from gogooku.evaluate.report import render_report
from gogooku.evaluate.side_by_side import Tries, side_by_side
from gogooku.evaluate.words import Text
from support.report_pages import daily_of, page

WIDTHS = (390, 1400)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)  # fmt: skip

LOOK = r"""
const seen = {};
const visible = one => one.offsetParent !== null && one.getBoundingClientRect().width > 0;
const overflowing = doc => {
  const width = doc.documentElement.clientWidth;
  return [...doc.body.querySelectorAll("*")]
    .filter(one => !one.closest(".wide > *, svg, #tip, script") && one.getClientRects().length)
    .filter(one => one.getBoundingClientRect().right > width + 1
      || one.getBoundingClientRect().left < -1)
    .map(one => one.tagName + "." + one.className + " " + one.textContent.slice(0, 40));
};
const covering = doc => {
  const found = [];
  for (const plot of doc.querySelectorAll(".plot")) {
    for (const kind of [".xt", ".yt"]) {
      const boxes = [...plot.querySelectorAll(kind)].filter(visible)
        .map(one => one.getBoundingClientRect());
      boxes.forEach((a, n) => boxes.slice(n + 1).forEach(b => {
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
          found.push(plot.dataset.figure + " " + kind);
      }));
    }
  }
  return found;
};
const cut = doc => [...doc.querySelectorAll(
  ".tile b, h1, h2, .badge, button, #contents a, .chip, .barred, .verdict, .said")]
  .filter(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
  .map(one => one.textContent);
const look = frame => {
  const doc = frame.contentDocument, win = frame.contentWindow, root = doc.documentElement;
  const colours = () => [win.getComputedStyle(doc.body).backgroundColor,
    win.getComputedStyle(doc.querySelector(".line.c0")).stroke];
  const shown = lang => [...doc.querySelectorAll("span[lang=" + lang + "]")].filter(visible).length;
  const state = () => ({wide: root.scrollWidth > root.clientWidth, out: overflowing(doc),
    covered: covering(doc), cut: cut(doc), lang: root.lang, en: shown("en"), ja: shown("ja")});
  const found = {before: state(), light: colours()};
  const months = [...doc.querySelectorAll("details.printed")];
  const open = () => months.filter(one => one.open).length;
  found.months = months.length;
  found.folded = open();
  win.dispatchEvent(new win.Event("beforeprint"));
  found.printed = open();
  found.opened = state();
  win.dispatchEvent(new win.Event("afterprint"));
  found.again_folded = open();
  found.lost = [...doc.querySelectorAll("#contents a")]
    .map(one => one.getAttribute("href")).filter(one => doc.querySelector(one) === null);
  doc.getElementById("to-theme").click();
  found.dark = colours();
  doc.getElementById("to-theme").click();
  found.again = colours();
  doc.getElementById("to-language").click();
  found.after = state();
  const tip = doc.getElementById("tip");
  const inside = () => {
    const box = tip.getBoundingClientRect();
    return {shown: win.getComputedStyle(tip).display, text: tip.textContent,
      inside: box.left >= 0 && box.right <= root.clientWidth && box.width > 0};
  };
  const plot = doc.querySelector("[data-figure=" + frame.dataset.plot + "]");
  const box = plot.getBoundingClientRect();
  plot.dispatchEvent(new win.PointerEvent("pointermove", {clientX: box.right,
    clientY: box.top + 5}));
  found.hover = inside();
  plot.dispatchEvent(new win.PointerEvent("pointerleave"));
  found.left = win.getComputedStyle(tip).display;
  doc.querySelector(".tip").dispatchEvent(new win.FocusEvent("focus"));
  found.word = inside();
  doc.getElementById("to-language").click();
  found.back = root.lang;
  return found;
};
addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) seen[frame.id] = look(frame);
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
"""


PLOTS = {"report": "figure-equity", "compare": "figure-cumulative"}


def comparison():
    """A comparison of three runs, one of them with a hostile name."""
    runs = {"ridge <b>": daily_of(0), "atft-gat-fan": daily_of(1), "lightgbm": daily_of(2)}
    found = side_by_side(runs, tries=Tries(count=9, ratios={5: [0.0, 0.1, 0.2]}))
    return ComparePage(
        found=found,
        sentence=sentence_of(found),
        kind=Text("Out of time", "アウトオブサンプル"),
        simulated=True,
        exchange="tokyo",
        warnings=[Text("a hold-out <last> was seen", "ホールドアウト<last>は使用済み")],
        facts={"source": "sandbox", "ridge <b>": "ridge-123"},
    )


def browser(folder, *options):
    """What Chromium did with options; it writes its console to its errors."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'user'}", "--window-size=1400,900", "--enable-logging=stderr",
        "--virtual-time-budget=20000", *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """What the browser saw of each page at each width, and what it wrote to its console."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(render_report(page()), encoding="utf-8")
    (folder / "compare.html").write_text(render_comparison(comparison()), encoding="utf-8")
    frames = "".join(
        f'<iframe id="{name}-{width}" src="{name}.html" data-plot="{plot}" '
        f'style="width:{width}px;height:900px;border:0"></iframe>'
        for name, plot in PLOTS.items()
        for width in WIDTHS
    )
    (folder / "look.html").write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre id="seen"></pre><script>{LOOK}</script>'
    )
    done = browser(folder, "--dump-dom", (folder / "look.html").as_uri())
    text = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert text, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return json.loads(unescape(text[1])), console


def test_the_console_is_silent(looked):
    assert looked[1] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("when", ["before", "opened", "after"])
def test_nothing_is_cut_and_nothing_covered(looked, name, width, when):
    """In English, with every month open, and after the button in Japanese."""
    seen = looked[0][f"{name}-{width}"][when]
    assert not seen["wide"], "the page scrolls sideways"
    assert seen["out"] == []
    assert seen["covered"] == []
    assert seen["cut"] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLOTS)
def test_the_buttons_change_language_and_theme(looked, name, width):
    seen = looked[0][f"{name}-{width}"]
    assert (seen["before"]["lang"], seen["after"]["lang"], seen["back"]) == ("en", "ja", "en")
    assert seen["before"]["ja"] == seen["after"]["en"] == 0
    assert seen["before"]["en"] == seen["after"]["ja"] > 50
    assert seen["light"] == seen["again"]
    for light, dark in zip(seen["light"], seen["dark"], strict=True):
        assert light != dark, "paper and lines have another colour in each theme"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("name", "line", "meaning"),
    [("report", "ポートフォリオ", "順位相関"), ("compare", "atft-gat-fan", "無価値な試行")],
)
def test_pointing_shows_numbers_and_meanings_within_the_window(looked, width, name, line, meaning):
    seen = looked[0][f"{name}-{width}"]
    for what in ("hover", "word"):
        assert seen[what]["shown"] == "block"
        assert seen[what]["inside"], what
    assert "2022-06-01" in seen["hover"]["text"]
    assert line in seen["hover"]["text"]
    assert seen["left"] == "none"
    assert meaning in seen["word"]["text"]


@pytest.mark.parametrize("width", WIDTHS)
def test_months_open_for_paper_and_close_again(looked, width):
    seen = looked[0][f"report-{width}"]
    assert seen["months"] == seen["printed"] > 3
    assert seen["folded"] == seen["again_folded"] == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLOTS)
def test_every_link_leads_to_a_chapter(looked, name, width):
    assert looked[0][f"{name}-{width}"]["lost"] == []


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("report", lambda: render_report(page())),
        ("compare", lambda: render_comparison(comparison())),
    ],
)
def test_a_page_prints(tmp_path, name, render):
    """It becomes a paper of several sheets, without an error on the console."""
    place = tmp_path / f"{name}.html"
    place.write_text(render(), encoding="utf-8")
    paper = tmp_path / "page.pdf"
    done = browser(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={paper}", place.as_uri())
    assert ":CONSOLE" not in done.stderr
    content = paper.read_bytes()
    sheets = len(re.findall(rb"/Type\s*/Page\b", content))
    assert content.startswith(b"%PDF")
    assert sheets >= (15 if name == "report" else 3)
