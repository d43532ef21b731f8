"""A search on a Ray cluster of two nodes, one of which dies: what one process finds."""

import threading
import time

import pytest

from gogooku.core.progress import SilentReporter
from gogooku.execute.on_ray import RayExecutor
from gogooku.runs.job import finished_jobs
from gogooku.search.result import facts_of
from gogooku.search.search import search
from support.ray_cluster import two_nodes


@pytest.fixture(scope="module")
def cluster():
    with two_nodes() as made:
        yield made


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # of Ray itself
def test_a_node_that_dies_changes_nothing(cluster, home, plan_of, searched):
    plan = plan_of()
    failed = []

    def kill_the_other_node():
        import ray

        deadline = time.monotonic() + 120
        while len(finished_jobs(home)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        ours = ray.get_runtime_context().get_node_id()
        lost = next(one for one in cluster.nodes if one.node_id != ours)
        cluster.remove_node(lost, allow_graceful=False)
        failed.append(len(finished_jobs(home)))

    killer = threading.Thread(target=kill_the_other_node)
    killer.start()
    found = search(
        home, plan, trials=6, reporter=SilentReporter(), executor=RayExecutor(cluster.address)
    )
    killer.join()
    assert failed, "no node was killed"
    assert failed[0] < len(finished_jobs(home)), "the node died after the search was over"
    here = {name: value for name, value in facts_of(searched[1]).items() if name != "folder"}
    there = {name: value for name, value in facts_of(found).items() if name != "folder"}
    assert there == here
    contents = {path.name for path in finished_jobs(searched[0])}
    assert {path.name for path in finished_jobs(home)} == contents
