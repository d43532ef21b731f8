"""Reading a page as a browser would."""

import json
import re
from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects ids, links and figures, and checks that tags close in order."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.figures, self.texts = [], [], [], {}, []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [v for k, v in attrs if k in ("src", "href", "action", "data", "poster")]
        if tag not in self.VOID:
            self.open.append((tag, named))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        tag, named = self.open[-1] if self.open else ("", {})
        if tag == "script" and named.get("type") == "application/json":
            self.figures[named["id"]] = json.loads(data)
        elif tag not in ("script", "style"):
            self.texts.append(data)


def read(html):
    """A reader that has read a whole page, whose tags all close."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def rows(html):
    """Texts of each row of a body, in English."""
    html = re.sub(r'<span lang="ja">.*?</span>', "", html)
    return [
        [re.sub(r"<[^>]*>", " ", cell).split() for cell in re.findall(r"<td.*?</td>", row)]
        for row in re.findall(r"<tr>(<td.*?)</tr>", html)
    ]


def in_english(html):
    """The text of HTML in English, without tags, with single spaces."""
    html = re.sub(r'<span lang="ja">.*?</span>', "", html)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())
