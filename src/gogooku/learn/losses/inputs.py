"""What a loss may want of a step beside scores and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class LossInputs:
    """The sessions and names of a step, and what is known of them.

    Attributes
    ----------
    index_B : int64 [B]
        Places of the sessions among those of the dataset, ascending.
    place_BN : int64 [B, N]
        Places of the names among the codes of the dataset; -1 for padding. A name has one place in
        every session.
    horizons : sequence of int, length H
        In sessions.
    returns_BNH : float32 [B, N, H], optional
        The labels before they were ranked; 0 where not known. There if a loss needs them.
    features_BNF : float32 [B, N, F]
        The last session's features.
    features : sequence of str, length F
        Their names.
    quantiles_BNHQ : float32 [B, N, H, Q], optional
        What the network gives beside its scores, ascending along Q.
    levels : sequence of float, length Q
        Shares of the outcomes that are to lie below each quantile.
    """

    index_B: Tensor
    place_BN: Tensor
    horizons: Sequence[int]
    returns_BNH: Tensor | None
    features_BNF: Tensor
    features: Sequence[str]
    quantiles_BNHQ: Tensor | None = None
    levels: Sequence[float] = ()
