import pytest

from gogooku.runs.diagnose.facts import Facts


class NamedRun:
    """As much of a run as a next step names."""

    dataset_name = "law-1"
    manifest = {"name": "atft-gat-fan", "source": "law"}  # noqa: RUF012

    class files:  # noqa: N801
        @staticmethod
        def json(_):
            return {
                "seed": {"value": 3, "from": "--set"},
                "learner.hidden": {"value": 64, "from": "default"},
            }


@pytest.fixture
def facts():
    return Facts(run=NamedRun(), fits=())
