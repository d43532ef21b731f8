"""What a search will cost, from what fits of its learner on its dataset have cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gogooku.core.files import read_json
from gogooku.core.stamp import CONFIG_FILE
from gogooku.runs.job import DoneJob, finished_jobs
from gogooku.search.trial import Ground

_HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes
    ----------
    fits : int
        At most: trials that are given up take fewer, equal ones none.
    trials, finals, neighbours : int
        Of which for trials, for finalists and the unseen folds, and for the neighbourhood.
    measured : int
        Finished fits that seconds and memory are from; 0: nothing is known of them.
    seconds : float or None
        Mean wall seconds of a fit; None where nothing is known.
    peak_bytes : int or None
        The most memory of one.
    workers : int
        Fits at a time.
    """

    fits: int
    trials: int
    finals: int
    neighbours: int
    measured: int
    seconds: float | None
    peak_bytes: int | None
    workers: int

    @property
    def hours(self) -> float | None:
        """Wall time at most, if all workers are busy all the time."""
        return None if self.seconds is None else self.fits * self.seconds / self.workers / _HOUR

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "fits": self.fits,
            "fits_of_trials": self.trials,
            "fits_of_finals": self.finals,
            "fits_of_neighbours": self.neighbours,
            "measured_fits": self.measured,
            "seconds_a_fit": self.seconds,
            "peak_bytes_a_fit": self.peak_bytes,
            "workers": self.workers,
            "hours": self.hours,
        }


def cost_of(home: Path, ground: Ground, *, trials: int, workers: int) -> Cost:
    """What a search costs at most.

    Seconds are the mean over finished fits of this learner on this dataset; a fit of a later fold
    takes longer than one of an earlier, and settings of a space differ.
    """
    search, folds = ground.search, ground.num_folds
    of_trials = trials * folds * search.seeds
    chosen = min(search.finalists, trials - 1) + 1
    more = max(search.final_seeds - search.seeds, 0)
    later = 2 * (len(ground.folds) - folds) * search.final_seeds
    finals = chosen * folds * more + later
    neighbours = 2 * len(ground.space.knobs) * folds * search.seeds if search.neighbourhood else 0
    seconds, peaks = _spent(home, ground)
    return Cost(
        fits=of_trials + finals + neighbours,
        trials=of_trials,
        finals=finals,
        neighbours=neighbours,
        measured=len(seconds),
        seconds=sum(seconds) / len(seconds) if seconds else None,
        peak_bytes=int(max(peaks)) if peaks else None,
        workers=workers,
    )


def _spent(home: Path, ground: Ground) -> tuple[list[float], list[float]]:
    """Seconds and bytes of finished fits of the same learner on the same dataset."""
    seconds, peaks = [], []
    for folder in finished_jobs(home):
        done = DoneJob.read(folder)
        if done.manifest.get("dataset") != ground.dataset.folder.name:
            continue
        settings: Mapping[str, Any] = read_json(folder / CONFIG_FILE)
        if settings.get("learner.kind") == ground.run.learner.kind:
            seconds.append(done.spent["seconds"])
            peaks.append(done.spent["peak_bytes"])
    return seconds, peaks
