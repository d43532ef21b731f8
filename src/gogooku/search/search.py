"""A search from its first trial to its last, in batches; stopped at any moment, it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gogooku.core.config import Execution, Resolved, leaves
from gogooku.core.errors import ConfigError, DataError, UsageError
from gogooku.core.files import hash_json
from gogooku.core.progress import Reporter, Step
from gogooku.core.registry import chosen_references
from gogooku.core.space import Space
from gogooku.core.stamp import Stamp, make_stamp
from gogooku.core.types import CrossFold, Dataset, Fold
from gogooku.core.wall import SystemClock, WallClock
from gogooku.evaluate.split import make_folds
from gogooku.execute.task import Executor
from gogooku.runs.folder import require_name
from gogooku.runs.job import inputs_of
from gogooku.runs.labels import run_labels
from gogooku.search.config import AFTER_TRIALS, TuneConfig
from gogooku.search.counted import Counted
from gogooku.search.finals import Finals, finals_of
from gogooku.search.fits import Fits
from gogooku.search.folder import studies_folder
from gogooku.search.objective import excesses
from gogooku.search.record import TrialRecord
from gogooku.search.trial import Ground, begun, run_through

if TYPE_CHECKING:
    from gogooku.search.study import Study

_CODE = (__name__, "gogooku.search.trial", "gogooku.search.draws", "gogooku.search.objective")


@dataclass(frozen=True)
class Plan:
    """A search before it begins.

    Attributes
    ----------
    name : str
    ground : Ground
    stamp : Stamp
    origins : mapping
        Settings with where they came from, as in a run's ``config.json``.
    """

    name: str
    ground: Ground
    stamp: Stamp
    origins: Mapping[str, Any]

    def folder(self, home: Path) -> Path:
        """Where its study is."""
        return studies_folder(home) / f"{self.name}-{self.stamp.key}"


@dataclass(frozen=True)
class Found:
    """A search that has reached its last trial.

    Attributes
    ----------
    folder : Path
    plan : Plan
    trials : list of TrialRecord
    finals : Finals
    importances : mapping of str to float
        By knob.
    """

    folder: Path
    plan: Plan
    trials: list[TrialRecord]
    finals: Finals
    importances: Mapping[str, float]


def planned(
    name: str,
    resolved: Resolved[TuneConfig],
    space: Space,
    dataset: Dataset,
    *,
    execution: Execution,
) -> Plan:
    """A search of a named run over a dataset.

    Raises
    ------
    ConfigError
        The split is a cross-validation, has fewer folds than the search asks for, or a horizon is
        none of the dataset's.
    """
    require_name("study", name)
    config = resolved.config
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    if any(isinstance(fold, CrossFold) for fold in folds):
        raise ConfigError(
            f"split.kind={config.split.kind}: a search is judged on folds later than those it saw, "
            "and a cross-validation has none; use walk_forward or calendar"
        )
    labels = run_labels(dataset, config.run)
    unknown = [one for one in config.search.horizons if one not in labels.horizons]
    if unknown:
        raise ConfigError(
            f"search.horizons: {unknown[0]} is none of the dataset's, which are "
            f"{', '.join(map(str, labels.horizons))}"
        )
    ground = Ground(
        run=config.run,
        search=config.search,
        space=space,
        dataset=dataset,
        folds=folds,
        num_folds=_folds_of_search(config, folds),
        execution=execution,
    )
    settings = config.model_dump(mode="json", exclude={"search": set(AFTER_TRIALS)})
    decided = {"run": settings, "space": space.model_dump(mode="json")}
    stamp = make_stamp(
        "search",
        config_hash=hash_json(decided),
        code=(*_CODE, *chosen_references(config)),
        inputs=inputs_of(dataset, labels, config.run),
        seed=config.search.seed,
        threads=execution.threads,
        device=execution.where,
    )
    return Plan(name, ground, stamp, resolved.to_json())


def _folds_of_search(config: TuneConfig, folds: tuple[Fold, ...]) -> int:
    wanted = config.search.folds or max(len(folds) - 1, 1)
    if wanted > len(folds):
        raise ConfigError(
            f"search.folds={wanted}: the split has {len(folds)} folds; ask for fewer, or for more "
            "folds (split.num_folds of a walk_forward)"
        )
    return wanted


def search(
    home: Path,
    plan: Plan,
    *,
    trials: int,
    reporter: Reporter,
    executor: Executor | None = None,
    storage: str | None = None,
    clock: WallClock | None = None,
) -> Found:
    """Draw, fit and count trials until there are so many, then judge the pick.

    What was done before, by this search or any other, is found and not done again.

    Parameters
    ----------
    trials : int
        The run as it is among them.

    Raises
    ------
    UsageError
        Folds touch a registered hold-out, or there are no two trials.
    BusyError
        Another search is at the study.
    DataError
        Every trial has failed.
    EnvironmentalError
        As `gogooku.search.fits.Fits.made` and `gogooku.search.study.opened_study`.
    """
    from gogooku.search.draws import SteadySampler
    from gogooku.search.study import opened_study

    if trials < 2:
        raise UsageError(f"--trials {trials}: at least 2, the run as it is and one other")
    ground, folder = plan.ground, plan.folder(home)
    counted = Counted(home, folder.name, ground, clock=clock or SystemClock())
    counted.refuse_holdouts()
    sampler = SteadySampler(ground.search.seed, random_trials=ground.search.random_trials)
    with opened_study(
        folder, plan.stamp, ground.space, config=plan.origins, sampler=sampler, storage=storage
    ) as study:
        _search(home, plan, study, counted, trials=trials, reporter=reporter, executor=executor)
        records = study.finished()[:trials]
        with reporter.step("judge the pick") as step:
            fits = Fits(home, executor=executor, counted=lambda _: step.advance(1))
            found = finals_of(ground, records, fits, counted)
        importances = study.importances(seed=ground.search.seed)
    return Found(folder, plan, records, found, importances)


def _search(
    home: Path,
    plan: Plan,
    study: Study,
    counted: Counted,
    *,
    trials: int,
    reporter: Reporter,
    executor: Executor | None,
) -> None:
    from gogooku.search.draws import values_of

    ground, search = plan.ground, plan.ground.search
    default = values_of(dict(leaves(ground.run.model_dump(mode="json"))), ground.space)
    with reporter.step("trials", total=float(trials)) as step:
        share = 1.0 / (ground.num_folds * search.seeds)
        fits = Fits(home, executor=executor, counted=lambda _: step.advance(share))
        step.advance(float(len(study.finished()[:trials])))
        for first in range(0, trials, search.batch):
            numbers = range(first, min(first + search.batch, trials))
            asked = study.ask(numbers, default)
            if not asked:
                continue
            courses = begun(ground, asked)
            before = [one for one in study.finished() if one.number < first]
            best = best_of(before)
            run_through(ground, courses, fits, best=best.blocks if best else {})
            for course in courses:
                record = course.record(search)
                worth = course.worth(search)
                if course.config is not None:
                    counted.enter(f"trial {course.number}", course.config, course.daily)
                limits = {} if worth is None else excesses(worth, search)
                study.finish(record, limits)
                _say(step, reporter, record, best_of(study.finished()))
    if not any(one.worth for one in study.finished()):
        reasons = [one.fault for one in study.finished()]
        raise DataError(
            f"search: all of {len(reasons)} trials have failed, so there is nothing to pick. The "
            f"first: {reasons[0]}"
        )


def best_of(trials: list[TrialRecord]) -> TrialRecord | None:
    """The trial with the highest value that keeps every limit; the earliest of equal ones."""
    able = [one for one in trials if one.feasible]
    return max(able, key=lambda one: (_value(one), -one.number), default=None)


def _value(record: TrialRecord) -> float:
    assert record.worth is not None
    return float(record.worth["value"])


def _say(step: Step, reporter: Reporter, record: TrialRecord, best: TrialRecord | None) -> None:
    """A line a trial, and beside the bar the best one so far with its error."""
    said: Callable[[TrialRecord], str] = lambda one: (  # noqa: E731
        f"{one.worth['mean']:.4f} ±{one.worth['error']:.4f}"
        if one.worth and one.worth["mean"] is not None and one.worth["error"] is not None
        else "no value"
    )
    what = f"RankIC {said(record)}" if record.state != "failed" else record.fault
    top = "none yet" if best is None else f"trial {best.number}, RankIC {said(best)}"
    reporter.say(f"trial {record.number}: {record.state}, {what}; best so far: {top}")
    step.note(f"best: {top}")
