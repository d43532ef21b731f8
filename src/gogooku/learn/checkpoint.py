"""Checkpoints on disk: one JSON header, and weights as safetensors or LightGBM's text.

The header names the ordered features the learner was fitted on. A dataset with other names,
another order or another hash is refused. Nothing is ever pickled.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import read_json, readable, sync_tree, write_json, write_point
from gogooku.core.forecast import Scores
from gogooku.core.registry import VariantConfig, load
from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.devices import check_device
from gogooku.learn.registry import LEARNERS

HEADER_FILE = "checkpoint.json"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class Header:
    """What every checkpoint says about itself.

    Attributes
    ----------
    kind : str
        Of the learner.
    config : mapping
        The learner's resolved config.
    features, market_features : tuple of str
        Ordered, as in the dataset.
    feature_hash : str
    horizons : tuple of int
    trained_through : mapping of int to date
    more : mapping
        What this kind of checkpoint adds, as JSON values.
    """

    kind: str
    config: Mapping[str, Any]
    features: tuple[str, ...]
    market_features: tuple[str, ...]
    feature_hash: str
    horizons: tuple[int, ...]
    trained_through: Mapping[int, date]
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        config: VariantConfig,
        dataset: Dataset,
        *,
        trained_through: Mapping[int, date],
        more: Mapping[str, Any] | None = None,
    ) -> Header:
        """Header of a learner's config fitted on a dataset."""
        return cls(
            kind=config.kind,
            config=config.model_dump(mode="json"),
            features=dataset.features,
            market_features=dataset.market_features,
            feature_hash=dataset.feature_hash,
            horizons=tuple(trained_through),
            trained_through=dict(trained_through),
            more=dict(more or {}),
        )

    def check(self, dataset: Dataset) -> None:
        """Refuse a dataset without the same features in the same order at the same clock."""
        if dataset.feature_hash == self.feature_hash:
            return
        mine = (*self.features, *self.market_features)
        theirs = (*dataset.features, *dataset.market_features)
        missing = [name for name in mine if name not in theirs]
        extra = [name for name in theirs if name not in mine]
        found = f"{len(missing)} missing {missing[:3]}, {len(extra)} new {extra[:3]}"
        if not missing and not extra:
            found = f"the same names in another order, or at another clock (here {dataset.clock})"
        raise ContractError(
            f"checkpoint {self.kind}: dataset {dataset.folder.name} has other features: {found}; "
            "train again on this dataset, or build it with the features of the run"
        )

    def write(self, folder: Path) -> None:
        """Write the header into a checkpoint's folder."""
        write_json(
            folder / HEADER_FILE,
            {
                **self.more,
                "kind": self.kind,
                "config": dict(self.config),
                "features": list(self.features),
                "market_features": list(self.market_features),
                "feature_hash": self.feature_hash,
                "horizons": list(self.horizons),
                "trained_through": {str(h): str(day) for h, day in self.trained_through.items()},
            },
        )

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Header:
        """Read what `write` wrote."""
        through = raw["trained_through"]
        known = {one.name for one in fields(cls)}
        return cls(
            kind=raw["kind"],
            config=raw["config"],
            features=tuple(raw["features"]),
            market_features=tuple(raw["market_features"]),
            feature_hash=raw["feature_hash"],
            horizons=tuple(raw["horizons"]),
            trained_through={h: date.fromisoformat(through[str(h)]) for h in raw["horizons"]},
            more={name: value for name, value in raw.items() if name not in known},
        )


@dataclass(frozen=True)
class Headed:
    """A checkpoint with a header: what every kind says in the same way."""

    header: Header

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons of the last axis of the scores."""
        return self.header.horizons

    @property
    def trained_through(self) -> Mapping[int, date]:
        """Per horizon, the last date at which a label in use resolved."""
        return self.header.trained_through

    def more_outputs(self, dataset: Dataset, indices: IntArray) -> dict[str, Scores]:
        """What it gives beside its scores, by name, each [t, N, H]; nothing if not asked for."""
        del dataset, indices
        return {}


SPREAD = "place_spread"
"""Name of the output that says how far a name's place moves."""
CHOSEN = "chosen"
"""Name, in a header, of what was selected on the validation part."""


def chosen_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """What a learner selected on the validation part, to fit once more with it."""
    assert isinstance(checkpoint, Headed), type(checkpoint).__name__
    found: Mapping[str, Any] = checkpoint.header.more[CHOSEN]
    return found


def keep_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint into a folder that is not there yet: whole, or not at all."""
    saving = folder.with_name(f"{folder.name}.saving")
    shutil.rmtree(saving, ignore_errors=True)
    saving.mkdir()
    checkpoint.save(saving)
    sync_tree(saving)
    write_point("train.saved")
    os.rename(saving, folder)


def load_checkpoint(folder: Path, *, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint of any kind.

    Parameters
    ----------
    device : str
        Where a network scores: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    DataError
        Not there, not readable, or of an unknown kind.
    ConfigError
        This machine has no such device, or the kind is scored on the CPU only.
    """
    raw = read_json(folder / HEADER_FILE)
    with readable(folder):
        header = Header.from_json(raw)
        if header.kind not in LEARNERS.kinds():
            raise DataError(
                f"{folder}: a checkpoint of the unknown kind {header.kind!r}; "
                f"there are: {', '.join(LEARNERS.kinds())}"
            )
        check_device(header.kind, device)
        made: Checkpoint = load(LEARNERS.row(header.kind).checkpoint)(folder, header, device=device)
        return made
