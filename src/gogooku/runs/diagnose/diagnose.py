"""The diagnosis of a run: every check over every fit and fold, the cause before what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import ContractError, DataError
from gogooku.core.types import Dataset
from gogooku.runs.diagnose import of_data, of_fitted, of_network
from gogooku.runs.diagnose.facts import Facts, Fit, FoldFacts, fits_of
from gogooku.runs.diagnose.findings import Fault, Finding
from gogooku.runs.diagnose.measure import measured_folds
from gogooku.runs.folder import PREDICTIONS_FILE, Run

OfFold = Callable[[Facts, FoldFacts], Finding | None]
OfFit = Callable[[Facts, Fit], Finding | list[Finding] | None]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row of the table.

    Attributes
    ----------
    fold : callable, optional
        Asked of every fold.
    fit : callable, optional
        Asked of every fit.
    network : bool
        Whether only networks are asked.
    share : float
        Share of the folds in which a finding must be seen: what hangs on chance is seen in one of
        many folds of a healthy run.
    hides : frozenset of Fault
        What follows from it, and is not said beside it.
    """

    fold: OfFold | None = None
    fit: OfFit | None = None
    network: bool = False
    share: float = 0.0
    hides: frozenset[Fault] = field(default=frozenset())


_CURVES = frozenset((Fault.OVER_REGULARISED, Fault.OVERFIT, Fault.CAP, Fault.NOT_LEARNING))
_WEIGHTS = frozenset((Fault.UNREACHED, Fault.DEAD_PART))

CHECKS: Final = (
    Check(fold=of_data.mismatch),
    Check(fit=of_network.modes, network=True, hides=_CURVES),
    Check(fold=of_data.flat, hides=_CURVES | {Fault.NO_SIGNAL, Fault.RATE_LOW}),
    Check(fold=of_data.no_signal, share=0.5, hides=_CURVES | {Fault.RATE_LOW}),
    Check(fold=of_data.starved, share=0.5, hides=_CURVES),
    Check(fit=of_network.few_rows, network=True, share=0.5),
    Check(fit=of_network.rate_high, network=True, share=0.5, hides=_CURVES | _WEIGHTS),
    Check(fit=of_network.rate_low, network=True, share=0.5, hides=_CURVES | {Fault.DEAD_PART}),
    Check(
        fit=of_network.over_regularised,
        network=True,
        share=0.5,
        hides=frozenset((Fault.DEAD_PART, Fault.CAP)),
    ),
    Check(fit=of_network.unreached, network=True),
    Check(fit=of_network.dead_parts, network=True, share=0.5),
    Check(fit=of_network.overfit, network=True, share=0.5),
    Check(fit=of_fitted.trees_by_heart, share=0.5, hides=frozenset((Fault.CAP,))),
    Check(fit=of_network.not_learning, network=True, share=0.5, hides=frozenset((Fault.CAP,))),
    Check(fit=of_network.cap, network=True, share=0.5),
    Check(fit=of_fitted.rounds, share=0.5),
    Check(fit=of_fitted.penalties, share=0.5),
    Check(fit=of_network.memory, network=True),
)
"""Causes first."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a run.

    Attributes
    ----------
    run : str
    findings : tuple of Finding
        The likeliest cause first.
    folds, fits : int
        What was looked at.
    unseen : tuple of str
        What could not be looked at, and why.
    """

    run: str
    findings: tuple[Finding, ...]
    folds: int
    fits: int
    unseen: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "run": self.run,
            "folds": self.folds,
            "fits": self.fits,
            "findings": [one.to_json() for one in self.findings],
            "not_looked_at": list(self.unseen),
        }


def diagnose(home: Path, run: Run) -> Diagnosis:
    """Say what is wrong with a finished run.

    Raises
    ------
    UsageError
        Its scores were made elsewhere: there is no fit to examine.
    DataError
        A file of the run is damaged.
    """
    run.training()
    unseen: list[str] = []
    changed: list[Finding] = []
    folds: tuple[FoldFacts, ...] = ()
    dataset = _dataset_of(home, run, unseen, changed)
    if dataset is not None:
        folds = measured_folds(run, dataset)
    facts = Facts(run=run, fits=fits_of(run, folds), folds=folds)
    unseen += _unreported(facts)
    count = len(run.manifest["folds"])
    found = [
        (check, one)
        for check in CHECKS
        for one in _common(list(_asked(check, facts)), count, share=check.share)
    ]
    return Diagnosis(
        run=run.run_id,
        findings=(*changed, *_causes(found)),
        folds=count,
        fits=len(facts.fits),
        unseen=tuple(unseen),
    )


def _dataset_of(home: Path, run: Run, unseen: list[str], changed: list[Finding]) -> Dataset | None:
    """The dataset of a run; why not, where it is not what the run was fitted on."""
    if not run.files.has(PREDICTIONS_FILE) or not (run.folder / PREDICTIONS_FILE).exists():
        unseen.append("scores and labels: its predictions went with the data they came from")
        return None
    try:
        return run.dataset(home)
    except ContractError as fault:
        changed.append(
            Finding(
                fault=Fault.MISMATCH,
                what=f"the dataset is not the one that it was fitted on: {fault}",
                next_step=f"train again: {Facts(run, ()).command(None)}",
                evidence={"fitted_on": run.dataset_hash},
            )
        )
    except DataError as fault:
        unseen.append(f"scores and labels: its dataset is not in the home ({fault})")
    return None


def _unreported(facts: Facts) -> list[str]:
    """What the events of its networks lack, an earlier version having fitted them."""
    bare = [one for one in facts.fits if one.is_network and one.epochs
            and not any("parts" in epoch for epoch in one.epochs)]  # fmt: skip
    if not bare:
        return []
    return ["steps, gates and parts of its networks: an earlier version fitted them, whose events "
            "lack them; train again"]  # fmt: skip


def _asked(check: Check, facts: Facts) -> Iterator[Finding]:
    """What a check says of every fold or fit, with the fold that it says it of."""
    if check.fold is not None:
        for fold in facts.folds:
            found = check.fold(facts, fold)
            if found is not None:
                yield found.seen_in((fold.number,))
    if check.fit is not None:
        for fit in facts.fits:
            if check.network and not fit.is_network:
                continue
            said = check.fit(facts, fit)
            for one in said if isinstance(said, list) else [said] if said else []:
                yield replace(one, member=fit.member).seen_in((fit.fold,))


def _common(found: Sequence[Finding], folds: int, *, share: float) -> list[Finding]:
    """One finding of each subject, with its folds, where it was seen in enough of them."""
    groups: dict[Any, list[Finding]] = {}
    for one in found:
        groups.setdefault(one.subject, []).append(one)
    merged = []
    for same in groups.values():
        seen = tuple(sorted({number for one in same for number in one.folds}))
        if len(seen) >= share * folds:
            merged.append(same[0].seen_in(seen))
    return merged


def _causes(found: Sequence[tuple[Check, Finding]]) -> list[Finding]:
    """Findings without those that follow from an earlier one about the same fits."""
    kept: list[tuple[Check, Finding]] = []
    for check, one in found:
        hidden = any(
            one.fault in cause.hides and first.member in ("", one.member) for cause, first in kept
        )
        if not hidden:
            kept.append((check, one))
    return [one for _, one in kept]
