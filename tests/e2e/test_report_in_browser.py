"""The report page in headless Chromium, opened from disk: nothing cut, nothing covered, no error.

One browser holds the page in two frames, as wide as a telephone and as a desk, and a script that
looks at both from outside and prints what it saw.
"""

import json
import re
import shutil
import subprocess

import pytest

from gogooku.evaluate.report import render_report
from support.report_pages import page

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
const cut = doc => [...doc.querySelectorAll(".tile b, h1, h2, .badge, button")]
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
  const plot = doc.querySelector("[data-figure=figure-equity]");
  const box = plot.getBoundingClientRect();
  plot.dispatchEvent(new win.PointerEvent("pointermove", {clientX: box.right,
    clientY: box.top + 5}));
  found.hover = inside();
  plot.dispatchEvent(new win.PointerEvent("pointerleave"));
  found.left = win.getComputedStyle(tip).display;
  doc.querySelector(".tile .tip").dispatchEvent(new win.FocusEvent("focus"));
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


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """What the browser saw at each width, and what it wrote to its console."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    folder = tmp_path_factory.mktemp("browser")
    (folder / "page.html").write_text(render_report(page()), encoding="utf-8")
    frames = "".join(
        f'<iframe id="w{width}" src="page.html" style="width:{width}px;height:900px;border:0">'
        "</iframe>"
        for width in WIDTHS
    )
    (folder / "look.html").write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre id="seen"></pre><script>{LOOK}</script>'
    )
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'user'}", "--window-size=1400,900", "--enable-logging=stderr",
        "--virtual-time-budget=20000", "--dump-dom", (folder / "look.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    text = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert text, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    plain = text[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(plain), console


def test_the_console_is_silent(looked):
    assert looked[1] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_is_cut_and_nothing_covered(looked, width, when):
    """In English, and after the button in Japanese."""
    seen = looked[0][f"w{width}"][when]
    assert not seen["wide"], "the page scrolls sideways"
    assert seen["out"] == []
    assert seen["covered"] == []
    assert seen["cut"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_buttons_change_language_and_theme(looked, width):
    seen = looked[0][f"w{width}"]
    assert (seen["before"]["lang"], seen["after"]["lang"], seen["back"]) == ("en", "ja", "en")
    assert seen["before"]["ja"] == seen["after"]["en"] == 0
    assert seen["before"]["en"] == seen["after"]["ja"] > 100
    assert seen["light"] == seen["again"]
    for light, dark in zip(seen["light"], seen["dark"], strict=True):
        assert light != dark, "paper and lines have another colour in each theme"


@pytest.mark.parametrize("width", WIDTHS)
def test_pointing_shows_numbers_and_meanings_within_the_window(looked, width):
    seen = looked[0][f"w{width}"]
    for what in ("hover", "word"):
        assert seen[what]["shown"] == "block"
        assert seen[what]["inside"], what
    assert "2022-06-01" in seen["hover"]["text"]
    assert "ポートフォリオ" in seen["hover"]["text"]
    assert seen["left"] == "none"
    assert "順位相関" in seen["word"]["text"]
