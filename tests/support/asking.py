"""Questions to the site of a service itself, without a socket."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from urllib.parse import urlencode

from gogooku.core.wall import SystemClock
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KEY_HEADER, Key, KeyRing, hash_key
from gogooku.serve.research import Research
from gogooku.serve.service import Service
from gogooku.serve.site import Request
from gogooku.serve.worker import Inline

KEY = "a very secret key 5f1c"
MANY = 1e6
"""A rate that no test reaches."""


@dataclass
class Lines:
    """A log in memory."""

    lines: list = field(default_factory=list)

    def write(self, line):
        self.lines.append(json.loads(json.dumps(line, default=str)))


class Answered:
    """A response, read as a client reads it."""

    def __init__(self, response):
        self.status_code = response.status
        self.headers = {name.decode(): text.decode() for name, text in response.headers}
        self.content = response.body
        self.text = response.body.decode(errors="replace")

    def json(self):
        return json.loads(self.content)


class Asking:
    """Asks a site."""

    def __init__(self, pages, *, keys=None, clock=None, maker=None, metrics=tuple):
        ring = keys or Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
        self.log = Lines()
        service = Service(pages, ring, log=self.log, clock=clock or SystemClock(), metrics=metrics)
        self.site = service.site(maker or Inline())

    def __call__(self, path, *, method="GET", key=KEY, headers=(), address="10.0.0.1", **params):
        given = {} if key is None else {KEY_HEADER: key}
        given |= dict(headers)
        sent = []
        request = Request(
            method,
            f"{path}?{urlencode(params)}" if params else path,
            {name.lower().encode(): text.encode() for name, text in given.items()},
            address,
        )
        self.site.receive(request, sent.append)
        (response,) = sent
        return Answered(response)


def ask_run(predictor, **settings):
    """The site of a run."""
    fresh = predictor if isinstance(predictor, Fresh) else Fresh.fixed(predictor)
    return Asking(Research(fresh).pages(), **settings)


def ask_nothing(**settings):
    """A site with a page that is open and one that is not."""
    return ask_run(SimpleNamespace(), **settings)
