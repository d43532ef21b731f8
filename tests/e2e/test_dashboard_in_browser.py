"""The dashboard in headless Chromium, from the running server, as a person uses it."""

import base64
import http.client

import pytest

from gogooku.evaluate.words import Language
from support.asking import KEY
from support.browser import Browser
from support.cli import done
from support.dashboards import HOSTILE, SEATS, dashboard_home
from support.published import SESSIONS, put, release
from support.serving import Server

WIDTHS = (1400, 390)
FIRST_PAINT_MS = 1_000.0

LOOK = r"""(() => {
  const root = document.documentElement;
  const visible = one => one.offsetParent !== null && one.getBoundingClientRect().width > 0;
  const shown = lang => [...document.querySelectorAll("span[lang=" + lang + "]")]
    .filter(visible).length;
  const out = [...document.body.querySelectorAll("*")]
    .filter(one => !one.closest(".wide > *, svg, #tip, script") && one.getClientRects().length)
    .filter(one => one.getBoundingClientRect().right > root.clientWidth + 1
      || one.getBoundingClientRect().left < -1)
    .map(one => one.tagName + "." + one.className + " " + one.textContent.slice(0, 40));
  const cut = [...document.querySelectorAll(
    ".tile b, h1, h2, .badge, button, #contents a, .line > span, .said")]
    .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.className + " " + one.textContent);
  const nameless = [...document.querySelectorAll("button, a, summary, [role=img]")]
    .filter(one => !one.textContent.trim() && !one.getAttribute("aria-labelledby"))
    .map(one => one.outerHTML.slice(0, 80));
  const charts = [...document.querySelectorAll("svg[aria-labelledby]")]
    .filter(one => !document.getElementById(one.getAttribute("aria-labelledby"))).length;
  return {wide: root.scrollWidth > root.clientWidth, out, cut, nameless, charts, lang: root.lang,
    en: shown("en"), ja: shown("ja"), paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color};
})()"""

