"""`gogooku tune`: a search for settings of a run, judged on folds that it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.again import already
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.commands.train import fitted_on, place_of
from gogooku.core.config import Execution, Resolved, resolve
from gogooku.core.errors import FindingError, UsageError
from gogooku.core.progress import Reporter
from gogooku.core.types import Dataset
from gogooku.dataset.home import current_dataset
from gogooku.evaluate.words import Language
from gogooku.execute.memory import GIB
from gogooku.runs.config import LabelOrder
from gogooku.runs.named import run_named
from gogooku.runs.newest import source_of_dataset
from gogooku.search.config import TuneConfig
from gogooku.search.estimate import Cost, cost_of
from gogooku.search.folder import RESULT_FILE, files_of
from gogooku.search.result import facts_of, write_result
from gogooku.search.search import Found, Plan, planned
from gogooku.search.settings import space_for, space_toml

MOST_TRIALS = 100_000


@dataclass(frozen=True)
class Wanted:
    """What is asked of a search, beside its settings.

    Attributes
    ----------
    name : str
        Of the run that is varied.
    space : Path or None
        A file with the space; None for the learner's own.
    trials : int
    jobs : int
    on : str or None
        Where fits are made.
    storage : str or None
        URL of a database for the trials.
    language : Language
        Which texts the page shows first.
    """

    name: str
    space: Path | None
    trials: int
    jobs: int = 1
    on: str | None = None
    storage: str | None = None
    language: Language = Language.EN


class Instead(Enum):
    """What is said where nothing is searched."""

    COST = "cost"
    SPACE = "space"


def instead_of(*, dry_run: bool, print_space: bool) -> Instead | None:
    """What two options ask for; None: a search.

    Raises
    ------
    UsageError
        Both are given.
    """
    if dry_run and print_space:
        raise UsageError("--dry-run and --print-space: give one of them")
    return Instead.COST if dry_run else Instead.SPACE if print_space else None


def settings(
    name: str, config: Path | None, assignments: Sequence[str], *, few_names: bool, shuffled: bool
) -> Resolved[TuneConfig]:
    """The run that is varied and how: its own settings, then a file's, then assignments.

    Raises
    ------
    ConfigError
        There is no run of that name, or a setting is wrong.
    """
    run = run_named(name, few_names=few_names)
    stated = {one: getattr(run, one) for one in run.model_fields_set}
    order = [f"label_order={LabelOrder.SHUFFLED}"] if shuffled else []
    return resolve(
        TuneConfig(**stated),
        base_name=f"{name}, few names" if few_names else name,
        file=config,
        assignments=[*assignments, *order],
    )


def space_text(chosen: Resolved[TuneConfig], file: Path | None) -> Answer:
    """The space of a search as a file that can be changed and given back."""
    space = space_for(chosen.config.run, file)
    return Answer(facts=space.model_dump(mode="json"), parts=[space_toml(space)])


def tune(
    home: Path,
    wanted: Wanted,
    *,
    dataset: str | None,
    chosen: Resolved[TuneConfig],
    execution: Execution,
    reporter: Reporter,
    instead: Instead | None = None,
) -> Answer:
    """Search, or say what it would cost or may change.

    Raises
    ------
    ConfigError
        The space or the split cannot be.
    GogookuError
        As `gogooku.pipeline.search`.
    """
    if instead is Instead.SPACE:
        return space_text(chosen, wanted.space)
    where = fitted_on(wanted.jobs, wanted.on, processes=1)
    data = current_dataset(home, dataset)
    space = space_for(chosen.config.run, wanted.space)
    plan = planned(wanted.name, chosen, space, data, execution=execution)
    if instead is Instead.COST:
        cost = cost_of(home, plan.ground, trials=wanted.trials, workers=wanted.jobs)
        return _estimated(home, plan, cost)
    with place_of(home, where, execution, reporter) as executor:
        found = pipeline.search(
            home,
            plan,
            trials=wanted.trials,
            reporter=reporter,
            executor=executor,
            storage=wanted.storage,
        )
    result = found.folder / RESULT_FILE
    before = result.read_bytes() if result.is_file() else None
    write_result(found, source=source_of_dataset(home, data), language=wanted.language)
    return _answer(found, data, again=result.read_bytes() == before)


def _estimated(home: Path, plan: Plan, cost: Cost) -> Answer:
    folds = len(plan.ground.folds)
    said = (
        f"{cost.fits:,} fits at most: {cost.trials:,} of trials on the first "
        f"{plan.ground.num_folds} of {folds} folds, {cost.finals:,} of finalists and unseen "
        f"folds, {cost.neighbours:,} of the neighbourhood"
    )
    if cost.hours is None or cost.peak_bytes is None:
        spent = (
            "what a fit takes is not known: none of this learner on this dataset is finished. "
            f"gogooku train {plan.name} makes one, and says it"
        )
    else:
        spent = (
            f"about {cost.hours:.2f} hours with {cost.workers} at a time, {cost.seconds:.1f} s and "
            f"{cost.peak_bytes / GIB:.2f} GiB each (mean seconds, most memory of {cost.measured} "
            "finished fits)"
        )
    return Answer(
        facts={"study": plan.folder(home).name, **cost.to_json()},
        parts=[said, spent, f"study: {plan.folder(home)}"],
    )


def _answer(found: Found, data: Dataset, *, again: bool) -> Answer:
    facts = facts_of(found)
    files = files_of(found.folder)
    finals = found.finals
    broken = finals.shuffled and finals.luck.sure
    parts: list[object] = [facts["sentence"]["en"]]
    if finals.unseen:
        parts.append(_paired("on folds that the search never saw", finals.unseen))
    parts.append(_paired("on the folds of the search, which made the pick", finals.seen))
    parts.append(
        table(
            "finalists",
            ["trial", "value", "RankIC", "error", "folds"],
            [
                [
                    one.number,
                    one.worth.value,
                    one.worth.mean.value,
                    one.worth.mean.error,
                    ", ".join(f"{each:.4f}" for each in one.worth.folds),
                ]
                for one in finals.finalists
            ],
        )
    )
    states = ", ".join(f"{count} {state}" for state, count in facts["states"].items())
    parts += [
        f"{len(found.trials)} trials ({states}) on {data.folder.name}",
        *([already("searched")] if again else []),
        *(f"{what}: {path}" for what, path in files.items()),
    ]
    if finals.pick.number:
        parts.append(f"next: gogooku train {found.plan.name} --config {files['best']}")
    return Answer(
        facts={**facts, "files": files},
        parts=parts,
        failure=FindingError(facts["sentence"]["en"]) if broken else None,
    )


def _paired(title: str, rows: Sequence[dict[str, Any]]) -> object:
    names = ["horizon", "pick", "default", "difference", "low", "high", "p_value", "n"]
    return table(title, names, [[row[name] for name in names] for row in rows])
