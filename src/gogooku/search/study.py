"""A study on disk: the trials of a search in Optuna's own storage, and who may write to it.

The storage is a journal file in the study's folder, or a database by its URL, so that Optuna's
dashboard can read it too. It holds values of knobs, what each trial came to and why one failed.
One process at a time may write: the folder is locked by the kernel, so a killed search leaves no
lock, and what the storage's own lock left behind, or a line that was half written, is cleared by
the next one, which knows that it is alone.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from gogooku.core.errors import BusyError, ContractError, DataError, StorageError
from gogooku.core.files import (
    hash_json,
    locked,
    storage_errors,
    sync_path,
    write_json,
    write_point,
)
from gogooku.core.space import Space, Value
from gogooku.core.stamp import CONFIG_FILE, STAMP_FILE, Stamp
from gogooku.search.draws import SteadySampler, drawn
from gogooku.search.folder import JOURNAL_FILE, SPACE_FILE
from gogooku.search.record import TrialRecord

_OF = "made of"
_WORTH, _FAULT = "worth", "fault"


_STATES: Mapping[TrialState, str] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class Study:
    """The trials of a search; made by `opened_study`."""

    def __init__(self, folder: Path, study: optuna.Study, space: Space) -> None:
        self.folder = folder
        self.space = space
        self._study = study
        self._asked: dict[int, optuna.Trial] = {}

    def finished(self) -> list[TrialRecord]:
        """Trials that are over, by number."""
        found = [one for one in self._trials() if one.state.is_finished()]
        return [_record(one) for one in found]

    def ask(
        self, numbers: Sequence[int], default: Mapping[str, Value]
    ) -> dict[int, dict[str, Value]]:
        """Values of trials, by number: drawn now, or as they were drawn before a stop.

        Parameters
        ----------
        numbers : sequence of int
            In a row; those that are over already are left out of the answer.
        default : mapping of str to value
            Where the run as it is stands: trial 0.
        """
        there = {one.number: one for one in self._trials()}
        out: dict[int, dict[str, Value]] = {}
        for number in numbers:
            known = there.get(number)
            if known is not None and known.state.is_finished():
                continue
            with self._writing():
                out[number] = self._values(number, known, default if number == 0 else None)
        return out

    def _values(
        self, number: int, known: FrozenTrial | None, default: Mapping[str, Value] | None
    ) -> dict[str, Value]:
        if known is None and default is not None:
            self._study.enqueue_trial(dict(default))
            known = self._trials()[0]
            write_point("search.enqueued")
        if known is None or known.state is TrialState.WAITING:
            trial = self._study.ask()
        else:
            trial = optuna.Trial(self._study, known._trial_id)
        if trial.number != number:
            raise DataError(
                f"{self.folder}: the storage gave trial {trial.number} where {number} is next; "
                "another program writes to this study. Stop it, or search under another name"
            )
        write_point("search.asked")
        self._asked[number] = trial
        values = drawn(trial, self.space, only=default)
        write_point("search.drawn")
        return values

    def finish(self, outcome: TrialRecord, excesses: Mapping[str, float]) -> None:
        """Write what came of a trial that `ask` gave.

        Parameters
        ----------
        excesses : mapping of str to float
            By how much each limit is broken.
        """
        number = outcome.number
        trial, there = self._asked[number], self._trials()[number].intermediate_values
        with self._writing():
            for step, value in outcome.blocks.items():
                if step not in there:
                    trial.report(value, step)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # a limit that is there already
                for name, excess in excesses.items():
                    trial.set_constraint(name, excess)
            if outcome.worth is not None:
                trial.set_user_attr(_WORTH, dict(outcome.worth))
            if outcome.fault:
                trial.set_user_attr(_FAULT, outcome.fault)
            write_point("search.half_finished")
            state = next(state for state, name in _STATES.items() if name == outcome.state)
            worth = outcome.worth if state is TrialState.COMPLETE else None
            self._study.tell(number, None if worth is None else worth["value"], state=state)
        write_point("search.finished")

    def importances(self, *, seed: int) -> dict[str, float]:
        """How much of the spread of values each knob explains (functional ANOVA on a forest).

        Of knobs that every complete trial has; empty with fewer than two such trials, or where
        their values do not differ.
        """
        complete = [one for one in self._trials() if one.state is TrialState.COMPLETE]
        if len({one.value for one in complete}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        with _explained(self.folder):
            found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: float(value) for name, value in found.items()}

    def _trials(self) -> list[FrozenTrial]:
        with _explained(self.folder):
            return self._study.get_trials(deepcopy=False)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with _explained(self.folder), storage_errors(self.folder):
            yield


def _record(trial: FrozenTrial) -> TrialRecord:
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        values=dict(trial.params),
        worth=trial.user_attrs.get(_WORTH),
        blocks=dict(trial.intermediate_values),
        fault=str(trial.user_attrs.get(_FAULT, "")),
    )


@contextmanager
def opened_study(
    folder: Path,
    stamp: Stamp,
    space: Space,
    *,
    config: Mapping[str, Any],
    sampler: SteadySampler,
    storage: str | None = None,
) -> Iterator[Study]:
    """The study of a folder, made if it is not there, and nobody else's while it is open.

    Parameters
    ----------
    stamp : Stamp
        What the search is made of; its key is part of the folder's name.
    storage : str, optional
        URL of a database in place of the journal file.

    Raises
    ------
    BusyError
        Another search is at this study.
    ContractError
        The storage holds a study of other settings or other data.
    DataError, StorageError
        The storage is damaged, cannot be reached, or the disk is full; the study is as it was.
    """
    try:
        alone = locked(folder)
        alone.__enter__()
    except BusyError as fault:
        raise BusyError(
            f"{folder}: another search is at this study. Wait for it to end; it shares the fits "
            "that are finished, so nothing is gained by a second one"
        ) from fault
    try:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with _explained(folder), storage_errors(folder), _quiet():
            study = _loaded(folder, _storage(folder, storage), sampler)
            _require(folder, study, stamp)
        write_json(folder / CONFIG_FILE, dict(config))
        write_json(folder / SPACE_FILE, space.model_dump(mode="json"))
        if not (folder / STAMP_FILE).exists():
            stamp.write(folder)
        yield Study(folder, study, space)
    finally:
        alone.__exit__(None, None, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says on standard error what this program says itself."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _loaded(folder: Path, storage: BaseStorage, sampler: SteadySampler) -> optuna.Study:
    """The study of that name, made where there is none."""
    if folder.name in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=folder.name, storage=storage, sampler=sampler)
    return optuna.create_study(
        storage=storage, study_name=folder.name, direction="maximize", sampler=sampler
    )


def _storage(folder: Path, url: str | None) -> BaseStorage:
    if url is not None:
        return RDBStorage(url)
    path = folder / JOURNAL_FILE
    for left in folder.glob(f"{JOURNAL_FILE}.lock*"):
        left.unlink(missing_ok=True)
    if path.exists():
        _cut_half_a_line(path)
    return JournalStorage(JournalFileBackend(str(path)))


def _cut_half_a_line(path: Path) -> None:
    """Take off what a killed writer left after the last whole line."""
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        with path.open("r+b") as handle:
            handle.truncate(end)
            os.fsync(handle.fileno())
        sync_path(path)


def _require(folder: Path, study: optuna.Study, stamp: Stamp) -> None:
    """Refuse a storage whose study is made of something else; mark a new one."""
    made_of = {
        "config": stamp.config_hash,
        "code": stamp.code_hash,
        "inputs": hash_json(dict(stamp.inputs)),
    }
    said = study.user_attrs.get(_OF)
    if said is None:
        study.set_user_attr(_OF, made_of)
        return
    others = [name for name, value in made_of.items() if said.get(name) != value]
    if others:
        what = {"config": "other settings", "code": "other code", "inputs": "other data"}
        raise ContractError(
            f"{folder}: its storage holds a search of {', '.join(what[one] for one in others)}, so "
            "its trials say nothing about this one. Search under another name, or give another "
            "--storage; nothing was changed"
        )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Faults of the storage in words for people."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except json.JSONDecodeError as fault:
        raise _damaged(folder, str(fault)) from fault
    except optuna.exceptions.StorageInternalError as fault:
        raise StorageError(
            f"{folder}: the storage of the study cannot be used ({_first_line(fault)}). The study "
            "is as it was; is the database there, and is there room?"
        ) from fault
    except SQLAlchemyError as fault:
        raise StorageError(
            f"{folder}: the database cannot be used ({_first_line(fault)}); check --storage"
        ) from fault
    except ValueError as fault:
        if "log format" not in str(fault):
            raise
        raise _damaged(folder, str(fault)) from fault


def _first_line(fault: Exception) -> str:
    return str(fault.__cause__ or fault).splitlines()[0][:200]


def _damaged(folder: Path, why: str) -> DataError:
    return DataError(
        f"{folder / JOURNAL_FILE}: is damaged ({why}). The finished fits are kept elsewhere: move "
        "the folder aside and run the same command; it finds them and makes the study anew"
    )
