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

MODULES = (
    "pyarrow.parquet",
    "torch",
    "lightgbm",
    "uvicorn",
    "gogooku.cli",
    "gogooku.display",
    "gogooku.ingest.files",
    "gogooku.pipeline",
    "gogooku.learn.networks",
    "gogooku.learn.boosting",
    "gogooku.learn.baselines",
    "gogooku.runs.training",
    "gogooku.runs.judging",
    "gogooku.serve.app",
    "torch._dynamo",  # what the first optimiser step would import
)


def child(request, points_fd, out_fd, err_fd):
    os.dup2(out_fd, 1)
    os.dup2(err_fd, 2)
    os.environ["GOGOOKU_HOME"] = request["home"]  # noqa: TID251
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


def serve(request):
    begun = time.perf_counter()
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        tempfile.TemporaryFile() as points,
    ):
        pid = os.fork()
        if pid == 0:
            child(request, points.fileno(), out.fileno(), err.fileno())
        status = wait(pid, request.get("kill_after"), request.get("timeout", 120.0))
        texts = []
        for handle in (out, err, points):
            handle.seek(0)
            texts.append(handle.read().decode())
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": texts[0],
        "err": texts[1],
        "points": texts[2].split(),
        "seconds": time.perf_counter() - begun,
    }


def wait(pid, kill_after, timeout):
    limit = time.perf_counter() + (timeout if kill_after is None else kill_after)
    while time.perf_counter() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def hash_code_once():
    """Code hashes of the code that is loaded here, whatever is edited on disk meanwhile."""
    from gogooku.core.stamp import code_hash
    from gogooku.pipeline import BUILD_CODE
    from gogooku.runs.training import TRAIN_CODE

    for packages in (("core", "ingest"), BUILD_CODE, TRAIN_CODE):
        code_hash(packages)


def main():
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in MODULES:
        importlib.import_module(name)
    print(json.dumps({"ready": True}), file=replies, flush=True)
    hash_code_once()
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
