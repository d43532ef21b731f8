"""Tasks done by a Ray cluster that is already there (extra ``ray``).

Only JSON goes over the network: the task and what came of it. Data is read on each node from the
folder that the task names; nothing is put into the object store. Ray does a task again whose node
or process is lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from gogooku.core.errors import EnvironmentalError
from gogooku.core.extras import extra_needed
from gogooku.execute.answers import answer_text, message_of, outcome_of
from gogooku.execute.local import thread_settings
from gogooku.execute.task import Outcome, Task
from gogooku.execute.waiting import WORKER_LOST, Asked, Waiting, say_nothing

MAX_RETRIES: Final = 3
_LOOK_SECONDS: Final = 0.25


@dataclass
class RayExecutor:
    """Does tasks on a Ray cluster.

    Attributes
    ----------
    address : str
        Of the cluster's head, ``HOST:PORT``, or ``auto`` on a node of it.
    threads : int
        Cores that a task takes, and its numeric threads.
    retries : int
        How often a task is done again whose node or process is lost.
    say : callable
        Takes a line for people.
    """

    address: str
    threads: int = 1
    retries: int = MAX_RETRIES
    say: Callable[[str], None] = say_nothing
    _within: bool = field(default=False, init=False, repr=False, compare=False)
    _connected: bool = field(default=False, init=False, repr=False, compare=False)
    _flights: list[_Flight] = field(default_factory=list, init=False, repr=False, compare=False)

    def __enter__(self) -> Self:
        """Keep the connection, once there is one, until the context ends."""
        self._within = True
        return self

    def __exit__(self, *fault: object) -> None:
        """Cancel what still runs, and end the connection."""
        self._within = False
        for flight in self._flights:
            flight.cancel()
        self._disconnect()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `gogooku.execute.task.Executor.run`.

        Raises
        ------
        MissingPackageError
            Ray is not installed.
        EnvironmentalError
            The cluster cannot be reached.
        InternalError
            A task met a fault of the program.
        """
        ray = _ray()
        if not ray.is_initialized():
            _connect(ray, self.address, self.threads)
            self._connected = True
        flight = _Flight(ray, self, tasks)
        self._flights.append(flight)
        try:
            yield from flight.outcomes()
        finally:
            flight.cancel()
            self._flights.remove(flight)
            if not self._within:
                self._disconnect()

    def _disconnect(self) -> None:
        """End the connection, if this executor made it."""
        if self._connected:
            self._connected = False
            _ray().shutdown()


def _ray() -> Any:
    with extra_needed():
        import ray
    return ray


def _connect(ray: Any, address: str, threads: int) -> None:
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            include_dashboard=False,
            runtime_env={"env_vars": thread_settings(threads)},
        )
    except (ConnectionError, RuntimeError, ValueError) as fault:
        first = str(fault).strip().partition("\n")[0]
        raise EnvironmentalError(
            f"Ray cluster {address}: cannot be reached ({first}). Is it running (ray status "
            "--address HOST:PORT), and is Ray there the same version as here?"
        ) from fault


class _Flight:
    """Tasks that a cluster has, and those that wait."""

    def __init__(self, ray: Any, executor: RayExecutor, tasks: Sequence[Task]) -> None:
        self.ray = ray
        self.executor = executor
        self.waiting = Waiting(tasks, say=executor.say)
        self.remote = ray.remote(answer_text)
        self.out: dict[Any, tuple[Asked, float]] = {}

    def outcomes(self) -> Iterator[Outcome]:
        """Send all, as they come due; what came of each."""
        while self.waiting or self.out:
            while (asked := self.waiting.take()) is not None:
                self._send(asked)
            if not self.out:
                time.sleep(_LOOK_SECONDS)
                continue
            ready, _ = self.ray.wait(list(self.out), num_returns=1, timeout=_LOOK_SECONDS)
            for reference in ready:
                asked, begun = self.out.pop(reference)
                outcome = self._came(reference, asked.task, time.monotonic() - begun)
                if not self.waiting.comes_back(asked, outcome):
                    yield outcome

    def cancel(self) -> None:
        """Stop what still runs."""
        while self.out:
            reference, _ = self.out.popitem()
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(reference, force=True)

    def _send(self, asked: Asked) -> None:
        task = asked.task
        options = self.remote.options(
            name=task.what or task.key,
            num_cpus=self.executor.threads,
            num_gpus=task.gpus,
            max_retries=self.executor.retries,
        )
        text = json.dumps(message_of(task), allow_nan=False)
        self.out[options.remote(text)] = (asked, time.monotonic())

    def _came(self, reference: Any, task: Task, seconds: float) -> Outcome:
        try:
            answer = json.loads(self.ray.get(reference))
        except self.ray.exceptions.RayError as fault:
            return Outcome(task, fault=self._lost(fault), kind=WORKER_LOST, seconds=seconds)
        return outcome_of(task, answer, seconds=seconds, where=f"node {answer['node']}")

    def _lost(self, fault: Exception) -> str:
        first = str(fault).strip().partition("\n")[0]
        return (
            f"Ray gave no answer, after {self.executor.retries} retries ({type(fault).__name__}: "
            f"{first}); what is finished is kept. See ray status and the logs of the node, and "
            "that gogooku of this version is installed on each"
        )
