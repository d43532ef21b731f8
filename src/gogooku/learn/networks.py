"""Networks as learners: built from a config, fitted by the one loop, kept as a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save_file
from torch import nn

from gogooku.core.errors import ConfigError
from gogooku.core.files import hash_json, storage_errors
from gogooku.core.types import Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.batches import ContextScale, DayReader
from gogooku.learn.checkpoint import WEIGHTS_FILE, Headed, Header
from gogooku.learn.models.atft_gat_fan import AtftGatFan
from gogooku.learn.models.atft_gat_fan_config import AtftGatFanConfig
from gogooku.learn.names import positions
from gogooku.learn.targets import fold_labels
from gogooku.learn.train import NetworkFit, score_sessions, seeded


def build_network(config: AtftGatFanConfig, *, num_features: int, num_horizons: int) -> nn.Module:
    """Make the module of a config with fresh weights."""
    return AtftGatFan(config, num_features=num_features, num_horizons=num_horizons)


def _reader(config: AtftGatFanConfig, dataset: Dataset, scale: ContextScale) -> DayReader:
    return DayReader(
        dataset,
        dynamic=config.dynamic_features,
        context=config.context_features,
        scale=scale,
        lookback=config.lookback,
    )


@dataclass(frozen=True)
class NetworkCheckpoint(Headed):
    """A fitted network."""

    model: nn.Module
    scale: ContextScale

    def scores(self, dataset: Dataset, indices: IntArray) -> npt.NDArray[np.float32]:
        """Scores [t, N, H]; NaN outside the universe."""
        self.header.check(dataset)
        config = AtftGatFanConfig.model_validate(self.header.config)
        reader = _reader(config, dataset, self.scale)
        return score_sessions(self.model, reader, np.asarray(indices).tolist(), device="cpu")

    def save(self, folder: Path) -> None:
        """Write weights and header."""
        weights = {name: value.contiguous() for name, value in self.model.state_dict().items()}
        with storage_errors(folder):
            save_file(weights, folder / WEIGHTS_FILE)
        self.header.write(folder, context_scale=self.scale.to_json())

    @classmethod
    def load(cls, folder: Path, header: Header, scale: Mapping[str, Any]) -> NetworkCheckpoint:
        """Read what `save` wrote."""
        model = build_network(
            AtftGatFanConfig.model_validate(header.config),
            num_features=len(header.features),
            num_horizons=len(header.horizons),
        )
        model.load_state_dict(load_file(folder / WEIGHTS_FILE))
        model.eval()
        return cls(header=header, model=model, scale=ContextScale.from_json(scale))


@dataclass(frozen=True)
class NetworkLearner:
    """Fits a network."""

    config: AtftGatFanConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
    ) -> NetworkCheckpoint:
        """Fit on the train part, stop and select on the validation part."""
        config = self.config
        if len(config.training.horizon_weights) != len(labels.horizons):
            raise ConfigError(
                f"training.horizon_weights: {len(config.training.horizon_weights)} weights for "
                f"the horizons {labels.horizons}"
            )
        seed = int(rng.integers(2**62))
        context = positions(
            dataset.market_features, config.context_features, setting="context_features"
        )
        targets = fold_labels(
            dataset, labels, fold, config=config, first_history=config.lookback - 1
        )
        scale = ContextScale.fitted(dataset.market_TM[fold.indices("train")][:, context])
        with seeded(seed):
            model = build_network(
                config, num_features=len(dataset.features), num_horizons=len(labels.horizons)
            )
        execution.events(
            {"event": "model", "parameters": sum(w.numel() for w in model.parameters())}
        )
        NetworkFit(
            model=model,
            config=config.training,
            reader=_reader(config, dataset, scale),
            labels=targets,
            seed=seed,
            key=_key(config, dataset, labels, fold, seed=seed, execution=execution),
            execution=execution,
        ).run()
        return NetworkCheckpoint(
            header=Header.of(config, dataset, trained_through=targets.trained_through),
            model=model.to("cpu"),
            scale=scale,
        )


def _key(
    config: AtftGatFanConfig,
    dataset: Dataset,
    labels: Labels,
    fold: Fold,
    *,
    seed: int,
    execution: FitExecution,
) -> str:
    return hash_json(
        {
            "config": config.model_dump(mode="json"),
            "dataset": dataset.content_hash,
            "labels": str(labels.manifest["content_hash"]),
            "fold": fold.to_json(),
            "seed": seed,
            "threads": execution.threads,
            "device": execution.device,
        }
    )
