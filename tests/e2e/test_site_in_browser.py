"""The site in a browser: it is found in by words of both languages, and fits a telephone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.browser import Browser
from support.pages_site import ABSENT, ROOT, build

pytestmark = pytest.mark.skipif(
    bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}; pip install -e '.[docs]'"
)
FOUND = """new Promise(done => {
  const look = () => {
    const found = [...document.querySelectorAll(".md-search-result__link")].map(one => one.href);
    if (found.length) done(found); else setTimeout(look, 100);
  };
  look();
  setTimeout(() => done([]), 30000);
})"""


MISSED: list[str] = []
NOT_MADE = "/ja/sitemap.xml"
"""The theme asks for a list of pages of every language; MkDocs makes one for all of them."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, notes what it does not have, and logs nothing."""

    def log_error(self, *args: object) -> None:
        MISSED.append(self.path)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pages") / "site"
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr[-2000:]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.mark.parametrize(
    ("page", "word", "expected"),
    [
        ("index.html", "hold-out", "/research.html"),
        ("index.html", "premarket", "/clocks.html"),
        ("ja/index.html", "模擬取引所", "/ja/evening.html"),
        ("ja/index.html", "単元株", "/ja/evening.html"),
    ],
)
def test_a_word_is_found(browser: Browser, address: str, page: str, word: str, expected: str):
    browser.open(f"{address}/{page}?q={word}")
    found = browser.run(FOUND)
    assert any(expected in one for one in found), found


@pytest.mark.parametrize("page", ["index.html", "ja/index.html", "network.html", "ja/start.html"])
@pytest.mark.parametrize("width", [1400, 390])
def test_a_page_fits_its_window_and_loads_nothing_from_elsewhere(
    browser: Browser, address: str, page: str, width: int
):
    browser.requests.clear()
    browser.console.clear()
    MISSED.clear()
    browser.open(f"{address}/{page}", width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert [one for one in browser.requests if not one.startswith((address, "data:"))] == []
    assert set(MISSED) <= {NOT_MADE}
    assert [one for one in browser.console if "status of 404" not in one] == []
    pictures = "[...document.images].every(one => one.complete && one.naturalWidth > 0)"
    assert browser.run(pictures) is True


@pytest.mark.parametrize("dark", [True, False])
def test_the_page_is_dark_where_the_reader_has_it_dark(browser: Browser, address: str, dark: bool):
    browser.open(f"{address}/index.html", dark=dark)
    scheme = browser.run("document.body.getAttribute('data-md-color-scheme')")
    assert scheme == ("slate" if dark else "default")


def test_the_other_language_is_one_step_away(browser: Browser, address: str):
    browser.open(f"{address}/research.html")
    target = browser.run("document.querySelector('a[hreflang=ja]').href")
    assert target == f"{address}/ja/research.html"
    browser.open(target)
    assert browser.run("document.documentElement.lang") == "ja"
    assert "研究の手順" in browser.run("document.querySelector('h1').innerText")
