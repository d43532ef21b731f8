"""Gates on where a bundle comes from: its files, its code, its data, and the evenings it is for."""

from __future__ import annotations

import numpy as np

from gogooku.audit.findings import Check
from gogooku.audit.run import kept_look_ahead, look_ahead
from gogooku.core.code import code_hash
from gogooku.core.errors import ContractError, DataError
from gogooku.core.types import IntArray
from gogooku.core.verify import artefacts_in, verify
from gogooku.dataset.build import build
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.verdicts import Verdict, passed, refused
from gogooku.runs.train import code_of_training

_LOOK_AHEAD_SEED = 17
_ELSEWHERE_GAP = 1e-3
"""What scoring on another device than that of the training may change of a score, in standard
deviations of its session."""


def whole(candidacy: Candidacy, gate: str) -> Verdict:
    """Every file of the bundle is what was written."""
    folder = candidacy.bundle.folder
    found = verify(artefacts_in([folder]), expected=lambda _: True, seen=lambda: None)
    if found.damaged:
        first = found.damaged[0]
        return refused(
            gate,
            f"{len(found.damaged)} of {found.files} files are damaged; the first: {first.what}. "
            f"Remove {folder} and make it again: gogooku release {candidacy.bundle.run_id}",
            damaged=len(found.damaged),
            files=found.files,
        )
    return passed(gate, f"{found.files} files are what was written", files=found.files)


def contract(candidacy: Candidacy, gate: str) -> Verdict:
    """What an evening builds has the features and the clock that the run was fitted on."""
    bundle = candidacy.bundle
    tonight = build(
        candidacy.home, bundle.build, execution=candidacy.execution, reporter=candidacy.reporter
    )
    try:
        bundle.require(tonight)
    except ContractError as fault:
        return refused(gate, str(fault), dataset=tonight.folder.name)
    return passed(
        gate,
        f"{len(tonight.features):,} features and the clock {tonight.clock} are those of "
        f"{tonight.folder.name}, which an evening would use",
        dataset=tonight.folder.name,
    )


def no_look_ahead(candidacy: Candidacy, gate: str) -> Verdict:
    """No value of the dataset follows from what was known later only."""
    dataset = candidacy.dataset
    checked, by = kept_look_ahead(candidacy.home, dataset), "a kept audit"
    if checked is None:
        checked, by = (
            look_ahead(
                candidacy.home,
                dataset,
                dates=candidacy.limits.look_ahead_dates,
                seed=_LOOK_AHEAD_SEED,
                execution=candidacy.execution,
                reporter=candidacy.reporter,
            ),
            "now",
        )
    ahead = [one for one in checked.findings if one.check is Check.LOOK_AHEAD]
    days = list(checked.facts.get("look_ahead_sessions", ()))
    if ahead:
        return refused(
            gate,
            f"{len(ahead)} finding(s) of look-ahead in dataset {dataset.folder.name}; the first: "
            f"{ahead[0]}. See all: gogooku audit --dataset {dataset.folder.name}; "
            "repair the feature, build and train again",
            findings=[str(one) for one in ahead],
            sessions=days,
        )
    return passed(gate, f"none on {len(days)} session(s) computed again ({by})", sessions=days)


def reproducible(candidacy: Candidacy, gate: str) -> Verdict:
    """The code of the training is that of now, and its scores come again; its data are there."""
    run = candidacy.bundle.run
    now = code_hash(code_of_training(run.training()))
    if now != run.stamp.code_hash:
        return refused(
            gate,
            f"run {run.run_id} was trained by other code ({run.stamp.code_hash[:12]}, now "
            f"{now[:12]}), so it cannot be made again as it is. Train it again with this version: "
            f"gogooku train {run.manifest['name']}",
            trained_by=run.stamp.code_hash,
            now=now,
        )
    return _scored_again(candidacy, gate)


def data_lost(candidacy: Candidacy, gate: str) -> Verdict | None:
    """That the dataset of the run is gone, another or damaged; None where it is as it was."""
    try:
        folder = candidacy.dataset.folder
    except DataError as fault:
        return refused(gate, str(fault))
    found = verify(artefacts_in([folder]), expected=lambda _: True, seen=lambda: None)
    if not found.damaged:
        return None
    return refused(
        gate,
        f"{len(found.damaged)} of {found.files} files of dataset {folder.name} are damaged; the "
        f"first: {found.damaged[0].what}",
        damaged=len(found.damaged),
    )


def _scored_again(candidacy: Candidacy, gate: str) -> Verdict:
    """Some test sessions scored by the checkpoints, held against what the run has kept."""
    run, dataset = candidacy.bundle.run, candidacy.dataset
    days = run.predictions("test").select("fold", "date").unique().sort("fold", "date")
    at = np.linspace(0, days.height - 1, min(candidacy.limits.scored_again, days.height))
    places, wrong = run.checkpoints(), []
    for fold, day in days[np.unique(at.round().astype(np.int64)).tolist()].rows():
        t: IntArray = np.array([dataset.index_of(day)])
        indices, kept = run.fold_scores("test", fold, dataset)
        old = kept[np.flatnonzero(indices == t[0])[0]]
        made = load_checkpoint(places[fold]).scores(dataset, t)[0]
        known = np.isfinite(old)
        differs = known & (made != old)
        if run.stamp.device is not None:
            gap = np.abs(np.nan_to_num(made) - np.nan_to_num(old))
            differs = known & (gap > _ELSEWHERE_GAP * np.nanstd(old, axis=0))
        if differs.any():
            wrong.append((day, int(differs.any(axis=1).sum()), int(known.any(axis=1).sum())))
    count = min(candidacy.limits.scored_again, days.height)
    if wrong:
        day, names, of = wrong[0]
        return refused(
            gate,
            f"the checkpoints give other scores than run {run.run_id} has kept on {len(wrong)} of "
            f"{count} test sessions (first {day}: {names:,} of {of:,} names). Train it again: "
            f"gogooku train {run.manifest['name']}",
            sessions=len(wrong),
            first=str(day),
        )
    how = "bit for bit" if run.stamp.device is None else f"up to {_ELSEWHERE_GAP} deviations"
    return passed(
        gate, f"same code, data whole, {count} test sessions scored again {how}", sessions=count
    )
