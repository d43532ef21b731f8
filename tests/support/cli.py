"""Helpers of the end-to-end tests: the command line, in and out of process, and a home's files."""

import contextlib
import hashlib
import io
import json
import socketserver
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click

from gogooku.cli import main
from gogooku.core.config import leaves
from gogooku.learn.few_names import FEW_NAMES

FEATURES = '["ret_1d_sec_z","ret_prev_5d","rsi_14","volume_z_20","ret_prev_20d","uni_vol_20"]'
"""A short list for tiny markets."""

NETWORK = (
    *(
        f"{path}={json.dumps(value)}"
        for path, value in leaves(FEW_NAMES["atft_gat_fan"], "learner.")
    ),
    "learner.fan=fan",
    "learner.hidden=8",
    "learner.lookback=8",
    "learner.context_features=['uni_vol_20']",
    "learner.training.max_epochs=2",
    "learner.training.days_per_batch=16",
)
"""Settings that make the network tiny, with peers and normalised history."""

VOLATILE = ("stamp.json", "events.jsonl", "trials.sqlite", "spent.json")
"""Files that hold times."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str
    points: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def json(self):
        return strict_json(self.out)

    @property
    def error(self):
        """The error of a ``--json`` call."""
        return strict_json(self.err.strip().splitlines()[-1])


def strict_json(text):
    """What every reader of JSON takes: no NaN and no infinity in it."""

    def refuse(name):
        raise AssertionError(f"an answer holds {name}, which is no JSON")

    return json.loads(text, parse_constant=refuse)


def sets(*assignments):
    return [part for text in assignments for part in ("--set", text)]


def run_cli(home, *argv, **environment):
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    settings = {"GOGOOKU_HOME": str(home), **environment}
    with (
        mock.patch.dict("os.environ", settings),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main([str(a) for a in argv])
            code = 0
        except SystemExit as end:
            code = end.code or 0
    return Result(code, out.getvalue(), err.getvalue())


def done(home, *argv, **environment):
    """Run a command in this process that must succeed."""
    result = run_cli(home, *argv, **environment)
    assert result.code == 0, result.err
    return result


class Forks:
    """Commands in processes of their own, forked from one that has imported everything."""

    def __init__(self):
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert json.loads(self._server.stdout.readline()) == {"ready": True}

    def run(self, home, *argv, **options):
        return self._asked({"home": str(home), "argv": [str(a) for a in argv], **options})[0]

    def run_together(self, count, home, *argv, **options):
        """The same command so many times at once."""
        request = {"home": str(home), "argv": [str(a) for a in argv], **options}
        return self._asked({**request, "count": count})

    def _asked(self, request):
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return [
            Result(
                reply["code"], reply["out"], reply["err"], tuple(reply["points"]), reply["seconds"]
            )
            for reply in json.loads(self._server.stdout.readline())
        ]

    def close(self):
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(timeout=30)


WAITING = """#!{python} -SE
import json, os, socket, sys
if "PYTHONPATH" in os.environ:  # other code than that of the forks
    os.execv({program!r}, [{program!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as line:
    line.connect({place!r})
    line.sendall(json.dumps([os.getcwd(), *sys.argv[1:]]).encode() + b"\\n")
    code, out, err = json.loads(line.makefile(encoding="utf-8").readline())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


@contextlib.contextmanager
def forking_program(forks, home, folder):
    """A folder with a program ``gogooku`` for shells, whose commands are forked.

    It is asked over a socket, and starts without importing anything.
    """
    program = Path(sys.executable).with_name("gogooku")
    place = folder / "asked"

    class Asked(socketserver.StreamRequestHandler):
        def handle(self):
            where, *argv = json.loads(self.rfile.readline())
            done = forks.run(home, *argv, folder=where, timeout=280)
            self.wfile.write(json.dumps([done.code, done.out, done.err]).encode() + b"\n")

    script = folder / program.name
    script.write_text(WAITING.format(python=sys.executable, program=str(program), place=str(place)))
    script.chmod(0o700)
    with socketserver.UnixStreamServer(str(place), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield folder
        finally:
            server.shutdown()
            thread.join()


def visible(home):
    """Relative path -> hash of every file that is not hidden; files that hold times have none."""
    home = Path(home)
    found = {}
    for path in sorted(home.rglob("*")):
        relative = path.relative_to(home)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            found[str(relative)] = "" if path.name in VOLATILE else _content(path)
    return found


def _content(path):
    """Hash of a file; a manifest's without its seal and its list of files, which are all here.

    A manifest that is no JSON (a test has cut it) is hashed as it is.
    """
    content = path.read_bytes()
    if path.name == "manifest.json":
        with contextlib.suppress(ValueError):
            manifest = json.loads(content)
            kept = {key: value for key, value in manifest.items() if key not in ("seal", "files")}
            content = json.dumps(kept).encode()
    return hashlib.sha256(content).hexdigest()


def artefacts(files):
    """Group visible files by the artefact they belong to; pointers stand for themselves."""
    depth = {"sources": 3, "datasets": 2, "runs": 2, "jobs": 2}
    grouped = {}
    for path, content in files.items():
        parts = path.split("/")
        name = "/".join(parts[: depth.get(parts[0], 1)])
        grouped.setdefault(name, {})[path] = content
    return grouped


def leftovers(home):
    """Hidden things other than locks."""
    home = Path(home)
    return sorted(
        str(p.relative_to(home))
        for p in home.rglob(".*")
        if not p.name.endswith(".lock") and p.name != home.name
    )


def is_one_paragraph(text):
    """An error for people: one paragraph that begins with ``error:`` and is no traceback."""
    lines = [line for line in text.splitlines() if line and not line.startswith("  ")]
    return len(lines) == 1 and lines[0].startswith("error: ") and "Traceback" not in text


def commands_below(root: click.Command, name: str = "gogooku") -> dict[str, click.Command]:
    """Every command of a program by its full name."""
    inner = getattr(root, "commands", None)
    if inner is None:
        return {name: root}
    found: dict[str, click.Command] = {}
    for word, one in inner.items():
        found |= commands_below(one, f"{name} {word}")
    return found
