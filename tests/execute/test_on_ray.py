"""A Ray cluster of two nodes on loopback does tasks as this process does, also when a node dies."""

import sys
import time

import pytest

from gogooku.core.errors import EnvironmentalError, InternalError, MissingPackageError
from gogooku.execute import on_ray
from gogooku.execute.on_ray import RayExecutor
from support import tasks as done_there
from support.ray_cluster import RAY, two_nodes
from support.tasks import task


@pytest.fixture
def without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)


def test_without_ray_the_command_that_installs_it_is_said(without_ray):
    with pytest.raises(MissingPackageError, match=r"pip install 'gogooku\[ray\]'"):
        list(RayExecutor("127.0.0.1:1").run([task(done_there.doubled, number=1)]))


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as made:
        yield made


ray_warns = pytest.mark.filterwarnings("ignore")
"""What Ray itself warns of is not ours to mend."""


@ray_warns
def test_each_task_is_answered_once(cluster):
    asked = [task(done_there.doubled, number=n) for n in range(4)]
    found = list(RayExecutor(cluster.address).run([*asked, task(done_there.refused, number=9)]))
    assert sorted(one.value["twice"] for one in found if not one.failed) == [0, 2, 4, 6]
    (failed,) = [one for one in found if one.failed]
    assert (failed.kind, failed.fault) == ("DataError", "number 9 is refused")
    assert all(one.where.startswith("node ") for one in found)


@ray_warns
def test_within_the_context_calls_share_one_connection_that_ends_with_it(cluster, monkeypatch):
    ray = pytest.importorskip("ray", reason=RAY)
    connected = []
    connect = on_ray._connect
    monkeypatch.setattr(on_ray, "_connect", lambda *given: connected.append(connect(*given)))
    with RayExecutor(cluster.address) as executor:
        assert not ray.is_initialized()
        for number in range(2):
            (found,) = executor.run([task(done_there.doubled, number=number)])
            assert found.value["twice"] == 2 * number
            assert ray.is_initialized()
        left = executor.run([task(done_there.doubled, key=str(n), number=n) for n in range(2)])
        next(left)
    assert not ray.is_initialized()
    assert list(left) == []
    assert not ray.is_initialized()
    assert len(connected) == 1


@ray_warns
def test_a_node_that_is_killed_in_the_middle_loses_no_task(cluster, tmp_path):
    """Not the node that this process is connected to: without that one nobody could ask."""
    import ray

    asked = [
        task(done_there.counts, key=str(n), file=str(tmp_path / str(n)), seconds=1.0)
        for n in range(6)
    ]
    running = RayExecutor(cluster.address).run(asked)
    found = [next(running)]
    ours = ray.get_runtime_context().get_node_id()
    lost = next(one for one in cluster.nodes if one.node_id != ours)
    deadline = time.monotonic() + 30
    while sum(1 for one in tmp_path.iterdir()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    cluster.remove_node(lost, allow_graceful=False)
    found += list(running)
    assert sorted(one.task.key for one in found) == [str(n) for n in range(6)]
    assert [one.fault for one in found if one.failed] == []
    again = [int(one.value["tries"]) for one in found]
    assert max(again) > 1, "the node that was killed did nothing at that time"


@ray_warns
def test_a_task_whose_process_dies_each_time_is_given_up(cluster, tmp_path):
    asked = task(done_there.killed, file=str(tmp_path / "count"), times=99)
    (found,) = RayExecutor(cluster.address, retries=1).run([asked])
    assert found.kind == "WorkerLostError"
    assert "after 1 retries" in found.fault
    assert (tmp_path / "count").read_text() == "xx"


@ray_warns
def test_a_defect_is_raised(cluster):
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        list(RayExecutor(cluster.address).run([task(done_there.broken)]))


@ray_warns
def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    ray = pytest.importorskip("ray", reason=RAY)

    def refused(**options):
        raise ConnectionError("nobody answers\nat all")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(EnvironmentalError, match=r"127.0.0.1:1: .*\(nobody answers\).*ray status"):
        on_ray._connect(ray, "127.0.0.1:1", 1)
