"""A Ray cluster on loopback, where Ray is installed."""

import os
import sys
from contextlib import contextmanager

import pytest

RAY = "ray is not installed: pip install 'gogooku[ray]'"


@contextmanager
def two_nodes():
    """A head without cores, and two nodes with one each; ``nodes`` are these."""
    pytest.importorskip("ray", reason=RAY)
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        patch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
        made = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": 80 << 20},
        )
        two = [made.add_node(num_cpus=1, object_store_memory=80 << 20) for _ in range(2)]
        made.nodes = two
        made.wait_for_nodes()
        yield made
        made.shutdown()
