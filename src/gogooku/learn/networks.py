"""Networks as learners: built from a config, fitted by the one loop, kept as a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save_file
from torch import nn

from gogooku.core.errors import ConfigError
from gogooku.core.files import hash_json, storage_errors
from gogooku.core.registry import load
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.batches import DayReader
from gogooku.learn.checkpoint import CHOSEN, WEIGHTS_FILE, Headed, Header, chosen_of
from gogooku.learn.context import ContextScale
from gogooku.learn.devices import CPU
from gogooku.learn.names import positions
from gogooku.learn.network_config import NetworkConfig, PruneKind, PruningConfig
from gogooku.learn.parts import below
from gogooku.learn.pruning import kept_features, with_channels
from gogooku.learn.registry import LEARNERS
from gogooku.learn.targets import fold_labels, joint_labels
from gogooku.learn.train import NetworkFit, score_sessions, seeded
from gogooku.learn.views import with_features

_SCALE = "context_scale"
"""Name of the scale of the market context in a header."""
_KEPT = "kept_features"
"""Name, in a header, of the features that pruning has left."""


def build_network(
    config: NetworkConfig, *, num_features: int, market_features: Sequence[str], num_horizons: int
) -> nn.Module:
    """Make the module that the row of a config names, with fresh weights.

    Parameters
    ----------
    market_features : sequence of str
        All those of the dataset; the config says which are read.
    """
    module = load(LEARNERS.row(config.kind).network)
    made: nn.Module = module(
        config,
        num_features=num_features,
        num_context=len(_context(config, market_features)),
        num_horizons=num_horizons,
    )
    return made


def _context(config: NetworkConfig, market_features: Sequence[str]) -> npt.NDArray[np.intp]:
    """Places of the market context among the market features of a dataset."""
    return positions(market_features, config.context_features, setting="context_features")


def _reader(config: NetworkConfig, dataset: Dataset, scale: ContextScale) -> DayReader:
    return DayReader(
        dataset,
        dynamic=config.dynamic_features,
        context=config.context_features,
        scale=scale,
        lookback=config.lookback,
        raw=config.raw_channels,
    )


def _config_of(header: Header) -> NetworkConfig:
    """The config of a fitted network without its training, which no score depends on."""
    kept = {name: value for name, value in header.config.items() if name != "training"}
    made = LEARNERS.config(header.kind).model_validate(kept)
    assert isinstance(made, NetworkConfig), header.kind
    return made


def _features_of(header: Header) -> Sequence[str]:
    """Stock features that a fitted network reads: those of its dataset, or what is left of them."""
    kept: Sequence[str] = header.more.get(_KEPT, header.features)
    return kept


@dataclass(frozen=True)
class NetworkCheckpoint(Headed):
    """A fitted network.

    Attributes
    ----------
    model : nn.Module
        On ``device``.
    scale : ContextScale
    device : str
        Where it scores. Another device than it was fitted on may change the last bits.
    """

    model: nn.Module
    scale: ContextScale
    device: str = CPU

    def scores(self, dataset: Dataset, indices: IntArray) -> npt.NDArray[np.float32]:
        """Scores [t, N, H]; NaN outside the universe."""
        self.header.check(dataset)
        if _KEPT in self.header.more:
            dataset = with_features(dataset, _features_of(self.header))
        reader = _reader(_config_of(self.header), dataset, self.scale)
        wanted = np.asarray(indices).tolist()
        return score_sessions(self.model, reader, wanted, device=self.device)

    def save(self, folder: Path) -> None:
        """Write weights and header."""
        weights = {name: w.cpu().contiguous() for name, w in self.model.state_dict().items()}
        with storage_errors(folder):
            save_file(weights, folder / WEIGHTS_FILE)
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> NetworkCheckpoint:
        """Read what `save` wrote, onto a device."""
        model = build_network(
            _config_of(header),
            num_features=len(_features_of(header)),
            market_features=header.market_features,
            num_horizons=len(header.horizons),
        )
        model.load_state_dict(load_file(folder / WEIGHTS_FILE))
        model.to(device).eval()
        scale = ContextScale.from_json(header.more[_SCALE])
        return cls(header=header, model=model, scale=scale, device=device)


@dataclass(frozen=True)
class NetworkLearner:
    """Fits a network."""

    config: NetworkConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None = None,
    ) -> NetworkCheckpoint:
        """Fit on the train part, stop and select on the validation part.

        With ``chosen``, train on both parts for as many epochs as were kept then, at the learning
        rates of those epochs.
        """
        config = self.config
        if len(config.training.horizon_weights) != len(labels.horizons):
            raise ConfigError(
                f"training.horizon_weights: {len(config.training.horizon_weights)} weights for "
                f"the horizons {labels.horizons}"
            )
        if config.pruning.by is not PruneKind.NONE:
            return self._pruned(dataset, labels, fold, rng=rng, execution=execution, chosen=chosen)
        seed = int(rng.integers(2**62))
        labelled = fold_labels if chosen is None else joint_labels
        targets = labelled(dataset, labels, fold, config=config, first_history=config.lookback - 1)
        scale = _fitted_scale(config, dataset, fold)
        with seeded(seed):
            model = build_network(
                config,
                num_features=len(dataset.features),
                market_features=dataset.market_features,
                num_horizons=len(labels.horizons),
            )
        execution.events(
            {"event": "model", "parameters": sum(w.numel() for w in model.parameters())}
        )
        epochs = None if chosen is None else int(chosen_of(chosen)["epochs"])
        kept = NetworkFit(
            model=model,
            config=config.training,
            reader=_reader(config, dataset, scale),
            labels=targets,
            seed=seed,
            key=_key(config, dataset, labels, fold, seed=seed, execution=execution, epochs=epochs),
            execution=execution,
            epochs=epochs,
        ).run()
        header = Header.of(
            config,
            dataset,
            trained_through=targets.trained_through,
            more={_SCALE: scale.to_json(), CHOSEN: {"epochs": kept}},
        )
        return NetworkCheckpoint(header=header, model=model.to(CPU), scale=scale)

    def _pruned(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None,
    ) -> NetworkCheckpoint:
        """Fit on the features that pruning leaves; with ``chosen``, on those that it left then."""

        def probed(probe: Fold) -> Checkpoint:
            return NetworkLearner(whole).fit(
                dataset,
                labels,
                probe,
                rng=rng.spawn(1)[0],
                execution=below(execution, "probe", part="probe"),
            )

        whole = self.config.model_copy(update={"pruning": PruningConfig()})
        if chosen is None:
            kept = kept_features(
                self.config,
                dataset,
                labels,
                fold,
                fit=probed,
                rng=rng.spawn(1)[0],
                execution=execution,
            )
        else:
            assert isinstance(chosen, NetworkCheckpoint), type(chosen).__name__
            kept = tuple(_features_of(chosen.header))
        config = with_channels(whole, dataset, kept)
        made = NetworkLearner(config).fit(
            with_features(dataset, kept),
            labels,
            fold,
            rng=rng,
            execution=execution,
            chosen=chosen,
        )
        header = Header.of(
            config.model_copy(update={"pruning": self.config.pruning}),
            dataset,
            trained_through=made.trained_through,
            more={**made.header.more, _KEPT: list(kept)},
        )
        return replace(made, header=header)


def _fitted_scale(config: NetworkConfig, dataset: Dataset, fold: Fold) -> ContextScale:
    columns = _context(config, dataset.market_features)
    return ContextScale.fitted(dataset.market_TM[fold.indices("train")][:, columns])


def _key(
    config: NetworkConfig,
    dataset: Dataset,
    labels: Labels,
    fold: Fold,
    *,
    seed: int,
    execution: FitExecution,
    epochs: int | None,
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
            "epochs": epochs,
        }
    )
