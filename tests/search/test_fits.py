"""Fits at once: found, made, failed by their settings, or stopped by their machine."""

import pytest

from gogooku.core.errors import EnvironmentalError
from gogooku.execute.task import HereExecutor, Outcome
from gogooku.runs.job import DoneJob, jobs_folder
from gogooku.search.fits import Failed, Fits


class Scripted:
    """Answers tasks as it is told; what it is not told is done."""

    def __init__(self, *kinds):
        self.kinds = list(kinds)
        self.asked = []

    def run(self, tasks):
        self.asked.append(len(tasks))
        for task, kind in zip(tasks, self.kinds + [None] * len(tasks), strict=False):
            if kind is None:
                yield from HereExecutor().run([task])
            else:
                yield Outcome(task, fault="why it ended", kind=kind)


@pytest.fixture
def jobs(plan_of):
    ground = plan_of().ground
    return ground.jobs(ground.run, [0, 1], 1)


def test_what_is_finished_is_found_and_equal_jobs_are_made_once(home, jobs):
    counted, scripted = [], Scripted()
    fits = Fits(home, executor=scripted, counted=counted.append)
    first = fits.made([*jobs, *jobs])
    assert sorted(first) == sorted(job.stamp.key for job in jobs)
    assert all(isinstance(one, DoneJob) for one in first.values())
    assert (len(counted), scripted.asked) == (2, [2])
    again = fits.made(jobs)
    assert {key: one.content_hash for key, one in again.items()} == {
        key: one.content_hash for key, one in first.items()
    }
    assert (len(counted), scripted.asked) == (2, [2, 0])


@pytest.mark.parametrize("kind", ["DataError", "ConfigError", "WorkerLostError"])
def test_settings_that_cannot_be_fitted_have_failed_with_their_reason(kind, home, jobs):
    made = Fits(home, executor=Scripted(kind)).made(jobs)
    first, second = (made[job.stamp.key] for job in jobs)
    assert isinstance(first, Failed)
    assert "fold 0" in first.reason
    assert "why it ended" in first.reason
    assert isinstance(second, DoneJob)


@pytest.mark.parametrize(
    "kind", ["StorageError", "BusyError", "NotFoundError", "ContractError", "ResourceError"]
)
def test_a_fault_of_the_machine_stops_and_fails_nothing(kind, home, jobs):
    with pytest.raises(EnvironmentalError, match="why it ended.*The study is as it was"):
        Fits(home, executor=Scripted(None, kind)).made(jobs)
    assert len(list(jobs_folder(home).glob("[!.]*"))) == 1


def test_when_every_worker_is_lost_the_machine_is_at_fault(home, jobs):
    with pytest.raises(EnvironmentalError, match="each of 2 fits ended.*no trial was.*memory"):
        Fits(home, executor=Scripted("WorkerLostError", "WorkerLostError")).made(jobs)
