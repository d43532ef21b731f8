"""Whom a network listens to about a name: the weights of its peers on a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from gogooku.core.codes import KnownCodes
from gogooku.core.errors import NotFoundError
from gogooku.core.findings import did_you_mean
from gogooku.core.types import Dataset
from gogooku.learn.networks_in import networks_in
from gogooku.predict.predictor import Predictor


@dataclass(frozen=True)
class Peer:
    """One name that is listened to: its code, its sector by name (None unknown), and its weight."""

    code: str
    sector: str | None
    weight: float


@dataclass(frozen=True)
class Peers:
    """Whom a network listens to about a name.

    Attributes
    ----------
    code : str
    date : date
    layer : str
        The part of the network that weighs.
    own : float
        Weight of the name itself; with those of its peers it sums to 1.
    peers : tuple of Peer
        The heaviest first.
    """

    code: str
    date: date
    layer: str
    own: float
    peers: tuple[Peer, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "code": self.code,
            "date": str(self.date),
            "layer": self.layer,
            "own_weight": self.own,
            "peers": [vars(one) for one in self.peers],
        }


def peers_of(predictor: Predictor, code: str, day: date | None = None) -> Peers:
    """The weights that the network of a run gives the peers of a name on a session.

    Parameters
    ----------
    code : str
        In any spelling of `gogooku.core.codes.KnownCodes`.
    day : date, optional
        The newest session by default.

    Raises
    ------
    NotFoundError
        Not a session, trained on, the name is not in the universe then, or no part of the run's
        network weighs peers.
    """
    dataset = predictor.dataset
    wanted = predictor.newest if day is None else day
    t = dataset.index_of(wanted)
    names = np.flatnonzero(dataset.valid_TN[t])
    codes = [dataset.codes[n] for n in names]
    found = KnownCodes(codes).find(code)
    if found is None:
        raise NotFoundError(
            f"{code}: not in the universe on {wanted}{did_you_mean(code, codes) if codes else ''}"
        )
    place = codes.index(found)
    table = dataset.neighbour_BNK[int(dataset.neighbour_block_T[t])][names[place]]
    for network in networks_in(predictor.checkpoint_for(wanted)):
        for layer, weight in network.weighed(dataset, t).items():
            if weight.shape[1:] == (1 + len(table),):
                own, *others = weight[place].tolist()
                heard = _heard(dataset, t, table.tolist(), others)
                return Peers(code=found, date=wanted, layer=layer, own=own, peers=heard)
    raise NotFoundError(
        f"run {predictor.run.run_id}: no part of it weighs the peers of a name; train a network "
        "with peers: gogooku train atft-gat-fan --set learner.graph=knn"
    )


def _heard(dataset: Dataset, t: int, table: list[int], weights: list[float]) -> tuple[Peer, ...]:
    """Peers that have a weight, the heaviest first; one that is not in the universe has none."""
    sectors = dataset.manifest["sectors"]
    found = [
        Peer(
            code=dataset.codes[n],
            sector=sectors[int(dataset.sector_TN[t, n])] if dataset.sector_TN[t, n] >= 0 else None,
            weight=weight,
        )
        for n, weight in zip(table, weights, strict=True)
        if n >= 0 and weight > 0.0
    ]
    return tuple(sorted(found, key=lambda one: (-one.weight, one.code)))