CONTRAST = r"""(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = colour => colour.slice(0, 3).map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, n) => sum + one * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = one => {
    for (let box = one; box; box = box.parentElement) {
      const colour = rgba(getComputedStyle(box).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  for (const one of document.body.querySelectorAll("*")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || one.offsetParent === null || one.closest("script")) continue;
    const a = light(rgba(getComputedStyle(one).color)), b = light(behind(one));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(ratio.toFixed(2) + " " + one.className + " " + one.textContent);
  }
  return [...new Set(poor)].slice(0, 20);
})()"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def browser(place):
    with Browser(place / "user") as opened:
        yield opened


@pytest.fixture(scope="module")
def server(browser, place):
    server = Server(dashboard_home(place / "home"), log=place / "log.txt")
    yield server
    server.close()


@pytest.fixture
def page(browser, server):
    """Opens the page as it is served; nothing may be said on the console, nor asked elsewhere."""
    own = f"http://127.0.0.1:{server.port}"
    browser.console.clear()
    browser.requests.clear()

    def opened(path="/", *, fresh=True, **settings):
        if fresh:
            browser.open(f"{own}/", key=KEY)
            browser.run("localStorage.clear()")
        browser.open(own + path, key=KEY, **settings)
        return browser

    yield opened
    assert browser.console == []
    assert [one for one in browser.requests if not one.startswith((f"{own}/", "data:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("language", Language)
def test_it_fits_and_can_be_read(page, width, dark, language):
    tab = page("/", width=width, dark=dark, languages=str(language))
    seen = tab.run(LOOK)
    assert not seen["wide"], "the page scrolls sideways"
    assert seen["out"] == []
    assert seen["cut"] == []
    assert seen["nameless"] == []
    assert seen["charts"] == 0
    assert seen["lang"] == language
    other = "ja" if language == "en" else "en"
    assert seen[language] > 100
    assert seen[other] == 0
    assert (seen["paper"] == "rgb(255, 255, 255)") is not dark
    assert tab.run(CONTRAST) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_names_that_are_open_fit_too(page, width):
    tab = page("/", width=width)
    tab.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    seen = tab.run(LOOK)
    assert (seen["wide"], seen["out"], seen["cut"]) == (False, [], [])
    assert tab.run(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 601, 768, 801, 1024])
@pytest.mark.parametrize("language", Language)
def test_it_fits_windows_between_a_telephone_and_a_desk(page, width, language):
    tab = page(f"/?lang={language}", width=width)
    seen = tab.run(LOOK)
    assert (seen["wide"], seen["out"], seen["cut"]) == (False, [], [])


def test_the_first_paint_comes_within_a_second_and_nothing_moves_after_it(browser, place):
    """Of a server that has made no page yet."""
    server = Server(dashboard_home(place / "cold"), log=place / "cold.txt")
    try:
        browser.open(f"http://127.0.0.1:{server.port}/", key=KEY)
    finally:
        server.close()
    paint = browser.run(
        "performance.getEntriesByType('paint').find(one => one.name === 'first-contentful-paint')"
        "?.startTime ?? new Promise(done => new PerformanceObserver(list => done("
        "list.getEntriesByName('first-contentful-paint')[0].startTime))"
        ".observe({type: 'paint', buffered: true}))"
    )
    assert 0.0 < paint < FIRST_PAINT_MS
    moved = browser.run(
        "new Promise(done => { let sum = 0; new PerformanceObserver(list => { for (const one of "
        "list.getEntries()) sum += one.value; }).observe({type: 'layout-shift', buffered: true});"
        " setTimeout(() => done(sum), 300); })"
    )
    assert moved < 0.01


def test_a_name_opens_by_keyboard(page):
    tab = page("/")
    tab.run("document.querySelector('.names summary').focus()")
    is_open = "[...document.querySelectorAll('.names details')].map(one => one.open)"
    tab.press("Enter")
    assert tab.run(is_open) == [True] + [False] * (SEATS - 1)
    tab.press("Enter")
    assert not any(tab.run(is_open))
    tab.press("Tab")
    tab.press(" ")
    assert tab.run(is_open) == [False, True] + [False] * (SEATS - 2)


def test_the_buttons_come_first_by_keyboard_and_say_what_they_do(page):
    tab = page("/")
    for name in ("to-language", "to-theme"):
        tab.press("Tab")
        assert tab.run("document.activeElement.id") == name
        assert tab.run("document.activeElement.innerText")
        assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_name_opens_by_touch(page):
    tab = page("/", width=390)
    tab.tap(".names li:nth-child(2) summary")
    tab.run("new Promise(done => setTimeout(done, 100))")
    assert tab.run("document.querySelectorAll('.names details[open]').length") == 1
    assert tab.run("document.querySelector('.names li:nth-child(2) details').open")


def test_what_the_buttons_chose_stays(page):
    tab = page("/?lang=en")
    light = tab.run(LOOK)["paper"]
    tab.run("document.getElementById('to-language').click()")
    tab.run("document.getElementById('to-theme').click()")
    assert tab.run("location.search") == "", "the address asks for no language any more"
    chosen = tab.run(LOOK)
    assert (chosen["lang"], chosen["paper"] != light) == ("ja", True)
    again = page("/dashboard", fresh=False, languages="en").run(LOOK)
    assert (again["lang"], again["paper"]) == ("ja", chosen["paper"])
    asked = page("/?lang=en", fresh=False).run(LOOK)
    assert asked["lang"] == "en", "an address that asks comes first"


def test_a_chart_shows_its_numbers_and_words_their_meaning(page):
    tab = page("/")
    text = tab.run(
        "(() => { const plot = document.querySelector('[data-figure=figure-skill]');"
        " plot.scrollIntoView(); const box = plot.getBoundingClientRect();"
        " plot.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right - 4,"
        " clientY: box.top + 5})); return document.getElementById('tip').innerText; })()"
    )
    assert "2026-11-26" in text
    assert "published" in text


def test_a_hostile_name_is_a_name(page):
    tab = page("/")
    shown = tab.run("document.querySelector('.names .who b').innerText")
    assert shown == HOSTILE
    assert tab.run("document.scripts.length") == 2 + tab.run(
        "document.querySelectorAll('script[type=\"application/json\"]').length"
    )


def test_it_prints(page):
    tab = page("/", dark=True)
    paper = tab.paper()
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") >= 2


def test_another_script_does_not_run(browser, server):
    """The policy is not only stated."""
    browser.console.clear()
    browser.open(f"http://127.0.0.1:{server.port}/", key=KEY)
    browser.run(
        "(() => { const one = document.createElement('script'); one.textContent = 'window.ran=1';"
        " document.body.append(one); })()"
    )
    assert browser.run("window.ran") is None
    assert any("Content Security Policy" in one for one in browser.console)
    browser.console.clear()


def test_without_a_key_the_browser_is_told_to_ask_for_it(server):
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    line.request("GET", "/")
    answer = line.getresponse()
    answer.read()
    assert (answer.status, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    pair = base64.b64encode(f"anybody:{KEY}".encode()).decode()
    line.request("GET", "/", headers={"Authorization": f"Basic {pair}"})
    answer = line.getresponse()
    assert answer.status == 200
    assert b"<title>" in answer.read()
    line.close()
    held = server.log.read_text()
    assert KEY not in held
    assert pair not in held


def test_the_file_is_the_page_that_is_served(browser, place):
    """Opened from the disk, as an attachment is."""
    home = dashboard_home(place / "kept", days=SESSIONS[:2])
    written = done(home, "dashboard", "--json").json["dashboard"]
    browser.console.clear()
    browser.requests.clear()
    browser.open(f"file://{written}?lang=ja", width=390)
    seen = browser.run(LOOK)
    assert (seen["wide"], seen["out"], seen["lang"]) == (False, [], "ja")
    assert browser.console == []
    outside = [one for one in browser.requests if not one.startswith(("file:", "data:"))]
    assert outside == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_first_evening_without_portfolio_or_skill(browser, place, width):
    home = place / f"bare-{width}"
    home.mkdir()
    release(home, "ridge-1")
    put(home, "ridge-1", SESSIONS[0], more={})
    written = done(home, "dashboard", "--json").json["dashboard"]
    browser.console.clear()
    browser.open(f"file://{written}", width=width)
    seen = browser.run(LOOK)
    assert (seen["wide"], seen["out"], seen["cut"], seen["nameless"]) == (False, [], [], [])
    assert browser.console == []
