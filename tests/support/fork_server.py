"""A process that has imported everything and forks a child per command, so that a kill costs none.

Run as a script. One JSON request a line on standard input, one JSON reply a line on standard
output. It computes nothing itself: a fork is only safe while no library has started threads that
matter, and the imports alone start none.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import time
from datetime import date, datetime

MODULES = (
    "pyarrow.parquet",
    "torch",
    "lightgbm",
    "uvicorn",
    "gogooku.cli",
    "gogooku.commands.backtest",
    "gogooku.commands.build",
    "gogooku.commands.evaluate",
    "gogooku.commands.import_prices",
    "gogooku.commands.predict",
    "gogooku.commands.sync",
    "gogooku.dataset.build",
    "gogooku.ingest.imports.files",
    "gogooku.tables.delivery",
    "gogooku.learn.networks",
    "gogooku.learn.learners",
    "gogooku.learn.models.lightgbm.learner",
    "gogooku.learn.models.ridge.learner",
    "gogooku.learn.models.single_feature.learner",
    "gogooku.learn.models.atft_gat_fan.network",
    "gogooku.learn.models.apex_ranker.network",
    "gogooku.learn.models.master.network",
    "gogooku.learn.losses.table",
    "gogooku.learn.losses.correlation.loss",
    "gogooku.runs.train",
    "gogooku.runs.report",
    "gogooku.commands.serve",
    "torch._dynamo",  # what the first optimiser step would import
)

STAGES = (
    "gogooku.dataset.build",
    "gogooku.ingest.imports.files",
    "gogooku.runs.judge",
    "gogooku.runs.report",
    "gogooku.runs.trade",
    "gogooku.runs.train",
    "gogooku.tables.answers",
    "gogooku.tables.delivery",
    "gogooku.tables.parts",
)
"""Modules whose code is in a key."""


def set_scene(request):
    """Environment, folder, standard input and, given ``now``, a clock that stands still there."""
    os.environ["GOGOOKU_HOME"] = request["home"]  # noqa: TID251
    os.environ.pop("JQUANTS_API_KEY", None)  # noqa: TID251
    os.environ.update(request.get("environment", {}))  # noqa: TID251
    os.chdir(request.get("folder", "."))
    typed = tempfile.TemporaryFile()  # noqa: SIM115
    typed.write(request.get("input", "").encode())
    typed.seek(0)
    os.dup2(typed.fileno(), 0)
    sys.stdin = os.fdopen(0)
    if "now" in request:
        from gogooku.core.wall import SystemClock

        now = datetime.fromisoformat(request["now"])
        SystemClock.now = lambda self: now
        SystemClock.sleep = lambda self, seconds: None


def child(request, points_fd, out_fd, err_fd):
    os.dup2(out_fd, 1)
    os.dup2(err_fd, 2)
    set_scene(request)
    from gogooku.cli import main
    from gogooku.core import files

    seen = {}

    def watch(name):
        seen[name] = seen.get(name, 0) + 1
        os.write(points_fd, f"{name}\n".encode())
        if request.get("kill_at") == [name, seen[name]]:
            os.kill(os.getpid(), signal.SIGKILL)

    files.WATCHERS.append(watch)
    for place in request.get("without", ()):
        module, _, name = place.rpartition(".")
        setattr(importlib.import_module(module), name, lambda *a, **k: None)
    try:
        main(request["argv"])
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Child:
    """A command under way, and where it writes."""

    def __init__(self, request):
        self._begun = time.perf_counter()
        self._places = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115
        out, err, points = (place.fileno() for place in self._places)
        self._request = request
        self._pid = os.fork()
        if self._pid == 0:
            child(request, points, out, err)

    def reply(self):
        request = self._request
        status = wait(self._pid, request.get("kill_after"), request.get("timeout", 120.0))
        texts = []
        for handle in self._places:
            handle.seek(0)
            texts.append(handle.read().decode())
            handle.close()
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": texts[0],
            "err": texts[1],
            "points": texts[2].split(),
            "seconds": time.perf_counter() - self._begun,
        }


def serve(request):
    children = [Child(request) for _ in range(request.get("count", 1))]
    return [one.reply() for one in children]


def wait(pid, kill_after, timeout):
    limit = time.perf_counter() + (timeout if kill_after is None else kill_after)
    while time.perf_counter() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def warm():
    """What every child would work out again: the holidays, and the hashes of the loaded code.

    The hashes also keep children equal, whatever is edited on disk meanwhile.
    """
    from gogooku.core.calendar import tokyo_sessions
    from gogooku.core.code import code_hash

    for stage in STAGES:
        code_hash((stage,))
    tokyo_sessions(date(2008, 1, 1), date(2027, 12, 31))


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in MODULES:
        importlib.import_module(name)
    print(json.dumps({"ready": True}), file=replies, flush=True)
    warm()
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
