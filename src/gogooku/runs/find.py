"""Finding a run in a home; of one that an earlier version wrote, how it is made again."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from gogooku.core.config import assignments_for
from gogooku.core.errors import DataError, UnsealedError
from gogooku.core.files import MANIFEST_FILE, read_json
from gogooku.core.findings import did_you_mean, field_paths, short
from gogooku.core.stamp import CONFIG_FILE, Stamp
from gogooku.learn.registry import LEARNERS
from gogooku.runs.folder import (
    OtherSettingsError,
    Run,
    finished_runs,
    read_run,
    without_manifest,
)
from gogooku.runs.named import run_named, run_names


def open_run(home: Path, name: str | None) -> Run:
    """Find a run by path, by id, by the name it was started with, or the newest one.

    Raises
    ------
    DataError
        There is none; the message lists those that exist.
    """
    finished = finished_runs(home)
    for folder in without_manifest(home):
        if name in (None, folder.name, folder.name.rpartition("-")[0]):
            raise DataError(
                f"{folder / MANIFEST_FILE}: is missing, so {folder.name} is no finished run; it is "
                "damaged. Remove the folder and make it again: gogooku train"
            )
    if name is None:
        matches = finished
    elif os.path.exists(Path(name) / MANIFEST_FILE):
        matches = [Path(name)]
    else:
        matches = [p for p in finished if p.name == name]
        matches = matches or [p for p in finished if p.name.rpartition("-")[0] == name]
    if not matches:
        raise DataError(_none_there(home, name, finished))
    return opened(matches[-1])


def _none_there(home: Path, name: str | None, finished: Sequence[Path]) -> str:
    """That there is no such run, which there are, or how one is made."""
    made = name if name in run_names() else "lightgbm"
    if name is None or name == made or not finished:
        named = f" of {name}" if name == made else ""
        return f"No finished run{named} in {home}. Train one: gogooku train {made}"
    names = [folder.name.rpartition("-")[0] for folder in finished]
    known = [*dict.fromkeys(names), *(folder.name for folder in finished)]
    return f"No finished run {short(name)} in {home}{did_you_mean(name, known)}"


def opened(folder: Path) -> Run:
    """Read a finished run folder.

    Raises
    ------
    DataError
        A file is missing or damaged; its learner is not registered in this process; or an earlier
        version wrote it, with settings that a training does not have now. The message says what to
        do.
    """
    try:
        return read_run(folder)
    except UnsealedError as fault:
        raise DataError(
            f"run {folder.name} was made by an earlier version, which stated no digests of its "
            f"files: whether it is whole cannot be known. Make it again: {_again(folder)}. The "
            f"folder stays as it is; remove it when you need it no more: {folder}"
        ) from fault
    except OtherSettingsError as fault:
        kind = read_json(folder / CONFIG_FILE).get("learner.kind", {}).get("value")
        if kind not in LEARNERS.kinds():
            raise DataError(
                f"run {folder.name} was fitted by the learner {kind!r}, which is not registered "
                f"here; register it before the run is opened: {folder}"
            ) from fault
        raise DataError(
            f"run {folder.name} was made by an earlier version, with settings that a training does "
            f"not have now. Make it again: {_again(folder)}. The folder stays as it is; remove it "
            f"when you need it no more: {folder}"
        ) from fault


_JUDGED, _TRADED = "judge_label", "backtest."
"""Settings of judging and of trading in the config of a run whose training still had them."""
_RENAMED = {"learner.training.mse_weight": "learner.training.loss.mse_weight"}
"""Settings that have another place now."""


def _again(folder: Path) -> str:
    """Commands that make what an earlier version made, and which of its settings are no more."""
    manifest, stamp = read_json(folder / MANIFEST_FILE), Stamp.read(folder)
    written = read_json(folder / CONFIG_FILE)
    leaves = {_RENAMED.get(path, path): entry for path, entry in written.items()}
    name = str(manifest["name"])
    base = run_named(name)
    train = ["gogooku", "train", name, "--dataset", str(manifest["dataset"])]
    for text in assignments_for(leaves, base):
        train += ["--set", text]
    if stamp.threads not in (None, 1):
        train += ["--threads", str(stamp.threads)]
    commands = [train]
    for command, prefix in (("evaluate", _JUDGED), ("backtest", _TRADED)):
        given = [
            f"{path.removeprefix(_TRADED)}={json.dumps(entry['value'], allow_nan=False)}"
            for path, entry in leaves.items()
            if path.startswith(prefix) and entry["from"] != "default"
        ]
        if given:
            commands.append(["gogooku", command, name])
            commands[-1] += [word for text in given for word in ("--set", text)]
    known = set(field_paths(type(base)))
    gone = [
        path
        for path, entry in leaves.items()
        if entry["from"] != "default" and path not in known
        if not path.startswith((_JUDGED, _TRADED))
    ]
    lost = f" (without {', '.join(gone)}, which no setting is now)" if gone else ""
    return " && ".join(shlex.join(command) for command in commands) + lost
