"""Bundles: all that it takes to rank, trade and judge with one run, as a folder that never changes.

``HOME/releases/NAME-KEY/`` holds a copy of the run (``run/``: checkpoints, settings, scores of its
test part), how its dataset is built (``build.json``), how it is traded (``trade.json``), the order
of its features (``contract.json``), what it promised (``scorecard.json``) and what its features and
scores looked like (``distribution.parquet``, ``score_distribution.json``). Nothing in it hangs on
the run, the dataset or the source it came from: those may go. A bundle has no state; which one is
in service says the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.artefact import copy_artefact, new_artefact
from gogooku.core.config import ConfigT, Resolved, resolve, tree_of, validated
from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import MANIFEST_FILE, hash_parts, write_json
from gogooku.core.findings import did_you_mean, short
from gogooku.core.seal import Sealed, open_sealed
from gogooku.core.stamp import CONFIG_FILE, STAMP_FILE, make_stamp
from gogooku.core.types import Dataset
from gogooku.dataset.assemble import BuildConfig
from gogooku.portfolio.backtest import TradeConfig
from gogooku.releases.distribution import DISTRIBUTION_FILE, write_distributions
from gogooku.releases.limits import GateLimits, ReleaseConfig
from gogooku.releases.score_distribution import SCORES_FILE
from gogooku.runs.folder import Run, read_run
from gogooku.tables.parts import base_source

BUNDLE: Final = "bundle"
RUN_FOLDER: Final = "run"
BUILD_FILE: Final = "build.json"
TRADE_FILE: Final = "trade.json"
CONTRACT_FILE: Final = "contract.json"
SCORECARD_FILE: Final = "scorecard.json"
DATASET_STAMP_FILE: Final = "dataset_stamp.json"
"""Under which data rules it was made: settings, code and inputs of its dataset."""


_FACTS: Final = ("source", "exchange", "clock", "feature_hash")
"""Of the contract, what the manifest says too."""
_LIMITS: Final = "gates"
"""Of the settings of a release, those that the manifest holds."""


@dataclass(frozen=True)
class Bundle:
    """A finished bundle on disk.

    Attributes
    ----------
    folder : Path
    manifest : mapping
        Name, source, exchange, clock, feature hash, content hash.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def bundle_id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def files(self) -> Sealed:
        """Its files; each is checked before it is read."""
        return Sealed(self.folder, self.manifest)

    @property
    def source(self) -> str:
        """The source whose evenings it ranks."""
        return str(self.manifest["source"])

    @property
    def exchange(self) -> str:
        """Where its names are traded."""
        return str(self.manifest["exchange"])

    @property
    def content_hash(self) -> str:
        """Hash of everything in it but times."""
        return str(self.manifest["content_hash"])

    @cached_property
    def run(self) -> Run:
        """Its own copy of the run."""
        found = read_run(self.folder / RUN_FOLDER)
        if found.content_hash != self.manifest["run_content"]:
            raise self.files.damage(RUN_FOLDER, "it is not the run that was released")
        return found

    @property
    def run_id(self) -> str:
        """The run that it was made of."""
        return str(self.manifest["run"])

    @cached_property
    def build(self) -> Resolved[BuildConfig]:
        """How a dataset for it is built."""
        return self._settings(BUILD_FILE, BuildConfig)

    @cached_property
    def trade(self) -> Resolved[TradeConfig]:
        """How it is traded."""
        return self._settings(TRADE_FILE, TradeConfig)

    @property
    def limits(self) -> Resolved[GateLimits]:
        """From where on its gates refuse it; a bundle that states none has the usual ones."""
        usual = resolve(GateLimits(), base_name="release").to_json()
        return _settings(self.manifest.get(_LIMITS, usual), GateLimits)

    @property
    def scorecard(self) -> Mapping[str, Any]:
        """What it promised when it was made: its evaluation, its backtest, tries, warnings."""
        return self.files.json(SCORECARD_FILE)

    @property
    def trained_on(self) -> pl.DataFrame:
        """What its features looked like in training: `gogooku.releases.distribution.SCHEMA`."""
        return self.files.parquet(DISTRIBUTION_FILE)

    @property
    def tested_scores(self) -> Mapping[str, Any]:
        """How its scores behaved in testing, see `gogooku.releases.score_distribution`."""
        return self.files.json(SCORES_FILE)

    def require(self, dataset: Dataset) -> None:
        """Refuse a dataset that it was not fitted for.

        Raises
        ------
        ContractError
            Other features, another order, another clock, exchange or source. The message names the
            first features that differ.
        """
        wanted = self.files.json(CONTRACT_FILE)
        there = contract_of(dataset)
        wrong = [name for name in wanted if wanted[name] != there[name]]
        if wrong:
            raise ContractError(
                f"bundle {self.bundle_id} does not fit dataset {dataset.folder.name}: "
                f"{'; '.join(_differ(name, wanted[name], there[name]) for name in wrong)}. Build "
                "the dataset with the settings and the version that the bundle was made with, or "
                "train on the new features and release that"
            )

    def _settings(self, name: str, kind: type[ConfigT]) -> Resolved[ConfigT]:
        return _settings(self.files.json(name), kind)


