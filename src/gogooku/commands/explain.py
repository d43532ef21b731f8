"""`gogooku explain`: an artefact's config with the origin of every value, its inputs and code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, table
from gogooku.core.codes import shown_code
from gogooku.core.errors import DataError, UnsealedError, UsageError
from gogooku.core.files import MANIFEST_FILE, read_json
from gogooku.core.findings import did_you_mean
from gogooku.core.seal import Loose, open_sealed
from gogooku.core.stamp import CONFIG_FILE, STAMP_FILE, Stamp
from gogooku.ingest.source import sources_folder
from gogooku.runs.find import open_run
from gogooku.runs.folder import PREDICTIONS_FILE
from gogooku.runs.trade import BACKTEST, LEDGER_FILE

_BAR = 40
"""Characters of the bar of the largest weight."""
_STATED = ("as_known_on", "basis", "plan", "source_notes", "from", "sessions_taken_over")
_FORGOTTEN: Mapping[str, tuple[str, str]] = {
    "train": (PREDICTIONS_FILE, "predictions were"),
    BACKTEST: (LEDGER_FILE, "fills and holdings were"),
}
"""By stage: a file that goes with the vendor's data, and what is gone when it is."""


def explain(
    home: Path,
    artefact: Path,
    other: Path | None,
    *,
    code: str | None = None,
    day: date | None = None,
) -> Answer:
    """Explain an artefact, or the difference of two; of a run, a name's peers.

    Parameters
    ----------
    code, day
        The name whose peers are asked for, and the session: see `explain_peers`.

    Raises
    ------
    UsageError
        A session without a name, or a name with two artefacts.
    DataError
        One of them is no artefact.
    """
    if code is not None and other is None:
        return explain_peers(home, str(artefact), code, day)
    if code is not None or day is not None:
        raise UsageError(
            "explain: --date needs --code, and --code is about one run: gogooku explain RUN --code "
            "72030 --date 2026-03-02"
        )
    left = explanation_of(find_artefact(home, artefact))
    if other is None:
        return Answer(facts=left.to_json(), parts=_tables(left))
    right = explanation_of(find_artefact(home, other))
    rows = [(one.what, one.left, one.right) for one in difference(left, right)]
    return Answer(
        facts=[{"what": what, "left": one, "right": two} for what, one, two in rows],
        parts=[table(counted(len(rows), "difference"), ["", left.place, right.place], rows)],
    )


def explain_peers(home: Path, name: str, code: str, day: date | None) -> Answer:
    """Whom the network of a run listens to about a name on a session (the newest by default).

    Raises
    ------
    DataError
        There is no such run, or as `gogooku.predict.peers.peers_of`.
    """
    from gogooku.predict.peers import peers_of

    run = open_run(home, name)
    found = peers_of(pipeline.predictor(run, run.dataset(home)), code, day)
    largest = max([found.own, *(one.weight for one in found.peers)])
    rows: list[tuple[object, ...]] = [(shown_code(found.code), "the name itself", found.own)]
    rows += [(shown_code(one.code), one.sector, one.weight) for one in found.peers]
    drawn = [(*row, "#" * round(_BAR * float(str(row[2])) / largest)) for row in rows]
    about = f"{shown_code(found.code)} on {found.date} ({found.layer})"
    title = f"whom {run.run_id} listens to about {about}"
    return Answer(
        facts={"run": run.run_id, **found.to_json()},
        parts=[table(title, ["code", "sector", "weight", ""], drawn)],
    )


@dataclass(frozen=True)
class Explanation:
    """One artefact explained.

    Attributes
    ----------
    place : str
        The folder's name.
    kind : str
        Which stage made it.
    config : mapping
        Dotted path -> {"value", "from"}.
    stamp : Stamp
    content_hash : str or None
    facts : mapping
        What the manifest says of a source made from a raw store: plan, and what it knows of; of a
        dataset: what is wrong with its sources, and which dataset it goes on from.
    forgotten : str or None
        Of a run without its predictions, or a backtest without its fills: where they went.
    """

    place: str
    kind: str
    config: Mapping[str, Mapping[str, Any]]
    stamp: Stamp
    content_hash: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    forgotten: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        return {
            "place": self.place,
            "kind": self.kind,
            "content_hash": self.content_hash,
            **self.facts,
            **({"forgotten": self.forgotten} if self.forgotten else {}),
            "config": {path: dict(entry) for path, entry in self.config.items()},
            "inputs": dict(self.stamp.inputs),
            "code_hash": self.stamp.code_hash,
            "config_hash": self.stamp.config_hash,
            "seed": self.stamp.seed,
            "threads": self.stamp.threads,
            "device": self.stamp.device,
            "versions": dict(self.stamp.versions),
            "made_at": self.stamp.made_at,
        }


