"""A text means one executor, or none."""

import pytest

from gogooku.core.errors import UsageError
from gogooku.execute.choice import executor_for
from gogooku.execute.local import LocalExecutor
from gogooku.execute.on_ray import RayExecutor
from gogooku.execute.on_slurm import SlurmExecutor
from gogooku.execute.task import HereExecutor


def test_a_text_means_an_executor(tmp_path):
    assert isinstance(executor_for("here", folder=tmp_path), HereExecutor)
    assert executor_for("local:3", folder=tmp_path, threads=2) == LocalExecutor(3, threads=2)
    assert executor_for("ray:10.0.0.1:6379", folder=tmp_path) == RayExecutor("10.0.0.1:6379")
    assert executor_for("slurm", folder=tmp_path) == SlurmExecutor(tmp_path)
    assert executor_for("slurm:fast", folder=tmp_path).settings == {"slurm_partition": "fast"}


@pytest.mark.parametrize(
    "text",
    ["", "there", "here:1", "local", "local:", "local:0", "local:two", "ray", "ray:", "slurm:"],
)
def test_any_other_text_is_refused(text, tmp_path):
    with pytest.raises(UsageError, match="expected here, local:N"):
        executor_for(text, folder=tmp_path)