def _settings(written: Mapping[str, Mapping[str, Any]], kind: type[ConfigT]) -> Resolved[ConfigT]:
    """Settings as they are written."""
    return Resolved(
        config=validated(kind, tree_of(written)),
        origins={path: str(entry["from"]) for path, entry in written.items()},
    )


def _differ(name: str, wanted: object, there: object) -> str:
    """One difference between what a bundle needs and what a dataset has."""
    if not isinstance(wanted, list) or not isinstance(there, list):
        return f"{name} is {short(str(there))}, fitted on {short(str(wanted))}"
    missing = [one for one in wanted if one not in there]
    more = [one for one in there if one not in wanted]
    if not missing and not more:
        return f"{name} are in another order"
    said = [
        f"{len(names):,} {about} (first {names[0]})"
        for about, names in (("missing", missing), ("that it does not know", more))
        if names
    ]
    return f"{name}: {', '.join(said)}"


def contract_of(dataset: Dataset) -> dict[str, Any]:
    """What a bundle relies on in a dataset, as it is written."""
    return {
        "features": list(dataset.features),
        "market_features": list(dataset.market_features),
        "feature_hash": dataset.feature_hash,
        "clock": str(dataset.clock),
        "exchange": str(dataset.manifest["exchange"]),
        "source": base_source(str(dataset.manifest["source"])),
    }


def make_bundle(
    home: Path,
    run: Run,
    dataset: Dataset,
    *,
    settings: Resolved[ReleaseConfig],
    scorecard: Mapping[str, Any],
) -> Bundle:
    """Make the bundle of a run; one of the same content is found and not made again.

    Parameters
    ----------
    dataset : Dataset
        The one that the run was fitted on.
    settings : Resolved
        How it will be traded, and the limits of its gates.
    scorecard : mapping
        See `gogooku.releases.scorecard`.

    Raises
    ------
    DataError
        A file of the run or of the dataset is damaged.
    """
    data, contract = open_sealed(dataset.folder, kind="dataset"), contract_of(dataset)
    trade = settings.part(TradeConfig)
    stamp = make_stamp(
        BUNDLE,
        config_hash=settings.config.content_hash,
        code=(__name__,),
        inputs={
            f"run {run.run_id}": run.content_hash,
            f"dataset {dataset.folder.name}": dataset.content_hash,
            "scorecard": hash_parts({name: str(value) for name, value in scorecard.items()}),
        },
    )
    folder = bundles_folder(home) / f"{run.manifest['name']}-{stamp.key}"
    if not (folder / MANIFEST_FILE).exists():
        with new_artefact(folder) as building:
            copy_artefact(run.folder, building / RUN_FOLDER)
            write_json(building / BUILD_FILE, data.json(CONFIG_FILE))
            write_json(building / DATASET_STAMP_FILE, data.json(STAMP_FILE))
            write_json(building / TRADE_FILE, trade.to_json())
            write_json(building / CONTRACT_FILE, contract)
            write_json(building / SCORECARD_FILE, dict(scorecard))
            write_distributions(building, run, dataset, top_k=trade.config.portfolio.top_k)
            stamp.write(building)
            about = {**_manifest(run, dataset, contract, stamp.key), _LIMITS: _limits(settings)}
            write_json(building / MANIFEST_FILE, about)
    return open_bundle(home, folder.name)


def _limits(settings: Resolved[ReleaseConfig]) -> dict[str, Any]:
    """The limits of the gates with their origins, as they are written."""
    start = f"{_LIMITS}."
    return {
        path.removeprefix(start): entry
        for path, entry in settings.to_json().items()
        if path.startswith(start)
    }


def _manifest(run: Run, dataset: Dataset, contract: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a bundle says of itself."""
    return {
        "kind": BUNDLE,
        "name": str(run.manifest["name"]),
        "run": run.run_id,
        "run_content": run.content_hash,
        "learner": str(run.config.learner.kind),
        "dataset": dataset.folder.name,
        "horizons": list(run.horizons),
        "content_hash": key,
        **{name: contract[name] for name in _FACTS},
    }


def bundles_folder(home: Path) -> Path:
    """Where bundles live."""
    return home / "releases"


def bundle_ids(home: Path) -> list[str]:
    """Finished bundles, the newest last."""
    found = bundles_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")
    return [path.parent.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]


def open_bundle(home: Path, name: str) -> Bundle:
    """A bundle by its id, or the newest one of a name.

    Raises
    ------
    DataError
        There is none of that name, or it is damaged.
    """
    known = bundle_ids(home)
    matches = [one for one in known if name in (one, one.rpartition("-")[0])]
    if not matches:
        there = (
            did_you_mean(name, known) if known else ", and no other. Make one: gogooku release RUN"
        )
        raise DataError(f"No bundle {short(name)} in {home}{there}")
    folder = bundles_folder(home) / matches[-1]
    return Bundle(folder=folder, manifest=open_sealed(folder, kind=BUNDLE).manifest)
