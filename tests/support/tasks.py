"""Functions that tests have done by other processes, as tasks."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from gogooku.core.artefact import new_artefact
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, write_json
from gogooku.execute.task import Task
from gogooku.runs.job_task import do_job


def task(function, key="", **spec):
    return task_of(function, key, **spec)


def task_of(function, key="", /, **spec):
    name = function.__name__
    return Task(
        key=key or f"{name} {sorted(spec.items())}",
        call=f"{function.__module__}:{name}",
        spec=spec,
        what=f"{name} {key}".strip(),
    )


def doubled(spec):
    return {"twice": 2 * spec["number"], "process": os.getpid()}


def refused(spec):
    raise DataError(f"number {spec['number']} is refused")


def broken(spec):
    raise ZeroDivisionError("a defect")


def out_of_memory(spec):
    raise MemoryError


def without_json(spec):
    return {"value": np.float32(1)}


def prints(spec):
    os.write(1, b"a library prints this\n")
    sys.stdout.write("and Python that\n")
    return {}


def variables(spec):
    return {name: os.environ.get(name) for name in spec["names"]}  # noqa: TID251


def holds(spec):
    """Take memory and stay a while."""
    taken = np.ones(spec["mib"] << 17)
    time.sleep(spec.get("seconds", 0.3))
    return {"sum": float(taken[:8].sum())}


def killed(spec):
    """Be killed as often as is asked for; a file counts."""
    count = Path(spec["file"])
    count.write_text(f"{count.read_text() if count.exists() else ''}x")
    if len(count.read_text()) <= spec["times"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"tries": len(count.read_text())}


def sleeps(spec):
    """Say who it is, then take long."""
    Path(spec["file"]).write_text(str(os.getpid()))
    time.sleep(spec["seconds"])
    return {}


def made(spec):
    """An artefact that two cannot make at once."""
    final = Path(spec["folder"]) / "it"
    if (final / MANIFEST_FILE).exists():
        return {"found": True}
    with new_artefact(final) as building:
        time.sleep(spec["seconds"])
        write_json(building / MANIFEST_FILE, {"kind": "it"})
    return {"found": False}


def counts(spec):
    """Take a while, and count in a file how often it was begun."""
    count = Path(spec["file"])
    with count.open("a") as file:
        file.write("x")
    time.sleep(spec["seconds"])
    return {"tries": len(count.read_text())}


def fit_in_little_room(spec):
    """Fit where no file may be longer than a hundred bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        return do_job(spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def leaves_a_mark(spec):
    """Say which of several processes it is; the leader then says how many there are."""
    place, size = (os.environ[name] for name in ("RANK", "WORLD_SIZE"))  # noqa: TID251
    (Path(spec["folder"]) / place).touch()
    time.sleep(spec.get("seconds", 0))
    return {"size": size} if place == spec["leader"] else {}


def refused_by(spec):
    """One of several processes refuses, the others take long."""
    if os.environ["RANK"] == spec["place"]:  # noqa: TID251
        raise DataError(f"process {spec['place']} refuses")
    time.sleep(spec["seconds"])
    return {}