def explanation_of(folder: Path) -> Explanation:
    """Read what an artefact folder says of itself.

    Raises
    ------
    DataError
        The folder is not an artefact: it has no stamp.
    """
    place = next((p for p in (folder, *folder.parents) if (p / STAMP_FILE).exists()), None)
    if place is None:
        raise DataError(
            f"{folder}: not an artefact of this project (no {STAMP_FILE} here or above); name a "
            "folder under sources/, datasets/ or runs/"
        )
    files, facts = _opened(place)
    stamp = Stamp.of(files.json(STAMP_FILE), place / STAMP_FILE)
    delivered = facts.get("facts", {}) if stamp.stage == "tables" else {}
    if stamp.stage == "build":
        notes = [str(note["line"]) for note in facts.get("source_notes", ())]
        delivered = {"source_notes": notes, **facts.get("growth", {})}
    return Explanation(
        place=place.name,
        kind=stamp.stage,
        config=files.json(CONFIG_FILE),
        stamp=stamp,
        content_hash=facts.get("content_hash"),
        facts={name: delivered[name] for name in _STATED if name in delivered},
        forgotten=_forgotten(place, stamp.stage) if facts else None,
    )


def _opened(place: Path) -> tuple[Loose, Mapping[str, Any]]:
    """The files of an artefact and its manifest, checked.

    One that is not finished, or that an earlier version has written, states no digests: it is
    explained as it lies there, and read by nothing else.
    """
    if not (place / MANIFEST_FILE).exists():
        return Loose(place), {}
    try:
        sealed = open_sealed(place)
    except UnsealedError:
        return Loose(place), read_json(place / MANIFEST_FILE)
    return sealed, sealed.manifest


def _forgotten(place: Path, stage: str) -> str | None:
    """What a finished artefact has lost to ``sync --forget``."""
    file, words = _FORGOTTEN.get(stage, ("", ""))
    if not file or (place / file).exists():
        return None
    return f"{words} removed with the data they came from (sync --forget)"


def find_artefact(home: Path, named: Path) -> Path:
    """An artefact by path, or by its id or name (the newest of that name) in a home.

    Evaluations, backtests and pages beside a run are artefacts too; an id of theirs may have the
    run's in front: ``RUN/evaluation-KEY``.

    Raises
    ------
    DataError
        Neither exists; the message lists what does.
    """
    if os.path.exists(named):
        return named
    folders = [p.parent for p in home.glob(f"*/**/{STAMP_FILE}") if ".building" not in str(p)]
    *above, name = named.parts or ("",)
    matches = [
        p
        for p in folders
        if name in _names_of(home, p)
        if not above or above[-1] in _names_of(home, p.parent)
    ]
    if not matches:
        known = sorted({one for p in folders for one in _names_of(home, p) if one})
        there = did_you_mean(name, known) if known else ". There is none yet."
        raise DataError(f"{named}: no such folder, and no artefact of that name{there}")
    return max(matches, key=lambda p: (p / STAMP_FILE).stat().st_mtime_ns)


def _names_of(home: Path, place: Path) -> set[str]:
    """What an artefact answers to: its id, and the name that it was made under."""
    if place.parent.parent == sources_folder(home):
        return {place.name, place.parent.name}
    return {place.name, place.name.rpartition("-")[0]}


@dataclass(frozen=True)
class Difference:
    """One point at which two artefacts differ; None where a side lacks it."""

    what: str
    left: str | None
    right: str | None


def difference(left: Explanation, right: Explanation) -> list[Difference]:
    """Where two artefacts differ: settings, inputs, code, seed, threads, device and versions."""
    sides = [_flat(left), _flat(right)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [
        Difference(what=name, left=sides[0].get(name), right=sides[1].get(name))
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]


def _flat(one: Explanation) -> dict[str, str]:
    out = {"kind": one.kind}
    for path, entry in one.config.items():
        out[f"config {path}"] = f"{entry['value']!r} (from {entry['from']})"
    for name, content in one.stamp.inputs.items():
        out[f"input {name}"] = content
    out["code"] = one.stamp.code_hash
    out["seed"] = str(one.stamp.seed)
    out["threads"] = str(one.stamp.threads)
    out["device"] = str(one.stamp.device)
    for name, number in one.stamp.versions.items():
        out[f"version {name}"] = number
    if one.content_hash is not None:
        out["content"] = one.content_hash
    return out


def _tables(one: Explanation) -> list[Table]:
    """An artefact's facts, settings with their origin, inputs and versions."""
    facts = one.to_json()
    settings = [(path, str(entry["value"]), entry["from"]) for path, entry in one.config.items()]
    plain = [
        (name, None if value is None else str(value))
        for name, given in facts.items()
        if name not in ("config", "inputs", "versions")
        for value in (given if isinstance(given, list) else [given])
    ]
    return [
        table(f"{one.kind} {one.place}", ["", ""], plain),
        table("config", ["setting", "value", "from"], settings),
        table("inputs", ["input", "content"], list(facts["inputs"].items())),
        table("versions", ["library", "version"], list(facts["versions"].items())),
    ]
