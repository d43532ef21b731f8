"""`gogooku doctor`: environment, disk, artefacts and left-overs, for when something is wrong.

With ``--verify`` every file of every artefact is compared with what its manifest states. Of a run
it says what is wrong with its training.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, table
from gogooku.core.artefact import CURRENT_FILE, pointed
from gogooku.core.code import code_hash
from gogooku.core.config import assignments_for
from gogooku.core.errors import DataError, FindingError, GogookuError, UsageError
from gogooku.core.files import MANIFEST_FILE, free_bytes, read_json
from gogooku.core.progress import Reporter, SilentReporter
from gogooku.core.seal import open_sealed
from gogooku.core.stamp import (
    CONFIG_FILE,
    STAMP_FILE,
    Stamp,
    available_threads,
    installed_versions,
)
from gogooku.core.verify import Damage, Verified, artefacts_in, verify
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.build import build
from gogooku.dataset.home import datasets_folder
from gogooku.dataset.reading import read_dataset
from gogooku.ingest.source import read_source, source_names, sources_folder
from gogooku.retention.disk import PARTS, DiskUse, disk_use
from gogooku.runs.find import open_run, opened
from gogooku.runs.folder import OF_VENDOR, PREDICTIONS_FILE, finished_runs, runs_folder
from gogooku.runs.job import jobs_folder
from gogooku.runs.trade import BACKTEST

_GIGABYTE, _MEGABYTE = 1e9, 1e6
_RUNS, _DATASETS = "runs that cannot be opened", "datasets of other code"
_OPEN, _DAMAGED = "readable by others", "damaged files"
_UNSEALED = "artefacts of earlier versions that cannot be checked"
_LISTS = (_RUNS, _DATASETS, _OPEN, _DAMAGED, _UNSEALED)
"""Facts of which a line each is printed."""


def doctor(
    home: Path,
    run: str | None = None,
    *,
    verified: bool = False,
    reporter: Reporter | None = None,
) -> Answer:
    """Examine a home: a table of facts, and a line for each thing to decide about; or a run.

    Parameters
    ----------
    run : str, optional
        A run that is examined instead, as `doctor_run` does.
    verified : bool
        Read every file as well; a damaged one is a finding.

    Raises
    ------
    GogookuError
        As `doctor_run`.
    """
    if run is not None:
        return doctor_run(home, run, verified=verified)
    facts = examine(home)
    failure = None
    if verified:
        found = verify_home(home, reporter=reporter or SilentReporter())
        facts |= {
            "files verified": found.files,
            _DAMAGED: [one.what for one in found.damaged],
            _UNSEALED: [str(folder) for folder in found.unsealed],
        }
        if found.damaged:
            files = ", ".join(str(one.place) for one in found.damaged[:3])
            more = ", ..." if len(found.damaged) > 3 else ""
            failure = FindingError(
                f"{len(found.damaged)} of {found.files} files are damaged: {files}{more}"
            )
    rows = [row for name, value in facts.items() for row in _rows(name, value)]
    lines = [text for name in _LISTS for text in facts.get(name, ())]
    return Answer(facts=facts, parts=[table("doctor", ["", ""], rows), *lines], failure=failure)


def doctor_run(home: Path, name: str, *, verified: bool = False) -> Answer:
    """Say in words what is wrong with a run, the likeliest cause first.

    Raises
    ------
    UsageError
        With ``--verify``, which is about the home.
    DataError
        There is no such run, or a file of it is damaged.
    """
    from gogooku.runs.diagnose.diagnose import diagnose
    from gogooku.runs.holdouts import refuse_unspent

    if verified:
        raise UsageError(
            f"doctor {name} --verify: a run is checked whenever it is read; to read every file of "
            "the home, leave the run out: gogooku doctor --verify"
        )
    run = open_run(home, name)
    refuse_unspent(home, run)
    made = diagnose(home, run)
    rows = [
        (str(one.fault), f"{_folds_of(one.folds, made.folds)}{one}", one.next_step)
        for one in made.findings
    ]
    looked = f"{counted(made.fits, 'fit')} of {counted(made.folds, 'fold')}"
    parts: list[object] = [f"{run.run_id}: looked at {looked}"]
    if rows:
        parts.append(table(counted(len(rows), "finding"), ["what", "evidence", "next step"], rows))
    else:
        parts.append("nothing wrong was found")
    parts += [f"not looked at: {text}" for text in made.unseen]
    failure = None
    if made.findings:
        names = ", ".join(dict.fromkeys(str(one.fault) for one in made.findings))
        failure = FindingError(f"{run.run_id}: {counted(len(rows), 'finding')}: {names}")
    return Answer(facts=made.to_json(), parts=parts, failure=failure)


def _folds_of(seen: Sequence[int], folds: int) -> str:
    """In which folds something was seen, where not in all."""
    if not seen or len(seen) == folds:
        return ""
    noun = "fold" if len(seen) == 1 else "folds"
    return f"{noun} {', '.join(str(one) for one in seen)} of {folds}: "


def _rows(name: str, value: Any) -> list[tuple[str, str]]:
    """What people are shown of a fact: of a list one line for each, or how many there are."""
    shown = [len(value)] if name in _LISTS else value if isinstance(value, list) else [value]
    return [(name if not k else "", str(one)) for k, one in enumerate(shown or ["-"])]


def verify_home(home: Path, *, reporter: Reporter) -> Verified:
    """Compare every file of every source, dataset, run, and what is beside runs."""
    rooms = [room(home) for room in (sources_folder, datasets_folder, runs_folder, jobs_folder)]
    artefacts = artefacts_in(rooms)
    with reporter.step("verify", total=len(artefacts)) as step:
        found = verify(
            artefacts,
            expected=lambda path: not _forgotten(home, path),
            seen=step.advance,
        )
    others = [*_pointers(home), *_without_manifest(home)]
    return replace(found, damaged=(*found.damaged, *others))


def _forgotten(home: Path, path: Path) -> bool:
    """Whether a file of a run holds vendor data whose source is gone: ``sync --forget``."""
    if runs_folder(home) not in path.parents:
        return False
    of_vendor = path.name in OF_VENDOR or path.parent.name.startswith(f"{BACKTEST}-")
    run = runs_folder(home) / path.relative_to(runs_folder(home)).parts[0]
    dataset = open_sealed(run).manifest.get("dataset")
    return of_vendor and not (datasets_folder(home) / str(dataset) / MANIFEST_FILE).exists()


def _pointers(home: Path) -> Iterator[Damage]:
    """Pointers to the current artefact that lead nowhere."""
    pointers = [(datasets_folder(home) / CURRENT_FILE, "dataset")]
    pointers += [
        (path, "version") for path in sorted(sources_folder(home).glob(f"[!.]*/{CURRENT_FILE}"))
    ]
    for pointer, key in pointers:
        if os.path.lexists(pointer):
            try:
                pointed(pointer, key=key)
            except DataError as fault:
                yield Damage(pointer, str(fault))


def _without_manifest(home: Path) -> Iterator[Damage]:
    """Folders that stand where a finished artefact stands and have no manifest."""
    for pattern in ("sources/[!.]*/[!.]*", "datasets/[!.]*", "runs/[!.]*", "jobs/[!.]*"):
        for folder in sorted(home.glob(pattern)):
            if folder.is_dir() and not os.path.lexists(folder / MANIFEST_FILE):
                what = f"{folder / MANIFEST_FILE}: is missing; remove {folder} and make it again"
                yield Damage(folder / MANIFEST_FILE, what)


def _readable_by_others(home: Path) -> list[str]:
    """What to do where files of a home are not for its user alone."""
    count = sum(
        bool(os.lstat(Path(place, name)).st_mode & 0o077)
        for place, folders, files in os.walk(home)
        for name in (*folders, *files)
        if not Path(place, name).is_symlink()
    )
    if not count:
        return []
    command = shlex.join(["chmod", "-R", "go=", str(home)])
    return [f"{count} files or folders can be read by other users; make them private: {command}"]


def examine(home: Path) -> dict[str, Any]:
    """Facts about a home, in the order a person would look at them."""
    return {
        "home": str(home),
        "free_gigabytes": round(free_bytes(home) / _GIGABYTE, 1),
        **{f"disk {one.part}": _taken(one) for one in disk_use(home)},
        "threads": available_threads(),
        **{f"version {name}": number for name, number in installed_versions().items()},
        **{f"source {name}": _source(home, name) for name in source_names(home)},
        "datasets": _names(home / "datasets"),
        "runs": _names(home / "runs"),
        "runs without predictions": _bare(home / "runs"),
        _RUNS: _closed_runs(home),
        _DATASETS: _other_datasets(home),
        _OPEN: _readable_by_others(home),
        "unfinished": _unfinished(home),
    }


def _taken(use: DiskUse) -> str:
    """What a part takes, and what losing it means."""
    what = f"; {PARTS[use.part]}" if use.part in PARTS else ""
    return f"{use.num_bytes / _MEGABYTE:,.1f} MB in {counted(use.files, 'file')}{what}"


def _source(home: Path, name: str) -> str:
    try:
        source = read_source(home, name)
    except DataError as fault:
        return f"cannot be read: {fault}"
    return f"{source.manifest['rows']:,} rows, content {source.content_hash}"


def _names(folder: Path) -> list[str]:
    return sorted(p.parent.name for p in folder.glob("[!.]*/manifest.json"))


def _bare(folder: Path) -> list[str]:
    """Finished runs whose predictions went with the data they came from (``sync --forget``)."""
    return [name for name in _names(folder) if not (folder / name / PREDICTIONS_FILE).exists()]


def _closed_runs(home: Path) -> list[str]:
    """Runs that an earlier version wrote, or that lost a file, and what to do about each."""
    out = []
    for folder in finished_runs(home):
        try:
            opened(folder)
        except GogookuError as fault:
            out.append(str(fault))
    return out


def _other_datasets(home: Path) -> list[str]:
    """Datasets that no build of this code finds again, and what to do about each."""
    code = code_hash((build.__module__,))
    out = []
    for manifest in sorted(datasets_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")):
        folder = manifest.parent
        try:
            if (folder / STAMP_FILE).exists() and Stamp.read(folder).code_hash == code:
                continue
            source = str(read_json(manifest).get("source"))
            written = read_json(folder / CONFIG_FILE) if (folder / CONFIG_FILE).exists() else {}
        except DataError as fault:
            out.append(f"dataset {folder.name}: {fault}")
            continue
        words = ["gogooku", "build", "--source", source]
        settings = {path: entry for path, entry in written.items() if path != "source"}
        for text in assignments_for(settings, BuildConfig()):
            words += ["--set", text]
        out.append(
            f"dataset {folder.name} was made by other code than this: {_use_of(folder)}. A build "
            f"makes another one: {shlex.join(words)}"
        )
    return out


def _use_of(folder: Path) -> str:
    try:
        read_dataset(folder)
    except DataError as fault:
        return f"it cannot be read ({fault})"
    return f"it can still be trained on and predicted from (--dataset {folder.name})"


def _unfinished(home: Path) -> list[str]:
    """Artefacts whose writer stopped before the end, with the reason if it said so."""
    out = [
        f"{left.name.removeprefix('.').removesuffix('.removed')}: its removal was interrupted; run "
        "gogooku sync --forget again, or gogooku prune"
        for left in sorted(home.glob("**/.*.removed"))
    ]
    reasons = {
        building: f": {_why(failure)}" if (failure := building / "failure.json").exists() else ""
        for building in sorted(home.glob("**/.*.building"))
    }
    of_runs = {why for path, why in reasons.items() if path.parent == runs_folder(home)}
    for building, why in reasons.items():
        # why a fit failed is said once, with the run that it was for
        if building.parent != jobs_folder(home) or why not in of_runs:
            out.append(f"{building.name.removeprefix('.').removesuffix('.building')}{why}")
    return out


def _why(failure: Path) -> str:
    try:
        return str(read_json(failure).get("error"))
    except DataError as fault:
        return str(fault)
