"""Stamps: who made an artefact, from what, with which code and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gogooku import __version__
from gogooku.core.code import code_hash
from gogooku.core.errors import DataError
from gogooku.core.files import hash_json, hash_parts, read_json, write_json

_LIBRARIES = ("numpy", "polars", "torch", "lightgbm", "scikit-learn", "scipy")
STAMP_FILE = "stamp.json"
CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Stamp:
    """Provenance of one artefact.

    Attributes
    ----------
    stage : str
        Which step made it: import, build, train, ...
    config_hash, code_hash : str
        Of the resolved config and of the source text of the stage and of all that it imports.
    inputs : mapping of str to str
        Name of each input artefact to its content hash.
    seed : int or None
        The seed, where randomness was used.
    threads : int or None
        Numeric threads of a training, whose last bits they change; None where they do not matter.
    device : str or None
        Where a network was trained, as ``cuda``; None on the CPU, and where it does not matter.
    versions : mapping of str to str
        Of this package, Python and the numeric libraries.
    made_at : str
        UTC time; never part of any hash.
    """

    stage: str
    config_hash: str
    code_hash: str
    inputs: Mapping[str, str]
    seed: int | None = None
    threads: int | None = None
    device: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    made_at: str = ""

    @property
    def key(self) -> str:
        """Identity of what is made: all but versions and time."""
        parts = {
            "stage": self.stage,
            "config": self.config_hash,
            "code": self.code_hash,
            "inputs": hash_json(dict(self.inputs)),
            "seed": str(self.seed),
            "threads": str(self.threads),
        }
        return hash_parts(parts if self.device is None else {**parts, "device": self.device})

    def write(self, folder: Path) -> None:
        """Write ``stamp.json`` into an artefact folder."""
        write_json(folder / STAMP_FILE, asdict(self))

    @staticmethod
    def read(folder: Path) -> Stamp:
        """Read the stamp of an artefact folder; a damaged one is a `DataError`."""
        return Stamp.of(read_json(folder / STAMP_FILE), folder / STAMP_FILE)

    @staticmethod
    def of(raw: Mapping[str, Any], path: Path) -> Stamp:
        """A stamp from what its file says; one that says something else is a `DataError`."""
        texts = ("stage", "config_hash", "code_hash")
        try:
            stamp = Stamp(**raw)
        except TypeError as fault:
            raise _not_a_stamp(path, str(fault)) from fault
        if not isinstance(stamp.inputs, dict) or not isinstance(stamp.versions, dict):
            raise _not_a_stamp(path, "inputs and versions are objects")
        if not all(isinstance(getattr(stamp, name), str) for name in texts):
            raise _not_a_stamp(path, f"{', '.join(texts)} are texts")
        return stamp


def _not_a_stamp(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: is no stamp ({why}); it is damaged. Remove the artefact that it belongs to and "
        "run the step that makes it."
    )


def make_stamp(
    stage: str,
    *,
    config_hash: str,
    code: Sequence[str],
    inputs: Mapping[str, str],
    seed: int | None = None,
    threads: int | None = None,
    device: str | None = None,
) -> Stamp:
    """Stamp an artefact that the code of some modules makes, now.

    ``code`` are their dotted names, see `gogooku.core.code`; what they import counts by itself.
    The device ``cpu`` is what is meant where none is stated.
    """
    return Stamp(
        stage=stage,
        config_hash=config_hash,
        code_hash=code_hash(code),
        inputs=dict(inputs),
        seed=seed,
        threads=threads,
        device=None if device == "cpu" else device,
        versions=installed_versions(),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@lru_cache(maxsize=1)
def installed_versions() -> dict[str, str]:
    """Versions of this package, Python and the numeric libraries."""
    found = {"gogooku": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def available_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))
