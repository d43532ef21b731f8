"""Networks as learners: built from a config, fitted by the one loop, kept as a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.torch import load_file, save_file
from torch import nn

from gogooku.core.errors import ConfigError
from gogooku.core.files import hash_json, read_json, storage_errors, write_json
from gogooku.core.forecast import Scores
from gogooku.core.registry import VariantConfig, load
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.batches import DayReader
from gogooku.learn.checkpoint import CHOSEN, SPREAD, WEIGHTS_FILE, Headed, Header, chosen_of
from gogooku.learn.context import SCALE_KEY, ContextScale
from gogooku.learn.devices import CPU
from gogooku.learn.forward import Forward, score_sessions
from gogooku.learn.losses.needs import Training, check_loss, check_sessions, needs_of
from gogooku.learn.names import positions
from gogooku.learn.nested import below
from gogooku.learn.network_config import HeadsConfig, NetworkConfig, PruneKind, PruningConfig
from gogooku.learn.numerics import seeded
from gogooku.learn.parts import weights_of
from gogooku.learn.phases import check_phases, schedule
from gogooku.learn.places import blended
from gogooku.learn.pretraining import pretrain
from gogooku.learn.pruning import kept_features, with_channels
from gogooku.learn.registry import LEARNERS, Need
from gogooku.learn.shuffled_graph import ShuffledTables
from gogooku.learn.targets import FoldLabels, fold_labels, joint_labels
from gogooku.learn.team import team_of
from gogooku.learn.train import NetworkFit
from gogooku.learn.uncertainty import dropout_spread, quantiles_of
from gogooku.learn.views import with_features

_KEPT = "kept_features"
"""Name, in a header, of the features that pruning has left."""
KEPT_FILE = "kept_features.json"
"""In the work of a fit, what pruning has left, once it is known."""


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


def day_reader(config: NetworkConfig, dataset: Dataset, scale: ContextScale) -> DayReader:
    """What a network of a config reads of a dataset."""
    if config.shuffled_by is not None:
        tables = ShuffledTables(dataset.neighbour_BNK, seed=config.shuffled_by)
        dataset = replace(dataset, neighbour_BNK=tables)
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
        config = _config_of(self.header)
        reader = day_reader(config, self._view(dataset), self.scale)
        wanted = np.asarray(indices).tolist()
        made = score_sessions(self.model, reader, wanted, device=self.device)
        if isinstance(config, HeadsConfig) and config.blend_weights:
            at = self.horizons.index(config.blended_horizon)
            return blended(made, at=at, weights=config.blend_weights)
        return made

    def more_outputs(self, dataset: Dataset, indices: IntArray) -> dict[str, Scores]:
        """Quantiles and the spread over passes with dropout, where they are asked for."""
        config, found = _config_of(self.header), dict[str, Scores]()
        if not isinstance(config, HeadsConfig):
            return found
        reader = day_reader(config, self._view(dataset), self.scale)
        wanted = np.asarray(indices).tolist()
        if config.quantiles:
            made = quantiles_of(self.model, reader, wanted, device=self.device)
            found |= {f"q{p:g}": made[..., q] for q, p in enumerate(config.quantiles)}
        if config.dropout_passes:
            found[SPREAD] = dropout_spread(
                self.model, reader, wanted, passes=config.dropout_passes, device=self.device
            )
        return found

    def weighed(self, dataset: Dataset, index: int) -> dict[str, npt.NDArray[np.float32]]:
        """What each layer that weighs things gives them on a session, by layer; names packed."""
        self.header.check(dataset)
        reader = day_reader(_config_of(self.header), self._view(dataset), self.scale)
        return weights_of(self.model, reader, index, device=self.device)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it reads, in their order."""
        return tuple(_features_of(self.header))

    def forward_of(self, dataset: Dataset) -> Forward:
        """The way through the network for sessions of a dataset."""
        self.header.check(dataset)
        reader = day_reader(_config_of(self.header), self._view(dataset), self.scale)
        return Forward(self.model, reader, self.device)

    def _view(self, dataset: Dataset) -> Dataset:
        """The dataset with the features that the network reads."""
        if _KEPT not in self.header.more:
            return dataset
        return with_features(dataset, _features_of(self.header))

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
        scale = ContextScale.from_json(header.more[SCALE_KEY])
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
        levels = config.quantiles if isinstance(config, HeadsConfig) else ()
        given = _given(config, dataset, labels, levels=levels)
        if config.pruning.by is not PruneKind.NONE:
            return self._pruned(dataset, labels, fold, rng=rng, execution=execution, chosen=chosen)
        seed = int(rng.integers(2**62))
        labelled = fold_labels if chosen is None else joint_labels
        targets = _targets(partial(labelled, dataset, labels, fold), config, given)
        scale = _fitted_scale(config, dataset, fold)
        with seeded(seed):
            model = build_network(
                config,
                num_features=len(dataset.features),
                market_features=dataset.market_features,
                num_horizons=len(labels.horizons),
            )
        check_phases(schedule(config.training), model)
        epochs = None if chosen is None else _epochs_of(chosen)
        key = _key(config, dataset, labels, fold, seed=seed, execution=execution, epochs=epochs)
        reader = day_reader(config, dataset, scale)
        if team_of(execution.processes).leads:
            pretrain(model, config, reader, fold, seed=seed, key=key, execution=execution)
        kept = NetworkFit(
            model=model,
            config=config.training,
            reader=reader,
            labels=targets,
            seed=seed,
            key=key,
            execution=execution,
            epochs=epochs,
            levels=levels,
        ).run()
        header = Header.of(
            config,
            dataset,
            trained_through=targets.trained_through,
            more={
                SCALE_KEY: scale.to_json(),
                CHOSEN: {"epochs": list(kept) if config.training.phases else kept[0]},
            },
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

        def probed(own: np.random.Generator, probe: Fold) -> Checkpoint:
            return NetworkLearner(whole).fit(
                dataset,
                labels,
                probe,
                rng=own,
                execution=below(execution, "probe", part="probe"),
            )

        whole = self.config.model_copy(update={"pruning": PruningConfig()})
        done = None if execution.work is None else execution.work / KEPT_FILE
        if chosen is not None:
            assert isinstance(chosen, NetworkCheckpoint), type(chosen).__name__
            kept = tuple(_features_of(chosen.header))
        elif done is not None and done.exists():
            kept = tuple(read_json(done)["kept"])
        else:
            probe_rng, draw = rng.spawn(2)
            kept = kept_features(
                self.config,
                dataset,
                labels,
                fold,
                fit=partial(probed, probe_rng),
                rng=draw,
                execution=execution,
            )
            if done is not None:
                write_json(done, {"kept": list(kept)})
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


def _given(
    config: NetworkConfig, dataset: Dataset, labels: Labels, *, levels: tuple[float, ...]
) -> list[tuple[VariantConfig, Training]]:
    """The loss of each phase and what it can have; refused where that is not what it needs."""
    if isinstance(config, HeadsConfig):
        _check_blend(config, labels.horizons)
    found: list[tuple[VariantConfig, Training]] = []
    for phase in schedule(config.training):
        training = phase.config
        if len(training.horizon_weights) != len(labels.horizons):
            raise ConfigError(
                f"training.horizon_weights: {len(training.horizon_weights)} weights for the "
                f"horizons {labels.horizons}{f' in phase {phase.name!r}' if phase.name else ''}"
            )
        has = Training(
            horizons=labels.horizons,
            horizon_weights=training.horizon_weights,
            days_per_batch=training.days_per_batch,
            row_share=training.row_share,
            features=dataset.features,
            levels=levels,
        )
        check_loss(training.loss, has)
        found.append((training.loss, has))
    return found


def _targets(
    labelled: Callable[..., FoldLabels],
    config: NetworkConfig,
    given: Sequence[tuple[VariantConfig, Training]],
) -> FoldLabels:
    """Labels of a fold with what the losses need of them, enough of them for each."""
    targets = labelled(
        config=config,
        first_history=config.lookback - 1,
        keep_returns=any(Need.RETURNS in needs_of(loss) for loss, _ in given),
    )
    for loss, has in given:
        check_sessions(loss, has, sessions=len(targets.train.indices))
    return targets


def _check_blend(config: HeadsConfig, horizons: tuple[int, ...]) -> None:
    known = ", ".join(map(str, horizons))
    if not config.blend_weights:
        return
    if len(config.blend_weights) != len(horizons):
        raise ConfigError(
            f"blend_weights: {len(config.blend_weights)} weights for the horizons {known}"
        )
    if config.blended_horizon not in horizons:
        raise ConfigError(
            f"blended_horizon: {config.blended_horizon} is none of the horizons {known}"
        )


def _epochs_of(chosen: Checkpoint) -> tuple[int, ...]:
    """Epochs that were kept of each phase."""
    found = chosen_of(chosen)["epochs"]
    return (found,) if isinstance(found, int) else tuple(found)


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
    epochs: tuple[int, ...] | None,
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
            "compiled": execution.compiled,
            "processes": execution.processes,
            "epochs": epochs,
        }
    )
